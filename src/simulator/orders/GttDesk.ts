/** Good-till-triggered orders: when the last price reaches a trigger, the desk places the order beside it. */
import { Either, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteTime from "../../domain/market/KiteTime.ts"
import { instrumentsBySymbol, type Market } from "../Market.ts"
import * as Sessions from "../Sessions.ts"

type Read<A> = Either.Either<A, Sessions.Refusal>

/** The most active triggers of an account, as at Kite. */
const activeMax = 250
/** The most triggers of all accounts. The oldest that are no longer active are forgotten. */
const keptMax = 10_000
const lifeMs = 365 * IndiaTime.dayMs

const Price = Schema.Number.pipe(Schema.between(0, 1e9))
const Condition = Schema.parseJson(
  Schema.Struct({
    exchange: Schema.String,
    tradingsymbol: Schema.String,
    trigger_values: Schema.Array(Price),
    last_price: Price
  })
)
const Order = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  transaction_type: Schema.Literal("BUY", "SELL"),
  order_type: Schema.Literal("LIMIT"),
  product: Schema.Literal("NRML", "MIS", "CNC", "MTF"),
  quantity: Schema.Int.pipe(Schema.between(1, 1e9)),
  price: Price
})
const decodeCondition = Schema.decodeUnknownEither(Condition)
const decodeOrders = Schema.decodeUnknownEither(Schema.parseJson(Schema.Array(Order)))

interface Leg {
  readonly order: typeof Order.Type
  result: object | null
}

interface Gtt {
  readonly id: number
  readonly account: Sessions.Account
  readonly createdAtMs: number
  type: "single" | "two-leg"
  instrument: Instrument.Instrument
  /** In price units, ascending. */
  triggers: ReadonlyArray<number>
  lastPrice: number
  legs: ReadonlyArray<Leg>
  updatedAtMs: number
  expiresAtMs: number
  status: "active" | "triggered" | "deleted" | "expired"
}

type Terms = Pick<Gtt, "type" | "instrument" | "triggers" | "lastPrice" | "legs">

const view = (gtt: Gtt) => {
  const scale = Instrument.priceScale(gtt.instrument.token)
  return {
    id: gtt.id,
    user_id: gtt.account.userId,
    parent_trigger: null,
    type: gtt.type,
    created_at: KiteTime.format(gtt.createdAtMs),
    updated_at: KiteTime.format(gtt.updatedAtMs),
    expires_at: KiteTime.format(gtt.expiresAtMs),
    status: gtt.status,
    condition: {
      exchange: gtt.instrument.exchange,
      last_price: gtt.lastPrice / scale,
      tradingsymbol: gtt.instrument.tradingsymbol,
      trigger_values: gtt.triggers.map((value) => value / scale),
      instrument_token: gtt.instrument.token
    },
    orders: gtt.legs.map(({ order, result }) => ({ ...order, result })),
    meta: {}
  }
}

/** The index of the leg whose trigger the price has reached, or -1. The lower value of a two-leg trigger belongs to the first leg. */
const reached = ({ lastPrice, triggers, type }: Gtt, price: number): number => {
  const [first = 0, second = Number.POSITIVE_INFINITY] = triggers
  if (type === "two-leg") return price <= first ? 0 : price >= second ? 1 : -1
  const isAbove = first >= lastPrice
  return (isAbove ? price >= first : price <= first) ? 0 : -1
}

const formOf = (order: typeof Order.Type): URLSearchParams =>
  new URLSearchParams({ ...order, quantity: String(order.quantity), price: String(order.price), validity: "DAY" })

export class GttDesk {
  readonly #market: Market
  readonly #place: (account: Sessions.Account, form: URLSearchParams) => Read<string>
  readonly #bySymbol: () => ReadonlyMap<string, Instrument.Instrument>
  readonly #byId = new Map<number, Gtt>()
  /** Active triggers by the instrument's token. */
  readonly #active = new Map<number, Set<Gtt>>()
  #count = 0

  constructor(market: Market, place: (account: Sessions.Account, form: URLSearchParams) => Read<string>) {
    this.#market = market
    this.#place = place
    this.#bySymbol = instrumentsBySymbol(market)
  }

  place(account: Sessions.Account, form: URLSearchParams): Read<number> {
    return Either.flatMap(this.#terms(form), (terms) => {
      if (this.#of(account).filter(({ status }) => status === "active").length >= activeMax)
        return Sessions.refuseInput(`An account has at most ${activeMax} active triggers.`)
      const atMs = this.#market.status().timeMs
      const gtt: Gtt = {
        ...terms,
        id: ++this.#count,
        account,
        createdAtMs: atMs,
        updatedAtMs: atMs,
        expiresAtMs: atMs + lifeMs,
        status: "active"
      }
      this.#byId.set(gtt.id, gtt)
      this.#forgetOldest()
      this.#watch(gtt)
      return Either.right(gtt.id)
    })
  }

  modify(account: Sessions.Account, id: string, form: URLSearchParams): Read<number> {
    return Either.flatMap(this.#activeOne(account, id), (gtt) =>
      Either.map(this.#terms(form), (terms) => {
        this.#unwatch(gtt)
        Object.assign(gtt, terms)
        gtt.updatedAtMs = this.#market.status().timeMs
        this.#watch(gtt)
        return gtt.id
      })
    )
  }

  delete(account: Sessions.Account, id: string): Read<number> {
    return Either.map(this.#activeOne(account, id), (gtt) => {
      this.#end(gtt, "deleted")
      return gtt.id
    })
  }

  one(account: Sessions.Account, id: string): Read<object> {
    return Either.map(this.#own(account, id), view)
  }

  /** The account's triggers without deleted ones, which Kite no longer lists. */
  all(account: Sessions.Account): ReadonlyArray<object> {
    return this.#of(account)
      .filter(({ status }) => status !== "deleted")
      .map(view)
  }

  /** Called when the market has changed these rows. */
  onRows(rows: Uint32Array, count: number): void {
    if (this.#active.size === 0) return
    const { lastPrice, token } = this.#market.columns
    const atMs = this.#market.status().timeMs
    for (let at = 0; at < count; at++) {
      const row = rows[at] ?? 0
      for (const gtt of [...(this.#active.get(token[row] ?? 0) ?? [])]) {
        if (atMs >= gtt.expiresAtMs) this.#end(gtt, "expired")
        else this.#trigger(gtt, lastPrice[row] ?? 0)
      }
    }
  }

  #trigger(gtt: Gtt, price: number): void {
    const leg = gtt.legs[reached(gtt, price)]
    if (leg === undefined) return
    this.#end(gtt, "triggered")
    const { exchange, order_type, product, quantity, tradingsymbol, transaction_type } = leg.order
    const placed = this.#place(gtt.account, formOf(leg.order))
    leg.result = {
      account_id: gtt.account.userId,
      exchange,
      tradingsymbol,
      validity: "DAY",
      product,
      order_type,
      transaction_type,
      quantity,
      price: leg.order.price,
      meta: JSON.stringify({ app_id: 1, gtt: gtt.id }),
      timestamp: KiteTime.format(gtt.updatedAtMs),
      triggered_at: price / Instrument.priceScale(gtt.instrument.token),
      order_result: Either.match(placed, {
        onLeft: ({ message }) => ({ status: "failed", order_id: "", rejection_reason: message }),
        onRight: (id) => ({ status: "success", order_id: id, rejection_reason: "" })
      })
    }
  }

  #terms(form: URLSearchParams): Read<Terms> {
    const type = form.get("type")
    if (type !== "single" && type !== "two-leg") return Sessions.refuseInput("Invalid `type`.")
    const condition = decodeCondition(form.get("condition") ?? "")
    if (Either.isLeft(condition)) return Sessions.refuseInput("Invalid `condition`.")
    const orders = decodeOrders(form.get("orders") ?? "")
    if (Either.isLeft(orders)) return Sessions.refuseInput("Invalid `orders`.")
    const { exchange, last_price, tradingsymbol, trigger_values } = condition.right
    const instrument = this.#bySymbol().get(Instrument.symbolKey(exchange, tradingsymbol))
    if (instrument === undefined || Instrument.isIndex(instrument.token)) return Sessions.refuseInput("Invalid `tradingsymbol`.")
    const legs = type === "single" ? 1 : 2
    if (trigger_values.length !== legs || orders.right.length !== legs)
      return Sessions.refuseInput(`A ${type} trigger has ${legs} values and orders.`)
    const row = this.#market.rowByToken.get(instrument.token)
    const scale = Instrument.priceScale(instrument.token)
    const lastPrice = row === undefined ? Math.round(last_price * scale) : Frame.rowOf(this.#market.columns, row).lastPrice
    const triggers = trigger_values.map((value) => Math.round(value * scale))
    if (type === "two-leg" && !((triggers[0] ?? 0) < lastPrice && lastPrice < (triggers[1] ?? 0)))
      return Sessions.refuseInput("Trigger already met.")
    if (triggers.includes(lastPrice)) return Sessions.refuseInput("Trigger already met.")
    return Either.right({ type, instrument, triggers, lastPrice, legs: orders.right.map((order) => ({ order, result: null })) })
  }

  #of(account: Sessions.Account): ReadonlyArray<Gtt> {
    return [...this.#byId.values()].filter((gtt) => gtt.account.apiKey === account.apiKey)
  }

  #own(account: Sessions.Account, id: string): Read<Gtt> {
    const gtt = this.#byId.get(Number(id))
    return gtt === undefined || gtt.account.apiKey !== account.apiKey
      ? Either.left({ status: 404, type: "DataException", message: "Trigger not found." })
      : Either.right(gtt)
  }

  #activeOne(account: Sessions.Account, id: string): Read<Gtt> {
    return Either.filterOrLeft(
      this.#own(account, id),
      ({ status }) => status === "active",
      () => Sessions.inputRefusal("The trigger is no longer active.")
    )
  }

  #watch(gtt: Gtt): void {
    const { token } = gtt.instrument
    this.#active.set(token, (this.#active.get(token) ?? new Set()).add(gtt))
  }

  #unwatch(gtt: Gtt): void {
    const { token } = gtt.instrument
    const watched = this.#active.get(token)
    if (watched?.delete(gtt) === true && watched.size === 0) this.#active.delete(token)
  }

  #end(gtt: Gtt, status: "triggered" | "deleted" | "expired"): void {
    this.#unwatch(gtt)
    gtt.status = status
    gtt.updatedAtMs = this.#market.status().timeMs
  }

  #forgetOldest(): void {
    if (this.#byId.size <= keptMax) return
    for (const [id, { status }] of this.#byId) {
      if (status === "active") continue
      this.#byId.delete(id)
      return
    }
  }
}
