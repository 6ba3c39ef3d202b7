import { Clock, Effect, Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import type { WriterStatus } from "../../domain/WriterStatus.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import type { StoreConflict, StoreError, StoreInvalid } from "../../store/StoreError.ts"
import * as DurableRead from "../../streams/DurableRead.ts"
import { JetStream, type NatsError } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"

const lookEvery = "1 second"
/** A writer counts as stuck when messages wait and none was acknowledged for this long. */
const stalledAfterMs = 5_000

export interface Setup<Row> {
  /** The name of the actor, of its durable consumer and of its dead letters. */
  readonly name: string
  readonly stream: string
  readonly filter: string
  /** The most messages that are read, and saved, at once. */
  readonly batchMax: number
  /** A message's rows, or the reason why they cannot be saved. A message without rows is acknowledged and forgotten. */
  readonly rowsOf: (message: DurableRead.Delivered) => Either.Either<ReadonlyArray<Row>, string>
  /** Saves rows and returns how many of them are new. */
  readonly save: (rows: ReadonlyArray<Row>) => Effect.Effect<number, StoreError>
  readonly saved: (count: number) => void
}

interface Readable<Row> {
  readonly message: DurableRead.Delivered
  readonly rows: ReadonlyArray<Row>
}

/**
 * Writes the rows of a stream to Postgres. A durable consumer remembers which messages are written. While Postgres is away, messages wait
 * in the stream. Saving must be idempotent, because a message may come twice.
 */
export const make = <Row>({ name, stream, filter, batchMax, rowsOf, save, saved }: Setup<Row>) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const refuse = DeadLetters.send(jetStream)
    /** Why the newest attempt to save failed; null after a success. It survives a restart of the writer. */
    let failure: string | null = null
    /** The number of messages that waited at the newest check. */
    let waiting = 0

    /** Saves a batch at once. If Postgres rejects it for a value, bisects it until the bad message is found. */
    const saveAll = (batch: ReadonlyArray<Readable<Row>>): Effect.Effect<number, StoreError | NatsError> => {
      const split = ({ constraint }: StoreInvalid | StoreConflict): Effect.Effect<number, StoreError | NatsError> => {
        const [first, second] = batch
        if (first === undefined) return Effect.succeed(0)
        if (second === undefined) return Effect.as(refuse(name, first.message, `Postgres refuses it: ${constraint}`), 0)
        const half = Math.ceil(batch.length / 2)
        return Effect.zipWith(saveAll(batch.slice(0, half)), saveAll(batch.slice(half)), (a, b) => a + b)
      }
      return save(batch.flatMap(({ rows }) => rows)).pipe(Effect.catchTags({ StoreInvalid: split, StoreConflict: split }))
    }

    /** The rows of a message that this writer may save. */
    const savable = (guard: OutputGuard, message: DurableRead.Delivered) =>
      Either.flatMap(rowsOf(message), (rows) => {
        const refusal = rows.length === 0 ? undefined : guard.refusal(message)
        return refusal === undefined ? Either.right(rows) : Either.left(refusal)
      })

    const write = (guard: OutputGuard) => (messages: ReadonlyArray<DurableRead.Delivered>) =>
      Effect.gen(function* () {
        const batch: Array<Readable<Row>> = []
        for (const message of messages) {
          const rows = savable(guard, message)
          if (Either.isLeft(rows)) yield* refuse(name, message, rows.left)
          else if (rows.right.length > 0) batch.push({ message, rows: rows.right })
        }
        if (batch.length > 0) saved(yield* saveAll(batch))
        failure = null
        // Do not wait for the server here: a message whose acknowledgement is lost comes again.
        for (const message of messages) message.ack()
      }).pipe(Effect.onError(() => Effect.forEach(messages, ({ nak }) => Effect.ignore(Effect.try(nak)), { discard: true })))

    const report = (state: WriterStatus["state"], waiting: number, detail: string | null) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
        jetStream.notify(
          Subjects.Writer.at({ writer: name }),
          Subjects.Writer.encode({ v: 1, as_of: IndiaTime.isoTime(nowMs), name, state, detail, waiting })
        )
      )
    /**
     * Each second: checks the consumer, restores it when its settings are not ours, and reports on `sys.writer` whether the writer is
     * stuck.
     */
    const watch = (look: DurableRead.DurableRead["look"]) =>
      Effect.gen(function* () {
        let floor = -1
        let movedAtMs = yield* SteadyTime.nowMs
        while (true) {
          const now = yield* look
          const nowMs = yield* SteadyTime.nowMs
          if (now.floor !== floor || now.waiting === 0) movedAtMs = nowMs
          floor = now.floor
          const stillMs = nowMs - movedAtMs
          waiting = now.waiting
          if (waiting === 0) failure = null
          yield* failure !== null
            ? report("failed", now.waiting, failure)
            : stillMs >= stalledAfterMs
              ? report("stalled", now.waiting, `nothing saved for ${Math.round(stillMs / 1_000)} s`)
              : report("writing", now.waiting, null)
          yield* Effect.sleep(lookEvery)
        }
      })

    return Effect.gen(function* () {
      const { next, look } = yield* DurableRead.make({ name, stream, filter, batchMax }).pipe(Effect.provideService(JetStream, jetStream))
      const writeAll = Effect.forever(Effect.flatMap(next, write(new OutputGuard())))
      return yield* Effect.raceFirst(writeAll, watch(look))
    }).pipe(
      Effect.tapError((error) => {
        failure = error.message
        return Effect.ignore(report("failed", waiting, failure))
      })
    )
  })
