import { type CandlestickData, CandlestickSeries, type UTCTimestamp } from "lightweight-charts"
import type { Api } from "../gateway/Api.ts"
import { el } from "../view/Element.ts"
import * as Theme from "../view/Theme.ts"
import * as Bars from "./Bars.ts"

/** Seconds of the bars that ticks are gathered in; longer bars are joined from them. */
const baseSeconds = 5
const historyBars = 300
const intervals = [
  { label: "5s", seconds: 5, resolution: undefined },
  { label: "1m", seconds: 60, resolution: "1" },
  { label: "5m", seconds: 300, resolution: "5" }
] as const
type Interval = (typeof intervals)[number]

type UdfHistory = Awaited<ReturnType<Api["udf"]["history"]>>

const asBars = (found: UdfHistory): ReadonlyArray<Bars.Bar> =>
  found.s !== "ok"
    ? []
    : found.t.flatMap((time, at) => {
        const [open, high, low, close] = [found.o[at], found.h[at], found.l[at], found.c[at]]
        return open === undefined || high === undefined || low === undefined || close === undefined
          ? []
          : [{ time, open, high, low, close }]
      })

export interface SpotChart {
  readonly element: HTMLElement
  /** `chartSymbol` names its history; without one the chart begins now. */
  readonly show: (symbol: string, chartSymbol: string | undefined) => void
  readonly add: (price: number, ms: number) => void
}

/** Candles of the underlying: the past from the gateway, then live from its ticks. */
export const make = (api: Api): SpotChart => {
  const canvas = el("div", { className: "canvas", attrs: { role: "img", "aria-label": "Price chart of the underlying" } })
  const title = el("h2", {}, "Underlying")
  const buttons = intervals.map((interval) =>
    el(
      "button",
      {
        type: "button",
        onclick: () => {
          isChosen = true
          choose(interval)
        },
        ariaPressed: "false"
      },
      interval.label
    )
  )
  const element = el(
    "section",
    { className: "panel chart", attrs: { "aria-label": "Underlying" } },
    el("header", {}, title, el("div", { className: "segments", attrs: { role: "group", "aria-label": "Bar length" } }, ...buttons)),
    canvas
  )
  const chart = Theme.chart(canvas)
  const series = chart.addSeries(CandlestickSeries, { priceLineVisible: true, borderVisible: false })
  Theme.follow(() => {
    const [up, down] = [Theme.colour("up"), Theme.colour("down")]
    series.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, priceLineColor: Theme.colour("accent") })
  })

  let symbol: string | undefined
  let interval: Interval = intervals[0]
  let isChosen = false
  let live: Array<Bars.Bar> = []
  let past: ReadonlyArray<Bars.Bar> = []
  let shown: Bars.Bar | undefined

  const draw = (): void => {
    const recent = Bars.join(live, interval.seconds)
    const from = past.at(-1)?.time ?? Number.NEGATIVE_INFINITY
    // The newest bar of the past was still open when it was asked for.
    const bars = [
      ...past.filter(({ time }) => recent[0] === undefined || time < Math.max(from, recent[0].time)),
      ...recent.filter(({ time }) => time >= from)
    ]
    series.setData(bars as unknown as Array<CandlestickData<UTCTimestamp>>)
    shown = bars.at(-1)
  }

  const history = async (): Promise<void> => {
    const { resolution, seconds } = interval
    const asked = symbol
    if (resolution === undefined || symbol === undefined) return
    const to = live.at(-1)?.time ?? Math.floor(Date.now() / 1000)
    const urlParams = {
      symbol,
      resolution,
      from: String(to - historyBars * seconds),
      to: String(to + seconds),
      countback: String(historyBars)
    }
    // Without history the chart begins now.
    const found = await api.udf.history({ urlParams }).catch(() => undefined)
    if (found === undefined || asked !== symbol || interval.resolution !== resolution) return
    past = asBars(found)
    draw()
  }

  const choose = (next: Interval): void => {
    interval = next
    for (const [at, button] of buttons.entries()) button.ariaPressed = String(intervals[at] === next)
    chart.timeScale().applyOptions({ secondsVisible: next.seconds < 60 })
    past = []
    draw()
    void history()
  }
  choose(interval)

  return {
    element,
    show: (name, chartSymbol) => {
      symbol = chartSymbol
      title.textContent = name
      live = []
      // Minutes say more where there is a past to show.
      choose(isChosen ? interval : intervals[chartSymbol === undefined ? 0 : 1])
      chart.timeScale().resetTimeScale()
    },
    add: (price, ms) => {
      const seconds = Math.floor(ms / 1000)
      if (Bars.add(live, price, seconds - (seconds % baseSeconds)) === undefined) return
      const bars = shown === undefined ? [] : [shown]
      const bar = Bars.add(bars, price, seconds - (seconds % interval.seconds))
      if (bar === undefined) return
      shown = bar
      series.update(bar as unknown as CandlestickData<UTCTimestamp>)
    }
  }
}
