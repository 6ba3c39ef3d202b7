import { Chunk, Effect, Mailbox, Option, type Scope } from "effect"
import { JetStream, type Message, type NatsError } from "./JetStream.ts"
import * as OrderedRead from "./OrderedRead.ts"
import * as Subjects from "./Subjects.ts"

type Item = Message | OrderedRead.Gap

/** Items that may wait at one actor before the process's one read pauses. */
const bufferMax = 2_000
/** A joining actor that is this close to the newest message hands over to the shared read. */
const nearMax = 200
/** Listing more subjects than this costs the server more than skipping the others here. */
const filtersMax = 64
/** While the last messages before the joint are on their way. */
const pollMs = 5
const lookUpsMax = 8

const record = Subjects.Frame.stream
/** Clocks and definitions are read whatever the actors are: they are few. */
const always = [Subjects.Clock.filter(), Subjects.MarketReference.filter(), Subjects.StrategyDefinition.filter()]

interface Member {
  readonly wants: (subject: string) => boolean
  readonly frames: ReadonlySet<string>
  readonly out: Mailbox.Mailbox<Item, NatsError>
  /** Opens when this member has read what comes before the joint; the shared read waits for it. */
  readonly live: Effect.Latch
  /** The shared read is this member's behind that sequence; what it still holds from before was read by other filters. */
  joinedAt: number
}

/** What of the shared read's items is the member's. */
const shareOf = (member: Member, items: ReadonlyArray<Item>): ReadonlyArray<Item> =>
  items.filter((item) => {
    if (item._tag === "Message") return item.seq > member.joinedAt && member.wants(item.subject)
    if (item.recreated) member.joinedAt = item.to // the numbers begin again
    return item.recreated || item.to > member.joinedAt
  })

export interface Subscription {
  /** What has come since the last call, in the record's order. Fails when the past cannot be read. */
  readonly takeAll: Effect.Effect<ReadonlyArray<Item>, NatsError>
}

/**
 * One ordered read of the record per process, shared by all actors in it, so that an actor over several underlyings sees one total order in
 * life and in replay. An actor that starts behind reads its own past first and then joins, without a gap and without a double.
 */
export class FrameFeed extends Effect.Service<FrameFeed>()("streams/FrameFeed", {
  scoped: Effect.gen(function* () {
    const jetStream = yield* JetStream
    const members = new Set<Member>()
    const filters = (): ReadonlyArray<string> => {
      const frames = new Set([...members].flatMap((member) => [...member.frames]))
      return frames.size > filtersMax ? [] : [...always, ...frames].sort()
    }

    let current = filters()
    const shared = yield* OrderedRead.make({ stream: record, filters: current, start: { _tag: "New" } })
    const refilter = () => {
      const next = filters()
      if (next.length === current.length && next.every((filter, at) => filter === current[at])) return
      current = next
      shared.refilter(next)
    }

    const share = (items: ReadonlyArray<Item>) =>
      Effect.forEach(
        members,
        (member) => {
          const wanted = shareOf(member, items)
          // Waits while this actor joins or is behind: the whole read slows, nothing is lost.
          return wanted.length === 0 ? Effect.void : Effect.zipRight(member.live.await, member.out.offerAll(wanted))
        },
        { discard: true }
      )
    yield* shared.takeAll.pipe(Effect.flatMap(share), Effect.forever, Effect.forkScoped)

    /** From here on the shared read has this member's subjects; answers the sequence behind which that is so (never one that was read already). */
    const join = (member: Member, position: number) =>
      Effect.sync(() => {
        members.add(member)
        refilter()
        member.joinedAt = Math.max(shared.lastSeq(), position)
        return member.joinedAt
      })
    /** The newest message in the record that any of these filters matches. */
    const newest = (wanted: ReadonlyArray<string>) =>
      Effect.map(
        Effect.forEach(wanted, (filter) => jetStream.last(record, filter), { concurrency: lookUpsMax }),
        (found) => Math.max(0, ...found.flatMap(Option.toArray).map(({ seq }) => seq))
      )

    /** Reads the past until it is near, joins, and reads the little that came before the joint. */
    const catchUp = (member: Member, afterSeq: number) =>
      Effect.gen(function* () {
        const wanted = [...always, ...member.frames]
        const past = yield* OrderedRead.make({ stream: record, filters: wanted, start: { _tag: "After", seq: afterSeq } })
        let position = afterSeq
        let pending = past.pendingAtStart
        const pass = (untilSeq: number) =>
          Effect.gen(function* () {
            const items = yield* past.takeAll
            for (const item of items) {
              position = item._tag === "Message" ? item.seq : item.to
              if (item._tag === "Message") pending = item.pending
            }
            yield* member.out.offerAll(items.filter((item) => item._tag === "Gap" || (item.seq <= untilSeq && member.wants(item.subject))))
          })
        while (pending > nearMax) yield* pass(Number.POSITIVE_INFINITY)
        while (past.lastSeq() !== position) yield* pass(Number.POSITIVE_INFINITY) // a start outside the record is a gap, whatever is pending
        const joinedAt = yield* join(member, position)
        // Looked up again and again, because what was the newest may be gone before it is read.
        while (position < joinedAt && position < (yield* newest(wanted))) {
          if (past.lastSeq() === position) yield* Effect.sleep(pollMs)
          else yield* pass(joinedAt)
        }
      }).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))

    /**
     * `frames`: subjects of the frames wanted. `others`: which of the clocks and definitions are. Everything behind `afterSeq` comes, in order.
     */
    const subscribe = (options: {
      readonly frames: ReadonlyArray<string>
      readonly others: (subject: string) => boolean
      readonly afterSeq: number
    }): Effect.Effect<Subscription, never, Scope.Scope> =>
      Effect.gen(function* () {
        const out = yield* Effect.acquireRelease(Mailbox.make<Item, NatsError>(bufferMax), (out) => out.shutdown)
        const live = yield* Effect.makeLatch()
        const frames = new Set(options.frames)
        const wants = (subject: string) => frames.has(subject) || options.others(subject)
        const member: Member = { frames, wants, out, live, joinedAt: Number.POSITIVE_INFINITY }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            if (members.delete(member)) refilter()
          })
        )
        yield* catchUp(member, options.afterSeq).pipe(
          Effect.catchAllCause((cause) => out.failCause(cause)),
          Effect.ensuring(live.open), // also when it failed: the others must not wait for it
          Effect.forkScoped
        )
        const takeAll = Effect.flatMap(out.takeAll, ([items, isDone]) =>
          // Closed with its scope: nothing will ever come.
          isDone && items.length === 0 ? Effect.interrupt : Effect.succeed(Chunk.toReadonlyArray(items))
        )
        return { takeAll }
      })

    return { subscribe, lastSeq: shared.lastSeq } as const
  })
}) {}
