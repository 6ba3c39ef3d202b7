/** Positions, holdings and cash of all accounts, derived from the fills of their orders. */
import { Either } from "effect"
import * as Position from "../../domain/accounts/Position.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Day from "../../domain/rules/Day.ts"
import * as Segments from "../../domain/rules/Segments.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import type { Market } from "../Market.ts"

export interface Fill {
  readonly apiKey: string
  readonly instrument: Instrument.Instrument
  readonly product: string
  readonly side: "BUY" | "SELL"
  readonly quantity: number
  /** In the instrument's price units. */
  readonly price: number
}

export interface Held {
  readonly instrument: Instrument.Instrument
  readonly product: string
  position: Position.Position
  /** The price at which the carried quantity was last settled. */
  settledAt: number
}

/** Shares of an account. `value` is their total cost in price units. */
export interface Holding {
  readonly instrument: Instrument.Instrument
  /** Delivered. */
  settled: number
  /** Bought on the day before. */
  t1: number
  value: number
}

/** Shares that an account has at the start. */
export interface OpeningHolding {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly quantity: number
  /** Rupees paid for one. */
  readonly averagePrice: number
}

export type Segment = "equity" | "commodity"

interface Account {
  /** The Indian date of its positions. */
  day: string
  readonly positions: Map<string, Held>
  readonly holdings: Map<number, Holding>
  /** Rupees at the start of the day. */
  readonly cash: Record<Segment, number>
}

export const segmentOf = ({ exchange }: Instrument.Instrument): Segment =>
  exchange === "MCX" || exchange === "NCO" ? "commodity" : "equity"

/** Kite's quantity counts contracts for commodities and currencies. An instrument without a rule counts single units. */
export const multiplierOf = ({ exchange, name, tradingsymbol }: Instrument.Instrument, atMs: number): number =>
  Either.match(Segments.multiplier(shipped.segments, exchange, name === "" ? tradingsymbol : name, Day.at(atMs)), {
    onLeft: () => 1,
    onRight: ({ multiplier }) => multiplier
  })

const delivers = (product: string): boolean => product === "CNC" || product === "MTF"

export class Ledger {
  readonly #market: Market
  readonly #openingCash: number
  readonly #openingHoldings: ReadonlyArray<OpeningHolding>
  readonly #today: () => string
  readonly #accounts = new Map<string, Account>()
  /** Newest prices of held instruments. They are kept when an instrument is no longer listed. */
  readonly #lastPrices = new Map<number, number>()

  /** `today` is the Indian date, or always the same in a market without days. */
  constructor(market: Market, openingCash: number, today: () => string, openingHoldings: ReadonlyArray<OpeningHolding> = []) {
    this.#openingHoldings = openingHoldings
    this.#today = today
    this.#market = market
    this.#openingCash = openingCash
  }

  fill({ apiKey, instrument, price, product, quantity, side }: Fill): void {
    const held = this.#held(this.#account(apiKey), instrument, product)
    held.position = Position.trade(held.position, { side, quantity, value: price * quantity })
    this.#lastPrices.set(instrument.token, price)
  }

  positions(apiKey: string): ReadonlyArray<Held> {
    return [...this.#account(apiKey).positions.values()]
  }

  position(apiKey: string, token: number, product: string): Position.Position {
    return this.#account(apiKey).positions.get(`${token} ${product}`)?.position ?? Position.none
  }

  holdings(apiKey: string): ReadonlyArray<Holding> {
    return [...this.#account(apiKey).holdings.values()]
  }

  openingCash(apiKey: string, segment: Segment): number {
    return this.#account(apiKey).cash[segment]
  }

  /** Moves quantity to another product. False if the position has less. */
  convert(
    apiKey: string,
    held: { readonly token: number; readonly from: string; readonly to: string },
    what: Position.Conversion
  ): boolean {
    const account = this.#account(apiKey)
    const from = account.positions.get(`${held.token} ${held.from}`)
    if (from === undefined || what.quantity > Position.convertible(from.position, what)) return false
    const to = this.#held(account, from.instrument, held.to)
    ;[from.position, to.position] = Position.convert(from.position, to.position, what)
    return true
  }

  marks(instrument: Instrument.Instrument): Position.Marks {
    const row = this.#market.rowByToken.get(instrument.token)
    const fields = row === undefined ? undefined : Frame.rowOf(this.#market.columns, row)
    const last = fields?.lastPrice ?? this.#lastPrices.get(instrument.token) ?? 0
    return {
      last,
      close: fields?.close ?? last,
      multiplier: multiplierOf(instrument, this.#market.status().timeMs),
      scale: Instrument.priceScale(instrument.token)
    }
  }

  /** Called when the market has changed these rows. */
  onRows(rows: Uint32Array, count: number): void {
    if (this.#lastPrices.size === 0) return
    const { lastPrice, token } = this.#market.columns
    for (let at = 0; at < count; at++) {
      const row = rows[at] ?? 0
      const changed = token[row] ?? 0
      if (this.#lastPrices.has(changed)) this.#lastPrices.set(changed, lastPrice[row] ?? 0)
    }
  }

  #held({ positions }: Account, instrument: Instrument.Instrument, product: string): Held {
    const key = `${instrument.token} ${product}`
    const held = positions.get(key) ?? { instrument, product, position: Position.none, settledAt: 0 }
    positions.set(key, held)
    return held
  }

  #opening(): Map<number, Holding> {
    const { instruments } = this.#market
    const found = this.#openingHoldings.flatMap(({ averagePrice, exchange, quantity, tradingsymbol }) => {
      const instrument = instruments.find((one) => one.exchange === exchange && one.tradingsymbol === tradingsymbol)
      if (instrument === undefined) return []
      const value = Math.round(averagePrice * Instrument.priceScale(instrument.token)) * quantity
      return [[instrument.token, { instrument, settled: quantity, t1: 0, value }] as const]
    })
    return new Map(found)
  }

  #account(apiKey: string): Account {
    const day = this.#today()
    let account = this.#accounts.get(apiKey)
    if (account === undefined) {
      const cash = { equity: this.#openingCash, commodity: this.#openingCash }
      account = { day, positions: new Map(), holdings: this.#opening(), cash }
      this.#accounts.set(apiKey, account)
    }
    if (account.day < day) this.#beginDay(account, day)
    return account
  }

  /**
   * Begins a day: cash is settled, delivered shares become holdings, expired contracts end at their last price, and other positions are
   * carried.
   */
  #beginDay(account: Account, day: string): void {
    for (const holding of account.holdings.values()) {
      holding.settled += holding.t1
      holding.t1 = 0
    }
    for (const [key, held] of [...account.positions]) {
      const { instrument, position, product } = held
      account.cash[segmentOf(instrument)] += this.#settlement(held, day)
      if (delivers(product)) this.#deliver(account, held)
      const isOver = delivers(product) || Position.net(position) === 0 || (instrument.expiry !== null && instrument.expiry < day)
      if (isOver) account.positions.delete(key)
      else {
        held.position = Position.carry(position)
        held.settledAt = this.#lastPrices.get(instrument.token) ?? 0
      }
    }
    account.day = day
  }

  /** The cash in rupees that a day's position brings: money received less money paid; for a future, its gain since the previous close. */
  #settlement({ instrument, position, settledAt }: Held, day: string): number {
    const last = this.#lastPrices.get(instrument.token) ?? 0
    const marks = { ...this.marks(instrument), last, close: settledAt }
    if (instrument.instrumentType === "FUT") return Position.m2m(position, marks).toNumber()
    const traded = ((position.daySellValue - position.dayBuyValue) * marks.multiplier) / marks.scale
    const isExpired = instrument.expiry !== null && instrument.expiry < day
    return traded + (isExpired ? (Position.net(position) * last * marks.multiplier) / marks.scale : 0)
  }

  #deliver({ holdings }: Account, { instrument, position }: Held): void {
    const quantity = Position.net(position)
    if (quantity === 0) return
    const holding = holdings.get(instrument.token) ?? { instrument, settled: 0, t1: 0, value: 0 }
    holdings.set(instrument.token, holding)
    if (quantity > 0) {
      holding.t1 += quantity
      holding.value += Position.carry(position).overnightValue
      return
    }
    const owned = holding.settled + holding.t1
    const left = Math.max(0, owned + quantity)
    holding.value = owned === 0 ? 0 : Math.round((holding.value * left) / owned)
    holding.settled = Math.max(0, holding.settled + quantity)
    holding.t1 = left - holding.settled
    if (left === 0) holdings.delete(instrument.token)
  }
}
