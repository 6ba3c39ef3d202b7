import { Schema } from "effect"

/**
 * How far the record's sink is behind. HEALTHY: packets are sent as they arrive. WARNING: the window of unacknowledged frames was full, so
 * packets wait and leave in larger frames. CRITICAL: waiting packets fill half of the buffer. OVERLOAD: packets were dropped, each counted
 * and written into the record as a break. Outputs that are computed from the record are conflated to their newest values long before.
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
  /** Packets dropped since the last check. */
  readonly dropped: number
}

/** The worse of two levels. */
export const worseOf = (one: Level, other: Level): Level => (levels.indexOf(one) < levels.indexOf(other) ? other : one)

/** Shares of the buffer at which a level begins. A level ends at half of its beginning, so that it does not flicker. */
const criticalFrom = 0.5
const overloadFrom = 0.95
const endsAt = 0.5

const levelAt = ({ bufferedBytes, bufferedBytesMax, dropped, isWindowFull }: Load, ease: number): number => {
  const share = bufferedBytes / bufferedBytesMax
  if (dropped > 0 || share >= overloadFrom * ease) return 3
  if (share >= criticalFrom * ease) return 2
  return isWindowFull && bufferedBytes > 0 ? 1 : 0
}

/** The level after a check. It rises at once, but falls by only one step for each check, so that nobody misses it. */
export const next = (level: Level, load: Load): Level => {
  const before = levels.indexOf(level)
  const rises = levelAt(load, 1)
  const holds = Math.min(before, levelAt(load, endsAt))
  return levels[Math.max(rises, holds, before - 1)] as Level
}
