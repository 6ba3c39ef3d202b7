import type { Leg, Strategy, StrategyGreeks, StrategyPnl } from "../gateway/Contract.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import type { Ticks } from "../gateway/Ticks.ts"
import { el } from "../view/Element.ts"
import * as Holding from "./Holding.ts"
import * as LegRow from "./LegRow.ts"

export interface Events {
  readonly onChange: (leg: Leg, change: LegRow.Change) => void
  readonly onRemove: (leg: Leg) => void
}
export interface LegTable {
  readonly element: HTMLElement
  readonly show: (strategy: Strategy) => void
  /** Shows the gateway's values of the strategy's holdings. */
  readonly value: (strategy: Strategy, pnl: StrategyPnl, greeks: StrategyGreeks) => void
  readonly clear: () => void
}

interface Shown {
  readonly row: LegRow.LegRow
  readonly stop: () => void
  /** The leg as the row shows it. */
  leg: Leg
}

/** The legs of a saved strategy, with live prices. A leg keeps its row while it changes, and so the focus and what the user is typing. */
export const make = (ticks: Ticks, instruments: Instruments, events: Events): LegTable => {
  const body = el("tbody")
  const shown = new Map<number, Shown>()
  const heads = ["Side", "Option", "Lots", "Entry", "LTP", "P&L", "Remove"]

  const makeRow = (leg: Leg): Shown => {
    const row = LegRow.make(leg, { onChange: (change) => events.onChange(made.leg, change), onRemove: () => events.onRemove(made.leg) })
    // An instrument that is no longer listed has no details. Its symbol identifies it.
    instruments.describe(leg.instrument_token).then(row.describe, () => undefined)
    const made: Shown = { row, stop: ticks.listen(leg.instrument_token, row.tick), leg }
    return made
  }
  const drop = (id: number): void => {
    const known = shown.get(id)
    known?.stop()
    known?.row.element.remove()
    shown.delete(id)
  }
  const rowOf = (leg: Leg): Shown => {
    const known = shown.get(leg.leg_id)
    if (known === undefined) {
      const made = makeRow(leg)
      shown.set(leg.leg_id, made)
      return made
    }
    if (JSON.stringify(known.leg) !== JSON.stringify(leg)) known.row.show(leg)
    known.leg = leg
    return known
  }
  return {
    element: el(
      "table",
      { className: "legs" },
      el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))),
      body
    ),
    show: ({ instruments: legs }) => {
      const ids = new Set(legs.map(({ leg_id }) => leg_id))
      for (const id of shown.keys()) if (!ids.has(id)) drop(id)
      for (const [at, leg] of legs.entries()) {
        const { element } = rowOf(leg).row
        if (body.children[at] !== element) body.insertBefore(element, body.children[at] ?? null)
      }
    },
    value: (strategy, pnl, greeks) => {
      for (const leg of strategy.instruments) {
        const row = shown.get(leg.leg_id)?.row
        row?.hold(Holding.of(leg, pnl))
        row?.quote(Holding.quoteOf(leg, pnl, greeks))
      }
    },
    clear: () => {
      for (const id of [...shown.keys()]) drop(id)
    }
  }
}
