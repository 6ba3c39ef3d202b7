import type { ChainUpdate, Tick } from "../gateway/Contract.ts"
import { el, setClass, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"

export interface Spot {
  readonly element: HTMLElement
  readonly tick: (tick: Tick) => void
  /** The chain's spot, which has no time of its own. It is shown only if there are no ticks. */
  readonly chain: (update: ChainUpdate) => void
  /** Market time of the newest tick; undefined before the first. */
  readonly atMs: () => number | undefined
  readonly clear: () => void
}

/** Ticks carry each change of the spot, the chain only one per 250 ms window. After this long without a tick, the chain's spot is shown. */
const tickMsMax = 2_000

/** The underlying's price with its change of the day. `onPrice` is called with each price that is shown. */
export const make = (onPrice: (price: number, atMs: number) => void): Spot => {
  let last: number | undefined
  let tickMs: number | undefined
  const price = el("output", { className: "spotprice", attrs: { "aria-label": "Spot", "aria-live": "off" } }, Format.none)
  const change = el("span", { className: "spotchange", title: "Change against the previous close" })
  const show = (next: number, points: number | null, nextMs: number): void => {
    const moved = last === undefined || next === last ? undefined : next > last ? "up" : "down"
    last = next
    setText(price, Format.spot(next))
    if (moved !== undefined) setClass(price, `spotprice ${moved}`)
    setText(change, Format.dayChange(points, next))
    setClass(change, `spotchange ${Format.signOf(points)}`)
    onPrice(next, nextMs)
  }
  return {
    element: el("div", { className: "spotbox" }, price, change),
    tick: ({ last_price, close, timestamp }) => {
      tickMs = Date.parse(timestamp)
      show(last_price, close === null ? null : last_price - close, tickMs)
    },
    chain: ({ spot, spot_change, as_of }) => {
      if (spot === null || as_of === null) return
      const chainMs = Date.parse(as_of)
      const areTicksAway = tickMs === undefined || chainMs > tickMs + tickMsMax
      if (areTicksAway && spot !== last) show(spot, spot_change, chainMs)
    },
    atMs: () => tickMs,
    clear: () => {
      last = tickMs = undefined
      setText(price, Format.none)
      setText(change, "")
    }
  }
}
