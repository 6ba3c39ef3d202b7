/** What an exchange does with orders now, by the rulebook and market time. */
import { Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import * as Hours from "../../domain/rules/Hours.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import { type Market, ofListing } from "../Market.ts"

/** `trades`: orders are matched. `takes`: the types of orders that are collected for an auction; null means every type. */
export interface Phase {
  readonly name: string
  readonly trades: boolean
  readonly takes: ReadonlyArray<"limit" | "market"> | null
}

const always: Phase = { name: "always", trades: true, takes: null }
const closed: Phase = { name: Hours.closed, trades: false, takes: [] }

export interface Phases {
  /** The Indian date; the same for ever in a market without days. */
  readonly today: () => string
  readonly of: (instrument: Instrument.Instrument) => Phase
}

/** A market without days: it trades at all times. */
export const endless: Phases = { today: () => "", of: () => always }

/** The phases of a market with days. Where the rulebook has no hours, the exchange is closed. */
export const make = (market: Market): Phases => {
  const underlyings = ofListing(
    market,
    (instruments) => new Set(instruments.filter(({ instrumentType }) => instrumentType !== "EQ").map(({ name }) => name))
  )
  const of = (instrument: Instrument.Instrument): Phase => {
    const place = InstrumentHours.placeOf(shipped, instrument, underlyings().has(instrument.tradingsymbol))
    if (place === undefined) return closed
    const found = Hours.phaseAt(shipped, place.segment, place.security, market.status().timeMs)
    if (Either.isLeft(found) || found.right === Hours.closed) return closed
    const { phase: name, trades } = found.right
    return { name, trades, takes: shipped.documents.sessions.phases.find(({ phase }) => phase === name)?.orders ?? null }
  }
  return { today: () => IndiaTime.istDate(market.status().timeMs), of }
}

/** An order after the market is taken while the exchange is closed. A market without days takes it at any time, and matches it at once. */
export const takesAmo = (phase: Phase): boolean => phase === always || isClosed(phase)

export const isClosed = ({ name }: Phase): boolean => name === Hours.closed

/** What the exchange says against an order in this phase; null: it takes it. An auction takes neither stops nor orders that end at once. */
export const refusal = (
  { name, takes }: Phase,
  order: { readonly orderType: "LIMIT" | "MARKET" | "SL" | "SL-M"; readonly validity: string }
): string | null => {
  if (name === Hours.closed) return "Markets are closed right now."
  if (takes === null) return null
  const type = order.orderType === "LIMIT" ? "limit" : order.orderType === "MARKET" ? "market" : null
  return type !== null && takes.includes(type) && order.validity !== "IOC" ? null : `The exchange takes no such order now (${name}).`
}
