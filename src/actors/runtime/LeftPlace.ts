/** Where an earlier run of an actor ended, for a run that cannot use a snapshot. */
import { Effect, Option } from "effect"
import * as ClockFrame from "../../domain/record/ClockFrame.ts"
import { JetStream, type Message, type NatsError } from "../../streams/JetStream.ts"
import * as KeyframeReads from "../../streams/KeyframeReads.ts"
import * as Record from "../../streams/Record.ts"
import type { Snapshots } from "../../streams/Snapshots.ts"
import type * as Board from "./Board.ts"

/**
 * A run that ended without a snapshot is continued from its last output, if that output is at most this old: a killed process is replaced
 * within seconds. After a longer break the next run starts from the newest keyframes.
 */
const continuesWithinMs = 600_000

/** The place of the record at which an earlier run ended. */
export interface Left extends KeyframeReads.Position {
  /** True if that run had published all that it had folded. */
  readonly isSettled: boolean
  /** Market time at the place, UNIX ms; NaN if no account streamed in the minute before. */
  readonly marketMs: number
  /** The clock frames of the last seconds before the place come after this sequence. */
  readonly clocksAfterSeq: number
}

interface Span {
  readonly createdMs: number
  readonly firstSeq: number
  readonly lastSeq: number
}

export const make = (jetStream: JetStream, snapshots: Snapshots) => {
  const positionOf = (seq: number): Effect.Effect<Option.Option<KeyframeReads.Position>, NatsError> =>
    Effect.map(
      jetStream.at(Record.stream, seq),
      Option.map((message: Message): KeyframeReads.Position => ({ seq: message.seq, storedMs: message.timeMs }))
    )

  /** The newest message of the record for which an earlier run published an output. */
  const served = (board: Board.Board, { firstSeq, lastSeq }: Span) =>
    Effect.gen(function* () {
      const seq = Math.max(...Array.from(board.servedTo.values(), (place) => place.seq))
      if (!(firstSeq <= seq && seq <= lastSeq)) return Option.none<KeyframeReads.Position>()
      const [left, newest] = [yield* positionOf(seq), yield* positionOf(lastSeq)]
      return Option.filter(left, ({ storedMs }) => Option.exists(newest, (now) => now.storedMs - storedMs <= continuesWithinMs))
    })

  const withClocks = (position: KeyframeReads.Position, isSettled: boolean) =>
    Effect.map(KeyframeReads.clocksBefore(position), (clocks): Left => {
      const marketMs = clocks.length === 0 ? Number.NaN : Math.max(...clocks.map(({ data }) => ClockFrame.decode(data)))
      const from = clocks[0]?.seq ?? position.seq + 1
      return { ...position, isSettled, marketMs, clocksAfterSeq: from - 1 }
    }).pipe(Effect.provideService(JetStream, jetStream))

  /** Returns the place of a snapshot that this version cannot use, or else that of the newest output. */
  return (board: Board.Board, record: Span) =>
    Effect.gen(function* () {
      const saved = Option.filter(
        yield* snapshots.position(board.key),
        ({ recordCreatedMs, seq }) => recordCreatedMs === record.createdMs && record.firstSeq <= seq && seq <= record.lastSeq
      )
      const left = yield* Option.match(saved, { onNone: () => served(board, record), onSome: ({ seq }) => positionOf(seq) })
      return Option.isNone(left) ? Option.none<Left>() : Option.some(yield* withClocks(left.value, Option.isSome(saved)))
    })
}
