import { Effect } from "effect"
import * as SteadyTime from "../../loop/SteadyTime.ts"

/** A stop waits at most this long for acknowledgements, and this long for the next one. */
export const drainMaxMs = 20_000
export const quietMaxMs = 10_000
/** A stop waits this long for a lost connection. */
export const awayMaxMs = 3_000
const checkMs = 5
/** A longer step between two checks is a delay of this process, in which it could not read any acknowledgement. */
const stepMaxMs = 100

/** What was received, on its way into the record. */
export interface Underway {
  readonly isDone: () => boolean
  /** Sends what waits, as far as there is room. */
  readonly send: () => void
  /** How many frames were acknowledged so far. */
  readonly acknowledged: () => number
  readonly isConnected: () => boolean
  readonly isClosed: () => boolean
}

/** Waits until everything is acknowledged. A slow server gets more time while its acknowledgements arrive. */
export const drain = ({ acknowledged, isClosed, isConnected, isDone, send }: Underway): Effect.Effect<void> =>
  Effect.gen(function* () {
    const waited = { ms: 0, quietMs: 0, awayMs: 0 }
    let seen = acknowledged()
    let atMs = yield* SteadyTime.nowMs
    while (!isDone() && !isClosed() && waited.ms < drainMaxMs && waited.quietMs < quietMaxMs && waited.awayMs < awayMaxMs) {
      send()
      yield* Effect.sleep(checkMs)
      const nowMs = yield* SteadyTime.nowMs
      const stepMs = Math.min(nowMs - atMs, stepMaxMs)
      atMs = nowMs
      waited.ms += stepMs
      waited.quietMs = acknowledged() > seen ? 0 : waited.quietMs + stepMs
      waited.awayMs = isConnected() ? 0 : waited.awayMs + stepMs
      seen = acknowledged()
    }
  })
