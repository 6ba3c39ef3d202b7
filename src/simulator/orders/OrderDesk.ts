/** The orders of all accounts for one day: placed by REST, matched with the simulated market, and reported as Kite reports them. */
import { createHash } from "node:crypto"
import { Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteTime from "../../domain/market/KiteTime.ts"
import * as ExchangePhase from "../../domain/orders/ExchangePhase.ts"
import * as Gate from "../../domain/orders/Gate.ts"
import * as Matching from "../../domain/orders/Matching.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import { instrumentsBySymbol, type Market } from "../Market.ts"
import type { Working } from "../portfolio/AccountMargins.ts"
import type * as Ledger from "../portfolio/Ledger.ts"
import { circuitLimits } from "../QuoteRoutes.ts"
import * as Sessions from "../Sessions.ts"
import * as Families from "./Families.ts"
import * as OrderForm from "./OrderForm.ts"
import type * as Phases from "./Phases.ts"
import type { Update } from "./Updates.ts"

type Read<A> = Either.Either<A, Sessions.Refusal>

/** The most orders of an account on one day, as at Kite. Further ones are refused. */
const ordersMax = 5_000
/** The most orders of all accounts. A simulator that runs for days forgets the oldest ended ones. */
const keptMax = 100_000

interface Held extends Omit<OrderForm.Placed, "order" | "stopPrice"> {
  order: Matching.Order
  stopPrice: number | null
  /** For a cover order's stop, the id of its entry. */
  readonly parentId: string | null
  /** True if the order that follows from this one was placed. */
  isFollowed: boolean
  readonly id: string
  readonly exchangeId: string
  readonly account: Sessions.Account
  readonly instrument: Instrument.Instrument
  readonly variety: OrderForm.Variety
  readonly placedAtMs: number
  /** When its request came, by the wall clock. */
  readonly receivedAtMs: number
  /** The Indian date of the session to which the order belongs. */
  day: string
  /** True for an after-market order (AMO) that waits at the broker until its exchange trades. */
  isWaiting: boolean
  /** When it ends if it has not traded, by market time. */
  readonly endsAtMs: number
  /** The time from which the order book shows it, by the wall clock. */
  readonly visibleAtMs: number
  updatedAtMs: number
  modifications: number
  rejection: string | null
  readonly history: Array<object>
  readonly trades: Array<object>
}

interface Options {
  readonly market: Market
  readonly nowMs: () => number
  /** The initial time for which the order book does not show a new order. */
  readonly lagMs: number
  /** Reports an order's state to its account. */
  readonly publish: (update: Update) => void
  readonly onFill: (fill: Ledger.Fill) => void
  readonly phases: Phases.Phases
}

const notFound: Sessions.Refusal = { status: 400, type: "OrderException", message: "Order not found." }
const refuse = (message: string): Either.Either<never, Sessions.Refusal> => Either.left({ status: 400, type: "OrderException", message })

/** The status in Kite's words. An order that an auction collects is open until it is matched. */
const statusOf = ({ isWaiting, order, rejection }: Held): string => {
  if (rejection !== null) return "REJECTED"
  if (order.status !== "NEW") return order.status
  return isWaiting ? "AMO REQ RECEIVED" : "OPEN"
}

/** The fields that Kite's order book and an order's history share. */
const common = (held: Held, status: string) => {
  const { account, instrument, order } = held
  const scale = Instrument.priceScale(instrument.token)
  const pending = Matching.isWorking(order) && held.rejection === null ? order.quantity - order.filled : 0
  const atExchange = held.rejection === null
  return {
    placed_by: account.userId,
    order_id: held.id,
    exchange_order_id: atExchange ? held.exchangeId : null,
    parent_order_id: held.parentId,
    status,
    status_message: held.rejection,
    order_timestamp: KiteTime.format(held.updatedAtMs),
    exchange_timestamp: atExchange ? KiteTime.format(held.placedAtMs) : null,
    variety: held.variety,
    modified: held.modifications > 0,
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    instrument_token: instrument.token,
    order_type: order.orderType,
    transaction_type: order.side,
    validity: held.validity,
    product: held.product,
    quantity: order.quantity,
    disclosed_quantity: held.disclosedQuantity,
    price: order.price / scale,
    trigger_price: order.triggerPrice / scale,
    average_price: order.filled === 0 ? 0 : order.value / order.filled / scale,
    filled_quantity: order.filled,
    pending_quantity: pending,
    cancelled_quantity: order.status === "CANCELLED" ? order.quantity - order.filled : 0,
    tag: held.tag
  }
}

const reported = (held: Held) => ({
  ...common(held, statusOf(held)),
  status_message_raw: held.rejection,
  exchange_update_timestamp: held.rejection === null ? KiteTime.format(held.updatedAtMs) : null,
  market_protection: held.marketProtection,
  meta: Families.metaOf(held.leg),
  guid: held.id
})

/** A row of the order book. Kite adds `tags` to an order with a tag, and `validity_ttl` to one of that validity. */
const bookRow = (held: Held) => ({
  ...reported(held),
  ...(held.tag === null ? {} : { tags: [held.tag] }),
  ...(held.ttlMinutes === null ? {} : { validity_ttl: held.ttlMinutes })
})

const posted: ReadonlySet<string> = new Set(["COMPLETE", "CANCELLED", "REJECTED"])

/**
 * The message of sockets and postbacks. Its checksum proves that the sender knows the account's secret. Kite posts final states, and posts
 * a modification or a partial fill as UPDATE.
 */
const update = (held: Held): Update => {
  const { account, modifications, order } = held
  const { modified: _, ...row } = reported(held)
  const checksum = createHash("sha256").update(`${row.order_id}${row.order_timestamp}${account.apiSecret}`).digest("hex")
  const message = { user_id: account.userId, unfilled_quantity: row.pending_quantity, app_id: 1, checksum, ...row }
  const isUpdate = modifications > 0 || order.filled > 0
  return { account, message, postback: posted.has(row.status) ? message : isUpdate ? { ...message, status: "UPDATE" } : null }
}

export class OrderDesk {
  readonly #options: Options
  #lagMs: number
  readonly #bySymbol: () => ReadonlyMap<string, Instrument.Instrument>
  readonly #byId = new Map<string, Held>()
  /** Working orders by the instrument's token. */
  readonly #working = new Map<number, Set<Held>>()
  #count = 0
  #trades = 0
  #lapsedAtMinute = 0

  constructor(options: Options) {
    this.#options = options
    this.#lagMs = options.lagMs
    this.#bySymbol = instrumentsBySymbol(options.market)
  }

  place(account: Sessions.Account, form: URLSearchParams, variety: OrderForm.Variety = "regular"): Read<string> {
    const instrument = this.#bySymbol().get(Instrument.symbolKey(form.get("exchange") ?? "", form.get("tradingsymbol") ?? ""))
    if (instrument === undefined || Instrument.isIndex(instrument.token)) return Sessions.refuseInput("Invalid `tradingsymbol`.")
    const phase = this.#options.phases.of(instrument)
    if (variety === "amo" && !ExchangePhase.takesAmo(phase)) return refuse("After market orders are taken while the market is closed.")
    if (this.#today(account).length >= ordersMax) return refuse(`An account places at most ${ordersMax} orders a day.`)
    const ground = { rules: shipped, atMs: this.#options.market.status().timeMs, lastPrice: this.#rowOf(instrument.token)?.lastPrice ?? 0 }
    return Either.map(OrderForm.read(form, instrument, ground, variety), (placed) => this.#accept(account, instrument, variety, placed))
  }

  /** Takes an order, checks and matches it, and returns its id. */
  #accept(
    account: Sessions.Account,
    instrument: Instrument.Instrument,
    variety: OrderForm.Variety,
    placed: OrderForm.Placed,
    parentId: string | null = null
  ): string {
    const { market, nowMs, phases } = this.#options
    const phase = phases.of(instrument)
    const row = this.#rowOf(instrument.token)
    const atMs = market.status().timeMs
    const receivedAtMs = nowMs()
    const id = this.#nextId(atMs)
    const isWaiting = variety === "amo" && !phase.trades
    const held: Held = {
      ...placed,
      id,
      exchangeId: `1${id}`,
      account,
      instrument,
      variety,
      parentId,
      isFollowed: false,
      placedAtMs: atMs,
      receivedAtMs,
      day: phases.today(),
      isWaiting,
      endsAtMs: placed.ttlMinutes === null ? Number.POSITIVE_INFINITY : atMs + placed.ttlMinutes * 60_000,
      visibleAtMs: receivedAtMs + this.#lagMs,
      updatedAtMs: atMs,
      modifications: 0,
      rejection: isWaiting ? null : (ExchangePhase.refusal(phase, placed.order) ?? this.#rejectionOf(placed.order, instrument, row)),
      history: [],
      trades: []
    }
    this.#byId.set(id, held)
    this.#forgetOldest()
    this.#record(held, "PUT ORDER REQ RECEIVED", "VALIDATION PENDING")
    if (held.rejection === null && row !== undefined && !held.isWaiting) {
      this.#record(held, "OPEN PENDING")
      if (phase.trades) this.#match(held, row)
    }
    this.#report(held)
    return id
  }

  modify(account: Sessions.Account, id: string, form: URLSearchParams): Read<string> {
    return Either.flatMap(this.#workingOrder(account, id), (held) => {
      const { instrument, modifications, order } = held
      const tooOften = Gate.mayModify({ rules: shipped, atMs: this.#options.market.status().timeMs }, modifications)
      if (tooOften !== null) return refuse("Maximum allowed order modifications exceeded.")
      const change: { quantity?: number; price?: number; triggerPrice?: number } = {}
      for (const [name, field] of [
        ["price", "price"],
        ["trigger_price", "triggerPrice"]
      ] as const) {
        // Kite accepts a zero for a field that the order does not have.
        if (!form.has(name) || Number(form.get(name)) === 0) continue
        const price = OrderForm.priceOf(form, name, instrument)
        if (Either.isLeft(price)) return Either.left(price.left)
        // The trigger price of a cover order's entry is that of its stop.
        if (field === "triggerPrice" && held.stopPrice !== null) held.stopPrice = price.right
        else change[field] = price.right
      }
      if (form.has("quantity")) {
        const quantity = Number(form.get("quantity"))
        if (!Number.isInteger(quantity) || quantity < Math.max(1, order.filled) || quantity % instrument.lotSize !== 0)
          return Sessions.refuseInput("Invalid `quantity`.")
        change.quantity = quantity
      }
      held.order = Matching.modify(order, change)
      held.modifications++
      this.#record(held, "MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED")
      const row = this.#rowOf(instrument.token)
      if (row !== undefined && this.#options.phases.of(instrument).trades) this.#match(held, row)
      this.#report(held)
      return Either.right(id)
    })
  }

  cancel(account: Sessions.Account, id: string): Read<string> {
    return Either.map(this.#workingOrder(account, id), (held) => {
      const row = held.parentId === null ? undefined : this.#rowOf(held.instrument.token)
      if (row === undefined) {
        held.order = Matching.cancel(held.order)
        this.#record(held, "CANCEL PENDING")
      } else {
        held.order = Families.exit(held.order)
        if (this.#options.phases.of(held.instrument).trades) this.#match(held, row)
      }
      this.#report(held)
      return id
    })
  }

  /** The order book of the day, oldest first. */
  orders(account: Sessions.Account): ReadonlyArray<object> {
    const nowMs = this.#options.nowMs()
    this.#endLapsed()
    return this.#today(account)
      .filter(({ visibleAtMs }) => visibleAtMs <= nowMs)
      .map(bookRow)
  }

  /** Sets how much later the order book shows new orders. */
  setLag(lagMs: number): void {
    this.#lagMs = lagMs
  }

  /** All orders, whether the book shows them or not, oldest first, with the UNIX ms at which each request came. */
  truth(): ReadonlyArray<object> {
    this.#endLapsed()
    const rowOf = (held: Held) => ({ account_id: held.account.accountId, received_at_ms: held.receivedAtMs, ...bookRow(held) })
    return [...this.#byId.values()].map(rowOf)
  }

  history(account: Sessions.Account, id: string): Read<ReadonlyArray<object>> {
    return Either.map(this.#own(account, id), ({ history }) => history)
  }

  trades(account: Sessions.Account): ReadonlyArray<object> {
    return this.#today(account).flatMap(({ trades }) => trades)
  }

  tradesOf(account: Sessions.Account, id: string): Read<ReadonlyArray<object>> {
    return Either.map(this.#own(account, id), ({ trades }) => trades)
  }

  /** The quantities that the account's working orders may still trade. */
  working(apiKey: string): ReadonlyArray<Working> {
    return [...this.#working.values()]
      .flatMap((held) => [...held])
      .filter(({ account }) => account.apiKey === apiKey)
      .map(({ instrument, order, product }) => {
        const { filled, price, quantity, side } = order
        return { instrument, product, side, quantity: quantity - filled, price }
      })
  }

  /** Matches working orders with the new packets of the rows that the market has changed. */
  onRows(rows: Uint32Array, count: number): void {
    if (this.#working.size === 0) return
    this.#endLapsedEachMinute()
    for (let at = 0; at < count; at++) {
      const row = rows[at] ?? 0
      const working = this.#working.get(this.#options.market.columns.token[row] ?? 0)
      const [first] = working ?? []
      if (working === undefined || first === undefined || !this.#options.phases.of(first.instrument).trades) continue
      const fields = Frame.rowOf(this.#options.market.columns, row)
      for (const held of [...working]) if (this.#match(held, fields)) this.#report(held)
    }
  }

  /** Ends orders whose day or time is over. An after-market order (AMO) waits for the next day. */
  #endLapsed(): void {
    const { timeMs } = this.#options.market.status()
    const today = this.#options.phases.today()
    for (const held of [...this.#working.values()].flatMap((working) => [...working])) {
      const { day, endsAtMs, instrument, isWaiting } = held
      const isExpired = instrument.expiry !== null && instrument.expiry < today
      const isOver = isWaiting ? isExpired : day < today || ExchangePhase.isClosed(this.#options.phases.of(instrument))
      if (!isOver && timeMs < endsAtMs) continue
      held.order = Matching.cancel(held.order)
      this.#report(held)
    }
  }

  #endLapsedEachMinute(): void {
    const minute = Math.floor(this.#options.market.status().timeMs / 60_000)
    if (minute === this.#lapsedAtMinute) return
    this.#lapsedAtMinute = minute
    this.#endLapsed()
  }

  #today(account: Sessions.Account): ReadonlyArray<Held> {
    const today = this.#options.phases.today()
    return this.#of(account).filter((held) => held.isWaiting || held.day === today)
  }

  #of(account: Sessions.Account): ReadonlyArray<Held> {
    return [...this.#byId.values()].filter((held) => held.account.apiKey === account.apiKey)
  }

  #own(account: Sessions.Account, id: string): Read<Held> {
    const held = this.#byId.get(id)
    return held === undefined || held.account.apiKey !== account.apiKey ? Either.left(notFound) : Either.right(held)
  }

  #workingOrder(account: Sessions.Account, id: string): Read<Held> {
    return Either.filterOrLeft(
      this.#own(account, id),
      (held) => held.rejection === null && Matching.isWorking(held.order),
      (): Sessions.Refusal => ({
        status: 400,
        type: "OrderException",
        message: "Order cannot be changed as it is being processed or has ended."
      })
    )
  }

  #rowOf(token: number): Frame.FullFields | undefined {
    const { columns, rowByToken } = this.#options.market
    const row = rowByToken.get(token)
    return row === undefined ? undefined : Frame.rowOf(columns, row)
  }

  /** Why the exchange rejects an order that the broker has accepted; null if it does not. */
  #rejectionOf({ price }: Matching.Order, instrument: Instrument.Instrument, row: Frame.FullFields | undefined): string | null {
    if (row === undefined) return "The instrument is not traded now."
    const [lower, upper] = circuitLimits(row, instrument.tickSize)
    return price === 0 || (price >= lower && price <= upper) ? null : "The price is out of the current execution range."
  }

  #nextId(atMs: number): string {
    this.#count++
    return `${IndiaTime.istDate(atMs).replaceAll("-", "").slice(2)}${String(this.#count).padStart(9, "0")}`
  }

  #forgetOldest(): void {
    if (this.#byId.size <= keptMax) return
    for (const [id, held] of this.#byId) {
      if (held.rejection === null && Matching.isWorking(held.order)) continue
      this.#byId.delete(id)
      return
    }
  }

  #record(held: Held, ...statuses: ReadonlyArray<string>): void {
    held.updatedAtMs = this.#options.market.status().timeMs
    for (const status of statuses) held.history.push(common(held, status))
  }

  #report(held: Held): void {
    this.#record(held, statusOf(held))
    const { token } = held.instrument
    const working = this.#working.get(token) ?? new Set()
    if (held.rejection === null && Matching.isWorking(held.order)) this.#working.set(token, working.add(held))
    else if (working.delete(held) && working.size === 0) this.#working.delete(token)
    this.#options.publish(update(held))
    const next = held.isFollowed || held.rejection !== null ? null : Families.next(held)
    if (next === null) return
    held.isFollowed = true
    const { account, disclosedQuantity, id, instrument, leg, product, tag, ttlMinutes, validity, variety } = held
    // The stop of a cover order names its entry. Legs of an iceberg order have the same tag and no parent.
    const parentId = leg === null ? id : null
    this.#accept(
      account,
      instrument,
      variety,
      { ...next, validity, ttlMinutes, product, tag, disclosedQuantity, marketProtection: 0 },
      parentId
    )
  }

  /** Matches an order with a packet. True if it traded or its status changed. */
  #match(held: Held, row: Frame.FullFields): boolean {
    const before = held.order
    if (held.isWaiting) {
      held.isWaiting = false
      held.day = this.#options.phases.today()
    }
    const [after, fills] = Matching.match(before, { lastPrice: row.lastPrice, bids: row.bids, asks: row.asks })
    held.order = after
    const { account, instrument, order, product } = held
    for (const fill of fills) {
      held.trades.push(this.#tradeOf(held, fill))
      this.#options.onFill({ ...fill, apiKey: account.apiKey, instrument, product, side: order.side })
    }
    return fills.length > 0 || after.status !== before.status
  }

  #tradeOf({ exchangeId, id, instrument, order, placedAtMs, product }: Held, { price, quantity }: Matching.Fill): object {
    const time = KiteTime.format(this.#options.market.status().timeMs)
    return {
      trade_id: String(10_000_000 + ++this.#trades),
      order_id: id,
      exchange: instrument.exchange,
      tradingsymbol: instrument.tradingsymbol,
      instrument_token: instrument.token,
      product,
      average_price: price / Instrument.priceScale(instrument.token),
      quantity,
      exchange_order_id: exchangeId,
      transaction_type: order.side,
      fill_timestamp: time,
      order_timestamp: KiteTime.format(placedAtMs).slice(11),
      exchange_timestamp: time
    }
  }
}
