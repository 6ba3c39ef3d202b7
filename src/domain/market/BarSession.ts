import { Either } from "effect"
import type { Contract } from "../record/Reference.ts"
import * as Day from "../rules/Day.ts"
import type * as Facts from "../rules/Facts.ts"
import * as Hours from "../rules/Hours.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"
import * as InstrumentHours from "./InstrumentHours.ts"

/** What decides the hours of an instrument; null if the rulebook does not know its exchange. */
export interface Place {
  readonly segment: Facts.Segment
  readonly security: Hours.Security
}

const indices = "INDICES"

/** Where an instrument of an underlying trades. */
export const placeOf = (
  rules: Hours.Rules,
  underlying: { readonly exchange: string; readonly underlying: string },
  contract: Contract,
  hasDerivatives: boolean
): Place | null => {
  const unit = Segments.unitOf(rules.segments, contract.instrument_token)
  if (Either.isLeft(unit)) return null
  const exchange = unit.right.name === indices ? underlying.exchange : unit.right.name
  const security = InstrumentHours.securityOf(contract.kind, hasDerivatives)
  return Either.match(Segments.ofExchange(rules.segments, exchange, underlying.underlying), {
    onLeft: () => null,
    onRight: (segment) => ({ segment, security })
  })
}

/** The session of one day in India; UTC milliseconds, all ends exclusive. */
export interface DaySession {
  /** Version of the rules that gave this session. Under other rules it is computed again. */
  readonly rules: string
  readonly dayStartMs: number
  readonly dayEndMs: number
  /** Both are equal on a closed day. */
  readonly opensAtMs: number
  readonly closesAtMs: number
}

/** True if a session computed before is still valid at an instant. */
export const holds = (session: DaySession, rules: RuleSet.RuleSet, atMs: number): boolean =>
  atMs >= session.dayStartMs && atMs < session.dayEndMs && session.rules === rules.version

/** The session of the day that contains an instant. A day of unknown hours counts as one whole session, so that no trade is lost. */
export const sessionAt = (rules: RuleSet.RuleSet, place: Place | null, atMs: number): DaySession => {
  const day = Day.at(atMs)
  const dayStartMs = Day.midnightMs(day)
  const dayEndMs = dayStartMs + Day.lengthMs
  const whole = { rules: rules.version, dayStartMs, dayEndMs, opensAtMs: dayStartMs, closesAtMs: dayEndMs }
  if (place === null) return whole
  return Either.match(Hours.session(rules, place.segment, place.security, day), {
    onLeft: () => whole,
    onRight: (session) => ({ ...whole, opensAtMs: session?.opensAtMs ?? dayStartMs, closesAtMs: session?.closesAtMs ?? dayStartMs })
  })
}
