import { Either } from "effect"
import * as Day from "./Day.ts"
import * as Expiries from "./Expiries.ts"
import type * as Facts from "./Facts.ts"
import * as Grouped from "./Grouped.ts"
import { UnknownRule } from "./UnknownRule.ts"

interface Lot {
  readonly contract: Facts.LotRow["contract"]
  readonly expiry: Day.Range
  readonly trade: Day.Range
  readonly lot: number
  readonly confidence: Facts.Confidence
}
interface Freeze extends Day.Range {
  readonly quantity: number
  readonly confidence: Facts.Confidence
}

export interface Quantities {
  readonly lots: ReadonlyMap<string, ReadonlyArray<Lot>>
  /** Ascending by their first day. */
  readonly freezes: ReadonlyMap<string, ReadonlyArray<Freeze>>
}

const key = (exchange: string, symbol: string): string => `${exchange}:${symbol}`
const open = (from: string | undefined, to: string | undefined): Day.Range => Day.range({ from: from ?? null, to: to ?? null })

export const index = (lots: typeof Facts.Lots.Type, freezes: typeof Facts.Freezes.Type): Quantities => ({
  lots: Grouped.by(
    lots.lots.map((row) => ({
      at: key(row.exchange, row.symbol),
      contract: row.contract,
      expiry: open(row.expiryFrom, row.expiryTo),
      trade: open(row.tradeFrom, row.tradeTo),
      lot: row.lot,
      confidence: row.confidence
    })),
    ({ at }) => at
  ),
  freezes: Grouped.by(
    freezes.freezes
      .map((row) => ({ at: key(row.exchange, row.symbol), ...Day.range(row), quantity: row.quantity, confidence: row.confidence }))
      .sort((a, b) => a.fromDay - b.fromDay),
    ({ at }) => at
  )
})

export interface Rules extends Expiries.Rules {
  readonly quantities: Quantities
}

export interface Quantity {
  readonly quantity: number
  readonly confidence: Facts.Confidence
}

/** The next monthly expiries up to this number are not long-dated. */
const serialMonths = 3

const contractOf = (rules: Rules, exchange: string, symbol: string, expiry: Day.Day, on: Day.Day): Facts.LotRow["contract"] => {
  if (Expiries.isWeekly(rules, exchange, symbol, expiry)) return "weekly"
  const monthlies = Expiries.after(rules, exchange, symbol, on - 1).filter(({ contract }) => contract === "monthly")
  const lastSerial = monthlies[serialMonths - 1]
  // Months are compared, because a contract listed under an older weekday rule expires on another day of the same month.
  return lastSerial === undefined || monthNumber(expiry) <= monthNumber(lastSerial.day) ? "monthly" : "long_dated"
}

const monthNumber = (day: Day.Day): number => Day.yearOf(day) * 12 + Day.monthOf(day)

/** The lot size, on the trade date `on` ("YYYY-MM-DD"), of the contract that expires on `expiry`. */
export const lot = (rules: Rules, exchange: string, symbol: string, expiry: string, on: string): Either.Either<Quantity, UnknownRule> => {
  const [expiryDay, day] = [Day.ofIso(expiry), Day.ofIso(on)]
  const rows = rules.quantities.lots.get(key(exchange, symbol))
  const contract = rows === undefined ? "all" : contractOf(rules, exchange, symbol, expiryDay, day)
  const row = rows?.find(
    (it) => (it.contract === "all" || it.contract === contract) && Day.holds(it.expiry, expiryDay) && Day.holds(it.trade, day)
  )
  if (row !== undefined) return Either.right({ quantity: row.lot, confidence: row.confidence })
  const why =
    rows === undefined ? "the rulebook has no lot of the symbol; take it from the instrument dump" : `no row fits the contract of ${expiry}`
  return Either.left(new UnknownRule({ what: "lot", of: `${exchange} ${symbol}`, on, why }))
}

const isSameMonth = (a: Day.Day, b: Day.Day): boolean => monthNumber(a) === monthNumber(b)

/**
 * The largest quantity of one order on a trade date. Exchanges review it each month, so after the month of its row the value is
 * uncertain (confidence 0).
 */
export const freezeQuantity = (rules: Rules, exchange: string, symbol: string, on: string): Either.Either<Quantity, UnknownRule> => {
  const day = Day.ofIso(on)
  const rows = rules.quantities.freezes.get(key(exchange, symbol))
  const row = rows?.findLast((it) => it.fromDay <= day)
  if (row !== undefined && Day.holds(row, day))
    return Either.right({ quantity: row.quantity, confidence: isSameMonth(row.fromDay, day) ? row.confidence : 0 })
  const why = rows === undefined ? "the rulebook has no freeze quantity of the symbol" : "no row covers the day"
  return Either.left(new UnknownRule({ what: "freeze quantity", of: `${exchange} ${symbol}`, on, why }))
}
