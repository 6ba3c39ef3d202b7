import type * as ChainModel from "./ChainModel.ts"
import type { OptionRow, Quality, StrikeRow } from "./Contract.ts"
import { el } from "./Element.ts"
import * as Format from "./Format.ts"

type Side = ChainModel.Side
export interface Picked {
  readonly strike: number
  readonly side: Side
}
export interface Events {
  /** The keyboard or the pointer came to an option. */
  readonly onPick: (picked: Picked) => void
  readonly onTrade: (picked: Picked, direction: "BUY" | "SELL") => void
}

interface Column {
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
const columns: ReadonlyArray<Column> = [
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
  readonly bar: HTMLElement | undefined
  shown: string
  barShown: number
}
interface Half {
  readonly cells: ReadonlyArray<Cell>
  last: number | null
  quality: Quality | "none"
  moved: "up" | "down" | ""
}
interface Row {
  readonly tr: HTMLTableRowElement
  readonly strikeCell: HTMLTableCellElement
  readonly call: Half
  readonly put: Half
}

const barSteps = 128

const makeHalf = (side: Side): Half => {
  const cells = columns.map((column): Cell => {
    const text = document.createTextNode("")
    const bar = column.bar === undefined ? undefined : el("i", { className: "fill" })
    const td = el("td", { className: `${side} k-${column.key}`, tabIndex: -1 }, ...(bar === undefined ? [] : [bar]), text)
    if (column.trade !== undefined) td.classList.add("tradable")
    return { td, text, bar, shown: "", barShown: Number.NaN }
  })
  return { cells, last: null, quality: "live", moved: "" }
}

const makeRow = (strike: number): Row => {
  const call = makeHalf("call")
  const put = makeHalf("put")
  const strikeCell = el("th", { scope: "row", className: "strike", tabIndex: -1 }, Format.strike(strike))
  const tr = el("tr", {}, ...call.cells.map(({ td }) => td), strikeCell, ...[...put.cells].reverse().map(({ td }) => td))
  tr.dataset["strike"] = String(strike)
  return { tr, strikeCell, call, put }
}

const drawBar = (cell: Cell, share: number): void => {
  const stepped = Math.round(share * barSteps) / barSteps
  if (cell.bar === undefined || cell.barShown === stepped) return
  if (Math.sign(stepped) !== Math.sign(cell.barShown)) cell.bar.className = stepped < 0 ? "fill less" : "fill"
  cell.barShown = stepped
  cell.bar.style.transform = `scaleX(${Math.abs(stepped)})`
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

export interface ChainTable {
  readonly element: HTMLElement
  readonly draw: (model: ChainModel.ChainModel) => void
  /** Forgets all rows: another chain comes. */
  readonly clear: () => void
  readonly centre: () => void
  readonly mark: (chosen: ReadonlyMap<string, "BUY" | "SELL">) => void
}

export const make = (events: Events): ChainTable => {
  const rows = new Map<number, Row>()
  let order: Array<number> = []
  let atm: number | undefined
  let pain: number | undefined
  let spotAbove: Row | undefined
  let isCentred = false
  let hasNewRows = false
  let current: HTMLTableCellElement | undefined
  let chosen: ReadonlyMap<string, "BUY" | "SELL"> = new Map()

  const header = (side: Side) => (column: Column) =>
    el(
      "th",
      { scope: "col", className: `${side} k-${column.key}`, title: column.title },
      el("span", { className: "unseen" }, side === "call" ? "Call " : "Put "),
      column.name
    )
  const col = (side: Side) => (column: Column) => el("col", { className: `${side} k-${column.key}` })
  const reversed = [...columns].reverse()
  const body = el("tbody")
  const table = el(
    "table",
    {
      className: "chain",
      attrs: { role: "grid", "aria-label": "Option chain", "aria-describedby": "chain-keys", "aria-readonly": "true" }
    },
    el("colgroup", {}, ...columns.map(col("call")), el("col", { className: "strike" }), ...reversed.map(col("put"))),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        ...columns.map(header("call")),
        el("th", { scope: "col", className: "strike" }, "Strike"),
        ...reversed.map(header("put"))
      )
    ),
    body
  )
  const scroller = el("div", { className: "scroller", tabIndex: -1 }, table)

  const pickedOf = (cell: Element | null): Picked | undefined => {
    const strike = Number(cell?.closest("tr")?.dataset["strike"])
    if (cell === null || Number.isNaN(strike)) return undefined
    if (cell.classList.contains("call")) return { strike, side: "call" }
    return cell.classList.contains("put") ? { strike, side: "put" } : undefined
  }
  const focus = (cell: HTMLTableCellElement): void => {
    if (current !== undefined) current.tabIndex = -1
    current = cell
    cell.tabIndex = 0
    cell.focus({ preventScroll: true })
    const { top, bottom } = cell.getBoundingClientRect()
    const view = scroller.getBoundingClientRect()
    const head = table.tHead?.offsetHeight ?? 0
    if (top < view.top + head) scroller.scrollTop -= view.top + head - top
    else if (bottom > view.bottom) scroller.scrollTop += bottom - view.bottom
  }
  const tradeOf = (cell: Element): "BUY" | "SELL" | undefined =>
    columns.find(({ key, trade }) => trade !== undefined && cell.classList.contains(`k-${key}`))?.trade

  const visible = (tr: Element): ReadonlyArray<HTMLTableCellElement> =>
    ([...tr.children] as Array<HTMLTableCellElement>).filter((cell) => cell.offsetWidth > 0)

  const move = (cell: HTMLTableCellElement, rowSteps: number, cellSteps: number): void => {
    const trs = [...body.children]
    const tr = cell.parentElement
    if (tr === null) return
    const to = trs[Math.max(0, Math.min(trs.length - 1, trs.indexOf(tr) + rowSteps))]
    if (to === undefined) return
    const place = visible(tr).indexOf(cell)
    const cells = visible(to)
    const next = cells[Math.max(0, Math.min(cells.length - 1, place + cellSteps))]
    if (next !== undefined) focus(next)
  }

  const keys: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    PageUp: [-10, 0],
    PageDown: [10, 0],
    Home: [0, -99],
    End: [0, 99]
  }

  body.addEventListener("keydown", (event) => {
    const cell = (event.target as Element).closest<HTMLTableCellElement>("td, th")
    if (cell === null || event.ctrlKey || event.metaKey || event.altKey) return
    const steps = keys[event.key]
    if (steps !== undefined) move(cell, steps[0], steps[1])
    else {
      const picked = pickedOf(cell)
      const key = event.key.toLowerCase()
      const direction = key === "b" ? "BUY" : key === "s" ? "SELL" : key === "enter" || key === " " ? tradeOf(cell) : undefined
      if (picked === undefined || direction === undefined) return
      events.onTrade(picked, direction)
    }
    event.preventDefault()
  })
  body.addEventListener("focusin", (event) => {
    const cell = (event.target as Element).closest<HTMLTableCellElement>("td, th")
    if (cell === null) return
    if (current !== undefined && current !== cell) current.tabIndex = -1
    current = cell
    cell.tabIndex = 0
    const picked = pickedOf(cell)
    if (picked !== undefined) events.onPick(picked)
  })
  body.addEventListener("click", (event) => {
    const cell = (event.target as Element).closest<HTMLTableCellElement>("td")
    if (cell === null) return
    focus(cell)
    const picked = pickedOf(cell)
    const direction = tradeOf(cell)
    if (picked !== undefined && direction !== undefined) events.onTrade(picked, direction)
  })

  const rowAt = (strike: number): Row => {
    const known = rows.get(strike)
    if (known !== undefined) return known
    const row = makeRow(strike)
    rows.set(strike, row)
    hasNewRows = true
    let at = order.length
    while (at > 0 && (order[at - 1] as number) > strike) at--
    body.insertBefore(row.tr, body.children[at] ?? null)
    order.splice(at, 0, strike)
    if (current === undefined) {
      current = row.call.cells.at(-1)?.td
      if (current !== undefined) current.tabIndex = 0
    }
    return row
  }
  const removeRow = (strike: number): void => {
    const row = rows.get(strike)
    if (row === undefined) return
    if (current !== undefined && row.tr.contains(current)) current = undefined
    row.tr.remove()
    rows.delete(strike)
    order = order.filter((one) => one !== strike)
  }

  /** The sides that are in the money change only when the spot crosses a strike. */
  const drawMoney = ({ head }: ChainModel.ChainModel): void => {
    const spot = head?.spot ?? undefined
    const above = spot === undefined ? undefined : rows.get(order.find((strike) => strike >= spot) ?? Number.NaN)
    if (above !== spotAbove || hasNewRows) {
      spotAbove?.tr.classList.remove("spot")
      above?.tr.classList.add("spot")
      spotAbove = above
      for (const [strike, { tr }] of rows) {
        tr.classList.toggle("call-itm", spot !== undefined && strike < spot)
        tr.classList.toggle("put-itm", spot !== undefined && strike > spot)
      }
    }
    if (head !== undefined && (hasNewRows || atm !== (head.atm_strike ?? undefined))) {
      rows.get(atm ?? Number.NaN)?.tr.classList.remove("atm")
      atm = head.atm_strike ?? undefined
      rows.get(atm ?? Number.NaN)?.tr.classList.add("atm")
    }
    if (head !== undefined && (hasNewRows || pain !== (head.max_pain ?? undefined))) {
      rows.get(pain ?? Number.NaN)?.strikeCell.classList.remove("pain")
      pain = head.max_pain ?? undefined
      const cell = rows.get(pain ?? Number.NaN)?.strikeCell
      cell?.classList.add("pain")
      if (cell !== undefined) cell.title = "Max pain"
    }
  }

  const centre = (): void => {
    const row = rows.get(atm ?? Number.NaN)
    if (row === undefined || scroller.clientHeight === 0) return
    isCentred = true
    scroller.scrollTop = row.tr.offsetTop - scroller.clientHeight / 2
  }
  const drawChosen = (): void => {
    for (const [strike, row] of rows) {
      for (const side of ["call", "put"] as const) {
        const direction = chosen.get(`${strike} ${side}`)
        const cell = row[side].cells.at(-1)?.td
        cell?.classList.toggle("bought", direction === "BUY")
        cell?.classList.toggle("sold", direction === "SELL")
      }
    }
  }

  return {
    element: scroller,
    draw: (model) => {
      for (const strike of model.gone) removeRow(strike)
      for (const strike of model.dirty) {
        const data: StrikeRow | undefined = model.rows.get(strike)
        if (data === undefined) continue
        const row = rowAt(strike)
        drawHalf(row.call, data.call, model)
        drawHalf(row.put, data.put, model)
      }
      model.gone.clear()
      model.dirty.clear()
      drawMoney(model)
      if (hasNewRows) drawChosen()
      hasNewRows = false
      if (!isCentred) centre()
    },
    clear: () => {
      body.replaceChildren()
      rows.clear()
      order = []
      atm = pain = spotAbove = current = undefined
      isCentred = false
    },
    centre,
    mark: (next) => {
      chosen = next
      drawChosen()
    }
  }
}
