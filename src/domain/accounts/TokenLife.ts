/** How long an access token lives, and what a person should do about it. */
import type { SessionStatus } from "../market/TickerStatus.ts"
import * as Day from "../rules/Day.ts"
import type * as Facts from "../rules/Facts.ts"
import * as Span from "../rules/Span.ts"

/** From this long before a token dies, a person is asked for a new login. */
export const warnBeforeMs = 3_600_000

type Rules = Pick<typeof Facts.Broker.Type, "tokenDeath">

/** When tokens die on a day, UNIX ms; null if the rulebook has no row for it. */
const deathMs = ({ tokenDeath }: Rules, day: Day.Day): number | null => {
  const row = tokenDeath.findLast((one) => Day.holds(Day.range(one), day))
  return row === undefined ? null : Day.midnightMs(day) + Span.timeMs(row.time)
}

/** The first death of tokens after a login, UNIX ms; null if the rulebook has no row for that day. */
export const diesAtMs = (rules: Rules, signedInMs: number): number | null => {
  const day = Day.at(signedInMs)
  const today = deathMs(rules, day)
  return today !== null && today > signedInMs ? today : deathMs(rules, day + 1)
}

/** What a person should do about the account's session, or null. */
export const requestOf = (accountId: string, session: SessionStatus, nowMs: number): string | null => {
  if (session.state === "login_required") return `account ${accountId} needs a new login: ${session.detail ?? "its token died"}`
  if (session.state !== "signed_in" || session.is_automatic || session.token_dies_at === null) return null
  return Date.parse(session.token_dies_at) - nowMs > warnBeforeMs
    ? null
    : `the token of account ${accountId} dies at ${session.token_dies_at}: sign in again after that`
}
