import { el, field, setClass, setText } from "../view/Element.ts"
import * as Keyed from "../view/Keyed.ts"
import * as Draft from "./Draft.ts"

export interface Events {
  readonly onTurn: (leg: Draft.Leg) => void
  readonly onLots: (leg: Draft.Leg, lots: number) => void
  readonly onPrice: (leg: Draft.Leg, price: string) => void
  readonly onRemove: (leg: Draft.Leg) => void
}

interface Named {
  readonly leg: Draft.Leg
  readonly label: string
}

const makeRow = (first: Named, events: Events): Keyed.Row<Named> => {
  let { leg } = first
  const turn = el("button", { type: "button", title: "Buy or sell", onclick: () => events.onTurn(leg) })
  const option = el("span", { className: "mono", title: leg.tradingsymbol })
  const lots = field({ type: "number", min: "1", max: String(Draft.lotsMax), step: "1", ariaLabel: "Lots" })
  lots.input.onchange = () => events.onLots(leg, Number(lots.input.value))
  const price = field({ type: "number", min: "0", step: "any", ariaLabel: "Entry price" })
  price.input.onchange = () => events.onPrice(leg, price.input.value)
  const remove = el("button", { type: "button", className: "quiet", title: "Remove", onclick: () => events.onRemove(leg) }, "×")
  return {
    element: el("tr", {}, ...[turn, option, lots.input, price.input, remove].map((cell) => el("td", {}, cell))),
    update: ({ leg: next, label }) => {
      leg = next
      setClass(turn, `direction ${leg.direction.toLowerCase()}`)
      setText(turn, leg.direction)
      setText(option, label)
      remove.ariaLabel = `Remove ${label}`
      lots.show(String(leg.lots))
      price.show(leg.price)
    }
  }
}

/** The legs of a draft, each with controls. */
export const make = (events: Events): { readonly element: HTMLElement; readonly draw: (draft: Draft.Draft) => void } => {
  const body = el("tbody")
  const names = ["Side", "Option", "Lots", "Price", "Remove"]
  const rows = Keyed.make(
    body,
    ({ leg }: Named) => leg.token,
    (named) => makeRow(named, events)
  )
  return {
    element: el(
      "table",
      { className: "legs" },
      el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))),
      body
    ),
    draw: (draft) => rows.draw(draft.legs.map((leg) => ({ leg, label: Draft.labelOf(draft, leg) })))
  }
}
