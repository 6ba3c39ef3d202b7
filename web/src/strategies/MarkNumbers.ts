import type { Mark } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Facts from "../view/Facts.ts"
import * as Format from "../view/Format.ts"

/** The numbers of a mark, P&L first. */
export const make = (): { readonly element: HTMLElement; readonly set: (mark: Mark | undefined) => void } => {
  const total = Facts.make("Total P&L", "Realised and unrealised, rupees")
  const unrealised = Facts.make("Unrealised", "Against the entry prices, rupees")
  const realised = Facts.make("Realised", "From fills, first in, first out, rupees")
  const premium = Facts.make("Net premium", "Premium at last prices, rupees: sold +, bought −. It is not a profit.")
  const delta = Facts.make("Delta", "Net delta of the position")
  const gamma = Facts.make("Gamma", "Net gamma of the position")
  const theta = Facts.make("Theta", "Net theta, rupees a calendar day")
  const vega = Facts.make("Vega", "Net vega, rupees a volatility point")
  total.element.className = "big"
  const all = [total, unrealised, realised, premium, delta, gamma, theta, vega]
  return {
    element: el("dl", { className: "facts numbers" }, ...all.map(({ element }) => element)),
    set: (mark) => {
      total.set(Format.rupees(mark?.total_pnl), Format.signOf(mark?.total_pnl))
      unrealised.set(Format.rupees(mark?.unrealised_pnl), Format.signOf(mark?.unrealised_pnl))
      realised.set(Format.rupees(mark?.realised_pnl), Format.signOf(mark?.realised_pnl))
      premium.set(Format.rupees(mark?.m2m, false))
      delta.set(Format.fixed(mark?.net_delta, 2))
      gamma.set(Format.fixed(mark?.net_gamma, 4))
      theta.set(Format.fixed(mark?.net_theta, 2))
      vega.set(Format.fixed(mark?.net_vega, 2))
    }
  }
}
