import { Effect, Either } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import type { OrderTerms } from "../../contract/orders/OrderTerms.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as OrderCharges from "../../domain/orders/OrderCharges.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { Valuation } from "../chains/Valuation.ts"
import { view } from "../shared/ChargesView.ts"
import { accountKnown, instrumentBySymbol, instrumentsLoaded, notFoundText } from "../shared/Lookup.ts"
import { givenOrLast } from "./GivenPrice.ts"

interface Priced {
  readonly tradingsymbol: string
  readonly order: OrderCharges.Order
}
/** An order with what it would cost. */
export interface Charged extends Priced {
  readonly charges: OrderCharges.Amounts
}

export const rowOf = ({ charges, order, tradingsymbol }: Charged) => ({
  exchange: order.exchange,
  tradingsymbol,
  transaction_type: order.side,
  quantity: order.quantity,
  price: order.price,
  ...view(charges)
})
export const totalOf = (all: ReadonlyArray<Charged>) => view(OrderCharges.sum(all.map(({ charges }) => charges)))

/** Computes the charges of hypothetical orders by today's rates. An order without a price gets the last one. */
export const makeCharged = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const rules = yield* RuleBook
  const valuation = yield* Valuation

  const orderOf = (terms: OrderTerms, at: number, on: string): Either.Either<Priced, Problem.Invalid> => {
    const refuse = (field: string, message: string) => Either.left(Problem.invalidField(`orders.${at}.${field}`, message))
    const instrument = instrumentBySymbol(registry, terms.exchange, terms.tradingsymbol)
    if (instrument === undefined) return refuse("tradingsymbol", notFoundText("Instrument"))
    if (Instrument.isIndex(instrument.token)) return refuse("tradingsymbol", "is an index, which cannot be traded")
    const price = givenOrLast(terms.price, instrument, valuation, `orders.${at}.price`)
    if (Either.isLeft(price)) return Either.left(price.left)
    const { exchange, instrumentType } = instrument
    const underlying = Instrument.underlyingOf(instrument)?.name ?? instrument.tradingsymbol
    const { product, quantity, transaction_type: side } = terms
    return Either.right({
      tradingsymbol: instrument.tradingsymbol,
      order: { on, exchange, instrumentType, price: price.right, product, quantity, side, underlying }
    })
  }

  return (wanted: ReadonlyArray<OrderTerms>) =>
    Effect.gen(function* () {
      yield* instrumentsLoaded(registry)
      const date = IndiaTime.istDate(valuation.nowMs())
      const orders: Array<Charged> = []
      for (const [at, terms] of wanted.entries()) {
        const { order, tradingsymbol } = yield* orderOf(terms, at, date)
        const charges = yield* Either.mapLeft(OrderCharges.charges(rules.current(), order), (unknown) =>
          Problem.invalidField(`orders.${at}`, unknown.message)
        )
        orders.push({ tradingsymbol, order, charges })
      }
      return { date, orders }
    })
})

/** Charges of hypothetical orders. */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const charged = yield* makeCharged
  return (accountId: string, wanted: ReadonlyArray<OrderTerms>) =>
    Effect.gen(function* () {
      yield* accountKnown(accounts, accountId)
      const { date, orders } = yield* charged(wanted)
      return { account_id: accountId, date, orders: orders.map(rowOf), total: totalOf(orders) }
    })
})
