import type { Head, Side } from "./ChainModel.ts"
import type * as ChainRow from "./ChainRow.ts"

export type Chosen = ReadonlyMap<string, "BUY" | "SELL">
/** The key of an option in `Chosen`. */
export const keyOf = (strike: number, side: Side): string => `${strike} ${side}`

export interface Rows {
  readonly byStrike: ReadonlyMap<number, ChainRow.Row>
  /** Strikes, ascending. */
  readonly order: ReadonlyArray<number>
}
export interface ChainMarks {
  /** `isNew`: rows were added that have no mark yet. */
  readonly draw: (rows: Rows, head: Head | undefined, isNew: boolean) => void
  readonly choose: (rows: Rows, chosen: Chosen) => void
  readonly atm: () => number | undefined
  readonly clear: () => void
}

/** Marks in the table: the side in the money, the strike at the money, max pain, and the draft's legs. */
export const make = (): ChainMarks => {
  let atm: number | undefined
  let pain: number | undefined
  let above: ChainRow.Row | undefined
  let chosen: Chosen = new Map()

  /** The sides in the money change only when the spot crosses a strike. */
  const drawMoney = ({ byStrike, order }: Rows, spot: number | undefined, isNew: boolean): void => {
    const next = spot === undefined ? undefined : byStrike.get(order.find((strike) => strike >= spot) ?? Number.NaN)
    if (next === above && !isNew) return
    above?.tr.classList.remove("spot")
    next?.tr.classList.add("spot")
    above = next
    for (const [strike, { tr }] of byStrike) {
      tr.classList.toggle("call-itm", spot !== undefined && strike < spot)
      tr.classList.toggle("put-itm", spot !== undefined && strike > spot)
    }
  }
  const drawAtm = ({ byStrike }: Rows, next: number | undefined, isNew: boolean): void => {
    if (next === atm && !isNew) return
    byStrike.get(atm ?? Number.NaN)?.tr.classList.remove("atm")
    byStrike.get(next ?? Number.NaN)?.tr.classList.add("atm")
    atm = next
  }
  const drawPain = ({ byStrike }: Rows, next: number | undefined, isNew: boolean): void => {
    if (next === pain && !isNew) return
    const before = byStrike.get(pain ?? Number.NaN)?.strikeCell
    before?.classList.remove("pain")
    before?.removeAttribute("title")
    const cell = byStrike.get(next ?? Number.NaN)?.strikeCell
    cell?.classList.add("pain")
    if (cell !== undefined) cell.title = "Max pain"
    pain = next
  }
  const drawChosen = ({ byStrike }: Rows): void => {
    for (const [strike, row] of byStrike) {
      for (const side of ["call", "put"] as const) {
        const direction = chosen.get(keyOf(strike, side))
        row[side].lastCell.classList.toggle("bought", direction === "BUY")
        row[side].lastCell.classList.toggle("sold", direction === "SELL")
      }
    }
  }
  return {
    draw: (rows, head, isNew) => {
      drawMoney(rows, head?.spot ?? undefined, isNew)
      drawAtm(rows, head?.atm_strike ?? undefined, isNew)
      drawPain(rows, head?.max_pain ?? undefined, isNew)
      if (isNew) drawChosen(rows)
    },
    choose: (rows, next) => {
      chosen = next
      drawChosen(rows)
    },
    atm: () => atm,
    clear: () => {
      atm = pain = above = undefined
    }
  }
}
