import type { Payoff } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import type { Band } from "./Bands.ts"
import { amount } from "./PayoffDiagram.ts"
import * as Scale from "./PayoffScale.ts"

interface Line {
  readonly what: string
  readonly spot: number
}

/** The relevant spots, ascending: bands, strikes, break-evens and the current spot. */
const linesOf = ({ scenario, break_evens, legs }: Payoff, bands: ReadonlyArray<Band>): ReadonlyArray<Line> => {
  const strikes = [...new Set(legs.flatMap(({ strike }) => strike ?? []))]
  return [
    { what: "Spot", spot: scenario.spot },
    ...bands.flatMap(({ sigmas, low, high }) => [
      { what: `−${sigmas} σ`, spot: low },
      { what: `+${sigmas} σ`, spot: high }
    ]),
    ...strikes.map((spot) => ({ what: "Strike", spot })),
    ...break_evens.map((spot) => ({ what: "Break-even", spot }))
  ].sort((a, b) => a.spot - b.spot)
}

/** The diagram's data as a table. */
export const render = (payoff: Payoff, bands: ReadonlyArray<Band>): HTMLElement => {
  const { curve } = payoff
  const rows = linesOf(payoff, bands).map(({ what, spot }) => {
    const profits = [curve.at_expiry, curve.at_date].map((values) => Scale.valueAt(curve.spot, values, spot))
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, what),
      el("td", {}, Format.spot(spot)),
      ...profits.map((profit) => el("td", { className: Format.signOf(profit ?? 0) }, amount(profit)))
    )
  })
  const heads = ["", "Spot", "At expiry", "On the date"].map((text) => (text === "" ? el("td") : el("th", { scope: "col" }, text)))
  return el(
    "details",
    { className: "payofftable" },
    el("summary", {}, "Table"),
    el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows))
  )
}
