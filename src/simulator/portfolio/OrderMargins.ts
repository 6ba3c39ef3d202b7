/** Margins and charges of hypothetical orders, as kite.trade/docs/connect/v3/margins describes them. */
import { Either, Schema } from "effect"
import type { Product } from "../../domain/accounts/OrderAttributes.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as OrderCharges from "../../domain/orders/OrderCharges.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import { instrumentsBySymbol, type Market } from "../Market.ts"
import * as Sessions from "../Sessions.ts"
import { makeLeg, paise, type Working } from "./AccountMargins.ts"
import { segmentOf } from "./Ledger.ts"
import * as Margin from "./Margin.ts"

type Read<A> = Either.Either<A, Sessions.Refusal>

/** The most orders that Kite accepts in one request. */
const ordersMax = 200

const Term = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  transaction_type: Schema.Literal("BUY", "SELL"),
  variety: Schema.String,
  product: Schema.Literal("NRML", "MIS", "CNC", "MTF"),
  order_type: Schema.Literal("MARKET", "LIMIT", "SL", "SL-M"),
  quantity: Schema.Int.pipe(Schema.between(1, 1e9)),
  price: Schema.optional(Schema.Number.pipe(Schema.between(0, 1e9))),
  average_price: Schema.optional(Schema.Number.pipe(Schema.between(0, 1e9)))
})
type Term = typeof Term.Type
const decodeTerms = Schema.decodeUnknownEither(Schema.parseJson(Schema.Array(Term).pipe(Schema.maxItems(ordersMax))))

interface Wanted extends Working {
  readonly term: Term
}

const noCharges = {
  transaction_tax: 0,
  transaction_tax_type: "",
  exchange_turnover_charge: 0,
  sebi_turnover_charge: 0,
  brokerage: 0,
  stamp_duty: 0,
  gst: { igst: 0, cgst: 0, sgst: 0, total: 0 },
  total: 0
}

/** Kite includes the investor protection fund's charge in the exchange's. */
const chargesView = (exchange: string, it: OrderCharges.Amounts): typeof noCharges => {
  const gst = it.gst.toNumber()
  return {
    transaction_tax: it.transactionTax.toNumber(),
    transaction_tax_type: exchange === "MCX" ? "ctt" : "stt",
    exchange_turnover_charge: it.exchange.plus(it.ipft).toNumber(),
    sebi_turnover_charge: it.sebi.toNumber(),
    brokerage: it.brokerage.toNumber(),
    stamp_duty: it.stampDuty.toNumber(),
    gst: { igst: gst, cgst: 0, sgst: 0, total: gst },
    total: it.total.toNumber()
  }
}

const chargesOf = (market: Market, { instrument, price, product, quantity, side }: Working): Read<typeof noCharges> =>
  OrderCharges.charges(shipped, {
    on: IndiaTime.istDate(market.status().timeMs),
    exchange: instrument.exchange,
    underlying: Instrument.underlyingOf(instrument)?.name ?? instrument.tradingsymbol,
    instrumentType: instrument.instrumentType,
    product: product as Product,
    side,
    quantity,
    price: Money.toDecimal(price, Instrument.priceScale(instrument.token))
  }).pipe(
    Either.mapBoth({ onLeft: ({ message }) => Sessions.inputRefusal(message), onRight: (it) => chargesView(instrument.exchange, it) })
  )

const nothing = {
  type: "",
  tradingsymbol: "",
  exchange: "",
  span: 0,
  exposure: 0,
  option_premium: 0,
  additional: 0,
  bo: 0,
  cash: 0,
  var: 0,
  pnl: { realised: 0, unrealised: 0 },
  leverage: 0,
  charges: noCharges,
  total: 0
}
type Row = typeof nothing

const together = (span: number, exposure: number, premium: number, shares: number): Row => ({
  ...nothing,
  span: paise(span),
  exposure: paise(exposure),
  option_premium: paise(premium),
  var: paise(shares),
  total: paise(span + exposure + premium + shares)
})

/** Answers with the fields of Kite's recorded answers, even if the caller asks for a compact answer. */
export const make = (market: Market) => {
  const bySymbol = instrumentsBySymbol(market)
  const legOf = makeLeg(market)

  const read = (body: string): Read<ReadonlyArray<Wanted>> =>
    Either.flatMap(
      Either.mapLeft(decodeTerms(body), () => Sessions.inputRefusal("Invalid order in the JSON list of the body.")),
      (terms) =>
        Either.all(
          terms.map((term): Read<Wanted> => {
            const instrument = bySymbol().get(Instrument.symbolKey(term.exchange, term.tradingsymbol))
            if (instrument === undefined || Instrument.isIndex(instrument.token)) return Sessions.refuseInput("Invalid `tradingsymbol`.")
            const { product, quantity, transaction_type: side } = term
            const given = Math.round((term.average_price ?? term.price ?? 0) * Instrument.priceScale(instrument.token))
            return Either.right({
              term,
              instrument,
              product,
              quantity,
              side,
              price: legOf({ instrument, quantity, side, price: given }).price
            })
          })
        )
    )

  const row = (order: Wanted): Read<Row> =>
    Either.map(chargesOf(market, order), (charges) => {
      const leg = legOf(order)
      const { exposure, span } = Margin.ofDerivatives([leg])
      const premium = Math.max(0, Margin.premium([leg]))
      return {
        ...together(span, exposure, premium, Margin.ofShares(leg, order.product)),
        type: segmentOf(order.instrument),
        tradingsymbol: order.instrument.tradingsymbol,
        exchange: order.instrument.exchange,
        leverage: Margin.leverageOf(order.product, leg),
        charges
      }
    })

  const orders = (body: string): Read<ReadonlyArray<Row>> => Either.flatMap(read(body), (wanted) => Either.all(wanted.map(row)))

  /** `held` are the account's open positions, if they count. */
  const basket = (body: string, held: ReadonlyArray<Working>) =>
    Either.gen(function* () {
      const wanted = yield* read(body)
      const rows = yield* Either.all(wanted.map(row))
      const total = (of: (row: Row) => number) => rows.reduce((sum, each) => sum + of(each), 0)
      const shares = total((it) => it.var)
      const legs = wanted.map(legOf)
      const open = held.map(legOf)
      const before = Margin.ofDerivatives(open)
      const after = Margin.ofDerivatives([...open, ...legs])
      return {
        initial: together(
          total((it) => it.span),
          total((it) => it.exposure),
          total((it) => it.option_premium),
          shares
        ),
        final: together(after.span - before.span, after.exposure - before.exposure, Margin.premium(legs), shares),
        orders: rows,
        charges: {
          ...noCharges,
          sebi_turnover_charge: total((it) => it.charges.sebi_turnover_charge),
          brokerage: total((it) => it.charges.brokerage),
          total: total((it) => it.charges.total)
        }
      }
    })

  const charges = (body: string) =>
    Either.flatMap(read(body), (wanted) =>
      Either.all(
        wanted.map((order) =>
          Either.map(chargesOf(market, order), (of) => {
            const { exchange, order_type, product, quantity, tradingsymbol, transaction_type, variety } = order.term
            const price = order.price / Instrument.priceScale(order.instrument.token)
            return { transaction_type, tradingsymbol, exchange, variety, product, order_type, quantity, price, charges: of }
          })
        )
      )
    )

  return { orders, basket, charges }
}
