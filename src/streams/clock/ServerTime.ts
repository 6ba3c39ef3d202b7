import { Effect } from "effect"
import type { BoundedClock } from "../../domain/record/BoundedClock.ts"
import { JetStream } from "../JetStream.ts"
import * as Metrics from "../Metrics.ts"
import * as Subjects from "../Subjects.ts"

const sampleEvery = "10 seconds"
/** A sample with a longer round trip is too inaccurate and is not used. */
const roundTripMsMax = 500

/** Asks the server for its time once. The answer to a question about a stream contains it. */
const sample = (clock: BoundedClock) =>
  Effect.gen(function* () {
    const { jsm, request } = yield* JetStream
    const askedMs = performance.now()
    const found = yield* request("ask for the server's time", () => jsm.streams.info(Subjects.Clock.stream))
    const answeredMs = performance.now()
    const serverMs = "ts" in found && typeof found.ts === "string" ? Date.parse(found.ts) : Number.NaN
    if (!Number.isNaN(serverMs) && answeredMs - askedMs <= roundTripMsMax) clock.sample(serverMs, askedMs, answeredMs)
  }).pipe(
    Effect.catchTag("NatsError", (error) =>
      Effect.logDebug("the server's time cannot be read, the last sample stays in use").pipe(Effect.annotateLogs({ cause: error.message }))
    )
  )

const report = (clock: BoundedClock) =>
  Effect.gen(function* () {
    const wall = yield* Effect.clock
    const offsetMs = Math.round(clock.offsetMs(wall.unsafeCurrentTimeMillis(), performance.now()))
    Metrics.clockOffsetMs("machine", offsetMs)
    if (!clock.isRefused(offsetMs)) return
    Metrics.clockRefused("machine")
    yield* Effect.logError(
      "this machine's clock is wrong, the NATS server's time is used instead: correct the clock, and check its time service"
    ).pipe(Effect.annotateLogs({ offset_ms: offsetMs }))
  })

/** Keeps a clock close to the server's time for as long as the scope lives. After a break in the connection it asks again at once. */
export const follow = (clock: BoundedClock) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const again = yield* Effect.makeLatch()
    const look = Effect.zipRight(sample(clock), report(clock))
    yield* look
    yield* jetStream.onConnection((isUp) => {
      if (isUp) again.unsafeOpen()
    })
    yield* Effect.raceFirst(Effect.sleep(sampleEvery), again.await).pipe(
      Effect.zipRight(again.close),
      Effect.zipRight(look),
      Effect.forever,
      Effect.forkScoped
    )
  })
