import type { StateChange } from "../../../src/client/Client.ts"
import type * as ChainModel from "../chains/ChainModel.ts"
import type { Health } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"
import * as Freshness from "./Freshness.ts"

export interface Shown {
  readonly freshness: Freshness.Freshness
  readonly ageMs: number | undefined
  readonly asOfMs: number | undefined
  /** Text of the banner; empty for no banner. */
  readonly note: string
}

export interface Sources {
  readonly chainState: StateChange["state"] | undefined
  readonly model: ChainModel.ChainModel
  readonly heardAt: number
  readonly spotMs: number | undefined
  readonly health: Health | undefined
}

const feedProblem = (health: Health | undefined): string => {
  const silent = Object.entries(health?.ticker.accounts ?? {}).filter(([, { state }]) => state !== "streaming")
  return silent.length === 0 ? "" : ` Broker feed: ${silent.map(([id, { state }]) => `${id} ${state}`).join(", ")}.`
}

const lastValues = (why: string, quoteMs: number | undefined) =>
  quoteMs === undefined ? "" : `${why}: the last values, from ${Format.day(quoteMs)} ${Format.clock(quoteMs)} IST.`

const noteOf = (freshness: Freshness.Freshness, age: number | undefined, quoteMs: number | undefined, health: Health | undefined) => {
  const at = quoteMs === undefined ? "" : ` What you see is from ${Format.clock(quoteMs)} IST.`
  const reason = health?.reason ?? "unknown"
  switch (freshness) {
    case "away":
      return `The gateway is away; reconnecting.${at}`
    case "down":
      return `The platform is not working: ${reason}.${at}`
    case "degraded":
      return `The platform is degraded: ${reason}.`
    case "stale":
      return `No new quote for ${Format.age(age ?? 0)}.${feedProblem(health)}${at}`
    case "closed":
      return lastValues("The market is closed", quoteMs)
    case "ended":
      return lastValues("The playback has ended", quoteMs)
    default:
      return ""
  }
}

/** Whether the data can be trusted, and the text to show about it. */
export const of = ({ chainState, model: { head, newest }, heardAt, spotMs, health }: Sources, nowMs: number): Shown => {
  const newestMs = Math.max(newest === undefined ? Number.NEGATIVE_INFINITY : Date.parse(newest), spotMs ?? Number.NEGATIVE_INFINITY)
  const quoteMs = Number.isFinite(newestMs) ? newestMs : undefined
  const known: Freshness.Known = {
    isConnected: chainState === "open",
    health: health?.status ?? "ok",
    mode: health?.market.mode ?? "live",
    state: health?.market.state ?? "running",
    quoteMs,
    asOfMs: head?.as_of ? Date.parse(head.as_of) : undefined,
    silentMs: nowMs - heardAt
  }
  const freshness = Freshness.of(known)
  const ageMs = Freshness.ageMs(known)
  return { freshness, ageMs, asOfMs: known.asOfMs, note: noteOf(freshness, ageMs, quoteMs, health) }
}
