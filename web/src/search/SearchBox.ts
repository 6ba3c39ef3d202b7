import { type Api, textOf } from "../gateway/Api.ts"
import type { FoEnabled, Instrument } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"

const delayMs = 200
const resultsMax = 12

export interface Events {
  readonly enabled: () => ReadonlyArray<FoEnabled>
  /** Streams the expiry if necessary, and shows it. */
  readonly onExpiry: (underlying: FoEnabled, expiry: string) => void
  readonly onInstrument: (instrument: Instrument) => void
}

interface Result {
  readonly name: string
  readonly detail: string
  readonly action: string
  readonly run: () => void
}

const expiryOf = ({ expiry }: Instrument): string => (expiry === null ? "" : Format.expiry(expiry))

/** The action for each result: add an underlying with its nearest expiry, stream an option's expiry, or stream one instrument. */
const resultsOf = (text: string, found: ReadonlyArray<Instrument>, { enabled, onExpiry, onInstrument }: Events): ReadonlyArray<Result> => {
  const wish = text.toUpperCase()
  const all = enabled()
  const underlyings = all
    .filter(({ symbol, tradingsymbol, expiries }) => expiries.length > 0 && (symbol.startsWith(wish) || tradingsymbol?.startsWith(wish)))
    .sort((a, b) => Number(b.symbol === wish) - Number(a.symbol === wish))
    .slice(0, 4)
    .map((one): Result => {
      const [nearest = ""] = one.expiries
      const detail = `${one.tradingsymbol ?? one.symbol} · ${Format.expiry(nearest)}`
      return { name: one.symbol, detail, action: "Add underlying", run: () => onExpiry(one, nearest) }
    })
  const instruments = found.map((one): Result => {
    const of = all.find(({ symbol }) => symbol === one.underlying)
    const { expiry } = one
    const detail = [one.exchange, one.kind, expiryOf(one)].filter((part) => part !== "").join(" · ")
    if (of !== undefined && expiry !== null && (one.kind === "CE" || one.kind === "PE"))
      return { name: one.tradingsymbol, detail, action: "Stream this expiry", run: () => onExpiry(of, expiry) }
    return { name: one.tradingsymbol, detail, action: "Stream", run: () => onInstrument(one) }
  })
  return [...underlyings, ...instruments].slice(0, resultsMax)
}

/** Arrow keys move between the input and the results. Escape closes them. */
const moveByKeys = (element: HTMLElement, input: HTMLInputElement, close: () => void): void => {
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      close()
      input.focus()
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0
    if (step === 0) return
    const stops: ReadonlyArray<HTMLElement> = [input, ...element.querySelectorAll<HTMLButtonElement>("li button")]
    const at = stops.indexOf(document.activeElement as HTMLElement)
    stops[Math.max(0, Math.min(stops.length - 1, at + step))]?.focus()
    event.preventDefault()
  })
}

/** Finds instruments by symbol or name. A click on a result does one action. */
export const make = (api: Api, events: Events): HTMLElement => {
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0
  const input = el("input", {
    type: "search",
    placeholder: "Add instrument …",
    ariaLabel: "Search instruments",
    autocomplete: "off",
    spellcheck: false
  })
  const list = el("ul", { hidden: true, ariaLabel: "Instruments found" })
  const close = (): void => {
    asked++
    list.hidden = true
  }
  const itemOf = ({ name, detail, action, run }: Result): HTMLElement => {
    const choose = (): void => {
      close()
      input.value = ""
      run()
    }
    const texts = [el("span", { className: "mono" }, name), el("small", {}, detail), el("em", {}, action)]
    return el("li", {}, el("button", { type: "button", onclick: choose }, ...texts))
  }
  const show = (items: ReadonlyArray<HTMLElement>): void => {
    list.replaceChildren(...(items.length === 0 ? [el("li", { className: "hint" }, "Nothing found.")] : items))
    list.hidden = false
  }
  const search = async (text: string): Promise<void> => {
    const number = ++asked
    try {
      const { instruments } = await api.instruments.search({ urlParams: { search: text, limit: resultsMax } })
      if (number === asked) show(resultsOf(text, instruments, events).map(itemOf))
    } catch (error) {
      if (number === asked) show([el("li", { className: "problem" }, textOf(error))])
    }
  }
  input.oninput = () => {
    clearTimeout(timer)
    const text = input.value.trim()
    if (text === "") close()
    else timer = setTimeout(() => void search(text), delayMs)
  }
  const element = el("div", { className: "search", attrs: { role: "search" } }, input, list)
  element.addEventListener("focusout", (event) => {
    if (!element.contains(event.relatedTarget as Node | null)) close()
  })
  moveByKeys(element, input, close)
  return element
}
