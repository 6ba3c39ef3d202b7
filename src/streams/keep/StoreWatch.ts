import { randomBytes } from "node:crypto"
import { Clock, Effect, Layer } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { StoreFaults } from "../../domain/StoreFaults.ts"
import { JetStream } from "../JetStream.ts"
import * as Metrics from "../Metrics.ts"
import * as Streams from "../Streams.ts"
import * as Subjects from "../Subjects.ts"
import type { Fault } from "./Unstored.ts"

const lookEvery = "1 second"
const answerMax = "900 millis"

const prefixOf = (subject: string): string => subject.slice(0, subject.indexOf(">"))

/** The stream of each kind of subject. A stream with several such kinds is listed once, with its oldest fault. */
const byStream = (specs: ReadonlyArray<Streams.Spec>, faults: ReadonlyArray<Fault>): ReadonlyArray<Fault & { readonly stream: string }> => {
  const found = new Map<string, Fault & { readonly stream: string }>()
  for (const fault of faults) {
    const stream = specs.find(({ subjects }) => subjects.some((one) => `${fault.kind}.`.startsWith(prefixOf(one))))?.name ?? fault.kind
    const known = found.get(stream)
    if (known === undefined || fault.sinceMs < known.sinceMs) found.set(stream, { ...fault, stream })
  }
  return [...found.values()]
}

const advice = "its disk is full or cannot be written: free space there, then restart nats-server (npm start does that by itself)"

/**
 * Checks each second whether NATS stores what this process publishes, and publishes `sys.store` while it does not. The gateways get that
 * message directly, without a stream.
 */
const watch = Effect.gen(function* () {
  const { isConnected, nc, notify, unstored } = yield* JetStream
  const specs = yield* Streams.configured
  const process = randomBytes(6).toString("hex")
  let said: ReadonlySet<string> = new Set()

  const ask = Effect.suspend(() => {
    const askedMs = performance.now()
    return Effect.tryPromise(() => nc.flush()).pipe(
      Effect.disconnect,
      Effect.timeout(answerMax),
      Effect.match({
        onFailure: () => unstored.answered(false, askedMs),
        onSuccess: () => unstored.answered(isConnected(), askedMs)
      })
    )
  })
  const log = (faults: ReadonlyArray<Fault & { readonly stream: string }>) =>
    Effect.gen(function* () {
      const now = new Set(faults.map(({ stream }) => stream))
      for (const { reason, stream } of faults) {
        Metrics.storeFault(stream, 1)
        if (!said.has(stream))
          yield* Effect.annotateLogs(Effect.logError(`NATS answers and stores nothing: ${advice}`), { stream, reason: reason ?? "none" })
      }
      for (const stream of said) {
        if (now.has(stream)) continue
        Metrics.storeFault(stream, 0)
        yield* Effect.annotateLogs(Effect.logInfo("NATS stores again, or nothing is published there any longer"), { stream })
      }
      said = now
    })
  const look = Effect.gen(function* () {
    yield* ask
    const nowMs = performance.now()
    const wallMs = yield* Clock.currentTimeMillis
    const faults = byStream(specs, unstored.faults(nowMs))
    const isNews = faults.length > 0 || said.size > 0
    yield* log(faults)
    if (!isNews) return
    const body: StoreFaults = {
      v: 1,
      as_of: IndiaTime.isoTime(wallMs),
      process,
      faults: faults.map(({ reason, sinceMs, stream }) => ({ stream, since: new Date(wallMs - (nowMs - sinceMs)).toISOString(), reason }))
    }
    yield* notify(Subjects.Store.at({ process }), Subjects.Store.encode(body))
  })
  yield* look.pipe(
    Effect.catchTag("NatsError", (error) => Effect.logDebug("faults of the store not published", error.message)),
    Effect.delay(lookEvery),
    Effect.forever,
    Effect.forkScoped
  )
})

/** For a process that publishes into streams. */
export const layer = Layer.scopedDiscard(watch)
