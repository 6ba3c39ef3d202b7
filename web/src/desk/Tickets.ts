import type { Decimal } from "../../../src/client/Client.ts"
import type * as Accounts from "../accounts/Accounts.ts"
import type { Picked } from "../chains/ChainGrid.ts"
import type { Chosen } from "../chains/ChainMarks.ts"
import type { ChainModel } from "../chains/ChainModel.ts"
import type { Api } from "../gateway/Api.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import * as OrderStore from "../orders/OrderStore.ts"
import * as OrderTicket from "../orders/OrderTicket.ts"
import * as DraftBar from "../ticket/DraftBar.ts"
import * as DraftStore from "../ticket/DraftStore.ts"
import * as Ticket from "../ticket/Ticket.ts"
import { el, segments } from "../view/Element.ts"
import type { Notices } from "../view/Notices.ts"

const kinds = [
  { id: "strategy", label: "Strategy" },
  { id: "order", label: "Order" }
] as const
type Kind = (typeof kinds)[number]["id"]

const key = "tarang.ticket"
const remembered = (): Kind => (localStorage.getItem(key) === "order" ? "order" : "strategy")

export interface Options {
  readonly api: Api
  readonly instruments: Instruments
  readonly model: () => ChainModel
  readonly userId: string
  /** A viewer has no ticket. */
  readonly mayTrade: boolean
  readonly accounts: Accounts.Accounts
  readonly notices: Notices
  readonly strategies: () => ReadonlyArray<{ readonly id: number; readonly name: string }>
  readonly onCreated: (strategyId: number) => void
  /** An order was accepted. */
  readonly onOrder: () => void
  readonly onLegs: (chosen: Chosen) => void
}
export interface Tickets {
  readonly element: HTMLElement
  readonly bar: HTMLElement
  readonly add: (picked: Picked, direction: "BUY" | "SELL") => void
  readonly show: (symbol: string, expiry: string) => void
  readonly quote: () => void
  readonly cash: (amount: Decimal | null) => void
}

/** What a click in the chain makes: a leg of a strategy, or an order. One of the two tickets is shown. */
export const make = (options: Options): Tickets => {
  const { userId, mayTrade } = options
  let kind = remembered()
  let place = { symbol: "", expiry: "" }
  const drafts = new Map<Kind, readonly [title: string, text: string]>()

  const choices = kinds.map(() => segments("A click in the chain makes", kinds, (id) => choose(id)))
  const tabsOf = (at: number): HTMLElement => (choices[at] as (typeof choices)[number]).element
  const bar = DraftBar.make(() => (kind === "order" ? order : strategy).reveal())
  const onDraft = (of: Kind) => (title: string, text: string) => {
    drafts.set(of, [title, text])
    drawBar()
  }
  const drawBar = (): void => bar.show(...(drafts.get(kind) ?? (["", ""] as const)))
  const strategy = Ticket.make({
    ...options,
    drafts: DraftStore.make(userId),
    saved: options.strategies,
    tabs: tabsOf(0),
    onDraft: onDraft("strategy")
  })
  const order = OrderTicket.make({
    ...options,
    store: OrderStore.make(userId),
    tabs: tabsOf(1),
    onAccepted: options.onOrder,
    onDraft: onDraft("order")
  })
  const choose = (next: Kind): void => {
    kind = next
    localStorage.setItem(key, kind)
    for (const choice of choices) choice.press(kind)
    strategy.element.hidden = kind !== "strategy"
    order.element.hidden = kind !== "order"
    drawBar()
  }
  choose(kind)
  return {
    element: el("div", { className: "tickets", hidden: !mayTrade }, strategy.element, order.element),
    bar: bar.element,
    add: (picked, direction) => {
      if (!mayTrade) return
      if (kind === "strategy") strategy.add(picked, direction)
      else order.add(place.symbol, place.expiry, picked, direction)
    },
    show: (symbol, expiry) => {
      place = { symbol, expiry }
      strategy.show(symbol, expiry)
    },
    quote: order.quote,
    cash: order.cash
  }
}
