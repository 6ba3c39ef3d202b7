import { Effect } from "effect"
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg } from "nats"
import { JetStream, NatsError } from "./JetStream.ts"

/** One message of a durable consumer. Until it is acknowledged the server delivers it again. */
export interface Delivered {
  readonly subject: string
  readonly seq: number
  readonly data: Uint8Array
  readonly ack: () => void
  /** Asks the server to deliver the message again at once, to whichever process reads then. */
  readonly nak: () => void
}

export interface Setup {
  /** The durable consumer's name. */
  readonly name: string
  readonly stream: string
  readonly filter: string
  /** Messages of one fetch, and the most that may wait for their acknowledgement. */
  readonly batchMax: number
}

const fetchMaxMs = 1_000
const ackWaitMs = 30_000

const configOf = ({ name, filter, batchMax }: Setup): Partial<ConsumerConfig> => ({
  durable_name: name,
  filter_subject: filter,
  // Each message is acknowledged by itself: after a failure newer messages come before those that wait for their redelivery.
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  ack_wait: ackWaitMs * 1e6,
  max_ack_pending: batchMax
})

const deliveredOf = (message: JsMsg): Delivered => ({
  subject: message.subject,
  seq: message.seq,
  data: message.data,
  ack: () => message.ack(),
  nak: () => message.nak()
})

/**
 * Reads a stream through a durable consumer, which remembers what is acknowledged. The answer takes the next batch; it is empty when
 * nothing came within a second.
 */
export const make = (setup: Setup) =>
  Effect.gen(function* () {
    const { name, stream, batchMax } = setup
    const { js, jsm } = yield* JetStream
    const attempt = <A>(op: string, run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (${name})`, cause }) })

    yield* attempt("add consumer", () => jsm.consumers.add(stream, configOf(setup))).pipe(
      // Another version's consumer cannot be changed in every field. A new one reads again what was saved, and saving is idempotent.
      Effect.orElse(() =>
        attempt("replace consumer", () => jsm.consumers.delete(stream, name).then(() => jsm.consumers.add(stream, configOf(setup))))
      )
    )
    const consumer = yield* attempt("get consumer", () => js.consumers.get(stream, name))
    return attempt("fetch", async () => {
      const batch: Array<Delivered> = []
      for await (const message of await consumer.fetch({ max_messages: batchMax, expires: fetchMaxMs })) batch.push(deliveredOf(message))
      return batch as ReadonlyArray<Delivered>
    })
  })
