import { textOf } from "../gateway/Api.ts"
import type { Health } from "../gateway/Contract.ts"
import { el, setText } from "../view/Element.ts"
import type * as MarketCalendar from "./MarketCalendar.ts"
import * as MarketName from "./MarketName.ts"

export interface Badge {
  readonly element: HTMLElement
  readonly set: (market: Health["market"]) => void
}

/** The exchange's hours, asked for whenever the pop-over opens. */
const makeCalendar = (ask: () => Promise<ReadonlyArray<MarketCalendar.Row>>): HTMLElement => {
  const rows = el("dl")
  const problem = el("p", { className: "problem", hidden: true, attrs: { role: "alert" } })
  const element = el(
    "div",
    { className: "calendar", popover: "auto", ariaLabel: "Hours of the exchange", attrs: { role: "dialog" } },
    rows,
    problem
  )
  element.addEventListener("toggle", (event) => {
    if ((event as ToggleEvent).newState !== "open") return
    ask().then(
      (all) => {
        problem.hidden = true
        rows.replaceChildren(...all.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text))))
      },
      (error: unknown) => {
        problem.hidden = false
        setText(problem, `The hours of the exchange are not known: ${textOf(error)}`)
      }
    )
  })
  return element
}

/** The name of the market that the page shows. A click shows the hours of its exchange. */
export const make = (ask: () => Promise<ReadonlyArray<MarketCalendar.Row>>): Badge => {
  const calendar = makeCalendar(ask)
  const button = el("button", { type: "button", className: "badge", hidden: true, popoverTargetElement: calendar })
  const said = el("span", { className: "unseen", attrs: { role: "status" } })
  return {
    element: el("div", { className: "market" }, button, said, calendar),
    set: (market) => {
      const { kind, text, title } = MarketName.of(market)
      button.hidden = false
      if (button.dataset["kind"] !== kind) button.dataset["kind"] = kind
      if (button.title !== title) button.title = title
      setText(button, text)
      setText(said, text)
    }
  }
}
