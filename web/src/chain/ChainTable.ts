import { el } from "../view/Element.ts"
import type * as ChainModel from "./ChainModel.ts"
import * as ChainRow from "./ChainRow.ts"

type Side = ChainModel.Side
export interface Picked {
  readonly strike: number
  readonly side: Side
}
export interface Events {
  /** The keyboard or the pointer came to an option. */
  readonly onPick: (picked: Picked) => void
  readonly onTrade: (picked: Picked, direction: "BUY" | "SELL") => void
  /** Other rows came into view: draw. */
  readonly onScroll: () => void
}

/** Rows beyond the view that are drawn with it. */
const marginRows = 2
/**
 * Changed rows that are drawn in one frame, those in view first and the longest waiting of them first. A row whose cells all changed is half a
 * millisecond of layout and paint: so many fit into any frame, and a screenful is drawn within a tenth of a second.
 */
const rowsMax = 6
/** Rows out of view are written for a search or a screen reader, and nobody waits for them: all 400 within two seconds. */
const hiddenRowsMax = 4

export interface ChainTable {
  readonly element: HTMLElement
  /** Draws what is in view and some of the rest, which stays in `dirty`: true while there is more. */
  readonly draw: (model: ChainModel.ChainModel) => boolean
  /** Forgets all rows: another chain comes. */
  readonly clear: () => void
  readonly centre: () => void
  readonly mark: (chosen: ReadonlyMap<string, "BUY" | "SELL">) => void
}

export const make = (events: Events): ChainTable => {
  const rows = new Map<number, ChainRow.Row>()
  let order: Array<number> = []
  let atm: number | undefined
  let pain: number | undefined
  let spotAbove: ChainRow.Row | undefined
  let isCentred = false
  let hasNewRows = false
  let current: HTMLTableCellElement | undefined
  let chosen: ReadonlyMap<string, "BUY" | "SELL"> = new Map()

  const header = (side: Side) => (column: ChainRow.Column) =>
    el(
      "th",
      { scope: "col", role: "columnheader", className: `${side} k-${column.key}`, title: column.title },
      el("span", { className: "unseen" }, side === "call" ? "Call " : "Put "),
      column.name
    )
  const reversed = [...ChainRow.columns].reverse()
  // Rows that are grids are no table to a screen reader any more: each part says what it is.
  const body = el("tbody", { role: "rowgroup" })
  const table = el(
    "table",
    {
      className: "chain",
      attrs: { role: "grid", "aria-label": "Option chain", "aria-describedby": "chain-keys", "aria-readonly": "true" }
    },
    el(
      "thead",
      { role: "rowgroup" },
      el(
        "tr",
        { role: "row" },
        ...ChainRow.columns.map(header("call")),
        el("th", { scope: "col", role: "columnheader", className: "strike" }, "Strike"),
        ...reversed.map(header("put"))
      )
    ),
    body
  )
  const scroller = el("div", { className: "scroller", tabIndex: -1 }, table)

  let rowHeight = 0
  let viewTop = 0
  let viewHeight = 0
  scroller.addEventListener(
    "scroll",
    () => {
      viewTop = scroller.scrollTop
      events.onScroll()
    },
    { passive: true }
  )
  new ResizeObserver(() => {
    viewHeight = scroller.clientHeight
    rowHeight = 0
    events.onScroll()
  }).observe(scroller)

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
    ChainRow.columns.find(({ key, trade }) => trade !== undefined && cell.classList.contains(`k-${key}`))?.trade

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

  const rowAt = (strike: number): ChainRow.Row => {
    const known = rows.get(strike)
    if (known !== undefined) return known
    const row = ChainRow.make(strike)
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

  /** The lowest and the highest strike in view. */
  const inView = (): readonly [number, number] => {
    if (rowHeight === 0) rowHeight = (body.firstElementChild as HTMLElement | null)?.offsetHeight ?? 0
    const first = rowHeight === 0 ? 0 : Math.floor(viewTop / rowHeight) - marginRows
    const last = rowHeight === 0 ? 0 : Math.ceil((viewTop + viewHeight) / rowHeight) + marginRows
    return [order[Math.max(0, first)] ?? 0, order[Math.min(last, order.length - 1)] ?? 0]
  }
  const drawRow = (model: ChainModel.ChainModel, strike: number): void => {
    model.dirty.delete(strike)
    const data = model.rows.get(strike)
    if (data !== undefined) ChainRow.draw(rowAt(strike), data, model)
  }
  /** A strike that changes again keeps its place among those that wait. */
  const drawSome = (model: ChainModel.ChainModel, max: number, isWanted: (strike: number) => boolean): void => {
    let left = max
    for (const strike of model.dirty) {
      if (left === 0) return
      if (!isWanted(strike)) continue
      drawRow(model, strike)
      left--
    }
  }

  return {
    element: scroller,
    draw: (model) => {
      for (const strike of model.gone) removeRow(strike)
      model.gone.clear()
      for (const strike of model.dirty) if (!rows.has(strike)) drawRow(model, strike)
      const [low, high] = inView()
      drawSome(model, rowsMax, (strike) => strike >= low && strike <= high)
      drawSome(model, hiddenRowsMax, (strike) => strike < low || strike > high)
      drawMoney(model)
      if (hasNewRows) drawChosen()
      hasNewRows = false
      if (!isCentred) centre()
      return model.dirty.size > 0
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
