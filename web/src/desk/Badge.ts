import type { Health } from "../gateway/Contract.ts"
import { el, setText } from "../view/Element.ts"
import * as MarketName from "./MarketName.ts"

/** The name of the market that the page shows. */
export const make = (): { readonly element: HTMLElement; readonly set: (market: Health["market"]) => void } => {
  const element = el("strong", { className: "badge", hidden: true, attrs: { role: "status" } })
  return {
    element,
    set: (market) => {
      const { kind, text, title } = MarketName.of(market)
      element.hidden = false
      if (element.dataset["kind"] !== kind) element.dataset["kind"] = kind
      if (element.title !== title) element.title = title
      setText(element, text)
    }
  }
}
