/** Positions, holdings, funds, margins and charges. */
import * as Position from "../../domain/accounts/Position.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { instrumentsBySymbol, type Market } from "../Market.ts"
import type { OrderDesk } from "../orders/OrderDesk.ts"
import * as Route from "../Route.ts"
import type * as Sessions from "../Sessions.ts"
import * as AccountMargins from "./AccountMargins.ts"
import type { Held, Holding, Ledger, Segment } from "./Ledger.ts"
import * as OrderMargins from "./OrderMargins.ts"

/** A row in Kite's form, with numbers as doubles. */
const printed = (row: Position.Figures) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === "number" ? value : value.toNumber()]))

const positionRow = (ledger: Ledger, { instrument, product }: Held, position: Position.Position, isCarried: boolean) => {
  const marks = ledger.marks(instrument)
  return {
    tradingsymbol: instrument.tradingsymbol,
    exchange: instrument.exchange,
    instrument_token: instrument.token,
    product,
    // Kite has no previous close for a position of today.
    ...printed(Position.figures(position, isCarried ? marks : { ...marks, close: 0 }))
  }
}

const positions = (ledger: Ledger, apiKey: string) => {
  const all = ledger.positions(apiKey)
  const isCarried = ({ position }: Held) => position.overnightQuantity !== 0
  return {
    net: all.map((held) => positionRow(ledger, held, held.position, isCarried(held))),
    day: all
      .filter(({ position }) => Position.hasDayTrades(position))
      .map((held) => positionRow(ledger, held, { ...held.position, overnightQuantity: 0, overnightValue: 0 }, isCarried(held)))
  }
}

const holdingRow = (ledger: Ledger, apiKey: string, day: string, { instrument, settled, t1, value }: Holding) => {
  const { close, last, scale } = ledger.marks(instrument)
  const owned = settled + t1
  const average = value / owned
  const sold = Math.max(0, -Position.net(ledger.position(apiKey, instrument.token, "CNC")))
  return {
    tradingsymbol: instrument.tradingsymbol,
    exchange: instrument.exchange,
    instrument_token: instrument.token,
    isin: "",
    product: "CNC",
    price: 0,
    quantity: settled,
    used_quantity: Math.min(sold, owned),
    t1_quantity: t1,
    realised_quantity: settled,
    authorised_quantity: 0,
    authorised_date: `${day} 00:00:00`,
    authorisation: {},
    opening_quantity: owned,
    short_quantity: 0,
    collateral_quantity: 0,
    collateral_type: "",
    discrepancy: false,
    average_price: average / scale,
    last_price: last / scale,
    close_price: close / scale,
    pnl: ((last - average) * owned) / scale,
    day_change: (last - close) / scale,
    day_change_percentage: close === 0 ? 0 : ((last - close) / close) * 100,
    mtf: { quantity: 0, used_quantity: 0, average_price: 0, value: 0, initial_margin: 0 }
  }
}

/** An open position as an order for the margin model. */
const asWorking = ({ instrument, position, product }: Held): AccountMargins.Working => {
  const quantity = Position.net(position)
  return { instrument, product, side: quantity > 0 ? "BUY" : "SELL", quantity: Math.abs(quantity), price: 0 }
}

const products: ReadonlyArray<string> = ["NRML", "MIS", "CNC", "MTF"]
const invalid = (name: string) => Route.refuse(400, "InputException", `Invalid \`${name}\`.`)

/** PUT /portfolio/positions. */
const convert = (market: Market, ledger: Ledger) => {
  const bySymbol = instrumentsBySymbol(market)
  return (apiKey: string, form: URLSearchParams): Route.Response => {
    const field = (name: string) => form.get(name) ?? ""
    const instrument = bySymbol().get(Instrument.symbolKey(field("exchange"), field("tradingsymbol")))
    if (instrument === undefined) return invalid("tradingsymbol")
    const side = field("transaction_type")
    const when = field("position_type")
    const quantity = Number(field("quantity"))
    const [from, to] = [field("old_product"), field("new_product")]
    if (side !== "BUY" && side !== "SELL") return invalid("transaction_type")
    if (when !== "day" && when !== "overnight") return invalid("position_type")
    if (!Number.isSafeInteger(quantity) || quantity < 1) return invalid("quantity")
    if (!products.includes(from)) return invalid("old_product")
    if (!products.includes(to) || to === from) return invalid("new_product")
    return ledger.convert(apiKey, { token: instrument.token, from, to }, { side, when, quantity })
      ? Route.success(true)
      : Route.refuse(400, "InputException", "The position has less than the quantity to convert.")
  }
}

export const make = (market: Market, guard: Route.Guard, ledger: Ledger, desk: OrderDesk): Route.Routes => {
  const margins = AccountMargins.make(ledger, AccountMargins.makeLeg(market))
  const ofOrders = OrderMargins.make(market)
  const converted = convert(market, ledger)
  const segment = ({ apiKey }: Sessions.Account, name: Segment) => margins(apiKey, name, desk.working(apiKey))
  const get = (answer: (account: Sessions.Account) => unknown): Route.Route => ({
    methods: ["GET"],
    answer: guard("other", ({ account }) => Route.success(answer(account)))
  })
  const post = (answer: (account: Sessions.Account, body: string, query: URLSearchParams) => Route.Response): Route.Route => ({
    methods: ["POST"],
    answer: guard("other", ({ account }, query, { body }) => answer(account, body, query))
  })
  return {
    "/user/margins": get((account) => ({ equity: segment(account, "equity"), commodity: segment(account, "commodity") })),
    "/user/margins/equity": get((account) => segment(account, "equity")),
    "/user/margins/commodity": get((account) => segment(account, "commodity")),
    "/portfolio/positions": {
      methods: ["GET", "PUT"],
      answer: guard("other", ({ account: { apiKey } }, _query, { body, method }) =>
        method === "GET" ? Route.success(positions(ledger, apiKey)) : converted(apiKey, new URLSearchParams(body))
      )
    },
    "/portfolio/holdings": get(({ apiKey }) => {
      const day = IndiaTime.istDate(market.status().timeMs)
      return ledger.holdings(apiKey).map((holding) => holdingRow(ledger, apiKey, day, holding))
    }),
    // The simulator's exchange never falls short of a delivery, so there is nothing to auction.
    "/portfolio/holdings/auctions": get(() => []),
    "/margins/orders": post((_account, body) => Route.ofEither(ofOrders.orders(body))),
    "/margins/basket": post(({ apiKey }, body, query) =>
      Route.ofEither(ofOrders.basket(body, query.get("consider_positions") === "true" ? ledger.positions(apiKey).map(asWorking) : []))
    ),
    "/charges/orders": post((_account, body) => Route.ofEither(ofOrders.charges(body)))
  }
}
