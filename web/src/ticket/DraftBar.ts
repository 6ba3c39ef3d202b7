import { el, setText } from "../view/Element.ts"
import * as Draft from "./Draft.ts"

/** On a phone the ticket is far below the chain. This bar at the bottom shows the draft's legs and leads to it. */
export const make = (onOpen: () => void): { readonly element: HTMLElement; readonly draw: (draft: Draft.Draft) => void } => {
  const count = el("strong")
  const legs = el("span", { className: "mono" })
  const element = el(
    "div",
    { className: "draftbar", hidden: true, attrs: { role: "region", "aria-label": "Draft" } },
    count,
    legs,
    el("button", { type: "button", className: "primary", onclick: onOpen }, "Review")
  )
  return {
    element,
    draw: (draft) => {
      element.hidden = draft.legs.length === 0
      setText(count, draft.legs.length === 1 ? "1 leg" : `${draft.legs.length} legs`)
      const texts = draft.legs.map((leg) => `${leg.direction === "BUY" ? "+" : "−"}${leg.lots} ${Draft.labelOf(draft, leg)}`)
      setText(legs, texts.join(", "))
    }
  }
}
