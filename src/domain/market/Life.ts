import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as ExpiryInstant from "../rules/ExpiryInstant.ts"
import type { UnknownRule } from "../rules/UnknownRule.ts"
import type { Instrument, Underlying } from "./Instrument.ts"

/** Where the derivatives of an exchange's underlyings trade; of any other exchange, there. */
const derivatives: ReadonlyMap<string, string> = new Map([
  ["NSE", "NFO"],
  ["BSE", "BFO"]
])

/** The exchange that lists an underlying's contracts: NFO for NSE's. */
export const derivativesExchange = (exchange: string): string => derivatives.get(exchange) ?? exchange

/** UTC milliseconds at which the contracts of an underlying that expire on a day ("YYYY-MM-DD") end. */
export const expiresAtMs = (
  rules: ExpiryInstant.Rules,
  { exchange, name }: Underlying,
  expiry: string
): Either.Either<number, UnknownRule> =>
  ExpiryInstant.expiresAtMs(rules, { exchange: derivativesExchange(exchange), underlying: name, expiry })

/**
 * Until when contracts are shown and kept: their end, or the end of their day in India where the rulebook does not know the instant. Never
 * for pricing.
 */
export const shownUntilMs = (rules: ExpiryInstant.Rules, underlying: Underlying, expiry: string): number =>
  Either.getOrElse(expiresAtMs(rules, underlying, expiry), () => IndiaTime.istMidnightMs(expiry) + IndiaTime.dayMs)

/** The end of a chain's options; NaN where the rulebook does not know the instant, so that nothing is priced by a guess. */
export const chainEndsMs = (rules: ExpiryInstant.Rules, underlying: Underlying, expiry: string): number =>
  Either.getOrElse(expiresAtMs(rules, underlying, expiry), () => Number.NaN)

/** Years of option time to the end (Act/365), 0 once expired; NaN where the rulebook does not know the instant. */
export const yearsLeft = (rules: ExpiryInstant.Rules, underlying: Underlying, expiry: string, nowMs: number): number =>
  Either.match(expiresAtMs(rules, underlying, expiry), {
    onLeft: () => Number.NaN,
    onRight: (atMs) => Math.max(0, IndiaTime.yearsTo(atMs, nowMs))
  })

/** `shownUntilMs` of one contract of the instrument master; never for what does not expire. */
export const instrumentShownUntilMs = (rules: ExpiryInstant.Rules, { exchange, name, expiry }: Instrument): number =>
  expiry === null ? Number.POSITIVE_INFINITY : shownUntilMs(rules, { exchange, name }, expiry)
