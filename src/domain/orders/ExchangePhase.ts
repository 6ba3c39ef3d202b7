import { Either } from "effect"
import type { OrderType } from "../accounts/OrderAttributes.ts"
import type * as Instrument from "../market/Instrument.ts"
import * as InstrumentHours from "../market/InstrumentHours.ts"
import * as Hours from "../rules/Hours.ts"
import type { RuleSet } from "../rules/RuleSet.ts"

/** `trades`: orders are matched. `takes`: the types of orders that are collected for an auction; null means every type. */
export interface Phase {
  readonly name: string
  readonly trades: boolean
  readonly takes: ReadonlyArray<"limit" | "market"> | null
}

/** The phase of the synthetic market, which never closes. */
export const always: Phase = { name: "always", trades: true, takes: null }
export const closed: Phase = { name: Hours.closed, trades: false, takes: [] }

/**
 * What an exchange does with orders of an instrument at an instant. If the rulebook has no hours, the exchange counts as closed.
 * `hasDerivatives`: futures and options on the share exist.
 */
export const at = (rules: RuleSet, instrument: Instrument.Instrument, hasDerivatives: boolean, atMs: number): Phase => {
  const place = InstrumentHours.placeOf(rules, instrument, hasDerivatives)
  if (place === undefined) return closed
  const found = Hours.phaseAt(rules, place.segment, place.security, atMs)
  if (Either.isLeft(found) || found.right === Hours.closed) return closed
  const { phase: name, trades } = found.right
  return { name, trades, takes: rules.documents.sessions.phases.find(({ phase }) => phase === name)?.orders ?? null }
}

/**
 * Whether an after-market order (AMO) is accepted: only while the exchange is closed. The synthetic market accepts it at any time, and
 * matches it at once.
 */
export const takesAmo = (phase: Phase): boolean => phase === always || isClosed(phase)

export const isClosed = ({ name }: Phase): boolean => name === Hours.closed

/** Why the exchange refuses an order in this phase; null if it accepts the order. An auction accepts neither stop orders nor IOC orders. */
export const refusal = ({ name, takes }: Phase, order: { readonly orderType: OrderType; readonly validity: string }): string | null => {
  if (name === Hours.closed) return "Markets are closed right now."
  if (takes === null) return null
  const type = order.orderType === "LIMIT" ? "limit" : order.orderType === "MARKET" ? "market" : null
  return type !== null && takes.includes(type) && order.validity !== "IOC" ? null : `The exchange takes no such order now (${name}).`
}
