import { Effect, Either } from "effect"
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg } from "nats"
import type { StoreConflict, StoreError, StoreInvalid } from "../store/StoreError.ts"
import { JetStream, NatsError } from "../streams/JetStream.ts"
import * as DeadLetters from "./DeadLetters.ts"

const waitMs = 1_000
const ackWaitMs = 30_000

export interface Setup<Row> {
  /** The actor's, its durable consumer's and its dead letters'. */
  readonly name: string
  readonly stream: string
  readonly filter: string
  /** Messages that are read, and saved, at once. */
  readonly batchMax: number
  /** The rows of a message, or why it has none that can be saved; no rows: nothing of it is kept. */
  readonly rowsOf: (message: JsMsg) => Either.Either<ReadonlyArray<Row>, string>
  /** How many of them are new. */
  readonly save: (rows: ReadonlyArray<Row>) => Effect.Effect<number, StoreError>
  readonly saved: (count: number) => void
}

interface Readable<Row> {
  readonly message: JsMsg
  readonly rows: ReadonlyArray<Row>
}

/**
 * Writes what a stream carries to Postgres. A durable consumer remembers what is written: while Postgres is away messages wait in the stream.
 * Saving must be idempotent, because a message may come twice.
 */
export const make = <Row>({ name, stream, filter, batchMax, rowsOf, save, saved }: Setup<Row>) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const { js, jsm } = jetStream
    const refuse = DeadLetters.send(jetStream)
    const attempt = <A>(op: string, run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (${name})`, cause }) })

    /** All at once; where Postgres refuses it for what is in it, by halves down to the message, so that a bad one does not hold up the others. */
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

    const config: Partial<ConsumerConfig> = {
      durable_name: name,
      filter_subject: filter,
      // Each by itself: after a failure newer messages come before those that wait for their redelivery.
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: ackWaitMs * 1e6,
      max_ack_pending: batchMax
    }
    const consumer = attempt("add consumer", () => jsm.consumers.add(stream, config)).pipe(
      // One that another version made cannot be changed in everything; made anew, it reads again what is written once.
      Effect.orElse(() =>
        attempt("replace consumer", () => jsm.consumers.delete(stream, name).then(() => jsm.consumers.add(stream, config)))
      ),
      Effect.zipRight(attempt("get consumer", () => js.consumers.get(stream, name)))
    )

    const write = (messages: ReadonlyArray<JsMsg>) =>
      Effect.gen(function* () {
        const batch: Array<Readable<Row>> = []
        for (const message of messages) {
          const rows = rowsOf(message)
          if (Either.isLeft(rows)) yield* refuse(name, message, rows.left)
          else if (rows.right.length > 0) batch.push({ message, rows: rows.right })
        }
        if (batch.length > 0) saved(yield* saveAll(batch))
        // Not waited for: a message whose acknowledgement is lost comes again.
        for (const message of messages) message.ack()
      }).pipe(
        // They come again at once, to whoever writes then.
        Effect.onError(() => Effect.forEach(messages, (message) => Effect.ignore(Effect.try(() => message.nak())), { discard: true }))
      )

    return Effect.gen(function* () {
      const source = yield* consumer
      while (true) {
        const messages = yield* attempt("fetch", async () => {
          const batch: Array<JsMsg> = []
          for await (const message of await source.fetch({ max_messages: batchMax, expires: waitMs })) batch.push(message)
          return batch
        })
        yield* write(messages)
      }
    })
  })
