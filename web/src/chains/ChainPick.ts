import { el, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import type { Picked } from "./ChainGrid.ts"
import * as ChainModel from "./ChainModel.ts"

type Direction = "BUY" | "SELL"

export interface ChainPick {
  readonly element: HTMLElement
  readonly pick: (picked: Picked | undefined) => void
  readonly draw: (model: ChainModel.ChainModel) => void
}

/** The option under keyboard or pointer, with buttons to buy and sell it. A phone has no other way. */
export const make = (onTrade: (picked: Picked, direction: Direction) => void): ChainPick => {
  let picked: Picked | undefined
  const name = el("span", { className: "mono" })
  const last = el("span", { className: "mono" })
  const price = el("span", { className: "muted" })
  const trade = (direction: Direction, text: string) =>
    el("button", {
      type: "button",
      className: `direction ${direction.toLowerCase()}`,
      textContent: text,
      onclick: () => {
        if (picked !== undefined) onTrade(picked, direction)
      }
    })
  const element = el(
    "div",
    { className: "pick", hidden: true, attrs: { role: "toolbar", "aria-label": "Chosen option" } },
    name,
    last,
    price,
    trade("BUY", "Buy"),
    trade("SELL", "Sell")
  )
  return {
    element,
    pick: (next) => {
      picked = next
      element.hidden = next === undefined
    },
    draw: (model) => {
      if (picked === undefined) return
      const option = ChainModel.optionAt(model, picked.strike, picked.side)
      setText(name, `${Format.strike(picked.strike)} ${picked.side === "call" ? "CE" : "PE"}`)
      setText(last, `${Format.price(option?.last_price)} ${Format.dayChange(option?.price_change, option?.last_price)}`)
      setText(price, `bid ${Format.price(option?.bid)} · ask ${Format.price(option?.ask)} · IV ${Format.percent(option?.iv)}`)
    }
  }
}
