import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import type * as Underlyings from "./Underlyings.ts"

export interface Events {
  readonly onSymbol: (symbol: string) => void
  readonly onExpiry: (expiry: string) => void
  readonly onSignOut: () => void
}
export interface Header {
  readonly element: HTMLElement
  readonly setSymbols: (underlyings: ReadonlyArray<Underlyings.Underlying>) => void
  readonly setExpiries: (expiries: ReadonlyArray<string>) => void
  readonly choose: (place: { readonly symbol?: string; readonly expiry?: string }) => void
}

export interface Parts {
  readonly badge: HTMLElement
  readonly spot: HTMLElement
  readonly search: HTMLElement
  readonly status: HTMLElement
  readonly userName: string
}

/** The bar at the top: market, chain, spot, search, state of the data, and user. */
export const make = ({ badge, spot, search, status, userName }: Parts, events: Events): Header => {
  const symbols = el("select", { id: "symbol", ariaLabel: "Underlying", onchange: () => events.onSymbol(symbols.value) })
  const expiries = el("select", { id: "expiry", ariaLabel: "Expiry", onchange: () => events.onExpiry(expiries.value) })
  return {
    element: el(
      "header",
      { className: "bar" },
      el("h1", {}, "Tarang"),
      badge,
      symbols,
      expiries,
      spot,
      search,
      status,
      el("span", { className: "user muted", title: "Signed in" }, userName),
      el("button", { type: "button", className: "quiet", onclick: events.onSignOut }, "Sign out")
    ),
    setSymbols: (underlyings) => {
      symbols.replaceChildren(...underlyings.map(({ symbol }) => el("option", { value: symbol }, symbol)))
      symbols.hidden = expiries.hidden = underlyings.length === 0
    },
    setExpiries: (all) => expiries.replaceChildren(...all.map((expiry) => el("option", { value: expiry }, Format.expiry(expiry)))),
    choose: ({ symbol, expiry }) => {
      if (symbol !== undefined) symbols.value = symbol
      if (expiry !== undefined) expiries.value = expiry
    }
  }
}
