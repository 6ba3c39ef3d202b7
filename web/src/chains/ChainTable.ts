import { el } from "../view/Element.ts"
import { type Column, columns } from "./ChainColumns.ts"
import * as ChainGrid from "./ChainGrid.ts"
import * as ChainMarks from "./ChainMarks.ts"
import type * as ChainModel from "./ChainModel.ts"
import * as ChainRow from "./ChainRow.ts"
import * as Viewport from "./Viewport.ts"

export interface Events extends ChainGrid.Events {
  readonly onScroll: () => void
}

/**
 * Changed rows in view that are drawn per frame; the longest waiting come first. A row whose cells all changed costs half a millisecond
 * of layout and paint. This number fits into any frame, and a screenful is drawn within a tenth of a second.
 */
const rowsMax = 6
/** Rows out of view that are drawn per frame. Only a search or a screen reader reads them. All 400 are drawn within two seconds. */
const hiddenRowsMax = 4
/** How long the cell of a last price shows the direction of its move. */
const flashMs = 400
const fadeEveryMs = 200

export interface ChainTable {
  readonly element: HTMLElement
  /** Draws the changed rows in view and some of the others, which stay in `dirty`. Returns true if some are left. */
  readonly draw: (model: ChainModel.ChainModel) => boolean
  /** Removes all rows before another chain is shown. */
  readonly clear: () => void
  readonly centre: () => void
  readonly mark: (chosen: ChainMarks.Chosen) => void
  readonly close: () => void
}

const headCell = (side: ChainModel.Side) => (column: Column) =>
  el(
    "th",
    { scope: "col", role: "columnheader", className: `${side} k-${column.key}`, title: column.title },
    el("span", { className: "unseen" }, side === "call" ? "Call " : "Put "),
    column.name
  )

/** Rows are CSS grids, which removes a table's implicit roles. So each part has an explicit role. */
const makeTable = () => {
  const body = el("tbody", { role: "rowgroup" })
  const attrs = { role: "grid", "aria-label": "Option chain", "aria-describedby": "chain-keys", "aria-readonly": "true" }
  const strikeHead = el("th", { scope: "col", role: "columnheader", className: "strike" }, "Strike")
  const heads = [...columns.map(headCell("call")), strikeHead, ...[...columns].reverse().map(headCell("put"))]
  const table = el("table", { className: "chain", attrs }, el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads)), body)
  return { table, body, scroller: el("div", { className: "scroller", tabIndex: -1 }, table) }
}

/** The rows in order of their strikes. */
const makeRows = (body: HTMLElement) => {
  const byStrike = new Map<number, ChainRow.Row>()
  const order: Array<number> = []
  return {
    byStrike,
    order,
    add: (strike: number): ChainRow.Row => {
      const row = ChainRow.make(strike)
      byStrike.set(strike, row)
      let at = order.length
      while (at > 0 && (order[at - 1] as number) > strike) at--
      body.insertBefore(row.tr, body.children[at] ?? null)
      order.splice(at, 0, strike)
      return row
    },
    remove: (strike: number): void => {
      byStrike.get(strike)?.tr.remove()
      byStrike.delete(strike)
      const at = order.indexOf(strike)
      if (at >= 0) order.splice(at, 1)
    },
    clear: (): void => {
      body.replaceChildren()
      byStrike.clear()
      order.length = 0
    }
  }
}

/** Removes the marks of last prices. A timer runs only while there are any. */
const makeFlashes = () => {
  const flashing = new Set<ChainRow.Half>()
  let timer: ReturnType<typeof setInterval> | undefined
  const stop = (): void => {
    clearInterval(timer)
    timer = undefined
  }
  const fade = (): void => {
    const beforeMs = performance.now() - flashMs
    for (const half of flashing) if (ChainRow.fade(half, beforeMs)) flashing.delete(half)
    if (flashing.size === 0) stop()
  }
  return {
    add: (half: ChainRow.Half): void => {
      if (half.moved === "") return
      flashing.add(half)
      timer ??= setInterval(fade, fadeEveryMs)
    },
    clear: (): void => {
      flashing.clear()
      stop()
    }
  }
}

export const make = (events: Events): ChainTable => {
  const { table, body, scroller } = makeTable()
  const rows = makeRows(body)
  const marks = ChainMarks.make()
  const grid = ChainGrid.make(scroller, table, body, events)
  const viewport = Viewport.make(scroller, body, events.onScroll)
  const flashes = makeFlashes()
  let hasNewRows = false
  let isCentred = false

  const rowAt = (strike: number): ChainRow.Row => {
    const known = rows.byStrike.get(strike)
    if (known !== undefined) return known
    hasNewRows = true
    return rows.add(strike)
  }
  const removeRow = (strike: number): void => {
    const row = rows.byStrike.get(strike)
    if (row !== undefined) grid.forget(row.tr)
    rows.remove(strike)
  }
  const drawRow = (model: ChainModel.ChainModel, strike: number, nowMs: number): void => {
    model.dirty.delete(strike)
    const data = model.rows.get(strike)
    if (data === undefined) return
    const row = rowAt(strike)
    ChainRow.draw(row, data, model, nowMs)
    flashes.add(row.call)
    flashes.add(row.put)
  }
  /** A strike that changes again keeps its place among the waiting ones. */
  const drawSome = (model: ChainModel.ChainModel, max: number, nowMs: number, isWanted: (strike: number) => boolean): void => {
    let left = max
    for (const strike of model.dirty) {
      if (left === 0) return
      if (!isWanted(strike)) continue
      drawRow(model, strike, nowMs)
      left--
    }
  }
  const atmRow = () => rows.byStrike.get(marks.atm() ?? Number.NaN)
  const centre = (): void => {
    const row = atmRow()
    if (row === undefined || scroller.clientHeight === 0) return
    isCentred = true
    scroller.scrollTop = row.tr.offsetTop - scroller.clientHeight / 2
  }
  const draw = (model: ChainModel.ChainModel): boolean => {
    const nowMs = performance.now()
    for (const strike of model.gone) removeRow(strike)
    model.gone.clear()
    for (const strike of model.dirty) if (!rows.byStrike.has(strike)) drawRow(model, strike, nowMs)
    const [low, high] = viewport.strikes(rows.order)
    drawSome(model, rowsMax, nowMs, (strike) => strike >= low && strike <= high)
    drawSome(model, hiddenRowsMax, nowMs, (strike) => strike < low || strike > high)
    marks.draw(rows, model.head, hasNewRows)
    hasNewRows = false
    const entry = atmRow() ?? rows.byStrike.get(rows.order[0] ?? Number.NaN)
    if (entry !== undefined) grid.enterAt(entry.call.lastCell)
    if (!isCentred) centre()
    return model.dirty.size > 0
  }

  return {
    element: scroller,
    draw,
    clear: () => {
      rows.clear()
      marks.clear()
      grid.clear()
      flashes.clear()
      isCentred = false
    },
    centre,
    mark: (chosen) => marks.choose(rows, chosen),
    close: () => {
      flashes.clear()
      viewport.close()
    }
  }
}
