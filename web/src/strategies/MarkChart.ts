import { BaselineSeries, LineSeries } from "lightweight-charts"
import type { Candle } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Theme from "../view/Theme.ts"
import * as Trail from "./Trail.ts"

export interface MarkChart {
  readonly element: HTMLElement
  readonly show: (what: Trail.What, trail: Trail.Trail, candles: ReadonlyArray<Candle>) => void
  /** Called when the displayed trail has a new point. */
  readonly advance: () => void
}

/** Chart of the P&L around zero, or of the net premium. */
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
  // A hidden chart has no width and squeezes its bars. So it is rebuilt when it is shown.
  let isHidden = true
  new ResizeObserver(() => {
    if (isHidden && element.clientWidth > 0) chart.timeScale().resetTimeScale()
    isHidden = element.clientWidth === 0
  }).observe(element)
  let what: Trail.What = "pnl"
  let trail = Trail.make()
  return {
    element,
    show: (next, points, candles) => {
      what = next
      trail = points
      pnl.setData(next === "pnl" ? [...Trail.whole(next, points, candles)] : [])
      m2m.setData(next === "m2m" ? [...Trail.whole(next, points, candles)] : [])
      chart.timeScale().resetTimeScale()
    },
    advance: () => {
      const last = trail[what].at(-1)
      if (last !== undefined) (what === "pnl" ? pnl : m2m).update(last)
    }
  }
}
