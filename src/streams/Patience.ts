/** How an actor waits for NATS, at its start and while it runs. */
import { Duration, Effect, Exit } from "effect"
import * as SteadyTime from "../loop/SteadyTime.ts"
import { apiErrorOf, type JetStream, NatsError } from "./JetStream.ts"
import * as Metrics from "./Metrics.ts"

/**
 * The longest wait for a lost connection. An actor that fails instead cannot save its state, and begins again from an older snapshot. Nothing
 * arrives meanwhile, so nothing piles up.
 */
export const awayMaxMs = 600_000
/**
 * The longest wait for a connected server that refuses or does not answer. During a longer wait, the actor's full buffer would hold up the
 * process's shared read.
 */
export const refusedMaxMs = 60_000
/** How long a stop waits for NATS in work that cannot be interrupted. The next start repeats the work that was not finished. */
export const stopMaxMs = 3_000
const pauseMinMs = 100
const pauseMaxMs = 2_000

export interface Waiting {
  /** The kind of actor, for metrics and logs. */
  readonly actor: string
  /** False once there is no point in waiting, for example because the actor's lease has ended. */
  readonly isWanted: () => boolean
}

type Connection = Pick<JetStream, "isConnected" | "whenConnected">

/** Error codes that may pass: a missing stream is made again, and a cluster elects another leader. */
const passing: ReadonlySet<number> = new Set([404, 503])
/** True if NATS was away, did not answer, or gave an error that may pass. */
const mayEnd = (error: unknown): error is NatsError => {
  if (!(error instanceof NatsError)) return false
  const answer = apiErrorOf(error)
  return answer === undefined || passing.has(answer.code)
}

/** The pause before the next attempt. If the connection is lost, it ends as soon as the connection is back. */
const pauseFor = ({ isConnected, whenConnected }: Connection, refusals: number) =>
  Effect.suspend(() =>
    isConnected()
      ? Effect.sleep(Duration.millis(Math.min(pauseMaxMs, pauseMinMs * 2 ** refusals)))
      : Effect.ignore(whenConnected("wait for NATS", Effect.void))
  )

/**
 * Repeats a request that NATS did not answer, until it succeeds, fails for another reason, or has waited too long. In work that cannot be
 * interrupted, an interruption ends the pause and shortens the wait.
 */
const tryAgain = <A, E, R>(
  connection: Connection,
  { actor, isWanted }: Waiting,
  first: NatsError,
  again: Effect.Effect<A, E | NatsError, R>
): Effect.Effect<A, E | NatsError, R> =>
  Effect.gen(function* () {
    yield* Effect.logWarning("NATS does not answer, trying until it does").pipe(Effect.annotateLogs({ actor, cause: first.message }))
    const beganMs = yield* SteadyTime.nowMs
    let atMs = beganMs
    let refusedMs = 0
    let refusals = 0
    let error: E | NatsError = first
    let stopsAtMs = Number.POSITIVE_INFINITY
    const isStopping = () => stopsAtMs < Number.POSITIVE_INFINITY
    while (mayEnd(error) && isWanted() && atMs < stopsAtMs && atMs - beganMs <= awayMaxMs && refusedMs <= refusedMaxMs) {
      Metrics.natsTriedAgain(actor)
      const pause = isStopping() ? Effect.sleep(Duration.millis(pauseMinMs)) : Effect.interruptible(pauseFor(connection, refusals))
      const paused = yield* Effect.exit(pause)
      if (Exit.isInterrupted(paused)) stopsAtMs = (yield* SteadyTime.nowMs) + stopMaxMs
      // While the connection is lost, another request would only wait for it too.
      const isUp = connection.isConnected()
      if (isUp) {
        const done = yield* Effect.either(again)
        if (done._tag === "Right") return done.right
        error = done.left
      }
      const nowMs = yield* SteadyTime.nowMs
      if (isUp && connection.isConnected()) {
        refusedMs += nowMs - atMs
        refusals++
      }
      atMs = nowMs
    }
    if (isStopping()) yield* Effect.logWarning("stopped while NATS does not answer").pipe(Effect.annotateLogs({ actor }))
    return yield* Effect.fail(error)
  })

/** Runs `self`. If NATS does not answer, it waits and runs `again` (by default `self`). */
export const make =
  (connection: Connection) =>
  <A, E, R>(
    waiting: Waiting,
    self: Effect.Effect<A, E | NatsError, R>,
    again: Effect.Effect<A, E | NatsError, R> = self
  ): Effect.Effect<A, E | NatsError, R> =>
    Effect.catchIf(self, mayEnd, (error) => tryAgain(connection, waiting, error, again))

/** Waits for a lost connection, for at most `awayMaxMs`. A supervisor waits here, so that an actor does not start in vain again and again. */
export const connected = (connection: Connection, actor: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const beganMs = yield* SteadyTime.nowMs
    while (!connection.isConnected() && (yield* SteadyTime.nowMs) - beganMs <= awayMaxMs) {
      Metrics.natsTriedAgain(actor)
      yield* pauseFor(connection, 0)
    }
  })
