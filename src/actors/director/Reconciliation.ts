import { Cause, Effect, Exit, Option } from "effect"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { isTooLarge, NatsError } from "../../streams/JetStream.ts"
import type { Refused } from "../runtime/DeadLetters.ts"
import { Replaced } from "../runtime/Leases.ts"
import * as Metrics from "../runtime/Metrics.ts"

/** The director's kind, which its dead letters name, too. */
export const kind = "director"

/** A refused value is tried again after a pause, because the limit that it met may have been raised. */
const pauseMinMs = 30_000
const pauseMaxMs = 15 * 60_000

const pauseMs = (failures: number): number => Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(failures - 1, 10))

interface Failure {
  readonly value: Uint8Array
  readonly count: number
  readonly againAtMs: number
}

export interface Reconciliation {
  /**
   * Makes one key equal to its wanted value. A failure of this key alone becomes a dead letter and does not stop the other keys. Fails
   * only when NATS is away or this director was replaced: then every other key would fail too.
   */
  readonly key: (key: string, value: Uint8Array, run: Effect.Effect<unknown, unknown>) => Effect.Effect<void, NatsError | Replaced>
  /** Forgets keys that are no longer wanted. */
  readonly keep: (wanted: ReadonlySet<string> | ReadonlyMap<string, unknown>) => void
}

/** Why every key fails, or undefined when only this key does. */
const commonCause = (cause: Cause.Cause<unknown>): NatsError | Replaced | undefined => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (error instanceof Replaced) return error
  return error instanceof NatsError && !isTooLarge(error) ? error : undefined
}

const reasonOf = (cause: Cause.Cause<unknown>, value: Uint8Array): string => {
  const error = Cause.squash(cause)
  if (error instanceof NatsError && isTooLarge(error)) return `${value.length} bytes are more than NATS takes in one message`
  return error instanceof Error ? error.message : String(error)
}

/** `bury` writes a dead letter: once for each value that is refused. */
export const make = (bury: (refused: Refused, reason: string) => Effect.Effect<void, NatsError>): Reconciliation => {
  const failures = new Map<string, Failure>()

  const fail = (key: string, value: Uint8Array, cause: Cause.Cause<unknown>, before: Failure | undefined) =>
    Effect.gen(function* () {
      if (before === undefined) yield* bury({ subject: key, seq: 0, data: value }, reasonOf(cause, value))
      const count = (before?.count ?? 0) + 1
      failures.set(key, { value, count, againAtMs: (yield* SteadyTime.nowMs) + pauseMs(count) })
      Metrics.refusedKeys.unsafeUpdate(failures.size, [])
    })

  return {
    key: (key, value, run) =>
      Effect.gen(function* () {
        const known = failures.get(key)
        const before = known !== undefined && Buffer.compare(known.value, value) === 0 ? known : undefined
        if (before !== undefined && (yield* SteadyTime.nowMs) < before.againAtMs) return
        const exit = yield* Effect.exit(run)
        if (Exit.isSuccess(exit)) {
          if (failures.delete(key)) Metrics.refusedKeys.unsafeUpdate(failures.size, [])
          return
        }
        if (Cause.isInterrupted(exit.cause)) return yield* Effect.interrupt
        const common = commonCause(exit.cause)
        if (common !== undefined) return yield* Effect.fail(common)
        yield* fail(key, value, exit.cause, before)
      }),
    keep: (wanted) => {
      for (const key of failures.keys()) if (!wanted.has(key)) failures.delete(key)
      Metrics.refusedKeys.unsafeUpdate(failures.size, [])
    }
  }
}
