import { Effect } from "effect"
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg } from "nats"
import { apiErrorOf, JetStream, NatsError } from "./JetStream.ts"
import * as ServerErrors from "./ServerErrors.ts"

/** One message of a durable consumer. Until it is acknowledged the server delivers it again. */
export interface Delivered {
  readonly subject: string
  readonly seq: number
  readonly data: Uint8Array
  readonly header: (name: string) => string
  readonly ack: () => void
  /** Asks the server to deliver the message again at once, to whichever process reads then. */
  readonly nak: () => void
}

export interface Setup {
  /** The durable consumer's name. */
  readonly name: string
  readonly stream: string
  readonly filter: string
  /** The most messages of one fetch, and the most that may be unacknowledged. */
  readonly batchMax: number
}

const fetchMaxMs = 1_000
const ackWaitMs = 30_000

const configOf = ({ name, filter, batchMax }: Setup): Partial<ConsumerConfig> => ({
  durable_name: name,
  filter_subject: filter,
  // Each message is acknowledged separately, because after a failure newer messages arrive before those that the server delivers again.
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  ack_wait: ackWaitMs * 1e6,
  max_ack_pending: batchMax,
  max_deliver: -1
})
/** Settings that change which messages a consumer delivers. Our consumers never set them. */
const foreign = [
  "deliver_subject",
  "pause_until",
  "headers_only",
  "filter_subjects",
  "rate_limit_bps",
  "backoff",
  "inactive_threshold"
] as const

/**
 * The first setting in which the server's consumer differs from ours. The start of its read is not compared, because it no longer matters.
 */
export const difference = (setup: Setup, found: ConsumerConfig): string | undefined => {
  const { deliver_policy: _, ...wanted } = configOf(setup)
  const has = (setting: string) => (found as unknown as Record<string, unknown>)[setting]
  return Object.entries(wanted).find(([setting, value]) => has(setting) !== value)?.[0] ?? foreign.find((setting) => Boolean(has(setting)))
}

export interface DurableRead {
  /** Takes the next batch; it is empty when nothing came within a second. */
  readonly next: Effect.Effect<ReadonlyArray<Delivered>, NatsError>
  /**
   * Checks the consumer, and restores it if it is gone or has settings that are not ours. Returns how many messages are not acknowledged
   * yet, and the stream sequence up to which all are acknowledged.
   */
  readonly look: Effect.Effect<{ readonly waiting: number; readonly floor: number }, NatsError>
}

const deliveredOf = (message: JsMsg): Delivered => ({
  subject: message.subject,
  seq: message.seq,
  data: message.data,
  header: (name) => message.headers?.get(name) ?? "",
  ack: () => message.ack(),
  nak: () => message.nak()
})

/** The server's answer to a request that it can never fulfil. */
const refused = 400

/** Reads a stream through a durable consumer, which remembers what is acknowledged. */
export const make = (setup: Setup): Effect.Effect<DurableRead, NatsError, JetStream> =>
  Effect.gen(function* () {
    const { name, stream, batchMax } = setup
    const { js, jsm } = yield* JetStream
    const attempt = <A>(op: string, run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (${name})`, cause }) })

    const add = attempt("add consumer", () => jsm.consumers.add(stream, configOf(setup)))
    // A new consumer may read again what was already saved. That does no harm, because saving is idempotent.
    const replace = Effect.zipRight(
      attempt("delete consumer", () => jsm.consumers.delete(stream, name)),
      add
    )
    /**
     * Updates an existing consumer where the server allows it. If the server refuses a change, the consumer is deleted and made again. If
     * no answer comes in time, the consumer stays with its acknowledgements.
     */
    const ensure = Effect.flatMap(
      Effect.catchIf(
        add,
        (error) => apiErrorOf(error)?.code === refused,
        () => replace
      ),
      (made) => (difference(setup, made.config) === undefined ? Effect.succeed(made) : replace)
    )
    const mended = (why: string) =>
      Effect.zipRight(Effect.logWarning("durable consumer restored").pipe(Effect.annotateLogs({ consumer: name, stream, why })), ensure)
    const look = attempt("look at consumer", () => jsm.consumers.info(stream, name)).pipe(
      Effect.flatMap((found) => {
        const setting = difference(setup, found.config)
        return setting === undefined ? Effect.succeed(found) : mended(`its ${setting} was changed`)
      }),
      Effect.catchIf(
        (error) => apiErrorOf(error)?.err_code === ServerErrors.consumerNotFound,
        () => mended("it was gone")
      ),
      Effect.map(({ num_pending, num_ack_pending, ack_floor }) => ({ waiting: num_pending + num_ack_pending, floor: ack_floor.stream_seq }))
    )

    yield* ensure
    const consumer = yield* attempt("get consumer", () => js.consumers.get(stream, name))
    const next = attempt("fetch", async () => {
      const batch: Array<Delivered> = []
      for await (const message of await consumer.fetch({ max_messages: batchMax, expires: fetchMaxMs })) batch.push(deliveredOf(message))
      return batch as ReadonlyArray<Delivered>
    })
    return { next, look }
  })
