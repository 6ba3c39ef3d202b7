import { Effect, Either, Option } from "effect"
import { AckPolicy, DeliverPolicy, type JsMsg } from "nats"
import { CandleRepo, type NewCandle } from "../store/CandleRepo.ts"
import { JetStream, NatsError } from "../streams/JetStream.ts"
import * as Subjects from "../streams/Subjects.ts"
import * as Metrics from "./Metrics.ts"

const durable = "candle-writer"
const batchMax = 500
const waitMs = 1_000
const ackWaitMs = 30_000

/**
 * Writes closed minute candles to Postgres. A durable consumer remembers what is written: while Postgres is away candles wait in the
 * stream, and one that comes twice is written once (its key is strategy and minute).
 */
export const make = Effect.gen(function* () {
  const { js, jsm, publish } = yield* JetStream
  const candles = yield* CandleRepo
  const attempt = <A>(op: string, run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op, cause }) })

  const toRow = (message: JsMsg): Option.Option<NewCandle> =>
    Either.match(Subjects.Candle.decodeEither(message.data), {
      onLeft: () => Option.none(),
      onRight: (candle) => Option.some({ ...candle, strategyId: candle.strategy_id, minute: new Date(candle.timestamp) })
    })
  const refuse = (message: JsMsg) =>
    Effect.zipRight(
      Effect.sync(() => Metrics.deadLetters(durable)),
      publish(Subjects.deadLetter(durable), message.data, {
        msgId: `${durable}:${message.seq}`,
        headers: { "Tarang-Subject": message.subject }
      })
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
      const rows: Array<NewCandle> = []
      for (const message of messages) {
        const row = toRow(message)
        if (Option.isSome(row)) rows.push(row.value)
        else yield* refuse(message)
      }
      if (rows.length > 0) Metrics.candlesSaved("m2m", yield* candles.save(rows))
      yield* Effect.forEach(messages, (message) => attempt("ack candle", () => message.ackAck()), { concurrency: 50, discard: true })
    }
  })
})
