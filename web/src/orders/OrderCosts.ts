import type { Decimal } from "../../../src/client/Client.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { Charges } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Facts from "../view/Facts.ts"
import * as Format from "../view/Format.ts"
import * as OrderDraft from "./OrderDraft.ts"

/** Changes are gathered for this long before the gateway is asked. */
const delayMs = 250

const names: ReadonlyArray<readonly [keyof Charges["total"], string]> = [
  ["brokerage", "Brokerage"],
  ["stt", "STT"],
  ["exchange_charges", "Exchange"],
  ["sebi", "SEBI"],
  ["stamp_duty", "Stamp duty"],
  ["ipft", "IPFT"],
  ["gst", "GST"]
]

const chargesOf = (api: Api, draft: OrderDraft.OrderDraft): Promise<Charges> => {
  const { exchange, tradingsymbol } = draft.contract
  const order = {
    exchange,
    tradingsymbol,
    transaction_type: draft.side,
    quantity: OrderDraft.quantityOf(draft),
    product: draft.product,
    order_type: draft.orderType,
    ...(OrderDraft.isPriced(draft) && { price: OrderDraft.limitOf(draft) })
  }
  return api.orders.charges({ payload: { account_id: draft.accountId, orders: [order] } })
}

export interface OrderCosts {
  readonly element: HTMLElement
  /** Shows the quantity and value at once, and asks for the rest soon. */
  readonly show: (draft: OrderDraft.OrderDraft, lastPrice: number | null) => void
  readonly cash: (amount: Decimal | null) => void
}

/** What an order would cost, before it is sent: its quantity and value, the charges by today's rates, and the money that is there. */
export const make = (api: Api): OrderCosts => {
  const quantity = Facts.make("Quantity", "Lots times the lot size")
  const value = Facts.make("Price × quantity", "At the order's price, otherwise at the last price, rupees")
  const total = Facts.make("Charges", "All charges by today's rates, rupees")
  const cash = Facts.make("Cash", "The account's cash, rupees")
  const parts = el("dl", { className: "facts inline" })
  const details = el("details", { className: "charges", hidden: true }, el("summary", {}, "Charges in detail"), parts)
  const problem = el("p", { className: "hint", hidden: true })
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0

  const showCharges = (charges: Charges): void => {
    total.set(Format.rupees(charges.total.total, false))
    details.hidden = false
    parts.replaceChildren(
      ...names.map(([key, name]) => el("div", {}, el("dt", {}, name), el("dd", {}, Format.rupees(charges.total[key], false))))
    )
  }
  const ask = async (draft: OrderDraft.OrderDraft): Promise<void> => {
    const mine = ++asked
    const isCurrent = (): boolean => mine === asked
    try {
      const charges = await chargesOf(api, draft)
      if (!isCurrent()) return
      problem.hidden = true
      showCharges(charges)
    } catch (error) {
      if (!isCurrent()) return
      total.set(Format.none)
      details.hidden = true
      problem.hidden = false
      problem.textContent = `The charges are not known: ${textOf(error)}`
    }
  }
  return {
    element: el(
      "div",
      { className: "costs" },
      el("dl", { className: "facts" }, ...[quantity, value, total, cash].map(({ element }) => element)),
      details,
      problem
    ),
    cash: (amount) => cash.set(Format.rupees(amount, false)),
    show: (draft, lastPrice) => {
      quantity.set(Format.strike(OrderDraft.quantityOf(draft)))
      value.set(Format.rupees(OrderDraft.valueOf(draft, lastPrice), false))
      clearTimeout(timer)
      asked++
      if (OrderDraft.problemOf(draft) === undefined) timer = setTimeout(() => void ask(draft), delayMs)
    }
  }
}
