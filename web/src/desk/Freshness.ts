/** How much the displayed data can be trusted. */
export type Freshness = "waiting" | "live" | "degraded" | "stale" | "down" | "away" | "closed" | "ended"

/** While the market runs, quotes older than this (market time) are stale. A recording has one quote a minute. */
const quoteMsMax = { live: 10_000, synthetic: 10_000, recorded: 120_000, days: 120_000 } as const
/** The gateway repeats a chain every 5 s even when nothing in it changes. */
const silentMsMax = 12_000

export interface Known {
  readonly isConnected: boolean
  /** The newest report of /health; "ok" before the first. */
  readonly health: "ok" | "degraded" | "down"
  readonly mode: keyof typeof quoteMsMax
  readonly state: "running" | "closed" | "ended"
  /** Times of the newest quote and of the chain, in ms of market time; undefined before the first. */
  readonly quoteMs: number | undefined
  readonly asOfMs: number | undefined
  /** Milliseconds since the last message of the chain. */
  readonly silentMs: number
}

/** Age of the newest quote. Between two messages market time advances like our clock, except in a recording. */
export const ageMs = ({ mode, quoteMs, asOfMs, silentMs }: Known): number | undefined => {
  if (quoteMs === undefined || asOfMs === undefined) return undefined
  return Math.max(0, asOfMs - quoteMs) + (mode === "recorded" || mode === "days" ? 0 : silentMs)
}

export const of = (known: Known): Freshness => {
  if (!known.isConnected) return "away"
  if (known.health === "down") return "down"
  const age = ageMs(known)
  if (age === undefined) return "waiting"
  if (known.state !== "running") return known.state
  if (age > quoteMsMax[known.mode] || known.silentMs > silentMsMax) return "stale"
  return known.health === "degraded" ? "degraded" : "live"
}
