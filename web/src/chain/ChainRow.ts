import type { OptionRow, Quality, StrikeRow } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import type * as ChainModel from "./ChainModel.ts"

export interface Column {
  readonly key: string
  readonly name: string
  readonly title: string
  readonly text: (option: OptionRow) => string
  /** Share of the cell that its bar fills, -1 to 1. */
  readonly bar?: (option: OptionRow, model: ChainModel.ChainModel) => number
  /** What a click on it does. */
  readonly trade?: "BUY" | "SELL"
}

/** From the outside of the table to the strike. */
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
  { key: "iv", name: "IV %", title: "Implied volatility, percent", text: (option) => Format.percent(option.iv) },
  { key: "bid", name: "Bid", title: "Best bid: click to sell", text: (option) => Format.price(option.bid), trade: "SELL" },
  { key: "ask", name: "Ask", title: "Best ask: click to buy", text: (option) => Format.price(option.ask), trade: "BUY" },
  { key: "last", name: "LTP", title: "Last traded price", text: (option) => Format.price(option.last_price) }
]

/** Why an option has no volatility. */
const reasons: Readonly<Record<Quality, string>> = {
  live: "",
  stale: "Priced from an old quote",
  no_price: "Never traded or quoted",
  no_forward: "The expiry has no forward yet",
  below_intrinsic: "Price below the intrinsic value: no volatility",
  no_time_value: "No time value: no volatility",
  above_bound: "Price above any possible value",
  expired: "Expired"
}

interface Cell {
  readonly td: HTMLTableCellElement
  readonly text: Text
  shown: string
  barShown: number
}
interface Half {
  readonly cells: ReadonlyArray<Cell>
  last: number | null
  quality: Quality | "none"
  moved: "up" | "down" | ""
}
/** A strike's row in the table. */
export interface Row {
  readonly tr: HTMLTableRowElement
  readonly strikeCell: HTMLTableCellElement
  readonly call: Half
  readonly put: Half
}

const barSteps = 128

const makeHalf = (side: ChainModel.Side): Half => {
  const cells = columns.map((column): Cell => {
    const text = document.createTextNode("")
    const td = el("td", { className: `${side} k-${column.key}`, tabIndex: -1, role: "gridcell" }, text)
    if (column.trade !== undefined) td.classList.add("tradable")
    return { td, text, shown: "", barShown: 0 }
  })
  return { cells, last: null, quality: "live", moved: "" }
}

export const make = (strike: number): Row => {
  const call = makeHalf("call")
  const put = makeHalf("put")
  const strikeCell = el("th", { scope: "row", role: "rowheader", className: "strike", tabIndex: -1 }, Format.strike(strike))
  const tr = el("tr", { role: "row" }, ...call.cells.map(({ td }) => td), strikeCell, ...[...put.cells].reverse().map(({ td }) => td))
  tr.dataset["strike"] = String(strike)
  return { tr, strikeCell, call, put }
}

const drawBar = (cell: Cell, share: number): void => {
  const stepped = Math.round(share * barSteps) / barSteps
  if (cell.barShown === stepped) return
  if (stepped < 0 !== cell.barShown < 0) cell.td.classList.toggle("less", stepped < 0)
  cell.barShown = stepped
  cell.td.style.backgroundSize = `${Math.abs(stepped) * 100}% 75%`
}

/** Writes the cells whose text is another than the one that stands there, and nothing else. */
const drawHalf = (half: Half, option: OptionRow | null, model: ChainModel.ChainModel): void => {
  for (const [at, column] of columns.entries()) {
    const cell = half.cells[at]
    if (cell === undefined) continue
    const text = option === null ? "" : column.text(option)
    if (text !== cell.shown) {
      cell.shown = text
      cell.text.data = text
    }
    if (column.bar !== undefined) drawBar(cell, option === null ? 0 : column.bar(option, model))
  }
  const last = option?.last_price ?? null
  const moved = last === null || half.last === null || last === half.last ? half.moved : last > half.last ? "up" : "down"
  half.last = last
  const quality = option?.quality ?? "none"
  const lastCell = half.cells.at(-1)
  if (moved !== half.moved && lastCell !== undefined) {
    lastCell.td.classList.remove("up", "down")
    lastCell.td.classList.add(moved === "" ? "up" : moved)
    half.moved = moved
  }
  if (quality === half.quality) return
  half.quality = quality
  for (const { td } of half.cells) td.classList.toggle("old", quality === "stale")
  const iv = half.cells.find(({ td }) => td.classList.contains("k-iv"))
  if (iv !== undefined) iv.td.title = quality === "none" ? "" : reasons[quality]
}

export const draw = (row: Row, { call, put }: StrikeRow, model: ChainModel.ChainModel): void => {
  drawHalf(row.call, call, model)
  drawHalf(row.put, put, model)
}
