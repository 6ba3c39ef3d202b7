import { Effect, Either } from "effect"
import { AckPolicy, DeliverPolicy, type JsMsg } from "nats"
import { CandleRepo, type NewCandle } from "../store/CandleRepo.ts"
import { JetStream, NatsError } from "../streams/JetStream.ts"
import * as Subjects from "../streams/Subjects.ts"
import * as Metrics from "./Metrics.ts"

const durable = "candle-writer"
const batchMax = 500
const waitMs = 1_000
const ackWaitMs = 30_000
const reasonMax = 500

interface Readable {
  readonly message: JsMsg
  readonly row: NewCandle
}

/**
 * Writes closed minute candles to Postgres. A durable consumer remembers what is written: while Postgres is away candles wait in the
 * stream, and one that comes twice is written once (its key is strategy and minute).
 */
export const make = Effect.gen(function* () {
  const { js, jsm, publish } = yield* JetStream
  const candles = yield* CandleRepo
  const attempt = <A>(op: string, run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op, cause }) })

  const toRow = (message: JsMsg): Either.Either<NewCandle, string> =>
    Either.flatMap(Either.mapLeft(Subjects.Candle.decodeEither(message.data), String), (candle) => {
      const minute = new Date(candle.timestamp)
      const row = { ...candle, strategyId: candle.strategy_id, minute }
      return Number.isNaN(minute.getTime()) ? Either.left(`no time: ${candle.timestamp}`) : Either.right(row)
    })
  const refuse = ({ data, seq, subject }: JsMsg, reason: string) =>
    Effect.gen(function* () {
      Metrics.deadLetters(durable)
      yield* Effect.logError("candle refused").pipe(Effect.annotateLogs({ subject, seq, reason }))
      yield* publish(Subjects.deadLetter(durable), data, {
        msgId: `${durable}:${seq}`,
        headers: {
          "Tarang-Subject": subject,
          "Tarang-Seq": String(seq),
          "Tarang-Reason": reason.replaceAll(/\s+/g, " ").slice(0, reasonMax)
        }
      })
    })

  /** All at once; one by one where Postgres refuses the batch for what is in it, so that one bad candle does not hold up the others. */
  const save = (batch: ReadonlyArray<Readable>) =>
    candles
      .save(batch.map(({ row }) => row))
      .pipe(Effect.catchTags({ StoreInvalid: () => saveEach(batch), StoreConflict: () => saveEach(batch) }))
  const saveEach = (batch: ReadonlyArray<Readable>) =>
    Effect.map(
      Effect.forEach(batch, ({ message, row }) => {
        const refused = ({ constraint }: { readonly constraint: string }) =>
          Effect.as(refuse(message, `Postgres refuses it: ${constraint}`), 0)
        return candles.save([row]).pipe(Effect.catchTags({ StoreInvalid: refused, StoreConflict: refused }))
      }),
      (saved) => saved.reduce((sum, count) => sum + count, 0)
    )

  return Effect.gen(function* () {
    yield* attempt("candle consumer", () =>
      jsm.consumers.add(Subjects.Candle.stream, {
        durable_name: durable,
        filter_subject: Subjects.Candle.filter(),
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: ackWaitMs * 1e6,
        max_ack_pending: batchMax
      })
    )
    const consumer = yield* attempt("candle consumer", () => js.consumers.get(Subjects.Candle.stream, durable))
    while (true) {
      const messages = yield* attempt("fetch candles", async () => {
        const batch: Array<JsMsg> = []
        for await (const message of await consumer.fetch({ max_messages: batchMax, expires: waitMs })) batch.push(message)
        return batch
      })
      const batch: Array<Readable> = []
      for (const message of messages) {
        const row = toRow(message)
        if (Either.isRight(row)) batch.push({ message, row: row.right })
        else yield* refuse(message, row.left)
      }
      if (batch.length > 0) Metrics.candlesSaved("m2m", yield* save(batch))
      yield* Effect.forEach(messages, (message) => attempt("ack candle", () => message.ackAck()), { concurrency: 50, discard: true })
    }
  })
})
