import type { OptionRow, Quality } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"
import type * as ChainModel from "./ChainModel.ts"

export interface Column {
  readonly key: string
  readonly name: string
  readonly title: string
  readonly text: (option: OptionRow) => string
  /** Length of the bar in the cell, -1 to 1. */
  readonly bar?: (option: OptionRow, model: ChainModel.ChainModel) => number
  /** The trade that a click on the cell starts. */
  readonly trade?: "BUY" | "SELL"
}

/** From the outer edge of the table to the strike. */
export const columns: ReadonlyArray<Column> = [
  {
    key: "change",
    name: "OI chg",
    title: "Change of open interest",
    text: (option) => Format.signedCount(option.oi_change),
    bar: (option, { changeMax }) => (option.oi_change ?? 0) / changeMax
  },
  {
    key: "oi",
    name: "OI",
    title: "Open interest",
    text: (option) => Format.count(option.oi),
    bar: (option, { oiMax }) => (option.oi ?? 0) / oiMax
  },
  { key: "volume", name: "Volume", title: "Volume of the day", text: (option) => Format.count(option.volume) },
  { key: "theta", name: "Theta", title: "Theta, a calendar day", text: (option) => Format.fixed(option.theta, 2) },
  { key: "delta", name: "Delta", title: "Delta", text: (option) => Format.fixed(option.delta, 2) },
  { key: "iv", name: "IV %", title: "Implied volatility, per cent", text: (option) => Format.percent(option.iv) },
  { key: "bid", name: "Bid", title: "Best bid: click to sell", text: (option) => Format.price(option.bid), trade: "SELL" },
  { key: "ask", name: "Ask", title: "Best ask: click to buy", text: (option) => Format.price(option.ask), trade: "BUY" },
  {
    key: "day",
    name: "Chg %",
    title: "Change of the last price, per cent",
    text: (option) => Format.dayChangePercent(option.price_change, option.last_price)
  },
  { key: "last", name: "LTP", title: "Last traded price", text: (option) => Format.price(option.last_price) }
]

/** The column of a cell, by the key in the cell's class. */
export const columnOf = (cell: Element): Column | undefined => columns.find(({ key }) => cell.classList.contains(`k-${key}`))

/** Why an option has no volatility. */
export const reasons: Readonly<Record<Quality, string>> = {
  live: "",
  stale: "Priced from an old quote",
  no_price: "Never traded or quoted",
  no_forward: "The expiry has no forward yet",
  below_intrinsic: "Price below the intrinsic value: no volatility",
  no_time_value: "No time value: no volatility",
  above_bound: "Price above any possible value",
  expired: "Expired"
}
