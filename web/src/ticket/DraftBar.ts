import { el, setText } from "../view/Element.ts"

export interface DraftBar {
  readonly element: HTMLElement
  /** An empty title hides the bar. */
  readonly show: (title: string, text: string) => void
}

/** On a phone the ticket is far below the chain. This bar at the bottom shows what the ticket has and leads to it. */
export const make = (onOpen: () => void): DraftBar => {
  const name = el("strong")
  const what = el("span", { className: "mono" })
  const element = el(
    "div",
    { className: "draftbar", hidden: true, attrs: { role: "region", "aria-label": "Draft" } },
    name,
    what,
    el("button", { type: "button", className: "primary", onclick: onOpen }, "Review")
  )
  return {
    element,
    show: (title, text) => {
      element.hidden = title === ""
      setText(name, title)
      setText(what, text)
    }
  }
}
