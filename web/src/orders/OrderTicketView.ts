import { el, setText } from "../view/Element.ts"
import type * as OrderDraft from "./OrderDraft.ts"
import * as OrderForm from "./OrderForm.ts"

export interface Events extends OrderForm.Events {
  readonly onSend: () => void
  readonly onDiscard: () => void
}
export interface State {
  readonly draft: OrderDraft.OrderDraft | undefined
  readonly mode: "paper" | "live" | undefined
  readonly isBusy: boolean
}
export interface OrderTicketView {
  readonly element: HTMLElement
  readonly draw: (state: State) => void
  /** The quote of the order's contract. */
  readonly quote: (text: string) => void
  /** Shows why something failed. An empty text removes it. */
  readonly refuse: (text: string) => void
  readonly refresh: () => void
  /** Scrolls to the ticket and focuses its first control. */
  readonly reveal: () => void
}

const lostText = "The answer to this order was lost. Ask again: the order has a key, so it is never sent twice."
const sendText = ({ draft, mode, isBusy }: State): string => {
  if (draft === undefined) return ""
  if (isBusy) return "Sending …"
  if (draft.isSent) return "Ask again"
  return `${draft.side === "BUY" ? "Buy" : "Sell"} ${draft.lots} ${draft.lots === 1 ? "lot" : "lots"}${mode === "paper" ? " on paper" : ""}`
}

export interface Parts {
  /** Chooses what a click in the chain makes. */
  readonly tabs: HTMLElement
  readonly account: HTMLElement
  readonly mode: HTMLElement
  readonly costs: HTMLElement
}

export const make = ({ tabs, account, mode, costs }: Parts, events: Events): OrderTicketView => {
  const form = OrderForm.make(events)
  const name = el("h3", { className: "mono" })
  const quote = el("span", { className: "muted mono" })
  const lost = el("p", { className: "lost", hidden: true, attrs: { role: "status" } }, lostText)
  const problem = el("p", { className: "problem", attrs: { role: "alert" } })
  const send = el("button", { type: "submit", className: "primary" })
  const discard = el("button", { type: "button", className: "quiet", onclick: events.onDiscard }, "Discard")
  const filled = el(
    "form",
    { className: "draft order", hidden: true },
    el("div", { className: "row between" }, name, quote),
    form.element,
    costs,
    lost,
    problem,
    el("div", { className: "row end" }, discard, send)
  )
  filled.onsubmit = (event) => {
    event.preventDefault()
    events.onSend()
  }
  const empty = el(
    "p",
    { className: "hint" },
    "Click an ask in the chain to buy and a bid to sell. Nothing is sent before you press the button of the order."
  )
  const element = el(
    "section",
    { className: "panel ticket orderticket", attrs: { "aria-label": "New order" } },
    el("header", {}, tabs, el("div", { className: "row" }, account, mode)),
    empty,
    filled
  )
  return {
    element,
    draw: (state) => {
      const { draft, isBusy } = state
      empty.hidden = draft !== undefined
      filled.hidden = draft === undefined
      if (draft === undefined) return
      setText(name, draft.contract.label)
      form.draw(draft)
      lost.hidden = !draft.isSent || isBusy
      setText(send, sendText(state))
      send.className = `primary ${draft.side.toLowerCase()}`
      send.disabled = isBusy
      discard.disabled = isBusy
    },
    quote: (text) => setText(quote, text),
    refuse: (text) => {
      problem.textContent = text
    },
    refresh: form.refresh,
    reveal: () => {
      element.scrollIntoView({ block: "start" })
      filled.querySelector<HTMLElement>("button, input, select")?.focus({ preventScroll: true })
    }
  }
}
