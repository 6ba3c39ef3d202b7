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

/** How the writer is doing. It survives a restart of the writer. */
interface Condition {
  /** Why the newest attempt to save failed; null after a success. */
  failure: string | null
  /** The number of messages that waited at the newest check. */
  waiting: number
}
type Report = (state: WriterStatus["state"], detail: string | null) => Effect.Effect<void, NatsError>

/** Saves a batch at once. If Postgres rejects it for a value, bisects it until the bad message is found. */
const makeSaveAll = <Row>({ name, save }: Setup<Row>, refuse: ReturnType<typeof DeadLetters.send>) => {
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
  return saveAll
}

/** Each second: checks the consumer, restores it when its settings are not ours, and reports whether the writer is stuck. */
const watchConsumer = (look: DurableRead.DurableRead["look"], condition: Condition, report: Report) =>
  Effect.gen(function* () {
    let floor = -1
    let movedAtMs = yield* SteadyTime.nowMs
    while (true) {
      const now = yield* look
      const nowMs = yield* SteadyTime.nowMs
      if (now.floor !== floor || now.waiting === 0) movedAtMs = nowMs
      floor = now.floor
      const stillMs = nowMs - movedAtMs
      condition.waiting = now.waiting
      if (now.waiting === 0) condition.failure = null
      yield* condition.failure !== null
        ? report("failed", condition.failure)
        : stillMs >= stalledAfterMs
          ? report("stalled", `nothing saved for ${Math.round(stillMs / 1_000)} s`)
          : report("writing", null)
      yield* Effect.sleep(lookEvery)
    }
  })

/**
 * Writes the rows of a stream to Postgres. A durable consumer remembers which messages are written. While Postgres is away, messages wait
 * in the stream. Saving must be idempotent, because a message may come twice.
 */
export const make = <Row>(setup: Setup<Row>) =>
  Effect.gen(function* () {
    const { batchMax, filter, name, rowsOf, saved, stream } = setup
    const jetStream = yield* JetStream
    const refuse = DeadLetters.send(jetStream)
    const saveAll = makeSaveAll(setup, refuse)
    const condition: Condition = { failure: null, waiting: 0 }

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
        condition.failure = null
        // Do not wait for the server here: a message whose acknowledgement is lost comes again.
        for (const message of messages) message.ack()
      }).pipe(Effect.onError(() => Effect.forEach(messages, ({ nak }) => Effect.ignore(Effect.try(nak)), { discard: true })))

    const report: Report = (state, detail) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
        jetStream.notify(
          Subjects.Writer.at({ writer: name }),
          Subjects.Writer.encode({ v: 1, as_of: IndiaTime.isoTime(nowMs), name, state, detail, waiting: condition.waiting })
        )
      )

    return Effect.gen(function* () {
      const { next, look } = yield* DurableRead.make({ name, stream, filter, batchMax }).pipe(Effect.provideService(JetStream, jetStream))
      const writeAll = Effect.forever(Effect.flatMap(next, write(new OutputGuard())))
      return yield* Effect.raceFirst(writeAll, watchConsumer(look, condition, report))
    }).pipe(
      Effect.tapError((error) => {
        condition.failure = error.message
        return Effect.ignore(report("failed", error.message))
      })
    )
  })
