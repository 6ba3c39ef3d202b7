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

const record = Subjects.Frame.stream
/** Clocks and definitions are read whatever the actors are: they are few. */
const always = [Subjects.Clock.filter(), Subjects.MarketReference.filter(), "strat.def.>"]

interface Member {
  readonly wants: (subject: string) => boolean
  readonly frames: ReadonlyArray<string>
  readonly out: Mailbox.Mailbox<Item>
  /** The shared read is this member's behind that sequence; what it still holds from before was read by other filters. */
  joinedAt: number
  /** Shared messages that came while this member still reads its past; undefined once it is live. */
  held: Array<Item> | undefined
}

export interface Subscription {
  /** What has come since the last call, in the record's order. */
  readonly takeAll: Effect.Effect<ReadonlyArray<Item>>
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
      const frames = new Set([...members].flatMap((member) => member.frames))
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
          const wanted = items.filter((item) => item._tag === "Gap" || (item.seq > member.joinedAt && member.wants(item.subject)))
          if (wanted.length === 0) return Effect.void
          if (member.held !== undefined) return Effect.sync(() => void member.held?.push(...wanted))
          return member.out.offerAll(wanted) // waits while this actor is behind: the whole read slows, nothing is lost
        },
        { discard: true }
      )
    yield* shared.takeAll.pipe(Effect.tap(share), Effect.forever, Effect.forkScoped)

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
        Effect.forEach(wanted, (filter) => jetStream.last(record, filter), { concurrency: 8 }),
        (found) => Math.max(0, ...found.map((message) => (Option.isSome(message) ? message.value.seq : 0)))
      )

    /** Reads the past until it is near, joins, reads the little that came before the joint, and hands over. */
    const catchUp = (member: Member, afterSeq: number) =>
      Effect.gen(function* () {
        const wanted = [...always, ...member.frames]
        const past = yield* OrderedRead.make({ stream: record, filters: wanted, start: { _tag: "After", seq: afterSeq } })
        let position = afterSeq
        const pass = (untilSeq: number) =>
          Effect.gen(function* () {
            const items = yield* past.takeAll
            const last = items[items.length - 1]
            if (last !== undefined) position = last._tag === "Message" ? last.seq : last.to
            yield* member.out.offerAll(items.filter((item) => item._tag === "Gap" || (item.seq <= untilSeq && member.wants(item.subject))))
            return last?._tag === "Message" ? last.pending : 0
          })
        let pending = past.pendingAtStart
        while (pending > nearMax) pending = yield* pass(Number.POSITIVE_INFINITY)
        const joinedAt = yield* join(member, position)
        const end = Math.min(joinedAt, yield* newest(wanted))
        while (position < end) yield* pass(joinedAt)
        while ((member.held?.length ?? 0) > 0) yield* member.out.offerAll(member.held?.splice(0) ?? [])
        member.held = undefined
      }).pipe(Effect.scoped)

    /**
     * `frames`: subjects of the frames wanted. `others`: which of the clocks and definitions are. Everything behind `afterSeq` comes, in order.
     */
    const subscribe = (options: {
      readonly frames: ReadonlyArray<string>
      readonly others: (subject: string) => boolean
      readonly afterSeq: number
    }): Effect.Effect<Subscription, NatsError, Scope.Scope> =>
      Effect.gen(function* () {
        const out = yield* Effect.acquireRelease(Mailbox.make<Item>(bufferMax), (out) => out.shutdown)
        const frames = new Set(options.frames)
        const member: Member = {
          frames: options.frames,
          wants: (subject) => frames.has(subject) || options.others(subject),
          out,
          joinedAt: Number.POSITIVE_INFINITY,
          held: []
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            members.delete(member)
            refilter()
          })
        )
        yield* catchUp(member, options.afterSeq).pipe(
          Effect.provideService(JetStream, jetStream),
          Effect.catchAllCause((cause) => out.failCause(cause as never)),
          Effect.forkScoped
        )
        return { takeAll: Effect.map(out.takeAll, ([items]) => Chunk.toReadonlyArray(items)) }
      })

    return { subscribe, lastSeq: shared.lastSeq } as const
  })
}) {}
