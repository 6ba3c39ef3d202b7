/**
 * Whether packets of an underlying came so steadily on a connection that their silence means something. An illiquid underlying may be silent
 * for minutes; one that brought a packet every few seconds is not.
 */
import { muteAfterMs } from "./ConnectionPool.ts"

/** A longer pause ends a steady stream. */
export const pauseMsMax = 10_000
/** A stream is steady when it came for this long without such a pause. */
export const steadyAfterMs = 60_000

/** The time since which packets came without such a pause, and the time of the last packet; UNIX ms. */
export interface Heard {
  sinceMs: number
  lastMs: number
}

export const begin = (atMs: number): Heard => ({ sinceMs: atMs, lastMs: atMs })

/** Notes a packet. It is called for each one, so it changes what it is given. */
export const hear = (heard: Heard, atMs: number): void => {
  if (atMs - heard.lastMs > pauseMsMax) heard.sinceMs = atMs
  heard.lastMs = atMs
}

/** Whether it was steady until its last packet. */
export const isSteady = ({ lastMs, sinceMs }: Heard): boolean => lastMs - sinceMs >= steadyAfterMs

/** Whether it was steady, and has been silent for `muteAfterMs`. */
export const hasStopped = (heard: Heard, nowMs: number): boolean => isSteady(heard) && nowMs - heard.lastMs >= muteAfterMs
