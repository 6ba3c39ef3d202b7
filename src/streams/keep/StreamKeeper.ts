import { Clock, Effect } from "effect"
import type { StreamInfo } from "nats"
import { JetStream, NatsError } from "../JetStream.ts"
import * as KeyValue from "../KeyValue.ts"
import * as Metrics from "../Metrics.ts"
import * as Streams from "../Streams.ts"

/** A missing stream or bucket is made again within about this time, plus one request. */
const lookEvery = "1 second"
/** A listing that takes longer than this is given up; the next look follows. */
const lookMax = "5 seconds"

/** A stream that was gone and exists again. */
export interface Remade {
  readonly stream: string
  readonly atMs: number
}

/** How far a stream is. */
export interface Progress {
  readonly createdMs: number
  readonly lastSeq: number
}

interface Kept {
  readonly name: string
  readonly ensure: Effect.Effect<unknown, NatsError | Streams.StreamMismatch>
}

/**
 * Restores streams and buckets. The first process that notices a deleted one makes it again within seconds. Every process notices, because a
 * stream that was made again has another time of creation.
 */
export class StreamKeeper extends Effect.Service<StreamKeeper>()("streams/keep/StreamKeeper", {
  scoped: Effect.gen(function* () {
    const jetStream = yield* JetStream
    const { jsm } = jetStream
    const specs = yield* Streams.configured
    const kept: ReadonlyArray<Kept> = [
      ...specs.map((spec) => ({ name: spec.name, ensure: Streams.ensureOne(jsm, spec) })),
      ...KeyValue.buckets.map((bucket) => ({
        name: KeyValue.streamOf(bucket),
        ensure: Effect.provideService(KeyValue.bind(bucket), JetStream, jetStream)
      }))
    ]
    const progress = new Map<string, Progress>()
    /** The newest time at which each stream was made again. */
    const remade = new Map<string, number>()

    const list = jetStream
      .request("list streams", async () => {
        const found = new Map<string, StreamInfo>()
        for await (const one of jsm.streams.list()) found.set(one.config.name, one)
        return found
      })
      .pipe(
        Effect.timeoutFail({ duration: lookMax, onTimeout: () => new NatsError({ op: "list streams", cause: new Error("no answer") }) })
      )

    const note = ({ name }: Kept, { created, state }: StreamInfo) =>
      Effect.gen(function* () {
        const createdMs = Date.parse(created)
        const before = progress.get(name)
        progress.set(name, { createdMs, lastSeq: state.last_seq })
        if (before === undefined || before.createdMs === createdMs) return
        remade.set(name, yield* Clock.currentTimeMillis)
        Metrics.streamsRemade(name)
        yield* Effect.annotateLogs(Effect.logError("a stream was deleted and has been made again; what it held is lost"), { stream: name })
      })

    const look = Effect.gen(function* () {
      const found = yield* list
      const missing = kept.filter(({ name }) => !found.has(name))
      yield* Effect.forEach(missing, ({ ensure }) => ensure, { discard: true })
      const now = missing.length === 0 ? found : yield* list
      for (const one of kept) {
        const info = now.get(one.name)
        if (info !== undefined) yield* note(one, info)
      }
    })

    yield* Effect.forEach(kept, ({ ensure }) => ensure, { concurrency: 4, discard: true })
    yield* look
    let isFailing = false
    yield* look.pipe(
      Effect.matchEffect({
        onSuccess: () => Effect.sync(() => (isFailing = false)),
        onFailure: (error) => {
          // While NATS is away every look fails. Log that once.
          const isNews = !isFailing
          isFailing = true
          return isNews ? Effect.logWarning("streams cannot be looked after, trying again each second", error.message) : Effect.void
        }
      }),
      Effect.delay(lookEvery),
      Effect.forever,
      Effect.forkScoped
    )

    return {
      /** Streams that were made again while this process ran. */
      remade: (): ReadonlyArray<Remade> => Array.from(remade, ([stream, atMs]) => ({ stream, atMs })),
      /** A stream as the newest look found it; undefined when it has not been seen yet. */
      progress: (stream: string): Progress | undefined => progress.get(stream)
    } as const
  })
}) {}
