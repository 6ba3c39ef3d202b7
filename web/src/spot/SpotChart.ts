import { type CandlestickData, CandlestickSeries, type UTCTimestamp } from "lightweight-charts"
import type { Api } from "../gateway/Api.ts"
import { el } from "../view/Element.ts"
import * as Theme from "../view/Theme.ts"
import * as Bars from "./Bars.ts"

/** Length in seconds of the bars built from ticks. Longer bars are joined from them. */
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
  /** `chartSymbol` names its history. Without it the chart starts now. */
  readonly show: (symbol: string, chartSymbol: string | undefined) => void
  readonly add: (price: number, ms: number) => void
}

const makeView = (onChoose: (interval: Interval) => void) => {
  const canvas = el("div", { className: "canvas", attrs: { role: "img", "aria-label": "Price chart of the underlying" } })
  const title = el("h2", {}, "Underlying")
  const buttons = intervals.map((interval) =>
    el("button", { type: "button", ariaPressed: "false", onclick: () => onChoose(interval) }, interval.label)
  )
  const group = el("div", { className: "segments", attrs: { role: "group", "aria-label": "Bar length" } }, ...buttons)
  const element = el("section", { className: "panel chart", attrs: { "aria-label": "Underlying" } }, el("header", {}, title, group), canvas)
  return {
    element,
    canvas,
    title,
    press: (chosen: Interval): void => {
      for (const [at, button] of buttons.entries()) button.ariaPressed = String(intervals[at] === chosen)
    }
  }
}

const makeSeries = (canvas: HTMLElement) => {
  const chart = Theme.chart(canvas)
  const series = chart.addSeries(CandlestickSeries, { priceLineVisible: true, borderVisible: false })
  Theme.follow(() => {
    const [up, down] = [Theme.colour("up"), Theme.colour("down")]
    series.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, priceLineColor: Theme.colour("accent") })
  })
  return {
    chart,
    setAll: (bars: ReadonlyArray<Bars.Bar>) => series.setData(bars as unknown as Array<CandlestickData<UTCTimestamp>>),
    setLast: (bar: Bars.Bar) => series.update(bar as unknown as CandlestickData<UTCTimestamp>)
  }
}

/** The gateway's bars up to `toSeconds`; undefined if it has none. The chart then starts now. */
const historyOf = async (api: Api, symbol: string, { resolution, seconds }: Interval, toSeconds: number) => {
  if (resolution === undefined) return undefined
  const urlParams = {
    symbol,
    resolution,
    from: String(toSeconds - historyBars * seconds),
    to: String(toSeconds + seconds),
    countback: String(historyBars)
  }
  const found = await api.udf.history({ urlParams }).catch(() => undefined)
  return found && asBars(found)
}

/** Joins past and live bars. The newest past bar was still open when it was read, so the live one replaces it. */
const joined = (past: ReadonlyArray<Bars.Bar>, live: ReadonlyArray<Bars.Bar>, seconds: number): ReadonlyArray<Bars.Bar> => {
  const recent = Bars.join(live, seconds)
  const from = past.at(-1)?.time ?? Number.NEGATIVE_INFINITY
  return [
    ...past.filter(({ time }) => recent[0] === undefined || time < Math.max(from, recent[0].time)),
    ...recent.filter(({ time }) => time >= from)
  ]
}

/** Candles of the underlying: the past from the gateway, then live ones from its ticks. */
export const make = (api: Api): SpotChart => {
  let symbol: string | undefined
  let interval: Interval = intervals[0]
  let isChosen = false
  let live: Array<Bars.Bar> = []
  let past: ReadonlyArray<Bars.Bar> = []
  let shown: Bars.Bar | undefined
  const view = makeView((next) => {
    isChosen = true
    choose(next)
  })
  const { chart, setAll, setLast } = makeSeries(view.canvas)

  const draw = (): void => {
    const bars = joined(past, live, interval.seconds)
    setAll(bars)
    shown = bars.at(-1)
  }
  const history = async (): Promise<void> => {
    const [askedSymbol, askedInterval] = [symbol, interval]
    if (askedSymbol === undefined) return
    const found = await historyOf(api, askedSymbol, askedInterval, live.at(-1)?.time ?? Math.floor(Date.now() / 1000))
    if (found === undefined || askedSymbol !== symbol || askedInterval !== interval) return
    past = found
    draw()
  }
  const choose = (next: Interval): void => {
    interval = next
    view.press(next)
    chart.timeScale().applyOptions({ secondsVisible: next.seconds < 60 })
    past = []
    draw()
    void history()
  }
  choose(interval)

  return {
    element: view.element,
    show: (name, chartSymbol) => {
      symbol = chartSymbol
      view.title.textContent = name
      live = []
      // With a history, minutes are more useful than seconds.
      choose(isChosen ? interval : intervals[chartSymbol === undefined ? 0 : 1])
      chart.timeScale().resetTimeScale()
    },
    add: (price, ms) => {
      const seconds = Math.floor(ms / 1000)
      if (Bars.add(live, price, seconds - (seconds % baseSeconds)) === undefined) return
      const bar = Bars.add(shown === undefined ? [] : [shown], price, seconds - (seconds % interval.seconds))
      if (bar === undefined) return
      shown = bar
      setLast(bar)
    }
  }
}
