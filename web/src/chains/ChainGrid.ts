import { columnOf } from "./ChainColumns.ts"
import type { Side } from "./ChainModel.ts"

/** The option that a cell belongs to. */
export interface Picked {
  readonly strike: number
  readonly side: Side
}
export interface Events {
  readonly onTrade: (picked: Picked, direction: "BUY" | "SELL") => void
  readonly onPick: (picked: Picked) => void
}
export interface ChainGrid {
  /** Sets the cell that the Tab key enters first, until the user moves to another one. */
  readonly enterAt: (cell: HTMLTableCellElement) => void
  /** The row is about to be removed. */
  readonly forget: (tr: HTMLTableRowElement) => void
  readonly clear: () => void
}

/** Number of rows and cells to move. A larger number than there are moves to the last one. */
const far = 1_000_000
const keys: Readonly<Record<string, readonly [rows: number, cells: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  PageUp: [-10, 0],
  PageDown: [10, 0],
  Home: [0, -far],
  End: [0, far],
  "Ctrl+Home": [-far, -far],
  "Ctrl+End": [far, far]
}

const pickedOf = (cell: Element | null): Picked | undefined => {
  const strike = Number(cell?.closest("tr")?.dataset["strike"])
  if (cell === null || Number.isNaN(strike)) return undefined
  if (cell.classList.contains("call")) return { strike, side: "call" }
  return cell.classList.contains("put") ? { strike, side: "put" } : undefined
}
const directionOf = (key: string, cell: Element): "BUY" | "SELL" | undefined => {
  if (key === "b") return "BUY"
  if (key === "s") return "SELL"
  return key === "enter" || key === " " ? columnOf(cell)?.trade : undefined
}
const visible = (tr: Element): ReadonlyArray<HTMLTableCellElement> =>
  ([...tr.children] as Array<HTMLTableCellElement>).filter((cell) => cell.offsetWidth > 0)
const clamp = (at: number, count: number): number => Math.max(0, Math.min(count - 1, at))
const cellOf = (event: Event): HTMLTableCellElement | null => (event.target as Element).closest<HTMLTableCellElement>("td, th")

/** The cell at the given distance, or the last one at the edge. */
const neighbour = (body: Element, cell: HTMLTableCellElement, rowSteps: number, cellSteps: number): HTMLTableCellElement | undefined => {
  const tr = cell.parentElement
  if (tr === null) return undefined
  const rows = [...body.children]
  const to = rows[clamp(rows.indexOf(tr) + rowSteps, rows.length)]
  if (to === undefined) return undefined
  const cells = visible(to)
  return cells[clamp(visible(tr).indexOf(cell) + cellSteps, cells.length)]
}

/** Scrolls so far that the cell is visible below the head. */
const reveal = (scroller: HTMLElement, headHeight: number, cell: HTMLElement): void => {
  const { top, bottom } = cell.getBoundingClientRect()
  const view = scroller.getBoundingClientRect()
  if (top < view.top + headHeight) scroller.scrollTop -= view.top + headHeight - top
  else if (bottom > view.bottom) scroller.scrollTop += bottom - view.bottom
}

/** Keyboard and mouse of the chain, by the ARIA grid pattern: one cell takes the Tab key, arrow keys move. */
export const make = (scroller: HTMLElement, table: HTMLTableElement, body: HTMLElement, events: Events): ChainGrid => {
  let current: HTMLTableCellElement | undefined
  let hasMoved = false
  const makeCurrent = (cell: HTMLTableCellElement): void => {
    if (current !== undefined && current !== cell) current.tabIndex = -1
    current = cell
    cell.tabIndex = 0
  }
  const focus = (cell: HTMLTableCellElement): void => {
    makeCurrent(cell)
    cell.focus({ preventScroll: true })
    reveal(scroller, table.tHead?.offsetHeight ?? 0, cell)
  }

  body.addEventListener("keydown", (event) => {
    const cell = cellOf(event)
    if (cell === null || event.metaKey || event.altKey) return
    const steps = keys[event.ctrlKey ? `Ctrl+${event.key}` : event.key]
    if (steps !== undefined) {
      const next = neighbour(body, cell, ...steps)
      if (next !== undefined) focus(next)
    } else {
      const picked = pickedOf(cell)
      const direction = event.ctrlKey ? undefined : directionOf(event.key.toLowerCase(), cell)
      if (picked === undefined || direction === undefined) return
      events.onTrade(picked, direction)
    }
    event.preventDefault()
  })
  body.addEventListener("focusin", (event) => {
    const cell = cellOf(event)
    if (cell === null) return
    hasMoved = true
    makeCurrent(cell)
    const picked = pickedOf(cell)
    if (picked !== undefined) events.onPick(picked)
  })
  body.addEventListener("click", (event) => {
    const cell = cellOf(event)
    if (cell === null || cell.tagName !== "TD") return
    focus(cell)
    const picked = pickedOf(cell)
    const direction = columnOf(cell)?.trade
    if (picked !== undefined && direction !== undefined) events.onTrade(picked, direction)
  })

  return {
    enterAt: (cell) => {
      if (!hasMoved || current === undefined) makeCurrent(cell)
    },
    forget: (tr) => {
      if (current !== undefined && tr.contains(current)) current = undefined
    },
    clear: () => {
      current = undefined
      hasMoved = false
    }
  }
}
