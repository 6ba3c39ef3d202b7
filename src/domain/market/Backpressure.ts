import { Schema } from "effect"

/**
 * How far the record's sink is behind. HEALTHY: packets are sent as they arrive. WARNING: the window of unacknowledged frames was full, so
 * packets wait and leave in larger frames; or the sink acknowledges late. CRITICAL: waiting packets fill half of the buffer, or the oldest frame has
 * waited for its acknowledgement for so long that the sink counts as broken. OVERLOAD: packets were dropped, each counted and written into the record as a
 * break. A silent sink is no OVERLOAD while the buffer has room. Outputs that are computed from the record are conflated to their newest values
 * long before.
 */
export const Level = Schema.Literal("HEALTHY", "WARNING", "CRITICAL", "OVERLOAD")
export type Level = typeof Level.Type
export const levels = Level.literals

/** The load of a publisher at one check. */
export interface Load {
  /** Bytes that wait for the window, and the most that may wait. */
  readonly bufferedBytes: number
  readonly bufferedBytesMax: number
  /** Whether the window of unacknowledged frames has no room. */
  readonly isWindowFull: boolean
  /** Age of the oldest frame that is not acknowledged, ms. While the connection is lost, age of the loss if anything waits to be sent. */
  readonly lagMs: number
  /** Packets dropped since the last check. */
  readonly dropped: number
}

/** The worse of two levels. */
export const worseOf = (one: Level, other: Level): Level => (levels.indexOf(one) < levels.indexOf(other) ? other : one)

/** Shares of the buffer at which a level begins. A level ends at half of its beginning, in share and in lag, so that it does not flicker. */
const criticalFrom = 0.5
const overloadFrom = 0.95
const endsAt = 0.5

/** Ten times the 100 ms in which 99 % of the packets are in the record under full load, and half of the time after which a frame is sent again. */
export const warningFromMs = 1_000
/**
 * The first resend, after 2 s, was not acknowledged either. After the same time a server that answers pings and stores nothing counts as broken.
 * A sink that stalls for less, such as a server whose stream elects a leader, is a WARNING.
 */
export const criticalFromMs = 5_000

const levelAt = ({ bufferedBytes, bufferedBytesMax, dropped, isWindowFull, lagMs }: Load, ease: number): number => {
  const share = bufferedBytes / bufferedBytesMax
  if (dropped > 0 || share >= overloadFrom * ease) return 3
  if (share >= criticalFrom * ease || lagMs >= criticalFromMs * ease) return 2
  return (isWindowFull && bufferedBytes > 0) || lagMs >= warningFromMs * ease ? 1 : 0
}

/** The level after a check. It rises at once, but falls by only one step for each check, so that nobody misses it. */
export const next = (level: Level, load: Load): Level => {
  const before = levels.indexOf(level)
  const rises = levelAt(load, 1)
  const holds = Math.min(before, levelAt(load, endsAt))
  return levels[Math.max(rises, holds, before - 1)] as Level
}
