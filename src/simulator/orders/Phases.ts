/** What an exchange does with orders now, by the rulebook and market time. */
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as ExchangePhase from "../../domain/orders/ExchangePhase.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import { type Market, ofListing } from "../Market.ts"

export interface Phases {
  /** The Indian date. In a market without days it is always the same text. */
  readonly today: () => string
  readonly of: (instrument: Instrument.Instrument) => ExchangePhase.Phase
}

/** A market without days: it trades at all times. */
export const endless: Phases = { today: () => "", of: () => ExchangePhase.always }

/** The phases of a market with days. */
export const make = (market: Market): Phases => {
  const underlyings = ofListing(
    market,
    (instruments) => new Set(instruments.filter(({ instrumentType }) => instrumentType !== "EQ").map(({ name }) => name))
  )
  return {
    today: () => IndiaTime.istDate(market.status().timeMs),
    of: (instrument) => ExchangePhase.at(shipped, instrument, underlyings().has(instrument.tradingsymbol), market.status().timeMs)
  }
}
