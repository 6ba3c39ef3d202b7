import { Effect, Option, type Scope } from "effect"
import * as HandOver from "./HandOver.ts"
import { JetStream, type Message, type NatsError } from "./JetStream.ts"
import * as OrderedRead from "./OrderedRead.ts"
import * as Record from "./Record.ts"
import * as Subjects from "./Subjects.ts"

/** A message of the record with what it says. */
export interface Taken extends Message {
  readonly input: Record.Decoded
}
export type Item = Taken | OrderedRead.Gap

/** Items that may wait at one actor before the process's one read pauses. */
const bufferMax = 2_000
/** Frames that wait for the clock behind them, which lets the outputs out: an actor folds several at once, with one count, one look at its lease. */
const heldMax = 8
/** Nor do they wait longer than twice this: a clock comes every 100 ms while there is a ticker. */
const heldCheckMs = 150
/** A joining actor that is this close to the newest message hands over to the shared read. */
const nearMax = 200
/** Listing more subjects than this costs the server more than skipping the others here. */
const filtersMax = 64
/** Handing over to many actors lets the sockets have a turn each time it took so long: else what they bring waits for all of it. */
const turnMs = 5
/** While the last messages before the joint are on their way. */
const pollMs = 5
const lookUpsMax = 8

/** Clocks and definitions are read whatever the actors are: they are few. */
const always = [Subjects.Clock.filter(), Subjects.MarketReference.filter(), Subjects.StrategyDefinition.filter()]

interface Member {
  readonly frames: ReadonlySet<string>
  /** Frames and definitions; the clocks are everybody's. */
  readonly subjects: ReadonlySet<string>
  readonly out: HandOver.HandOver<Item, NatsError>
  /** Opens when this member has read what comes before the joint; the shared read waits for it. */
  readonly live: Effect.Latch
  isLive: boolean
  /** The shared read is this member's behind that sequence; what it still holds from before was read by other filters. */
  joinedAt: number
  /** Its items that were not handed over yet, and whether they should be. */
  held: Array<Item>
  isDue: boolean
  /** Something was held already when it was looked at last, and has not been handed over since. */
  isAged: boolean
}

/** After what the event loop has at hand. */
const nextTurn = Effect.async<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})

const taken = (message: Message): Taken => Object.assign(message, { input: Record.decode(message) })

/** Hands over what is held, as far as there is room; true when nothing is left. */
const handOver = (member: Member): boolean => {
  member.isAged = false
  member.isDue = false
  if (member.held.length === 0) return true
  if (!member.isLive) return false
  member.held = member.out.offer(member.held)
  return member.held.length === 0
}

/** Waits while this actor joins or is behind: the whole read slows, nothing is lost. */
const handOverAll = (member: Member) =>
  Effect.zipRight(
    member.live.await,
    Effect.suspend(() => {
      const { held } = member
      member.held = []
      return member.out.offerAll(held)
    })
  )

/** What comes, in the record's order. It fails when the past cannot be read. */
export type Subscription = Pick<HandOver.HandOver<Item, NatsError>, "takeWhile" | "takeAll">

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
    const shared = yield* OrderedRead.make({ stream: Record.stream, filters: current, start: { _tag: "New" } })
    const refilter = () => {
      const next = filters()
      if (next.length === current.length && next.every((filter, at) => filter === current[at])) return
      current = next
      shared.refilter(next)
    }

    const bySubject = new Map<string, Set<Member>>()
    const nobody: ReadonlySet<Member> = new Set()
    const enter = (member: Member) => {
      members.add(member)
      for (const subject of member.subjects) {
        const known = bySubject.get(subject)
        if (known === undefined) bySubject.set(subject, new Set([member]))
        else known.add(member)
      }
      refilter()
    }
    const leave = (member: Member) => {
      if (!members.delete(member)) return
      for (const subject of member.subjects) {
        const known = bySubject.get(subject)
        known?.delete(member)
        if (known?.size === 0) bySubject.delete(subject)
      }
      refilter()
    }

    /** Those whose turn has come, and of them those that have no room. */
    let due: Array<Member> = []
    let full: Array<Member> = []
    const hold = (member: Member, item: Item, isDue: boolean): void => {
      member.held.push(item)
      if (member.isDue || !(isDue || member.held.length >= heldMax)) return
      member.isDue = true
      due.push(member)
    }
    const distributeGap = (gap: OrderedRead.Gap) => {
      for (const member of members) {
        if (gap.recreated) member.joinedAt = gap.to // the numbers begin again
        if (gap.recreated || gap.to > member.joinedAt) hold(member, gap, true)
      }
    }
    /** Decodes once what several actors take, and nothing that none does. */
    const distribute = (message: Message) => {
      const kind = Record.kindOf(message.subject)
      let item: Taken | undefined
      for (const member of kind === "clock" ? members : (bySubject.get(message.subject) ?? nobody)) {
        if (message.seq <= member.joinedAt) continue
        item ??= taken(message)
        hold(member, item, kind !== "frame")
      }
    }
    /** Hands over to those that are due, for a while; false when that was not all. */
    const handOverDue = (): boolean => {
      const untilMs = performance.now() + turnMs
      let at = 0
      while (at < due.length && performance.now() < untilMs) {
        const member = due[at++] as Member
        if (!handOver(member)) full.push(member)
      }
      due = due.slice(at)
      return due.length === 0 && full.length === 0
    }
    const share = (items: ReadonlyArray<Message | OrderedRead.Gap>): boolean => {
      for (const item of items) item._tag === "Message" ? distribute(item) : distributeGap(item)
      return handOverDue()
    }
    /** The rest, while nothing more is read: the sockets get their turns, and whoever has no room slows all. */
    const handOverRest: Effect.Effect<void> = Effect.suspend(() => {
      if (due.length > 0) {
        return Effect.flatMap(nextTurn, () => (handOverDue() ? Effect.void : handOverRest))
      }
      const waiting = full
      full = []
      return Effect.forEach(waiting, handOverAll, { discard: true })
    })
    yield* shared.takeWhile(share).pipe(Effect.zipRight(handOverRest), Effect.forever, Effect.forkScoped)
    yield* Effect.sync(() => {
      for (const member of members) {
        if (member.isAged) handOver(member)
        member.isAged = member.held.length > 0
      }
    }).pipe(Effect.delay(heldCheckMs), Effect.forever, Effect.forkScoped)

    /** From here on the shared read has this member's subjects; answers the sequence behind which that is so (never one that was read already). */
    const join = (member: Member, position: number) =>
      Effect.sync(() => {
        enter(member)
        member.joinedAt = Math.max(shared.lastSeq(), position)
        return member.joinedAt
      })
    /** The newest message in the record that any of these filters matches. */
    const newest = (wanted: ReadonlyArray<string>) =>
      Effect.map(
        Effect.forEach(wanted, (filter) => jetStream.last(Record.stream, filter), { concurrency: lookUpsMax }),
        (found) => Math.max(0, ...found.flatMap(Option.toArray).map(({ seq }) => seq))
      )

    /** Reads the past until it is near, joins, and reads the little that came before the joint. */
    const catchUp = (member: Member, afterSeq: number) =>
      Effect.gen(function* () {
        const own = [...always, ...member.frames]
        const past = yield* OrderedRead.make({ stream: Record.stream, filters: own, start: { _tag: "After", seq: afterSeq } })
        let position = afterSeq
        let pending = past.pendingAtStart
        const wants = (subject: string) => member.subjects.has(subject) || Record.kindOf(subject) === "clock"
        const pass = (untilSeq: number) =>
          Effect.gen(function* () {
            const wanted: Array<Item> = []
            for (const item of yield* past.takeAll) {
              if (item._tag === "Gap") {
                position = item.to
                wanted.push(item)
              } else {
                position = item.seq
                pending = item.pending
                if (item.seq <= untilSeq && wants(item.subject)) wanted.push(taken(item))
              }
            }
            yield* member.out.offerAll(wanted)
          })
        while (pending > nearMax) yield* pass(Number.POSITIVE_INFINITY)
        while (past.lastSeq() !== position) yield* pass(Number.POSITIVE_INFINITY) // a start outside the record is a gap, whatever is pending
        const joinedAt = yield* join(member, position)
        // Looked up again and again, because what was the newest may be gone before it is read.
        while (position < joinedAt && position < (yield* newest(own))) {
          if (past.lastSeq() === position) yield* Effect.sleep(pollMs)
          else yield* pass(joinedAt)
        }
      }).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))

    /** Everything of these subjects, and every clock, comes behind `afterSeq`, in order. `definitions`: of instruments and strategies. */
    const subscribe = (options: {
      readonly frames: ReadonlyArray<string>
      readonly definitions: ReadonlyArray<string>
      readonly afterSeq: number
    }): Effect.Effect<Subscription, never, Scope.Scope> =>
      Effect.gen(function* () {
        const out = HandOver.make<Item, NatsError>(bufferMax)
        const live = yield* Effect.makeLatch()
        const frames = new Set(options.frames)
        const subjects = new Set([...frames, ...options.definitions])
        const member: Member = {
          frames,
          subjects,
          out,
          live,
          isLive: false,
          joinedAt: Number.POSITIVE_INFINITY,
          held: [],
          isDue: false,
          isAged: false
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            leave(member)
            out.end(Effect.interrupt)
          })
        )
        yield* catchUp(member, options.afterSeq).pipe(
          Effect.catchAllCause((cause) => Effect.sync(() => out.end(Effect.failCause(cause)))),
          // Also when it failed: the others must not wait for it.
          Effect.ensuring(
            Effect.suspend(() => {
              member.isLive = true
              return live.open
            })
          ),
          Effect.forkScoped
        )
        return out
      })

    return { subscribe, lastSeq: shared.lastSeq } as const
  })
}) {}
