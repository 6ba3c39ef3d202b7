import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as ExpiryInstant from "../rules/ExpiryInstant.ts"
import type { UnknownRule } from "../rules/UnknownRule.ts"
import type { Instrument, Underlying } from "./Instrument.ts"

/** Exchanges whose derivatives trade on another exchange. */
const derivatives: ReadonlyMap<string, string> = new Map([
  ["NSE", "NFO"],
  ["BSE", "BFO"]
])

/** The exchange that lists an underlying's contracts: NFO for NSE's. */
export const derivativesExchange = (exchange: string): string => derivatives.get(exchange) ?? exchange

/** UTC milliseconds at which an underlying's contracts expire, for the expiry day "YYYY-MM-DD". */
export const expiresAtMs = (
  rules: ExpiryInstant.Rules,
  { exchange, name }: Underlying,
  expiry: string
): Either.Either<number, UnknownRule> =>
  ExpiryInstant.expiresAtMs(rules, { exchange: derivativesExchange(exchange), underlying: name, expiry })

/**
 * Until when contracts are shown and kept: their expiry, or the end of the expiry day in India if the rulebook does not know the
 * instant. Never use it for pricing.
 */
export const shownUntilMs = (rules: ExpiryInstant.Rules, underlying: Underlying, expiry: string): number =>
  Either.getOrElse(expiresAtMs(rules, underlying, expiry), () => IndiaTime.istMidnightMs(expiry) + IndiaTime.dayMs)

/** The expiry of a chain's options; NaN if the rulebook does not know the instant, so that no price is computed from a guess. */
export const chainEndsMs = (rules: ExpiryInstant.Rules, underlying: Underlying, expiry: string): number =>
  Either.getOrElse(expiresAtMs(rules, underlying, expiry), () => Number.NaN)

/** Years of option time to expiry (Act/365), 0 once expired; NaN if the rulebook does not know the instant. */
export const yearsLeft = (rules: ExpiryInstant.Rules, underlying: Underlying, expiry: string, nowMs: number): number =>
  Either.match(expiresAtMs(rules, underlying, expiry), {
    onLeft: () => Number.NaN,
    onRight: (atMs) => Math.max(0, IndiaTime.yearsTo(atMs, nowMs))
  })

/** `shownUntilMs` of one instrument; Infinity if it does not expire. */
export const instrumentShownUntilMs = (rules: ExpiryInstant.Rules, { exchange, name, expiry }: Instrument): number =>
  expiry === null ? Number.POSITIVE_INFINITY : shownUntilMs(rules, { exchange, name }, expiry)
