import { Config, Effect, Layer } from "effect"
import { DiscardPolicy, headers, RetentionPolicy, StorageType, StoreCompression } from "nats"
import { JetStream, NatsError } from "./JetStream.ts"
import * as Metrics from "./Metrics.ts"
import * as OrderedRead from "./OrderedRead.ts"
import * as Streams from "./Streams.ts"
import * as Subjects from "./Subjects.ts"

/** External users of nats.conf. Each has a separate NATS account. Our account reaches its API under this name as a prefix. */
type User = "reader" | "operator"

export interface Copy {
  readonly user: User
  readonly spec: Streams.Spec
  /** True when a new copy begins with the newest message of each subject, because the messages are states. */
  readonly isSeeded: boolean
}

const seconds = 1e9
const hours = 3_600 * seconds
const MB = 1_024 * 1_024
/** How often the copies are checked. A copy that its user damaged is restored within this time. */
const keepEvery = "5 seconds"
const seedMax = "30 seconds"
const askMaxMs = 5_000
/** Messages under this prefix reach the copies. Unlike messages on a copied subject, they reach no subscription of the user. */
const seedPrefix = "seed."

const shared = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  compression: StoreCompression.S2,
  discard: DiscardPolicy.Old,
  allow_direct: true,
  // Without this, the stream would send an acknowledgement of each message in the user's account, where nobody waits for it.
  no_ack: true,
  duplicate_window: 120 * seconds
} satisfies Partial<Streams.Spec>

export interface Settings {
  /** Underlyings whose record is copied too, as `<exchange>.<underlying>`. */
  readonly frames: ReadonlyArray<string>
  readonly framesBytesMax: number
}

/**
 * Streams for external users, in their own accounts. They store the subjects that those accounts import, so a user's actions there cannot
 * reach our account. A mirror could: it needs our API for making consumers, which deliver to a subject in our account.
 */
export const specs = (ours: ReadonlyArray<Streams.Spec>, { frames, framesBytesMax }: Settings): ReadonlyArray<Copy> => {
  const make = (name: string, more: Partial<Streams.Spec>): Streams.Spec => {
    const { subjects, num_replicas } = ours.find((one) => one.name === name) ?? {}
    if (subjects === undefined || num_replicas === undefined) throw new TypeError(`no stream ${name} to copy`)
    return { ...shared, name, subjects, num_replicas, ...more }
  }
  const copy = (name: string, more: Partial<Streams.Spec>) => ({ isSeeded: false, spec: make(name, more) })
  const seeded = (name: string, more: Partial<Streams.Spec>) => {
    const spec = make(name, more)
    const subject_transform = { src: `${seedPrefix}${name}.>`, dest: ">" }
    return { isSeeded: true, spec: { ...spec, subjects: [...spec.subjects, subject_transform.src], subject_transform } }
  }
  const frameSubjects = frames.flatMap((name) => {
    const [exchange = "", ...rest] = name.split(".")
    const holes = { exchange, underlying: rest.join(".") }
    return [Subjects.Frame.at(holes), Subjects.Keyframe.filter(holes), Subjects.Break.at(holes), Subjects.MarketReference.at(holes)]
  })
  const market = [
    seeded(Subjects.UnderlyingState.stream, { max_msgs_per_subject: 1, max_age: 7 * 24 * hours, max_bytes: 128 * MB }),
    copy(Subjects.Tick.stream, { max_age: hours / 4, max_bytes: 256 * MB }),
    seeded(Subjects.Indicator.stream, { max_msgs_per_subject: 1, max_age: 24 * hours, max_bytes: 16 * MB }),
    copy(Subjects.Bars.stream, { max_age: 24 * hours, max_bytes: 256 * MB }),
    ...(frames.length === 0
      ? []
      : [
          copy(Subjects.Frame.stream, {
            subjects: [Subjects.Clock.filter(), ...frameSubjects],
            max_age: 24 * hours,
            max_bytes: framesBytesMax
          })
        ])
  ]
  const platform = [
    seeded(Subjects.Mark.stream, { max_age: 24 * hours, max_bytes: 128 * MB }),
    copy(Subjects.Ticker.stream, { max_msgs_per_subject: 100, max_age: 24 * hours, max_bytes: 32 * MB }),
    copy("DLQ", { max_age: 7 * 24 * hours, max_bytes: 32 * MB })
  ]
  return [
    ...market.map((one): Copy => ({ user: "reader", ...one })),
    ...[...market, ...platform].map((one): Copy => ({ user: "operator", ...one }))
  ]
}

const settings = Config.all({
  frames: Config.array(Config.nonEmptyString(), "COPIED_FRAMES").pipe(Config.withDefault([])),
  framesBytesMax: Config.integer("COPIED_FRAMES_BYTES_MAX").pipe(Config.withDefault(512 * MB))
})

/** Publishes the present messages of the copied subjects to the copy. A newer message that arrived live meanwhile is not overwritten. */
const seed = ({ user, spec }: Copy) =>
  Effect.gen(function* () {
    const { nc } = yield* JetStream
    const filters = spec.subjects.filter((subject) => !subject.startsWith(seedPrefix))
    const read = yield* OrderedRead.make({ stream: spec.name, filters, start: { _tag: "LastPerSubject" } })
    for (let left = read.pendingAtStart; left > 0; ) {
      for (const item of yield* read.takeAll) {
        if (item._tag === "Gap") continue
        const onlyFirst = headers()
        onlyFirst.set("Nats-Expected-Last-Subject-Sequence", "0")
        nc.publish(`${user}.${seedPrefix}${spec.name}.${item.subject}`, item.data, { headers: onlyFirst })
        left = item.pending
      }
    }
    yield* Effect.tryPromise({ try: () => nc.flush(), catch: (cause) => new NatsError({ op: `seed ${spec.name} of ${user}`, cause }) })
  }).pipe(Effect.scoped, Effect.timeout(seedMax))

const keepOne = (copy: Copy) =>
  Effect.gen(function* () {
    const { nc } = yield* JetStream
    const jsm = yield* Effect.tryPromise({
      try: () => nc.jetstreamManager({ apiPrefix: `${copy.user}.JS.API`, checkAPI: false, timeout: askMaxMs }),
      catch: (cause) => new NatsError({ op: `copy for ${copy.user}`, cause })
    })
    const isNew = yield* Streams.ensureOne(jsm, copy.spec)
    if (isNew && copy.isSeeded) yield* seed(copy)
  })

/** Makes and restores the copies. A copy that cannot be made stops nothing else: it is logged once, counted, and tried again. */
export const layer = Layer.scopedDiscard(
  Effect.gen(function* () {
    const copies = specs(yield* Streams.configured, yield* settings)
    const failing = new Map<Copy, string>()
    const keep = (copy: Copy) =>
      Effect.matchEffect(keepOne(copy), {
        onSuccess: () => Effect.sync(() => void failing.delete(copy)),
        onFailure: (error) => {
          Metrics.copyFailures(copy.user)
          if (failing.get(copy) === error.message) return Effect.void
          failing.set(copy, error.message)
          return Effect.logWarning("no copy for an external user: does the server run with this version's nats.conf?").pipe(
            Effect.annotateLogs({ user: copy.user, stream: copy.spec.name, cause: error.message })
          )
        }
      })
    const keepAll = Effect.forEach(copies, keep, { discard: true })
    yield* keepAll
    yield* keepAll.pipe(Effect.delay(keepEvery), Effect.forever, Effect.forkScoped)
  })
)
