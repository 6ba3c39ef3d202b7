/** The true results of the simulated days, for tests that compare them with the platform's results. */

import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type { Candle } from "../Candles.ts"
import type * as Listing from "./Listing.ts"

/** One leg of a strategy whose profit the market knows. Prices are in wire units. */
export interface Leg {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly direction: "BUY" | "SELL"
  readonly quantity: number
  /** Units of the underlying per unit of `quantity`. */
  readonly multiplier: number
  readonly entry: number
  readonly scale: number
}
export interface Strategy {
  readonly name: string
  readonly legs: ReadonlyArray<Leg>
}

export interface Settlement {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly expiry: string
  /** Wire units. */
  readonly price: number
  readonly scale: number
  readonly from: "close of the underlying" | "last price of the future"
}

/** An option's volatility and Greeks at its last trade, by the model that made its price. Units are those of the platform's messages. */
export interface Model {
  readonly forward: number
  readonly iv: number
  readonly delta: number
  readonly gamma: number
  readonly theta: number
  readonly vega: number
}

/** An instrument's day in wire units. */
export interface InstrumentDay {
  readonly instrument: Instrument.Instrument
  readonly minutes: Array<Candle>
  /** UNIX ms of the last trade; 0 before the first. */
  lastAtMs: number
  /** Set when the day ends; null for an instrument without volatility. */
  model: Model | null
  lastPrice: number
  volume: number
  oi: number
}

export interface DayTruth {
  /** "YYYY-MM-DD". */
  readonly day: string
  readonly instruments: ReadonlyMap<string, InstrumentDay>
  readonly settlements: Array<Settlement>
  /** Net premium by minute of each strategy, by its name. */
  readonly premiums: Map<string, Array<PremiumMinute>>
  strategies: ReadonlyArray<unknown>
}

/** Net premium (see `Premium.m2m`) in 1e-7 rupees, at the instants of one minute at which a leg traded. */
export interface PremiumMinute {
  readonly atMs: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
}
export const premiumScale = 1e7

export const dayOf = (day: string, listed: ReadonlyArray<Listing.Listed>): DayTruth => ({
  day,
  instruments: new Map(
    listed.map(({ instrument }) => [
      Instrument.symbolKey(instrument.exchange, instrument.tradingsymbol),
      { instrument, minutes: [], lastAtMs: 0, model: null, lastPrice: 0, volume: 0, oi: 0 }
    ])
  ),
  settlements: [],
  premiums: new Map(),
  strategies: []
})

/** Records one trade. `volume` is the day's volume so far. */
export const note = (of: InstrumentDay, atMs: number, price: number, volume: number, oi: number): void => {
  const minuteMs = IndiaTime.minuteFloor(atMs)
  const traded = volume - of.volume
  const last = of.minutes.at(-1)
  if (last?.atMs === minuteMs) {
    const { open, high, low } = last
    const longer = { atMs: minuteMs, open, high: Math.max(high, price), low: Math.min(low, price), close: price }
    of.minutes[of.minutes.length - 1] = { ...longer, volume: last.volume + traded, oi }
  } else of.minutes.push({ atMs: minuteMs, open: price, high: price, low: price, close: price, volume: traded, oi })
  of.lastAtMs = atMs
  of.lastPrice = price
  of.volume = volume
  of.oi = oi
}

/** Records a strategy's net premium at an instant. */
export const notePremium = (minutes: Array<PremiumMinute>, atMs: number, value: number): void => {
  const minuteMs = IndiaTime.minuteFloor(atMs)
  const last = minutes.at(-1)
  if (last?.atMs !== minuteMs) minutes.push({ atMs: minuteMs, open: value, high: value, low: value, close: value })
  else minutes[minutes.length - 1] = { ...last, high: Math.max(last.high, value), low: Math.min(last.low, value), close: value }
}

const rupees = (units: number, scale: number): string => Money.format(Money.toDecimal(units, scale))

/** The value of a leg: at its settlement price if it has one, otherwise at its last price. */
export const value = (leg: Leg, lastPrice: number, settledAt: number | null) => {
  const signed = (leg.direction === "BUY" ? 1 : -1) * leg.quantity * leg.multiplier
  const gain = (at: number) => rupees((at - leg.entry) * signed, leg.scale)
  return {
    exchange: leg.exchange,
    tradingsymbol: leg.tradingsymbol,
    direction: leg.direction,
    quantity: leg.quantity,
    multiplier: leg.multiplier,
    entry_price: rupees(leg.entry, leg.scale),
    last_price: rupees(lastPrice, leg.scale),
    settlement_price: settledAt === null ? null : rupees(settledAt, leg.scale),
    realised_pnl: settledAt === null ? "0" : gain(settledAt),
    unrealised_pnl: settledAt === null ? gain(lastPrice) : "0"
  }
}

const candleView = ({ atMs, open, high, low, close, volume, oi }: Candle, scale: number) => [
  IndiaTime.isoTime(atMs),
  open / scale,
  high / scale,
  low / scale,
  close / scale,
  volume,
  oi
]

const premiumView = ({ atMs, open, high, low, close }: PremiumMinute) => [
  IndiaTime.isoTime(atMs),
  ...[open, high, low, close].map((value) => rupees(value, premiumScale))
]

const instrumentView = ({ instrument, minutes, model, lastPrice, volume, oi }: InstrumentDay) => {
  const scale = Instrument.priceScale(instrument.token)
  return {
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    instrument_token: instrument.token,
    expiry: instrument.expiry,
    lot_size: instrument.lotSize,
    last_price: lastPrice / scale,
    volume,
    oi,
    model,
    minutes: minutes.map((candle) => candleView(candle, scale))
  }
}

/** A day as JSON, with prices in rupees. */
export const view = ({ day, instruments, settlements, premiums, strategies }: DayTruth) => ({
  day,
  instruments: [...instruments.values()].map(instrumentView),
  settlements: settlements.map(({ price, scale, ...rest }) => ({ ...rest, price: rupees(price, scale) })),
  premiums: Object.fromEntries([...premiums].map(([name, minutes]) => [name, minutes.map(premiumView)])),
  strategies
})
