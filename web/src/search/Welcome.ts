import type { FoEnabled } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"

const offeredMax = 6

/** Shown while nothing is streamed: the first underlyings, each with a button to add it. */
export const make = (onExpiry: (underlying: FoEnabled, expiry: string) => void) => {
  const buttons = el("div", { className: "row" })
  const element = el(
    "section",
    { className: "panel welcome", hidden: true, attrs: { "aria-label": "Nothing is streamed" } },
    el("h2", {}, "Nothing is streamed yet"),
    el("p", { className: "muted" }, "Add an underlying with the options of its nearest expiry, or search for an instrument above."),
    buttons
  )
  return {
    element,
    show: (enabled: ReadonlyArray<FoEnabled>): void => {
      const offered = enabled.filter(({ expiries }) => expiries.length > 0).slice(0, offeredMax)
      buttons.replaceChildren(
        ...offered.map((one) => {
          const [nearest = ""] = one.expiries
          const add = () => onExpiry(one, nearest)
          return el("button", { type: "button", title: `Expiry ${Format.expiry(nearest)}`, onclick: add }, `Add ${one.symbol}`)
        })
      )
      element.hidden = false
    },
    hide: (): void => {
      element.hidden = true
    }
  }
}
