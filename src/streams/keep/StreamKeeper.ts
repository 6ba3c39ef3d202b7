import { Clock, Data, Effect, Layer, Schedule } from "effect"
import type { StreamInfo } from "nats"
import { JetStream, NatsError } from "../JetStream.ts"
import * as KeyValue from "../KeyValue.ts"
import * as Metrics from "../Metrics.ts"
import * as Streams from "../Streams.ts"

/** A missing stream or bucket is made again within about this time, plus one request. */
const lookEvery = "1 second"
/** A listing that takes longer than this is given up, and the next check follows. */
const lookMax = "5 seconds"
/** A process that may not make streams waits this long for one that makes them. */
const streamsComeWithinSeconds = 60

/** The streams that a start waited for in vain. */
export class StreamsMissing extends Data.TaggedError("StreamsMissing")<{ readonly names: ReadonlyArray<string> }> {
  override get message() {
    return `NATS has no ${this.names.join(", ")} after ${streamsComeWithinSeconds} s: start a process with ROLES=actors, which makes the streams`
  }
}

/** A stream that was gone and exists again. */
export interface Remade {
  readonly stream: string
  readonly atMs: number
}

/** How far a stream has come. */
export interface Progress {
  readonly createdMs: number
  readonly lastSeq: number
}

interface Kept {
  readonly name: string
  readonly ensure: Effect.Effect<unknown, NatsError | Streams.StreamMismatch>
}
type Found = ReadonlyMap<string, StreamInfo>

/** What the checks of one process have found. */
class Seen {
  readonly progress = new Map<string, Progress>()
  /** The newest time at which each stream was made again. */
  readonly remade = new Map<string, number>()

  note({ name }: Kept, { created, state }: StreamInfo) {
    return Effect.gen(this, function* () {
      const createdMs = Date.parse(created)
      const before = this.progress.get(name)
      this.progress.set(name, { createdMs, lastSeq: state.last_seq })
      if (before === undefined || before.createdMs === createdMs) return
      this.remade.set(name, yield* Clock.currentTimeMillis)
      Metrics.streamsRemade(name)
      yield* Effect.annotateLogs(Effect.logError("a stream was deleted and has been made again; what it held is lost"), { stream: name })
    })
  }
}

const listing = ({ jsm, request }: JetStream) =>
  request("list streams", async () => {
    const found = new Map<string, StreamInfo>()
    for await (const one of jsm.streams.list()) found.set(one.config.name, one)
    return found
  }).pipe(Effect.timeoutFail({ duration: lookMax, onTimeout: () => new NatsError({ op: "list streams", cause: new Error("no answer") }) }))

/** Repeats a check each second. While NATS is away every check fails, and only the first failure is logged. */
const repeatedly = <E extends Error, R>(look: Effect.Effect<void, E, R>) => {
  let isFailing = false
  return look.pipe(
    Effect.matchEffect({
      onSuccess: () => Effect.sync(() => (isFailing = false)),
      onFailure: (error) => {
        const isNews = !isFailing
        isFailing = true
        return isNews ? Effect.logWarning("streams cannot be checked, trying again each second", error.message) : Effect.void
      }
    }),
    Effect.delay(lookEvery),
    Effect.forever
  )
}

const make = (makesMissing: boolean) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const specs = yield* Streams.configured
    const kept: ReadonlyArray<Kept> = [
      ...specs.map((spec) => ({ name: spec.name, ensure: Streams.ensureOne(jetStream.jsm, spec) })),
      ...KeyValue.buckets.map((bucket) => ({
        name: KeyValue.streamOf(bucket),
        ensure: Effect.provideService(KeyValue.bind(bucket), JetStream, jetStream)
      }))
    ]
    const seen = new Seen()
    const list = listing(jetStream)
    const missingIn = (found: Found) => kept.filter(({ name }) => !found.has(name))

    const listWhole = Effect.flatMap(list, (found) => {
      const missing = makesMissing ? missingIn(found) : []
      return missing.length === 0
        ? Effect.succeed<Found>(found)
        : Effect.zipRight(
            Effect.forEach(missing, ({ ensure }) => ensure, { discard: true }),
            list
          )
    })
    const look = Effect.flatMap(listWhole, (found) =>
      Effect.forEach(
        kept,
        (one) => {
          const info = found.get(one.name)
          return info === undefined ? Effect.void : seen.note(one, info)
        },
        { discard: true }
      )
    )
    const allExist = Effect.flatMap(list, (found) => {
      const names = missingIn(found).map(({ name }) => name)
      return names.length === 0 ? Effect.void : new StreamsMissing({ names })
    })

    yield* makesMissing
      ? Effect.forEach(kept, ({ ensure }) => ensure, { concurrency: 4, discard: true })
      : Effect.retry(allExist, {
          schedule: Schedule.intersect(Schedule.spaced(lookEvery), Schedule.recurs(streamsComeWithinSeconds)),
          while: (error) => error._tag === "StreamsMissing"
        })
    yield* look
    yield* Effect.forkScoped(repeatedly(look))

    return {
      /** Streams that were made again while this process ran. */
      remade: (): ReadonlyArray<Remade> => Array.from(seen.remade, ([stream, atMs]) => ({ stream, atMs })),
      /** A stream as the newest check found it; undefined if it has not been seen yet. */
      progress: (stream: string): Progress | undefined => seen.progress.get(stream)
    } as const
  })

/**
 * Checks streams and buckets. The first engine that notices a deleted one makes it again within seconds. Every process notices this,
 * because the new stream has another creation time.
 */
export class StreamKeeper extends Effect.Service<StreamKeeper>()("streams/keep/StreamKeeper", { scoped: make(true) }) {
  /** For a process whose user may not make streams: it waits for them at its start, and notices when one was made again. */
  static readonly watching = Layer.scoped(
    StreamKeeper,
    Effect.map(make(false), (service) => StreamKeeper.make(service))
  )
}
