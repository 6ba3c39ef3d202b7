import type { Leg, Strategy, StrategyGreeks, StrategyPnl } from "../gateway/Contract.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import type { Ticks } from "../gateway/Ticks.ts"
import { el } from "../view/Element.ts"
import * as Keyed from "../view/Keyed.ts"
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

interface Shown extends Keyed.Row<Leg> {
  readonly row: LegRow.LegRow
  /** The leg as the row shows it. */
  leg: Leg
}

/** The legs of a saved strategy, with live prices. */
export const make = (ticks: Ticks, instruments: Instruments, events: Events): LegTable => {
  const body = el("tbody")
  const heads = ["Side", "Option", "Lots", "Entry", "LTP", "P&L", "Remove"]

  const makeRow = (leg: Leg): Shown => {
    const row = LegRow.make(leg, { onChange: (change) => events.onChange(made.leg, change), onRemove: () => events.onRemove(made.leg) })
    // An instrument that is no longer listed has no details. Its symbol identifies it.
    instruments.describe(leg.instrument_token).then(row.describe, () => undefined)
    const made: Shown = {
      row,
      element: row.element,
      leg,
      update: (next) => {
        if (JSON.stringify(made.leg) !== JSON.stringify(next)) row.show(next)
        made.leg = next
      },
      stop: ticks.listen(leg.instrument_token, row.tick)
    }
    return made
  }
  const shown = Keyed.make(body, ({ leg_id }: Leg) => leg_id, makeRow)
  return {
    element: el(
      "table",
      { className: "legs" },
      el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))),
      body
    ),
    show: ({ instruments: legs }) => shown.draw(legs),
    value: (strategy, pnl, greeks) => {
      for (const leg of strategy.instruments) {
        const row = shown.get(leg.leg_id)?.row
        row?.hold(Holding.of(leg, pnl))
        row?.quote(Holding.quoteOf(leg, pnl, greeks))
      }
    },
    clear: () => shown.draw([])
  }
}
