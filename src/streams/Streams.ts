import { isDeepStrictEqual } from "node:util"
import { Config, Data, Effect, Layer } from "effect"
import { DiscardPolicy, type JetStreamManager, RetentionPolicy, StorageType, StoreCompression, type StreamConfig } from "nats"
import { apiErrorOf, JetStream, NatsError } from "./JetStream.ts"
import { natsReplicas } from "./Replicas.ts"
import * as ServerErrors from "./ServerErrors.ts"

/** A stream exists with settings that an update cannot turn into ours. */
export class StreamMismatch extends Data.TaggedError("StreamMismatch")<{
  readonly stream: string
  readonly setting: string
  readonly wanted: unknown
  readonly found: unknown
}> {
  override get message() {
    return `stream ${this.stream} has ${this.setting} ${this.found} and cannot be changed to ${this.wanted}: back it up and delete it, or undo the setting`
  }
}

export type Spec = Partial<StreamConfig> & Pick<StreamConfig, "name" | "subjects">

const seconds = 1e9
const hours = 3_600 * seconds
const MB = 1_024 * 1_024

const shared = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.Old,
  allow_direct: true,
  // Message ids only save work, and a restart never depends on them. So the server need not remember them for long.
  duplicate_window: 120 * seconds
} satisfies Partial<StreamConfig>

/** All streams of the platform. The size of the record is configuration, because the record is the tick history. */
export const specs = (record: { readonly bytesMax: number; readonly hoursMax: number; readonly replicas: number }): ReadonlyArray<Spec> =>
  [
    {
      name: "MD_FRAMES",
      description: "The record: every packet, the clocks, and the definitions that give them meaning",
      subjects: ["md.frame.>", "md.key.>", "md.break.>", "md.clock.>", "md.ref.>", "md.life.>", "strat.def.>"],
      compression: StoreCompression.S2,
      max_bytes: record.bytesMax,
      max_age: record.hoursMax * hours
    },
    { name: "MD_TICK", description: "The sampled public view", subjects: ["md.tick.>"], max_age: hours / 4, max_bytes: 512 * MB },
    {
      name: "MD_BARS",
      description: "Bars of a minute and of a second",
      subjects: ["md.bar.>"],
      max_age: 24 * hours,
      max_bytes: 1_024 * MB
    },
    { name: "OPT", description: "Chain deltas", subjects: ["opt.delta.>"], max_age: hours, max_bytes: 1_024 * MB },
    {
      name: "OPT_LAST",
      description: "Newest state of every underlying and chain",
      subjects: ["und.state.>", "opt.chain.>"],
      max_msgs_per_subject: 1,
      // States of expired chains disappear after this time. A chain that is followed publishes every few seconds.
      max_age: 7 * 24 * hours,
      max_bytes: 512 * MB
    },
    {
      name: "OPT_MINUTE",
      description: "Each chain once a minute of trading",
      subjects: ["opt.minute.>"],
      compression: StoreCompression.S2,
      max_age: 72 * hours,
      max_bytes: 1_024 * MB
    },
    {
      name: "STRAT",
      description: "Values and candles of strategies",
      subjects: ["strat.m2m.>", "strat.candle.>", "strat.evt.>"],
      max_age: 7 * 24 * hours,
      max_bytes: 1_024 * MB
    },
    {
      name: "IND",
      description: "Indicators at the newest bar",
      subjects: ["ind.>"],
      max_msgs_per_subject: 100,
      max_age: 7 * 24 * hours,
      max_bytes: 256 * MB
    },
    {
      name: "SYS",
      description: "Health of the parts",
      subjects: ["sys.>"],
      max_msgs_per_subject: 100,
      max_age: 24 * hours,
      max_bytes: 64 * MB
    },
    { name: "CTL", description: "Commands to actors", subjects: ["ctl.>"], max_age: hours, max_bytes: 16 * MB },
    // Separate from ORD, because the gateway publishes here and may not read a stream that it writes to (nats.conf).
    {
      name: "ORD_CMD",
      description: "Commands to the executors of orders",
      subjects: ["ord.cmd.>"],
      max_age: 24 * hours,
      max_bytes: 64 * MB
    },
    {
      name: "ORD",
      description: "What became of orders, and what changed for accounts",
      subjects: ["ord.evt.>", "acct.evt.>"],
      max_age: 7 * 24 * hours,
      max_bytes: 1_024 * MB
    },
    {
      name: "LABEL",
      description: "Labels of users that changed",
      subjects: ["label.evt.>"],
      max_age: 7 * 24 * hours,
      max_bytes: 64 * MB
    },
    {
      name: "ALERT",
      description: "Alerts of users that fired",
      subjects: ["alert.evt.>"],
      max_age: 7 * 24 * hours,
      max_bytes: 64 * MB
    },
    { name: "DLQ", description: "Poison messages with their reason", subjects: ["dlq.>"], max_age: 7 * 24 * hours, max_bytes: 64 * MB }
  ].map((spec) => ({ ...shared, num_replicas: record.replicas, ...spec }))

const same = (wanted: unknown, found: unknown): boolean =>
  Array.isArray(wanted) && Array.isArray(found)
    ? wanted.length === found.length && [...wanted].sort().every((one, at) => one === [...found].sort()[at])
    : isDeepStrictEqual(wanted, found)

/** The first setting in which the server's answer differs from the request: old servers ignore settings that they do not know. */
export const difference = (
  wanted: Spec,
  found: StreamConfig
): { readonly setting: string; readonly wanted: unknown; readonly found: unknown } | undefined => {
  for (const [setting, value] of Object.entries(wanted)) {
    const got = (found as unknown as Record<string, unknown>)[setting]
    if (!same(value, got)) return { setting, wanted: value, found: got }
  }
  return undefined
}

/** Makes a missing stream, or updates its settings. Returns true if the stream was missing. */
export const ensureOne = (jsm: JetStreamManager, spec: Spec): Effect.Effect<boolean, NatsError | StreamMismatch> =>
  Effect.gen(function* () {
    const attempt = <A>(run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `ensure stream ${spec.name}`, cause }) })
    let isNew = false
    const found = yield* attempt(() => jsm.streams.info(spec.name)).pipe(
      Effect.catchIf(
        (error) => apiErrorOf(error)?.err_code === ServerErrors.streamNotFound,
        () => {
          isNew = true
          return attempt(() => jsm.streams.add(spec))
        }
      )
    )
    const before = difference(spec, found.config)
    if (before === undefined) return isNew
    const updated = yield* attempt(() => jsm.streams.update(spec.name, spec)).pipe(
      Effect.catchIf(
        (error) => apiErrorOf(error) !== undefined, // the server answered: these settings it does not change
        () => Effect.fail(new StreamMismatch({ stream: spec.name, ...before }))
      )
    )
    const left = difference(spec, updated.config)
    if (left !== undefined) return yield* new StreamMismatch({ stream: spec.name, ...left })
    return isNew
  })

/** All streams, with this process's settings. */
export const configured = Effect.map(
  Config.all({
    bytesMax: Config.integer("MD_FRAMES_BYTES_MAX").pipe(Config.withDefault(4_096 * MB)),
    hoursMax: Config.integer("MD_FRAMES_HOURS_MAX").pipe(Config.withDefault(72)),
    replicas: natsReplicas
  }),
  specs
)

/** Makes missing streams and updates the settings of the others. Running it again changes nothing. */
export const ensure = Effect.gen(function* () {
  const { jsm } = yield* JetStream
  yield* Effect.forEach(yield* configured, (spec) => ensureOne(jsm, spec), { concurrency: 4, discard: true })
})

/** Makes all streams once. A running platform has a StreamKeeper instead. */
export const layer = Layer.effectDiscard(ensure)
