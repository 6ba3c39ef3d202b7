import type { Payoff, PayoffAnswer } from "../gateway/Contract.ts"
import { el, svg } from "../view/Element.ts"
import * as Format from "../view/Format.ts"

const width = 420
const height = 190
const edge = { left: 8, right: 8, top: 12, bottom: 22 } as const
/** What is shown reaches this far beyond break-evens, strikes and spot, as a share of their span, and at least this share of the spot. */
const margin = 0.35
const marginMin = 0.015

interface Range {
  readonly low: number
  readonly high: number
}

/** A clip path is found by its id in the whole page, and two diagrams may stand in it. */
let drawn = 0

/** The part of the curve that a reader wants: the gateway's reaches far beyond it. */
export const rangeOf = ({ scenario, break_evens, legs = [], curve }: Payoff): Range => {
  const marks = [scenario.spot, ...break_evens, ...legs.flatMap(({ strike }) => strike ?? [])]
  const [low, high] = [Math.min(...marks), Math.max(...marks)]
  const beyond = Math.max((high - low) * margin, scenario.spot * marginMin)
  return { low: Math.max(low - beyond, curve.spot[0] ?? low), high: Math.min(high + beyond, curve.spot.at(-1) ?? high) }
}

const line = (xs: ReadonlyArray<number>, ys: ReadonlyArray<number>): string =>
  xs.map((x, at) => `${at === 0 ? "M" : "L"}${x.toFixed(1)} ${(ys[at] ?? 0).toFixed(1)}`).join("")

const stepOf = (span: number, steps: number): number => {
  const raw = span / steps
  const power = 10 ** Math.floor(Math.log10(raw))
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= raw) ?? 10) * power
}

const money = (value: Payoff["max_profit"]): string => (value === "unbounded" ? "unbounded" : Format.rupees(value))

const draw = (payoff: Payoff): SVGElement => {
  const { low, high } = rangeOf(payoff)
  const { spot, at_expiry, at_date } = payoff.curve
  const within = spot.flatMap((price, at) => (price >= low && price <= high ? [at] : []))
  const profits = within.flatMap((at) => [at_expiry[at] ?? 0, at_date[at] ?? 0])
  const [bottom, top] = [Math.min(0, ...profits), Math.max(0, ...profits)]
  const spread = top - bottom || 1
  const x = (price: number) => edge.left + ((price - low) / (high - low)) * (width - edge.left - edge.right)
  const y = (profit: number) => edge.top + ((top - profit) / spread) * (height - edge.top - edge.bottom)
  const xs = within.map((at) => x(spot[at] ?? 0))
  const expiry = line(
    xs,
    within.map((at) => y(at_expiry[at] ?? 0))
  )
  const today = line(
    xs,
    within.map((at) => y(at_date[at] ?? 0))
  )
  const zero = y(0)
  const area = `${expiry}L${xs.at(-1) ?? 0} ${zero}L${xs[0] ?? 0} ${zero}Z`
  const step = stepOf(high - low, 5)
  const ticks = Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, at) => (Math.ceil(low / step) + at) * step)
  const at = x(payoff.scenario.spot)
  drawn++
  const [gain, loss] = [`gain-${drawn}`, `loss-${drawn}`]
  return svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      class: "payoff",
      role: "img",
      "aria-label": `Payoff at expiry and now: most ${money(payoff.max_profit)}, least ${money(payoff.max_loss)}`
    },
    svg("clipPath", { id: gain }, svg("rect", { x: 0, y: 0, width, height: zero })),
    svg("clipPath", { id: loss }, svg("rect", { x: 0, y: zero, width, height: height - zero })),
    ...ticks.flatMap((price) => [
      svg("line", { x1: x(price), x2: x(price), y1: edge.top, y2: height - edge.bottom, class: "grid" }),
      svg("text", { x: x(price), y: height - 6, class: "tick" }, Format.strike(price))
    ]),
    svg("path", { d: area, class: "area gain", "clip-path": `url(#${gain})` }),
    svg("path", { d: area, class: "area loss", "clip-path": `url(#${loss})` }),
    svg("line", { x1: 0, x2: width, y1: zero, y2: zero, class: "zero" }),
    svg("path", { d: today, class: "today" }),
    svg("path", { d: expiry, class: "line gain", "clip-path": `url(#${gain})` }),
    svg("path", { d: expiry, class: "line loss", "clip-path": `url(#${loss})` }),
    svg("line", { x1: at, x2: at, y1: edge.top, y2: height - edge.bottom, class: "now" }),
    ...payoff.break_evens.map((price) => svg("circle", { cx: x(price), cy: zero, r: 3.5, class: "even" }))
  )
}

const fact = (name: string, value: string, className = ""): HTMLElement => el("div", {}, el("dt", {}, name), el("dd", { className }, value))

const isKnown = (answer: PayoffAnswer): answer is PayoffAnswer & Payoff => answer.curve !== null

/** The diagram with what it comes to, as the gateway computed it. */
export const render = (answer: PayoffAnswer): HTMLElement =>
  isKnown(answer) ? whole(answer) : el("p", { className: "hint" }, "Not every leg has a price yet.")

const whole = (payoff: Payoff): HTMLElement =>
  el(
    "div",
    { className: "payoffbox" },
    draw(payoff),
    el(
      "dl",
      { className: "facts" },
      fact("Max profit", money(payoff.max_profit), "up"),
      fact("Max loss", money(payoff.max_loss), "down"),
      fact("Break-even", payoff.break_evens.map((price) => Format.strike(Math.round(price))).join(" · ") || Format.none),
      fact("Chance of profit", payoff.probability_of_profit === null ? Format.none : `${(payoff.probability_of_profit * 100).toFixed(1)} %`)
    ),
    el("p", { className: "legend" }, el("span", { className: "key solid" }, "at expiry"), el("span", { className: "key dashed" }, "now"))
  )
