/** The events to announce about an account's session. */
import * as IndiaTime from "../IndiaTime.ts"
import * as TokenLife from "./TokenLife.ts"

export interface Session {
  readonly accountId: string
  /** When the person signed in, UNIX ms. */
  readonly signedInMs: number
  /** When the token dies, UNIX ms; null if the rulebook does not say it. */
  readonly diesAtMs: number | null
  /** The time since which the broker refuses the token, UNIX ms; null if it does not. */
  readonly refusedMs: number | null
}

/** An event, and the time that it is about. Two with the same event and time are the same news. */
export interface News {
  readonly accountId: string
  readonly kind: "logged_in" | "expires_soon" | "expired"
  readonly about: Date
  readonly message: string
  readonly detail: { readonly token_dies_at: string | null }
}

/**
 * The news of a session at a time: the login (until the token dies), a warning (in the hour before its death), the death, and a refusal by
 * the broker before the death. They stay the same until the next event, so none is missed if nobody asked in between.
 */
export const of = ({ accountId, diesAtMs, refusedMs, signedInMs }: Session, nowMs: number): ReadonlyArray<News> => {
  const dies = diesAtMs === null ? null : new Date(diesAtMs)
  const token_dies_at = dies?.toISOString() ?? null
  const detail = { token_dies_at }
  // A refusal of an earlier login's token does not concern this session, and a refusal after the death is not announced separately.
  if (refusedMs !== null && refusedMs >= signedInMs && (diesAtMs === null || refusedMs < diesAtMs)) {
    const message = `the broker refuses the session of account ${accountId} since ${IndiaTime.isoTime(refusedMs)}: sign in again`
    return [{ accountId, kind: "expired", about: new Date(signedInMs), message, detail }]
  }
  const end: News = {
    accountId,
    kind: "expired",
    about: dies ?? new Date(0),
    message: `the session of account ${accountId} ended at ${token_dies_at}: sign in again`,
    detail
  }
  if (diesAtMs !== null && nowMs >= diesAtMs) return [end]
  const login: News = {
    accountId,
    kind: "logged_in",
    about: new Date(signedInMs),
    message: `account ${accountId} is signed in${token_dies_at === null ? "" : ` until ${token_dies_at}`}`,
    detail
  }
  if (diesAtMs === null || diesAtMs - nowMs > TokenLife.warnBeforeMs) return [login]
  const soon: News = {
    ...end,
    kind: "expires_soon",
    message: `the session of account ${accountId} ends at ${token_dies_at}: sign in again after that`
  }
  return [login, soon]
}
