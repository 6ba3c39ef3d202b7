import type { Payoff } from "../gateway/Contract.ts"
import { el, setText, svg } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import type { Band } from "./Bands.ts"
import * as Scale from "./PayoffScale.ts"

const { width, height, edge } = Scale

/** Ids of clip paths must be unique in the page, which may contain several diagrams. */
let drawn = 0
/** An arrow key moves the crosshair by this share of the range. */
const keyStep = 0.01

const path = (xs: ReadonlyArray<number>, ys: ReadonlyArray<number>): string =>
  xs.map((x, at) => `${at === 0 ? "M" : "L"}${x.toFixed(1)} ${(ys[at] ?? 0).toFixed(1)}`).join("")

export const money = (value: Payoff["max_profit"]): string => (value === "unbounded" ? "unbounded" : Format.rupees(value))
/** A profit of the curve in whole rupees. */
export const amount = (profit: number | undefined): string =>
  profit === undefined ? Format.none : `${profit > 0 ? "+" : profit < 0 ? "−" : ""}${Format.strike(Math.abs(Math.round(profit)))}`

const axes = ({ spots, profits, x, y }: Scale.Scale): ReadonlyArray<SVGElement> => [
  ...Scale.ticksOf(spots, 5).flatMap((spot) => [
    svg("line", { x1: x(spot), x2: x(spot), y1: edge.top, y2: height - edge.bottom, class: "grid" }),
    svg("text", { x: x(spot), y: height - 7, class: "tick" }, Format.strike(spot))
  ]),
  ...Scale.ticksOf(profits, 5).flatMap((profit) => [
    svg("line", { x1: edge.left, x2: width - edge.right, y1: y(profit), y2: y(profit), class: "grid" }),
    svg("text", { x: edge.left - 5, y: y(profit) + 4, class: "tick amount" }, amount(profit))
  ])
]

const bandsOf = ({ spots, x }: Scale.Scale, bands: ReadonlyArray<Band>): ReadonlyArray<SVGElement> =>
  [...bands].reverse().map(({ sigmas, low, high }) => {
    const [left, right] = [x(Math.max(low, spots.low)), x(Math.min(high, spots.high))]
    const place = { x: left, width: Math.max(0, right - left), y: edge.top, height: height - edge.top - edge.bottom }
    return svg("rect", { ...place, class: `band sigma${sigmas}` })
  })

const curvesOf = (payoff: Payoff, { spots, x, y }: Scale.Scale): ReadonlyArray<SVGElement> => {
  const { spot, at_expiry, at_date } = payoff.curve
  const within = spot.flatMap((price, at) => (price >= spots.low && price <= spots.high ? [at] : []))
  const xs = within.map((at) => x(spot[at] ?? 0))
  const ysOf = (profits: ReadonlyArray<number>) => within.map((at) => y(profits[at] ?? 0))
  const expiry = path(xs, ysOf(at_expiry))
  const zero = y(0)
  const area = `${expiry}L${xs.at(-1) ?? 0} ${zero}L${xs[0] ?? 0} ${zero}Z`
  drawn++
  const [gain, loss] = [`gain-${drawn}`, `loss-${drawn}`]
  return [
    svg("clipPath", { id: gain }, svg("rect", { x: 0, y: 0, width, height: zero })),
    svg("clipPath", { id: loss }, svg("rect", { x: 0, y: zero, width, height: height - zero })),
    svg("path", { d: area, class: "area gain", "clip-path": `url(#${gain})` }),
    svg("path", { d: area, class: "area loss", "clip-path": `url(#${loss})` }),
    svg("line", { x1: edge.left, x2: width - edge.right, y1: zero, y2: zero, class: "zero" }),
    svg("path", { d: path(xs, ysOf(at_date)), class: "today" }),
    svg("path", { d: expiry, class: "line gain", "clip-path": `url(#${gain})` }),
    svg("path", { d: expiry, class: "line loss", "clip-path": `url(#${loss})` })
  ]
}

const scaleOf = (payoff: Payoff, bands: ReadonlyArray<Band>): Scale.Scale => {
  const spots = Scale.rangeOf(payoff, bands)
  const { spot, at_expiry, at_date } = payoff.curve
  const profits = spot.flatMap((price, at) => (price >= spots.low && price <= spots.high ? [at_expiry[at] ?? 0, at_date[at] ?? 0] : []))
  return Scale.make(spots, { low: Math.min(0, ...profits), high: Math.max(0, ...profits) })
}

/** What the user has pointed at. It is kept when a new answer replaces the figure under a pointer that does not move. */
export interface Pointed {
  /** The spot that was read last. */
  spot: number | undefined
  isCrossShown: boolean
}

/** A crosshair that reads both curves at the spot under the pointer or chosen with the arrow keys. */
const attachCrosshair = (figure: SVGElement, payoff: Payoff, scale: Scale.Scale, reading: HTMLElement, pointed: Pointed): void => {
  const cross = svg("line", { y1: edge.top, y2: height - edge.bottom, class: "cross", visibility: "hidden" })
  figure.append(cross)
  const { curve } = payoff
  const showCross = (isShown: boolean): void => {
    pointed.isCrossShown = isShown
    cross.setAttribute("visibility", isShown ? "visible" : "hidden")
  }
  const read = (next: number): void => {
    const spot = Math.max(scale.spots.low, Math.min(scale.spots.high, next))
    pointed.spot = spot
    const x = scale.x(spot).toFixed(1)
    for (const name of ["x1", "x2"]) cross.setAttribute(name, x)
    const [atExpiry, atDate] = [curve.at_expiry, curve.at_date].map((values) => amount(Scale.valueAt(curve.spot, values, spot)))
    setText(reading, `At ${Format.spot(spot)}: ${atExpiry} at expiry, ${atDate} on the date`)
  }
  figure.addEventListener("pointermove", (event) => {
    const box = figure.getBoundingClientRect()
    read(scale.spotAt(((event.clientX - box.left) / box.width) * width))
    showCross(true)
  })
  figure.addEventListener("keydown", (event) => {
    const sign = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0
    if (sign === 0) return
    event.preventDefault()
    read((pointed.spot ?? payoff.scenario.spot) + sign * keyStep * (scale.spots.high - scale.spots.low))
    showCross(true)
  })
  figure.addEventListener("pointerleave", () => showCross(false))
  if (pointed.spot !== undefined) read(pointed.spot)
  showCross(pointed.isCrossShown)
}

/** P&L over the spot: at expiry and on the scenario's date, with axes, spot, break-evens and probability bands. */
export const render = (payoff: Payoff, bands: ReadonlyArray<Band>, pointed: Pointed): HTMLElement => {
  const scale = scaleOf(payoff, bands)
  const at = scale.x(payoff.scenario.spot)
  const label = `Payoff at expiry and on the date: most ${money(payoff.max_profit)}, least ${money(payoff.max_loss)}. Arrow keys read it at a spot.`
  const reading = el("output", { className: "reading", attrs: { "aria-live": "polite" } }, "Point at the diagram to read a profit.")
  const figure = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "payoff", role: "img", "aria-label": label, tabindex: 0 },
    ...bandsOf(scale, bands),
    ...axes(scale),
    ...curvesOf(payoff, scale),
    svg("line", { x1: at, x2: at, y1: edge.top, y2: height - edge.bottom, class: "now" }),
    ...payoff.break_evens.map((price) => svg("circle", { cx: scale.x(price), cy: scale.y(0), r: 3.5, class: "even" }))
  )
  attachCrosshair(figure, payoff, scale, reading, pointed)
  return el("div", { className: "payofffigure" }, figure, reading)
}
