import { Effect, Either } from "effect"
import { AckPolicy, DeliverPolicy, type JsMsg } from "nats"
import type * as Bar from "../domain/market/Bar.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import { BarRepo, type NewBar } from "../store/BarRepo.ts"
import { JetStream, NatsError } from "../streams/JetStream.ts"
import * as Subjects from "../streams/Subjects.ts"
import * as Metrics from "./Metrics.ts"

const durable = "bar-writer"
/** A minute of nine thousand instruments ends at once. */
const batchMax = 2_000
const waitMs = 1_000
const ackWaitMs = 30_000
/** What a message that closes a bar has in it; open bars are most of what comes, and are not worth a parse. */
const closedMark = Buffer.from('"closed":true')

const isClosing = (message: JsMsg): boolean =>
  Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength).includes(closedMark)

/** The closed bars of a message as rows. */
export const rowsOf = ({ instrument_token, tradingsymbol, bars }: Bar.Bars): ReadonlyArray<NewBar> => {
  const scale = Instrument.priceScale(instrument_token)
  const units = (rupees: number): number => Math.round(rupees * scale)
  return bars
    .filter(({ closed }) => closed)
    .map(({ timestamp, open, high, low, close, volume, oi, complete }) => ({
      instrumentToken: instrument_token,
      tradingsymbol,
      minutes: 1,
      source: "live",
      at: new Date(timestamp),
      open: units(open),
      high: units(high),
      low: units(low),
      close: units(close),
      volume,
      oi,
      complete
    }))
}

/**
 * Writes closed one-minute bars to Postgres; bars of a second live in their stream only. A durable consumer remembers what is written: while
 * Postgres is away bars wait in the stream, and one that comes twice is written once.
 */
export const make = Effect.gen(function* () {
  const { js, jsm, publish } = yield* JetStream
  const repo = yield* BarRepo
  const attempt = <A>(op: string, run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op, cause }) })

  const refuse = (message: JsMsg) =>
    Effect.zipRight(
      Effect.sync(() => Metrics.deadLetters(durable)),
      publish(Subjects.deadLetter(durable), message.data, {
        msgId: `${durable}:${message.seq}`,
        headers: { "Tarang-Subject": message.subject }
      })
    )

  return Effect.gen(function* () {
    yield* attempt("bar consumer", () =>
      jsm.consumers.add(Subjects.Bars.stream, {
        durable_name: durable,
        filter_subject: Subjects.Bars.filter({ interval: "1m" }),
        // One owner and whole batches: one acknowledgement for all of them.
        ack_policy: AckPolicy.All,
        deliver_policy: DeliverPolicy.All,
        ack_wait: ackWaitMs * 1e6,
        max_ack_pending: batchMax * 2
      })
    )
    const consumer = yield* attempt("bar consumer", () => js.consumers.get(Subjects.Bars.stream, durable))
    while (true) {
      const messages = yield* attempt("fetch bars", async () => {
        const batch: Array<JsMsg> = []
        for await (const message of await consumer.fetch({ max_messages: batchMax, expires: waitMs })) batch.push(message)
        return batch
      })
      const rows: Array<NewBar> = []
      for (const message of messages.filter(isClosing)) {
        const decoded = Subjects.Bars.decodeEither(message.data)
        if (Either.isRight(decoded)) rows.push(...rowsOf(decoded.right))
        else yield* refuse(message)
      }
      if (rows.length > 0) Metrics.candlesSaved("bars", yield* repo.save(rows))
      const last = messages.at(-1)
      if (last !== undefined) yield* attempt("ack bars", () => last.ackAck())
    }
  })
})
