/** Where a reader without a state begins: the newest keyframe of each account, now or at a place of the past. */
import { Effect, Option } from "effect"
import * as FrameHeader from "../domain/record/FrameHeader.ts"
import * as Keyframe from "../domain/record/Keyframe.ts"
import { JetStream, type Message, NatsError } from "./JetStream.ts"
import * as OrderedRead from "./OrderedRead.ts"
import * as Record from "./Record.ts"
import * as Subjects from "./Subjects.ts"

/** A place of the record. */
export interface Position {
  readonly seq: number
  /** When the server stored that message, UNIX ms. */
  readonly storedMs: number
}

export interface Underlying {
  readonly exchange: string
  readonly underlying: string
}

const readMax = "30 seconds"
/** A search covers this much more than the interval of keyframes: the time that `Keyframe.settledBy` may need, and a reserve. */
const moreMs = Keyframe.settleMs + 7_000
/**
 * How far a search goes back, ms: first one interval of keyframes, then the interval at which unchanged keyframes are repeated, then the
 * whole record.
 */
const looksBackMs = [Keyframe.everyMs + moreMs, Keyframe.repeatMs + Keyframe.everyMs + moreMs, Number.POSITIVE_INFINITY] as const
/**
 * How far a search for clock frames goes back, ms: first a few seconds, then over a minute. An account that streams writes ten a second.
 */
const clocksBackMs = [Keyframe.settleMs + 2_000, Keyframe.everyMs + moreMs] as const

/** Reads until the server has no more messages, or until `isPast` returns true for one. */
const readAll = (filters: ReadonlyArray<string>, start: OrderedRead.Start, isPast: (message: Message) => boolean) =>
  Effect.gen(function* () {
    const found: Array<Message> = []
    const read = yield* OrderedRead.make({ stream: Record.stream, filters, start })
    for (let left = read.pendingAtStart; left > 0; ) {
      for (const item of yield* read.takeAll) {
        if (item._tag === "Gap") continue
        if (isPast(item)) return found
        found.push(item)
        left = item.pending
      }
    }
    return found
  }).pipe(
    Effect.scoped,
    Effect.timeoutFail({
      duration: readMax,
      onTimeout: () => new NatsError({ op: "read the keyframes", cause: new Error(`the record did not answer within ${readMax}`) })
    })
  )

/**
 * The newest message of each subject. Messages of an account's earlier incarnations are left out: an instrument that only they have is no
 * longer streamed. A keyframe whose header names another subject does not count.
 */
const newestOf = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const own = messages.filter(({ subject, header }) => FrameHeader.isOf(header(FrameHeader.name), subject))
  const bySubject = new Map(own.map((message) => [message.subject, message]))
  const newest = new Map<string, number>()
  const incarnationOf = (message: Message) => FrameHeader.parse(message.header(FrameHeader.name))?.incarnation ?? 0
  const laneOf = ({ subject }: Message) => {
    const { exchange = "", underlying = "", account = "" } = Subjects.Keyframe.match(subject) ?? {}
    return `${exchange} ${underlying} ${account}`
  }
  for (const message of bySubject.values()) {
    const lane = laneOf(message)
    newest.set(lane, Math.max(newest.get(lane) ?? 0, incarnationOf(message)))
  }
  return [...bySubject.values()].filter((one) => newest.get(laneOf(one)) === incarnationOf(one)).sort((one, other) => one.seq - other.seq)
}

const filtersOf = (underlyings: ReadonlyArray<Underlying>) => underlyings.map((holes) => Subjects.Keyframe.filter(holes))

/** The newest keyframes of these underlyings, oldest first. */
export const newest = (underlyings: ReadonlyArray<Underlying>) =>
  underlyings.length === 0
    ? Effect.succeed([])
    : Effect.map(
        readAll(filtersOf(underlyings), { _tag: "LastPerSubject" }, () => false),
        newestOf
      )

/** The newest keyframes of all underlyings, for a publisher that starts. */
export const all = Effect.map(
  readAll([Subjects.Keyframe.filter()], { _tag: "LastPerSubject" }, () => false),
  newestOf
)

/** The clock frames of the last seconds up to a place of the past, oldest first. Empty if no account wrote one in the minute before. */
export const clocksBefore = ({ seq, storedMs }: Position) =>
  Effect.gen(function* () {
    for (const backMs of clocksBackMs) {
      const start: OrderedRead.Start = { _tag: "Since", storedMs: storedMs - backMs }
      const found = yield* readAll([Subjects.Clock.filter()], start, (message) => message.seq > seq)
      if (found.length > 0) return found
    }
    return []
  })

const timeOf = (message: Message): number => Keyframe.parseTime(message.header(Keyframe.timeHeader))

/** The keyframes of each underlying. */
const byUnderlying = (keyframes: ReadonlyArray<Message>) => {
  const found = new Map<string, Array<Message>>()
  for (const message of keyframes) {
    const names = Subjects.Keyframe.match(message.subject)
    if (names === undefined) continue
    const lane = Subjects.Frame.at(names)
    const known = found.get(lane)
    if (known === undefined) found.set(lane, [message])
    else known.push(message)
  }
  return found
}

/**
 * The keyframes that were the newest at a place of the past, oldest first. Keyframes with a market time after `untilMs` do not count.
 */
export const before = (underlyings: ReadonlyArray<Underlying>, { seq, storedMs }: Position, untilMs = Number.POSITIVE_INFINITY) =>
  Effect.gen(function* () {
    const found: Array<Message> = []
    let lacking = underlyings
    for (const backMs of looksBackMs) {
      if (lacking.length === 0) break
      const start: OrderedRead.Start = Number.isFinite(backMs) ? { _tag: "Since", storedMs: storedMs - backMs } : { _tag: "After", seq: 0 }
      const all = yield* readAll(filtersOf(lacking), start, (message) => message.seq > seq)
      found.push(...newestOf(all.filter((message) => !(timeOf(message) > untilMs))))
      const lanes = byUnderlying(found)
      lacking = lacking.filter((names) => !lanes.has(Subjects.Frame.at(names)))
    }
    return found.sort((one, other) => one.seq - other.seq)
  })

/**
 * Keyframes of accounts that stream at the same time are at most this far apart: one interval, and a second for the difference of their
 * clocks.
 */
const currentMs = Keyframe.everyMs + 1_000

/**
 * The sequence after which a reader has to fold the record on top of the keyframes; none if only clocks follow until `untilSeq`. If frames
 * of an underlying follow its newest keyframe, the reader begins after the oldest keyframe of the accounts that were streaming it then.
 */
export const foldFrom = (keyframes: ReadonlyArray<Message>, untilSeq: number) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const from: Array<number> = []
    for (const [lane, messages] of byUnderlying(keyframes)) {
      const newestMs = Math.max(...messages.map(timeOf))
      const newestSeq = Math.max(...messages.map(({ seq }) => seq))
      const next = yield* jetStream.first(Record.stream, lane, newestSeq + 1)
      if (Option.isNone(next) || next.value.seq > untilSeq) continue
      from.push(...messages.filter((one) => newestMs - timeOf(one) < currentMs).map(({ seq }) => seq))
    }
    return from.length === 0 ? Option.none() : Option.some(Math.min(...from))
  })

/** The sequence before the first message of these subjects that the server stored from an instant on, or none without such a message. */
export const since = (filters: ReadonlyArray<string>, storedMs: number) =>
  Effect.gen(function* () {
    const read = yield* OrderedRead.make({ stream: Record.stream, filters, start: { _tag: "Since", storedMs } })
    if (read.pendingAtStart === 0) return Option.none<number>()
    const [first] = yield* read.takeAll
    return first?._tag === "Message" ? Option.some(first.seq - 1) : Option.none<number>()
  }).pipe(Effect.scoped)
