import { ColorType, createChart, type IChartApi, type UTCTimestamp } from "lightweight-charts"
import * as Format from "./Format.ts"

const scheme = matchMedia("(prefers-color-scheme: dark)")

/** A colour of style.css in the active colour scheme. */
export const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

/** Calls `paint` now and whenever the user's colour scheme changes. */
export const follow = (paint: () => void): void => {
  paint()
  scheme.addEventListener("change", paint)
}

const options = () => ({
  layout: {
    background: { type: ColorType.Solid, color: colour("panel") },
    textColor: colour("muted"),
    fontFamily: getComputedStyle(document.body).fontFamily,
    fontSize: 11,
    // The page's footer credits TradingView, because the content security policy blocks the logo's style.
    attributionLogo: false
  },
  grid: { vertLines: { color: colour("line-faint") }, horzLines: { color: colour("line-faint") } },
  rightPriceScale: { borderColor: colour("line") },
  timeScale: { borderColor: colour("line") }
})

/** A chart in the page's colours with Indian time, as large as its element. */
export const chart = (element: HTMLElement): IChartApi => {
  const made = createChart(element, {
    ...options(),
    autoSize: true,
    // The wheel scrolls the page. A chart is moved by dragging and zoomed by pinching or its time axis.
    handleScroll: { mouseWheel: false, pressedMouseMove: true, horzTouchDrag: true, vertTouchDrag: false },
    handleScale: { mouseWheel: false, pinch: true, axisPressedMouseMove: true },
    localization: { timeFormatter: (time: UTCTimestamp) => `${Format.day(time * 1000)} ${Format.clock(time * 1000)}` },
    timeScale: {
      borderColor: colour("line"),
      timeVisible: true,
      secondsVisible: true,
      rightOffset: 4,
      tickMarkFormatter: (time: UTCTimestamp, kind: number) =>
        kind < 3 ? Format.day(time * 1000) : kind === 3 ? Format.minute(time * 1000) : Format.clock(time * 1000)
    }
  })
  scheme.addEventListener("change", () => made.applyOptions(options()))
  return made
}
