/** Where an earlier run of an actor ended, for a run that cannot use a snapshot. */
import { Effect, Option } from "effect"
import type { JetStream, Message, NatsError } from "../../streams/JetStream.ts"
import type { Position } from "../../streams/Keyframes.ts"
import * as Record from "../../streams/Record.ts"
import type { Snapshots } from "../../streams/Snapshots.ts"
import type * as Board from "./Board.ts"

/**
 * A run that ended without a snapshot is continued from its last output, if that is not older: a process that was killed is replaced within
 * seconds. After a longer break the newest keyframes are the start.
 */
const continuesWithinMs = 600_000

interface Span {
  readonly createdMs: number
  readonly firstSeq: number
  readonly lastSeq: number
}

export const make = (jetStream: JetStream, snapshots: Snapshots) => {
  const positionOf = (seq: number): Effect.Effect<Option.Option<Position>, NatsError> =>
    Effect.map(
      jetStream.at(Record.stream, seq),
      Option.map((message: Message): Position => ({ seq: message.seq, storedMs: message.timeMs }))
    )

  /** The newest message of the record that an earlier run published an output for. */
  const served = (board: Board.Board, { firstSeq, lastSeq }: Span) =>
    Effect.gen(function* () {
      const seq = Math.max(...Array.from(board.servedTo.values(), (place) => place.seq))
      if (!(firstSeq <= seq && seq <= lastSeq)) return Option.none<Position>()
      const [left, newest] = [yield* positionOf(seq), yield* positionOf(lastSeq)]
      return Option.filter(left, ({ storedMs }) => Option.exists(newest, (now) => now.storedMs - storedMs <= continuesWithinMs))
    })

  /** The place of a snapshot that this version cannot use, else that of the newest output. */
  return (board: Board.Board, record: Span) =>
    Effect.gen(function* () {
      const left = Option.filter(
        yield* snapshots.position(board.key),
        ({ recordCreatedMs, seq }) => recordCreatedMs === record.createdMs && record.firstSeq <= seq && seq <= record.lastSeq
      )
      return yield* Option.match(left, { onNone: () => served(board, record), onSome: ({ seq }) => positionOf(seq) })
    })
}
