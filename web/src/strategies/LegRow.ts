import type { Instrument, Leg, Tick } from "../gateway/Contract.ts"
import { el, field, setClass, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Frames from "../view/Frames.ts"
import * as Holding from "./Holding.ts"

export interface Change {
  readonly quantity?: number
  readonly entry_price?: string
}
export interface Events {
  readonly onChange: (change: Change) => void
  readonly onRemove: () => void
}
export interface LegRow {
  readonly element: HTMLTableRowElement
  /** Shows the leg as it is stored now. What the user is typing stays. */
  readonly show: (leg: Leg) => void
  readonly describe: (instrument: Instrument) => void
  readonly hold: (holding: Holding.Holding) => void
  /** Shows the gateway's last known state until a newer tick arrives. */
  readonly quote: (quote: Holding.Quote) => void
  readonly tick: (tick: Tick) => void
}

const two = (main: HTMLElement, small: HTMLElement): HTMLElement => el("td", { className: "number" }, main, small)

/** "24,500 CE", "NIFTY FUT", or the symbol if it is not a derivative. */
const nameOf = ({ kind, strike, underlying, tradingsymbol }: Instrument): string => {
  if (kind === "FUT") return `${underlying ?? tradingsymbol} FUT`
  return strike !== null && (kind === "CE" || kind === "PE") ? `${Format.strike(strike)} ${kind}` : tradingsymbol
}

/** The inputs of a leg. They count in lots once the lot size is known. */
const makeInputs = (first: Leg, events: Events) => {
  let leg = first
  let lotSize = 1
  const lots = field({ type: "number", min: "0", step: "any", ariaLabel: `Lots of ${first.tradingsymbol}` })
  const price = field({ type: "number", min: "0", step: "any", ariaLabel: `Entry price of ${first.tradingsymbol}` })
  const unit = el("small", { className: "muted" })
  const write = (): void => {
    lots.show(String(leg.quantity / lotSize))
    price.show(leg.entry_price.toString())
    setText(unit, lotSize === 1 ? "units" : `× ${lotSize}`)
  }
  lots.input.onchange = () => {
    const { value } = lots.input
    const quantity = Math.round(Number(value) * lotSize)
    if (value === "" || !(quantity >= 0)) write()
    else if (quantity !== leg.quantity) events.onChange({ quantity })
  }
  price.input.onchange = () => {
    const { value } = price.input
    if (value === "" || !(Number(value) >= 0)) write()
    else events.onChange({ entry_price: value })
  }
  return {
    lots: lots.input,
    price: price.input,
    unit,
    show: (next: Leg): void => {
      leg = next
      write()
    },
    setLotSize: (next: number): void => {
      lotSize = next
      write()
    }
  }
}

/** One leg of a saved strategy: its instrument, its entry and its value. */
export const make = (first: Leg, events: Events): LegRow => {
  const inputs = makeInputs(first, events)
  const direction = el("span")
  const option = el("span", { title: first.tradingsymbol }, first.tradingsymbol)
  const expiry = el("small", { className: "muted" })
  const [last, change, profit, delta] = [el("span"), el("small"), el("span"), el("small", { className: "muted" })]
  let holding = Holding.of(first, undefined)
  let quote: Holding.Quote = { price: null, delta: null, asOf: null }
  let close: number | null = null
  let isLive = false

  const write = Frames.make(() => {
    const points = quote.price === null || close === null ? null : quote.price - close
    const won = Holding.profit(holding, quote.price)
    setText(last, Format.price(quote.price))
    // A price that no tick has confirmed shows its time.
    setText(change, isLive ? Format.dayChange(points, quote.price) : quote.asOf === null ? "" : Format.minute(Date.parse(quote.asOf)))
    setClass(change, isLive ? Format.signOf(points) : "muted")
    setText(profit, Format.rupees(won))
    setClass(profit, Format.signOf(won))
    setText(delta, quote.delta === null ? "" : `Δ ${Format.fixed(quote.delta, 2)}`)
  })
  const remove = el(
    "button",
    { type: "button", className: "quiet", title: "Remove", ariaLabel: `Remove ${first.tradingsymbol}`, onclick: events.onRemove },
    "×"
  )
  const show = (leg: Leg): void => {
    inputs.show(leg)
    setClass(direction, `direction ${leg.direction.toLowerCase()}`)
    setText(direction, leg.direction)
    holding = Holding.of(leg, undefined)
    write()
  }
  show(first)
  return {
    show,
    element: el(
      "tr",
      {},
      el("td", {}, direction),
      el("td", { className: "option" }, option, expiry),
      two(inputs.lots, inputs.unit),
      el("td", { className: "number" }, inputs.price),
      two(last, change),
      two(profit, delta),
      el("td", {}, remove)
    ),
    describe: (instrument) => {
      inputs.setLotSize(instrument.lot_size)
      setText(option, nameOf(instrument))
      setText(expiry, instrument.expiry === null ? "" : Format.expiry(instrument.expiry))
    },
    hold: (next) => {
      holding = next
      write()
    },
    quote: (next) => {
      if (isLive) return
      quote = next
      write()
    },
    tick: (tick) => {
      isLive = true
      close = tick.close
      quote = { price: tick.last_price, delta: tick.delta ?? quote.delta, asOf: tick.timestamp }
      write()
    }
  }
}
