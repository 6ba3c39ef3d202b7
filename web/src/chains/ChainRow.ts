import type { OptionRow, Quality, StrikeRow } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import { columns, reasons } from "./ChainColumns.ts"
import type * as ChainModel from "./ChainModel.ts"

interface Cell {
  readonly td: HTMLTableCellElement
  readonly text: Text
  shown: string
  barShown: number
}
/** The cells of one option. */
export interface Half {
  readonly cells: ReadonlyArray<Cell>
  readonly lastCell: HTMLTableCellElement
  readonly dayCell: HTMLTableCellElement
  readonly ivCell: HTMLTableCellElement
  lastPrice: number | null
  quality: Quality | "none"
  /** The newest move of the last price while it is shown, and its time by performance.now(). */
  moved: "up" | "down" | ""
  movedAtMs: number
  day: "gain" | "loss" | ""
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
  const cellOf = (key: string) => (cells[columns.findIndex((column) => column.key === key)] as Cell).td
  return {
    cells,
    lastCell: cellOf("last"),
    dayCell: cellOf("day"),
    ivCell: cellOf("iv"),
    lastPrice: null,
    quality: "live",
    moved: "",
    movedAtMs: 0,
    day: ""
  }
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

/** Shows the direction in which the last price just moved. `fade` removes it. */
const drawMove = (half: Half, lastPrice: number | null, nowMs: number): void => {
  const before = half.lastPrice
  half.lastPrice = lastPrice
  if (lastPrice === null || before === null || lastPrice === before) return
  const moved = lastPrice > before ? "up" : "down"
  half.movedAtMs = nowMs
  if (moved === half.moved) return
  if (half.moved !== "") half.lastCell.classList.remove(half.moved)
  half.lastCell.classList.add(moved)
  half.moved = moved
}
/** Removes marks of moves before `beforeMs`. Returns true if no mark is left. */
export const fade = (half: Half, beforeMs: number): boolean => {
  if (half.moved === "") return true
  if (half.movedAtMs > beforeMs) return false
  half.lastCell.classList.remove(half.moved)
  half.moved = ""
  return true
}

const drawDay = (half: Half, change: number | null): void => {
  const day = change === null || change === 0 ? "" : change > 0 ? "gain" : "loss"
  if (day === half.day) return
  if (half.day !== "") half.dayCell.classList.remove(half.day)
  if (day !== "") half.dayCell.classList.add(day)
  half.day = day
}

const priceTime = (ms: number): string => `price of ${Format.clock(ms)} on ${Format.day(ms)}`

/** The reason for the row's quality, with the time of an old price. */
const titleOf = (option: OptionRow | null): string => {
  if (option === null) return ""
  const reason = reasons[option.quality]
  return option.quality === "stale" && option.priced_at !== null ? `${reason} (${priceTime(Date.parse(option.priced_at))})` : reason
}

const drawQuality = (half: Half, option: OptionRow | null): void => {
  const quality = option?.quality ?? "none"
  const title = titleOf(option)
  if (title !== half.ivCell.title) half.ivCell.title = title
  if (quality === half.quality) return
  half.quality = quality
  for (const { td } of half.cells) td.classList.toggle("old", quality === "stale")
}

/** Writes only the cells whose text changed. */
const drawHalf = (half: Half, option: OptionRow | null, model: ChainModel.ChainModel, nowMs: number): void => {
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
  drawMove(half, option?.last_price ?? null, nowMs)
  drawDay(half, option?.price_change ?? null)
  drawQuality(half, option)
}

export const draw = (row: Row, { call, put }: StrikeRow, model: ChainModel.ChainModel, nowMs: number): void => {
  drawHalf(row.call, call, model, nowMs)
  drawHalf(row.put, put, model, nowMs)
}
