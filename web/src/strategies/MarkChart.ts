import { BaselineSeries, type LineData, LineSeries, type UTCTimestamp } from "lightweight-charts"
import type { Candle, Mark } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Theme from "../view/Theme.ts"

export type What = "pnl" | "m2m"
type Point = LineData<UTCTimestamp>
/** Points of one strategy that are kept: an hour of seconds. */
const pointsMax = 3_600

/** The live marks of a strategy since the page was opened: one point a second, the newest of it. */
export interface Trail {
  readonly pnl: Array<Point>
  readonly m2m: Array<Point>
}
export const makeTrail = (): Trail => ({ pnl: [], m2m: [] })

const addPoint = (points: Array<Point>, time: UTCTimestamp, amount: Mark["m2m"]): void => {
  if (amount === null) return
  const last = points.at(-1)
  const point = { time, value: amount.toNumber() }
  if (last?.time === time) points[points.length - 1] = point
  else if (last === undefined || time > last.time) points.push(point)
  if (points.length > pointsMax) points.shift()
}

export const addMark = (trail: Trail, mark: Mark): void => {
  const time = Math.floor(Date.parse(mark.as_of) / 1000) as UTCTimestamp
  addPoint(trail.pnl, time, mark.total_pnl)
  addPoint(trail.m2m, time, mark.m2m)
}

export interface MarkChart {
  readonly element: HTMLElement
  readonly show: (what: What, trail: Trail, candles: ReadonlyArray<Candle>) => void
  /** The trail that is shown has a new point. */
  readonly advance: () => void
}

/** P&L about zero, or the net premium from the stored minutes on. */
export const make = (): MarkChart => {
  const element = el("div", { className: "canvas", attrs: { role: "img", "aria-label": "Chart of the strategy's value" } })
  const chart = Theme.chart(element)
  const pnl = chart.addSeries(BaselineSeries, { baseValue: { type: "price", price: 0 }, lineWidth: 2 })
  const m2m = chart.addSeries(LineSeries, { lineWidth: 2 })
  Theme.follow(() => {
    const [up, down] = [Theme.colour("up"), Theme.colour("down")]
    const [upFill, downFill] = [Theme.colour("up-faint"), Theme.colour("down-faint")]
    pnl.applyOptions({
      topLineColor: up,
      topFillColor1: upFill,
      topFillColor2: upFill,
      bottomLineColor: down,
      bottomFillColor1: downFill,
      bottomFillColor2: downFill
    })
    m2m.applyOptions({ color: Theme.colour("accent") })
  })
  // A chart that is hidden has no width, and squeezes its bars into it for good.
  let isHidden = true
  new ResizeObserver(() => {
    if (isHidden && element.clientWidth > 0) chart.timeScale().resetTimeScale()
    isHidden = element.clientWidth === 0
  }).observe(element)
  let what: What = "pnl"
  let trail = makeTrail()
  return {
    element,
    show: (next, points, candles) => {
      what = next
      trail = points
      const first = points.m2m[0]?.time ?? Number.POSITIVE_INFINITY
      const stored = candles
        .map(({ timestamp, close }) => ({ time: (Date.parse(timestamp) / 1000) as UTCTimestamp, value: close.toNumber() }))
        .filter(({ time }) => time < first)
      pnl.setData(next === "pnl" ? points.pnl : [])
      m2m.setData(next === "m2m" ? [...stored, ...points.m2m] : [])
      chart.timeScale().resetTimeScale()
    },
    advance: () => {
      const last = trail[what].at(-1)
      if (last !== undefined) (what === "pnl" ? pnl : m2m).update(last)
    }
  }
}
