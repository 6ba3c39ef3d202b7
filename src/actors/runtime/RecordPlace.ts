/** Where a run without a usable snapshot begins to fold the record. */
import { Effect, Option } from "effect"
import * as Keyframe from "../../domain/record/Keyframe.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as KeyframeReads from "../../streams/KeyframeReads.ts"
import * as Record from "../../streams/Record.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Left } from "./LeftPlace.ts"

/** An underlying that was never streamed for a whole minute has no keyframe. Its messages are read from this long ago, ms. */
const withoutKeyframeMs = Keyframe.everyMs + 10_000
const lookUpsMax = 8

export interface Given {
  readonly setup: { readonly frames: ReadonlyArray<string>; readonly references: ReadonlyArray<string> }
  readonly underlyings: ReadonlyArray<KeyframeReads.Underlying>
  readonly keyframes: ReadonlyArray<Message>
  /** The record's range of sequences before the start read anything. */
  readonly record: { readonly firstSeq: number; readonly lastSeq: number }
  /** The position at which an earlier run ended. */
  readonly leftAt: Option.Option<Left>
}

export interface Place {
  /** The first message to fold comes behind this sequence. */
  readonly afterSeq: number
  /** True when only clocks and definitions follow. */
  readonly isSilent: boolean
}

/**
 * For subjects without a keyframe: the sequence after which their messages are read. It is their definition's sequence, but at most a minute
 * before the place where the earlier run ended, or before now.
 */
const withoutKeyframes = ({ setup, underlyings, keyframes, record, leftAt }: Given) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const has = (holes: KeyframeReads.Underlying) =>
      keyframes.some(({ subject }) => {
        const names = Subjects.Keyframe.match(subject)
        return names?.exchange === holes.exchange && names.underlying === holes.underlying
      })
    const lacking = underlyings.filter((holes) => !has(holes))
    if (lacking.length === 0 && underlyings.length > 0) return Option.none<number>()
    const newest = yield* jetStream.last(Record.stream, Subjects.Clock.filter())
    const definitions = yield* Effect.forEach(setup.references, (subject) => jetStream.first(Record.stream, subject), {
      concurrency: lookUpsMax
    })
    const oldest = Math.min(record.lastSeq + 1, ...definitions.flatMap(Option.toArray).map(({ seq }) => seq))
    const untilMs = Option.orElse(
      Option.map(leftAt, ({ storedMs }) => storedMs),
      () => Option.map(newest, ({ timeMs }) => timeMs)
    )
    const recent = Option.isNone(untilMs)
      ? Option.none<number>()
      : yield* KeyframeReads.since([Subjects.Clock.filter(), ...setup.frames], untilMs.value - withoutKeyframeMs)
    return Option.some(
      Math.max(
        oldest - 1,
        Option.getOrElse(recent, () => 0)
      )
    )
  })

/**
 * The newest clock is folded again: it sets the time, and releases the outputs of the keyframes. A run that continues an earlier one folds the clocks
 * of the last seconds, so that at its place it knows what the earlier run had published.
 */
const beforeNewestClock = ({ record, leftAt }: Given) =>
  Effect.gen(function* () {
    if (Option.isSome(leftAt)) return leftAt.value.clocksAfterSeq
    const jetStream = yield* JetStream
    const clock = yield* jetStream.last(Record.stream, Subjects.Clock.filter())
    return Option.match(clock, { onNone: () => record.lastSeq, onSome: ({ seq }) => seq - 1 })
  })

export const find = (given: Given) =>
  Effect.gen(function* () {
    const { record, leftAt } = given
    const untilSeq = Option.match(leftAt, { onNone: () => record.lastSeq, onSome: ({ seq }) => seq })
    const behindKeyframes = yield* KeyframeReads.foldFrom(given.keyframes, untilSeq)
    const behindDefinitions = yield* withoutKeyframes(given)
    const starts = [...Option.toArray(behindKeyframes), ...Option.toArray(behindDefinitions)]
    const isSilent = starts.length === 0
    const afterSeq = isSilent ? yield* beforeNewestClock(given) : Math.min(...starts)
    // The definitions were read after `record`. A definition that came later must be among the messages to fold, even if the first clock
    // came after it.
    const knownSeq = Math.min(afterSeq, record.lastSeq)
    const place: Place = { afterSeq: Math.max(knownSeq, record.firstSeq - 1, 0), isSilent }
    return place
  })
