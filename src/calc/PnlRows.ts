import { Either, Schema } from "effect"
import * as Money from "../domain/Money.ts"
import * as Position from "../domain/strategy/Position.ts"
import * as Premium from "../domain/strategy/Premium.ts"
import * as ProfitAndLoss from "../domain/strategy/ProfitAndLoss.ts"
import * as Document from "./Document.ts"

/** Largest quantity of one fill. The sum over any file's fills then stays within 2^53. */
const quantityMax = 1e9
const Quantity = Position.Quantity.pipe(Schema.lessThanOrEqualTo(quantityMax))

const Leg = Schema.Struct({ symbol: Schema.String, side: Position.Direction, qty: Quantity, ltp: Money.MoneyInput })
const Fill = Schema.Struct({
  seq: Schema.optional(Schema.Number),
  symbol: Schema.String,
  side: Position.Direction,
  qty: Quantity,
  price: Money.MoneyInput
})
const Strategy = Schema.Struct({
  legs: Schema.Array(Leg),
  fills: Schema.optionalWith(Schema.Array(Fill), { default: () => [] }),
  /** Last prices of instruments that have fills but no leg. */
  instruments: Schema.optionalWith(Schema.Array(Schema.Struct({ symbol: Schema.String, ltp: Money.MoneyInput })), { default: () => [] })
})
type Strategy = typeof Strategy.Type

/** Decimal places of printed values, rounded half to even. Only an average price can have more. */
const places = 12
const text = (value: Money.Decimal): string => Money.format(value.toDecimalPlaces(places, Money.Decimal.ROUND_HALF_EVEN))
const dec = (value: Money.Decimal) => ({ dec: text(value) })

const splitOf = (split: ProfitAndLoss.Split) => ({
  realised: dec(split.realised),
  unrealised: dec(split.unrealised),
  openAvg: split.openAverage === null ? null : dec(split.openAverage)
})

/** Folds one instrument's fills: its report, and its state after each fill. */
const instrumentOf = (strategy: Strategy, symbol: string, ltp: Money.Decimal) => {
  let state = ProfitAndLoss.empty
  const running: Array<object> = []
  for (const { seq, symbol: of, side, qty, price } of strategy.fills) {
    if (of !== symbol) continue
    state = ProfitAndLoss.fill(state, { direction: side, quantity: qty, price })
    const { netQuantity, fifo, average } = ProfitAndLoss.report(state, Money.zero)
    running.push({
      ...(seq === undefined ? {} : { seq }),
      netQty: netQuantity,
      fifoRealised: text(fifo.realised),
      avgRealised: text(average.realised),
      avgPrice: text(average.openAverage ?? Money.zero)
    })
  }
  const report = ProfitAndLoss.report(state, ltp)
  const openLots = state.lots.map(({ quantity, price }) => ({ qty: quantity, price: Money.format(price) }))
  return {
    report,
    shown: {
      symbol,
      ltp: Money.format(ltp),
      netQty: report.netQuantity,
      fifo: { ...splitOf(report.fifo), openLots },
      averageCost: splitOf(report.average),
      total: dec(report.total),
      running
    }
  }
}

/** Each symbol's last price from instruments and legs, in their order. Two different prices for a symbol are an error of the row. */
const lastPrices = (strategy: Strategy): Either.Either<ReadonlyMap<string, Money.Decimal>, Document.BadRow> => {
  const prices = new Map<string, Money.Decimal>()
  const named = (list: "instruments" | "legs") =>
    strategy[list].map(({ symbol, ltp }, index) => ({ symbol, ltp, path: `${list}[${index}].ltp` }))
  for (const { symbol, ltp, path } of [...named("instruments"), ...named("legs")]) {
    const known = prices.get(symbol)
    if (known !== undefined && !known.equals(ltp))
      return Either.left({ path, reason: `${symbol} already has another last price: ${Money.format(known)}` })
    prices.set(symbol, ltp)
  }
  const unpriced = strategy.fills.findIndex(({ symbol }) => !prices.has(symbol))
  return unpriced < 0
    ? Either.right(prices)
    : Either.left({ path: `fills[${unpriced}].symbol`, reason: "no leg and no instrument gives its last price" })
}

const resultsAt = (strategy: Strategy, prices: ReadonlyMap<string, Money.Decimal>) => {
  const instruments = Array.from(prices, ([symbol, ltp]) => instrumentOf(strategy, symbol, ltp))
  const totals = ProfitAndLoss.totals(instruments.map(({ report }) => report))
  return {
    m2m: dec(Premium.m2m(strategy.legs.map(({ side, qty, ltp }) => ({ direction: side, quantity: qty, ltp })))),
    instruments: instruments.map(({ shown }) => shown),
    totals: {
      fifoRealised: dec(totals.fifoRealised),
      avgRealised: dec(totals.averageRealised),
      fifoUnrealised: dec(totals.fifoUnrealised),
      avgUnrealised: dec(totals.averageUnrealised),
      total: dec(totals.total)
    }
  }
}

const decode = Document.decoder(Strategy)

/** Keeps the other fields of the input's instruments, and prints last prices as the input wrote them. */
const keepGiven = (row: Document.Json, instruments: ReturnType<typeof resultsAt>["instruments"]): ReadonlyArray<Document.Json> => {
  const bySymbol = (rows: unknown) => new Map((Array.isArray(rows) ? rows : []).map((it: Document.Json) => [it["symbol"], it]))
  const [legs, given] = [bySymbol(row["legs"]), bySymbol(row["instruments"])]
  return instruments.map((it) => ({
    ...given.get(it.symbol),
    ...it,
    ltp: (given.get(it.symbol) ?? legs.get(it.symbol))?.["ltp"] ?? it.ltp
  }))
}

/** Reads strategies `{legs: [{symbol, side, qty, ltp}], fills: [{seq, symbol, side, qty, price}]}` from `strategies`; money in rupees. */
export const calculation: Document.Calculation = Document.overRows(
  "strategies",
  (row) =>
    Either.gen(function* () {
      const strategy = yield* decode(row)
      const found = resultsAt(strategy, yield* lastPrices(strategy))
      return { ...found, instruments: keepGiven(row, found.instruments) }
    }),
  { m2m: null, totals: null }
)
