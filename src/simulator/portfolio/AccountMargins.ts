/** The margin that an account's positions and working orders block, in the form of kite.trade/docs/connect/v3/user. */

import * as Position from "../../domain/accounts/Position.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { type Market, ofListing } from "../Market.ts"
import { type Held, type Ledger, multiplierOf, type Segment, segmentOf } from "./Ledger.ts"
import * as Margin from "./Margin.ts"

/** The part of an order that may still trade. */
export interface Working {
  readonly instrument: Instrument.Instrument
  readonly product: string
  readonly side: "BUY" | "SELL"
  readonly quantity: number
  readonly price: number
}

/** Rupees with whole paise. */
export const paise = (rupees: number): number => Math.round(rupees * 100) / 100

/** Makes legs of the margin model, with the market's present prices. */
export const makeLeg = (market: Market): ((order: Omit<Working, "product">) => Margin.Leg) => {
  const spots = ofListing(market, (instruments) => {
    const found = new Map<string, Instrument.Instrument>()
    for (const instrument of instruments) {
      const kind = Instrument.kindOf(instrument)
      const underlying = Instrument.underlyingOf(instrument)
      if (underlying !== null && (kind === "INDEX" || kind === "EQ"))
        found.set(Instrument.symbolKey(underlying.exchange, underlying.name), instrument)
    }
    return found
  })
  const lastOf = (token: number): number => {
    const row = market.rowByToken.get(token)
    return row === undefined ? 0 : Frame.rowOf(market.columns, row).lastPrice
  }
  return ({ instrument, price, quantity, side }) => {
    const at = Instrument.underlyingOf(instrument)
    const underlying = at === null ? instrument.tradingsymbol : Instrument.symbolKey(at.exchange, at.name)
    const spot = spots().get(underlying)
    const last = lastOf(instrument.token)
    // A commodity has no spot here. Its future's price, or the option's strike, is the best estimate.
    const without = instrument.instrumentType === "FUT" ? last : instrument.strike
    return {
      instrument,
      quantity: side === "BUY" ? quantity : -quantity,
      price: price === 0 ? last : price,
      multiplier: multiplierOf(instrument, market.status().timeMs),
      spot: spot === undefined ? without : lastOf(spot.token),
      underlying,
      isIndex: spot !== undefined && Instrument.isIndex(spot.token)
    }
  }
}

interface Used {
  readonly span: number
  readonly exposure: number
  readonly option_premium: number
  readonly delivery: number
  readonly holding_sales: number
  readonly m2m_realised: number
  readonly m2m_unrealised: number
}

const delivers = (product: string) => product === "CNC" || product === "MTF"
const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

/** Rupees paid (positive) or received today for a position. */
const paidToday = ({ position }: Held, { multiplier, scale }: Position.Marks): number =>
  ((position.dayBuyValue - position.daySellValue) * multiplier) / scale

const usedBy = (
  ledger: Ledger,
  legOf: (order: Omit<Working, "product">) => Margin.Leg,
  positions: ReadonlyArray<Held>,
  working: ReadonlyArray<Working>
): Used => {
  const open = positions
    .filter(({ position }) => Position.net(position) !== 0)
    .map(({ instrument, position, product }) => {
      const quantity = Position.net(position)
      return { product, leg: legOf({ instrument, side: quantity > 0 ? "BUY" : "SELL", quantity: Math.abs(quantity), price: 0 }) }
    })
  const waiting = working.map((order) => ({ product: order.product, leg: legOf(order) }))
  const legs = [...open, ...waiting].map(({ leg }) => leg)
  const { exposure, span } = Margin.ofDerivatives(legs)
  const bought = waiting.map(({ leg }) => leg).filter(({ quantity }) => quantity > 0)
  const marked = positions.map((held) => ({ held, marks: ledger.marks(held.instrument) }))
  const options = marked.filter(({ held }) => Instrument.isOption(held.instrument))
  const shares = marked.filter(({ held }) => delivers(held.product))
  const gained = marked.filter(({ held }) => !Instrument.isOption(held.instrument) && !delivers(held.product))
  const gain = (isOpen: boolean) =>
    sum(
      gained
        .filter(({ held }) => (Position.net(held.position) !== 0) === isOpen)
        .map(({ held, marks }) => Position.m2m(held.position, marks).toNumber())
    )
  const intraday = [...open, ...waiting].filter(({ product }) => product === "MIS")
  const paid = shares.map(({ held, marks }) => paidToday(held, marks))
  return {
    span,
    exposure: exposure + sum(intraday.map(({ leg }) => Margin.ofShares(leg, "MIS"))),
    option_premium: sum(options.map(({ held, marks }) => paidToday(held, marks))) + Margin.premium(bought),
    delivery:
      sum(paid.filter((value) => value > 0)) +
      sum(waiting.filter(({ product }) => delivers(product)).map(({ leg, product }) => Margin.ofShares(leg, product))),
    holding_sales: -sum(paid.filter((value) => value < 0)),
    m2m_realised: gain(false),
    m2m_unrealised: gain(true)
  }
}

/** A segment's answer of GET /user/margins. */
export const make =
  (ledger: Ledger, legOf: ReturnType<typeof makeLeg>) => (apiKey: string, segment: Segment, working: ReadonlyArray<Working>) => {
    const inSegment = <A extends { readonly instrument: Instrument.Instrument }>(all: ReadonlyArray<A>) =>
      all.filter(({ instrument }) => segmentOf(instrument) === segment)
    const used = usedBy(ledger, legOf, inSegment(ledger.positions(apiKey)), inSegment(working))
    const debits =
      used.span + used.exposure + used.option_premium + used.delivery - used.holding_sales - used.m2m_realised - used.m2m_unrealised
    const cash = ledger.openingCash(apiKey, segment)
    return {
      enabled: true,
      net: paise(cash - debits),
      available: {
        adhoc_margin: 0,
        cash: paise(cash),
        opening_balance: paise(cash),
        live_balance: paise(cash - debits),
        collateral: 0,
        intraday_payin: 0
      },
      utilised: {
        debits: paise(debits),
        exposure: paise(used.exposure),
        m2m_realised: paise(used.m2m_realised),
        m2m_unrealised: paise(used.m2m_unrealised),
        option_premium: paise(used.option_premium),
        payout: 0,
        span: paise(used.span),
        holding_sales: paise(used.holding_sales),
        turnover: 0,
        liquid_collateral: 0,
        stock_collateral: 0,
        delivery: paise(used.delivery)
      }
    }
  }
