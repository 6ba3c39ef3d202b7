/** Whether an account can stream, from what its ticker reports. Times are ms of one clock that never steps. */
import type { TickerStatus } from "../market/TickerStatus.ts"
import type { Health } from "./InstrumentPlacement.ts"

/** A shorter failure is ignored, because the connection reconnects by itself. */
export const failsAfterMs = 2_000
/** A connection may take this long until it is open. */
export const opensWithinMs = 8_000
/** Without a report for this long the account's health is unknown. Another process takes over a ticker within nine seconds. */
export const silentAfterMs = 5_000
/** An account that failed gets its instruments back for a new try after this time, and after twice as long with each further failure. */
export const againAfterMs = 15_000
export const againAfterMsMax = 300_000
/** After streaming for this long, earlier failures are forgotten. */
export const forgivenAfterMs = 60_000

export interface Report {
  readonly atMs: number
  readonly state: TickerStatus["state"]
  /** Whether some connection that carries instruments is not open. */
  readonly isPartlyDown: boolean
  readonly needsLogin: boolean
  /** How long the broker still limits the account because of too many requests, ms. */
  readonly limitedForMs: number
  readonly detail: string | null
}

export interface Condition {
  readonly report: Report
  readonly limitedUntilMs: number
  /** The time since which it fails or does not open; null if neither is the case. */
  readonly failingSinceMs: number | null
  readonly streamingSinceMs: number | null
  readonly failures: number
  /** The account rests until this time: its instruments stay away. */
  readonly restsUntilMs: number
}

export const reportOf = (
  { state, detail, connections = [], login }: Pick<TickerStatus, "state" | "detail" | "connections" | "login">,
  atMs: number
): Report => ({
  atMs,
  state,
  isPartlyDown: connections.some((one) => one.state !== "open" && one.state !== "mute"),
  needsLogin: state === "login_required" || login?.state === "login_required",
  limitedForMs: login?.limited_for_ms ?? 0,
  detail
})

const isFailing = ({ state, isPartlyDown }: Report): boolean =>
  state === "failed" || state === "mute" || state === "stopped" || state === "connecting" || isPartlyDown

const patienceMs = ({ state }: Report): number => (state === "connecting" ? opensWithinMs : failsAfterMs)

/** True if it has failed for longer than is tolerated. */
const hasFailed = (failingSinceMs: number | null, report: Report): boolean =>
  failingSinceMs !== null && report.atMs - failingSinceMs >= patienceMs(report)

/** The condition after a report. */
export const hear = (known: Condition | undefined, report: Report): Condition => {
  const { atMs } = report
  const limitedUntilMs = report.limitedForMs > 0 ? atMs + report.limitedForMs : 0
  const isStreaming = report.state === "streaming" && !report.isPartlyDown
  const streamingSinceMs = isStreaming ? (known?.streamingSinceMs ?? atMs) : null
  const failingSinceMs = isFailing(report) && !report.needsLogin ? (known?.failingSinceMs ?? atMs) : null
  const isForgiven = streamingSinceMs !== null && atMs - streamingSinceMs >= forgivenAfterMs
  const failures = isForgiven ? 0 : (known?.failures ?? 0)
  // An account that streams again needs no rest. Its failures still count for a while.
  const isBack = streamingSinceMs !== null && atMs - streamingSinceMs >= failsAfterMs
  const restsUntilMs = isBack ? 0 : (known?.restsUntilMs ?? 0)
  // A failure counts once. During the rest that follows it is not counted again.
  const isNew = hasFailed(failingSinceMs, report) && atMs >= restsUntilMs
  return {
    report,
    limitedUntilMs,
    failingSinceMs,
    streamingSinceMs,
    failures: isNew ? failures + 1 : failures,
    restsUntilMs: isNew ? atMs + Math.min(againAfterMs * 2 ** failures, againAfterMsMax) : restsUntilMs
  }
}

export interface Finding {
  readonly health: Health
  /** Why the account is not well; null if it is. */
  readonly reason: string | null
}

const unwell = (reason: string): Finding => ({ health: "unwell", reason })

export const of = (condition: Condition | undefined, nowMs: number): Finding => {
  if (condition === undefined) return { health: "unknown", reason: "its ticker has not reported yet" }
  const { failingSinceMs, report, limitedUntilMs, restsUntilMs } = condition
  if (limitedUntilMs > nowMs) return unwell("the broker refuses too many requests")
  if (report.needsLogin) return unwell("it needs a new login")
  if (restsUntilMs > nowMs || hasFailed(failingSinceMs, report)) return unwell(report.detail ?? `its ticker is ${report.state}`)
  return nowMs - report.atMs > silentAfterMs
    ? { health: "unknown", reason: "its ticker does not report" }
    : { health: "well", reason: null }
}

/** True if the packets of the ticker's subscriptions arrive. */
export const isDelivering = (condition: Condition | undefined, nowMs: number): boolean =>
  condition !== undefined &&
  condition.report.state === "streaming" &&
  !condition.report.isPartlyDown &&
  nowMs - condition.report.atMs <= silentAfterMs
