import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import * as FillCharges from "../../domain/orders/FillCharges.ts"
import * as Holdings from "../../domain/strategy/Holdings.ts"
import * as NetGreeks from "../../domain/strategy/NetGreeks.ts"
import * as ProfitAndLoss from "../../domain/strategy/ProfitAndLoss.ts"
import * as PayoffView from "../chains/PayoffView.ts"
import type { Valuation } from "../chains/Valuation.ts"
import { view as amountsView } from "../shared/ChargesView.ts"
import type { Lifetimes } from "../shared/Lifetimes.ts"
import type { Book, Line } from "./StrategyBook.ts"

/** Decimal places of a displayed average. The other part of a split is computed as the rest, so realised + unrealised = total. */
const averagePlaces = 12
const shown = (value: Money.Decimal): Money.Decimal => value.toDecimalPlaces(averagePlaces)

const heldBy = ({ holding, instrument }: Line) => ({
  leg_ids: holding.legIds,
  source: holding.source,
  instrument_token: instrument?.token ?? holding.instrumentToken,
  tradingsymbol: holding.tradingsymbol,
  exchange: holding.exchange
})

const valueOf = ({ holding, quote }: Line): Holdings.Valued =>
  Holdings.value(holding, quote.lastPrice === null ? null : Money.ofNumber(quote.lastPrice))

const splits = (fifo: Money.Decimal, average: Money.Decimal, total: Money.Decimal, isPriced: boolean) => {
  const realised = { fifo, average: shown(average) }
  return {
    realised,
    unrealised: isPriced ? { fifo: total.minus(realised.fifo), average: total.minus(realised.average) } : { fifo: null, average: null },
    total: isPriced ? total : null
  }
}

/** Gross and net profit side by side. */
const afterCharges = (gross: Money.Decimal | null, charged: FillCharges.Charged) => ({
  gross,
  charges: { ...amountsView(charged.amounts), complete: charged.unknown.length === 0, unknown: charged.unknown },
  net: FillCharges.net(gross, charged)
})

const instrumentPnl = (line: Line) => {
  const { report, isPriced } = valueOf(line)
  const average = (value: Money.Decimal | null) => (value === null ? null : shown(value))
  return {
    ...heldBy(line),
    net_quantity: Holdings.quantityOf(line.holding),
    open_average: { fifo: average(report.fifo.openAverage), average: average(report.average.openAverage) },
    last_price: line.quote.lastPrice,
    as_of: line.quote.asOf,
    ...splits(report.fifo.realised, report.average.realised, report.total, isPriced),
    ...afterCharges(isPriced ? report.total : null, line.charged)
  }
}

/** Profit and loss of a strategy, with its holdings. */
export const pnl = ({ lines }: Book) => {
  const values = lines.map(valueOf)
  const totals = ProfitAndLoss.totals(values.map(({ report }) => report))
  const isPriced = values.every((value) => value.isPriced)
  return {
    ...splits(totals.fifoRealised, totals.averageRealised, totals.total, isPriced),
    ...afterCharges(isPriced ? totals.total : null, FillCharges.sum(lines.map(({ charged }) => charged))),
    instruments: lines.map(instrumentPnl)
  }
}

type Greeks = Record<keyof NetGreeks.Greeks, number | null>

/** Published Greeks of one unit. */
const unitGreeks = ({ instrument, quote }: Line): NetGreeks.Greeks => {
  if (instrument === undefined) return NetGreeks.none
  return Instrument.isOption(instrument) ? NetGreeks.each((name) => quote.row?.[name] ?? Number.NaN) : NetGreeks.ofUnderlying
}

/** Published units are kept: a product of published numbers needs no more places. */
const shownGreeks = ({ delta, gamma, theta, vega, rho }: NetGreeks.Greeks): Greeks => {
  const { places, round } = Rounding
  return {
    delta: round(delta, places.delta),
    gamma: round(gamma, places.gamma),
    theta: round(theta, places.theta),
    vega: round(vega, places.vega),
    rho: round(rho, places.rho)
  }
}

const open = (book: Book): ReadonlyArray<Line> => book.lines.filter(({ holding }) => holding.state.netQuantity !== 0)

/** Greeks of every open holding and their sum. The sum is null if one holding has none. */
export const greeks = (book: Book) => {
  const held = open(book).map((line) => {
    const unit = unitGreeks(line)
    return { line, unit, position: NetGreeks.times(line.holding.state.netQuantity, unit) }
  })
  return {
    net: shownGreeks(NetGreeks.net(held.map(({ position }) => position))),
    legs: held.map(({ line, unit, position }) => ({
      ...heldBy(line),
      quantity: Holdings.quantityOf(line.holding),
      iv: line.quote.row?.iv ?? null,
      unit: shownGreeks(unit),
      position: shownGreeks(position)
    }))
  }
}

export const realised = ({ lines }: Book): Money.Decimal => ProfitAndLoss.totals(lines.map((line) => valueOf(line).report)).fifoRealised

/** Names of the underlyings of the open holdings, ascending. */
export const underlyings = (book: Book): ReadonlyArray<string> =>
  [
    ...new Set(open(book).flatMap(({ instrument }) => (instrument === undefined ? [] : (Instrument.underlyingOf(instrument)?.name ?? []))))
  ].sort()

export interface PayoffLine {
  readonly kind: PayoffView.Leg["kind"]
  readonly line: Line
  /** Undefined until its price, forward and volatility are known. */
  readonly leg: PayoffView.Leg | undefined
}

/** Open holdings on one underlying as payoff legs, with the cost of their open lots. An expired holding gives no leg. */
export const payoffLines = (
  book: Book,
  symbol: string,
  spot: number | null,
  valuation: Valuation,
  lifetimes: Lifetimes
): ReadonlyArray<PayoffLine> =>
  open(book).flatMap((line): ReadonlyArray<PayoffLine> => {
    const { holding, instrument, quote } = line
    if (instrument === undefined || Instrument.underlyingOf(instrument)?.name !== symbol) return []
    const { expiry, instrumentType: kind } = instrument
    if (lifetimes.hasExpired(instrument)) return []
    const strike = Instrument.isOption(instrument) ? Money.toNumber(instrument.strike, Instrument.priceScale(instrument.token)) : null
    const iv = strike === null || expiry === null ? null : (quote.row?.iv ?? valuation.iv(symbol, expiry, strike))
    const future = kind === "FUT" ? quote.lastPrice : null
    const forward = spot === null ? null : expiry === null ? spot : (future ?? valuation.forward(symbol, expiry, spot))
    if (forward === null || (strike !== null && iv === null)) return [{ kind, line, leg: undefined }]
    const { netQuantity, lotsCost } = holding.state
    return [{ kind, line, leg: { kind, strike, expiry, quantity: netQuantity, entryPrice: lotsCost.div(netQuantity), iv, forward } }]
  })

export const payoffLeg = ({ leg, line }: PayoffLine) => {
  const { holding } = line
  const { netQuantity, lotsCost } = holding.state
  return {
    leg_ids: holding.legIds,
    tradingsymbol: holding.tradingsymbol,
    type: line.instrument?.instrumentType ?? "EQ",
    strike: leg?.strike ?? null,
    expiry: line.instrument?.expiry ?? null,
    quantity: Holdings.quantityOf(holding),
    entry_price: shown(lotsCost.div(netQuantity)),
    iv: leg?.iv ?? null,
    forward: leg === undefined ? null : PayoffView.shownForward(leg.forward)
  }
}
