import { Array as Arr, Either } from "effect"
import * as Position from "../../../src/domain/accounts/Position.ts"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import type * as PaperLedger from "../../../src/domain/orders/PaperLedger.ts"
import * as PaperOrder from "../../../src/domain/orders/PaperOrder.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

type Trades = ReadonlyArray<PaperLedger.Trade>
const traded = (position: Position.Position, { price, quantity, side }: PaperLedger.Trade): Position.Position =>
  Position.trade(position, { side, quantity, value: price * quantity })

/** Adds all trades of one line up again, day by day. */
const positionOf = (trades: Trades, today: string): Position.Position => {
  let position = Position.none
  let day: string | undefined
  for (const trade of trades) {
    const on = IndiaTime.istDate(trade.atMs)
    if (day !== undefined && on !== day) position = Position.carry(position)
    day = on
    position = traded(position, trade)
  }
  return day !== undefined && day < today ? Position.carry(position) : position
}

const chargesOf = (trades: Trades): Money.Decimal => {
  const amounts = Object.values(Arr.groupBy(trades, ({ orderId }) => orderId)).map((own) => {
    const total = own.reduce(traded, Position.none)
    const filled = total.dayBuyQuantity + total.daySellQuantity
    const value = total.dayBuyValue + total.daySellValue
    const { atMs, instrument, product, side } = own[0]
    return Either.getOrThrow(PaperOrder.chargesOf(shipped, { instrument, product, side, filled, value }, IndiaTime.istDate(atMs)))
  })
  return OrderCharges.sum(amounts).total
}

/** The result of trades without corporate actions, computed from all of them at once. It is the oracle for the ledger's fold. */
export const whole = (trades: Trades, today: string) => ({
  lines: Object.values(Arr.groupBy(trades, ({ instrument, product }) => `${instrument.tradingsymbol} ${product}`)).map((own) => ({
    tradingsymbol: own[0].instrument.tradingsymbol,
    product: own[0].product,
    position: positionOf(own, today),
    whole: own.reduce(traded, Position.none),
    lastPrice: own.at(-1)?.price
  })),
  charges: Money.format(chargesOf(trades))
})
