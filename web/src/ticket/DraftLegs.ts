import { el, field, setClass, setText } from "../view/Element.ts"
import * as Draft from "./Draft.ts"

export interface Events {
  readonly onTurn: (leg: Draft.Leg) => void
  readonly onLots: (leg: Draft.Leg, lots: number) => void
  readonly onPrice: (leg: Draft.Leg, price: string) => void
  readonly onRemove: (leg: Draft.Leg) => void
}

interface Row {
  readonly tr: HTMLTableRowElement
  readonly update: (leg: Draft.Leg, label: string) => void
}

const makeRow = (first: Draft.Leg, events: Events): Row => {
  let leg = first
  const turn = el("button", { type: "button", title: "Buy or sell", onclick: () => events.onTurn(leg) })
  const option = el("span", { className: "mono", title: leg.tradingsymbol })
  const lots = field({ type: "number", min: "1", max: String(Draft.lotsMax), step: "1", ariaLabel: "Lots" })
  lots.input.onchange = () => events.onLots(leg, Number(lots.input.value))
  const price = field({ type: "number", min: "0", step: "any", ariaLabel: "Entry price" })
  price.input.onchange = () => events.onPrice(leg, price.input.value)
  const remove = el("button", { type: "button", className: "quiet", title: "Remove", onclick: () => events.onRemove(leg) }, "×")
  return {
    tr: el("tr", {}, ...[turn, option, lots.input, price.input, remove].map((cell) => el("td", {}, cell))),
    update: (next, label) => {
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

/** The legs of a draft, each with controls. A leg keeps its row, and so the focus, while it changes. */
export const make = (events: Events): { readonly element: HTMLElement; readonly draw: (draft: Draft.Draft) => void } => {
  const body = el("tbody")
  const rows = new Map<number, Row>()
  const names = ["Side", "Option", "Lots", "Price", "Remove"]
  const rowOf = (leg: Draft.Leg): Row => {
    const row = rows.get(leg.token) ?? makeRow(leg, events)
    rows.set(leg.token, row)
    return row
  }
  return {
    element: el(
      "table",
      { className: "legs" },
      el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))),
      body
    ),
    draw: (draft) => {
      const tokens = new Set(draft.legs.map(({ token }) => token))
      for (const [token, { tr }] of rows) {
        if (tokens.has(token)) continue
        tr.remove()
        rows.delete(token)
      }
      for (const [at, leg] of draft.legs.entries()) {
        const row = rowOf(leg)
        row.update(leg, Draft.labelOf(draft, leg))
        if (body.children[at] !== row.tr) body.insertBefore(row.tr, body.children[at] ?? null)
      }
    }
  }
}
