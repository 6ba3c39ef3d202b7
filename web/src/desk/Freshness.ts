/** How far what is shown can be trusted. */
export type Freshness = "waiting" | "live" | "degraded" | "stale" | "down" | "away" | "ended"

/** Quotes older than this (market time) are stale while the market runs; a recording has one a minute. */
const quoteMsMax = { live: 10_000, synthetic: 10_000, recorded: 120_000, days: 120_000 } as const
/** The gateway repeats a chain every 5 s even when nothing in it changes. */
const silentMsMax = 12_000

export interface Known {
  readonly isConnected: boolean
  /** The newest report of /health; "ok" before the first. */
  readonly health: "ok" | "degraded" | "down"
  readonly mode: keyof typeof quoteMsMax
  readonly state: "running" | "closed" | "ended"
  /** Newest quote and the chain's own time, in ms of market time; undefined before the first. */
  readonly quoteMs: number | undefined
  readonly asOfMs: number | undefined
  /** Since the last message of the chain. */
  readonly silentMs: number
}

/** Age of the newest quote. Market time goes on between two messages, at the pace of our clock unless it is a recording's. */
export const ageMs = ({ mode, quoteMs, asOfMs, silentMs }: Known): number | undefined => {
  if (quoteMs === undefined || asOfMs === undefined) return undefined
  return Math.max(0, asOfMs - quoteMs) + (mode === "recorded" || mode === "days" ? 0 : silentMs)
}

export const of = (known: Known): Freshness => {
  if (!known.isConnected) return "away"
  if (known.health === "down") return "down"
  const age = ageMs(known)
  if (age === undefined) return "waiting"
  if (known.state !== "running") return "ended"
  if (age > quoteMsMax[known.mode] || known.silentMs > silentMsMax) return "stale"
  return known.health === "degraded" ? "degraded" : "live"
}
