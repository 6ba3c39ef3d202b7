import type { Decimal } from "../../../src/client/Client.ts"
import { isPriced } from "../../../src/domain/accounts/OrderAttributes.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { Charges, Margins } from "../gateway/Contract.ts"
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

const payloadOf = (draft: OrderDraft.OrderDraft) => {
  const { exchange, tradingsymbol } = draft.contract
  const order = {
    exchange,
    tradingsymbol,
    transaction_type: draft.side,
    quantity: OrderDraft.quantityOf(draft),
    product: draft.product,
    order_type: draft.orderType,
    ...(isPriced(draft.orderType) && { price: OrderDraft.limitOf(draft) })
  }
  return { account_id: draft.accountId, orders: [order] }
}

/** The margin after hedging, if the answer has it; otherwise without hedging. Null if unknown. */
const marginOf = ({ total }: Margins): Decimal | null => (total.final ?? total.initial)?.total ?? null

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
  const margin = Facts.make("Margin", "What the account needs more than now, rupees")
  const cash = Facts.make("Cash", "The account's cash, rupees")
  const note = el("p", { className: "hint", hidden: true })
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
  /** The broker's answer may take seconds, so it is not waited for with the charges. */
  const askMargin = async (draft: OrderDraft.OrderDraft, isCurrent: () => boolean): Promise<void> => {
    margin.set(Format.none)
    const answer = await api.orders.margins({ payload: payloadOf(draft) }).catch((error: unknown) => textOf(error))
    if (!isCurrent()) return
    const found = typeof answer === "string" ? null : marginOf(answer)
    margin.set(Format.rupees(found, false))
    const why = typeof answer === "string" ? answer : answer.unknown.join("; ")
    note.hidden = found !== null || why === ""
    note.textContent = `The margin is not known: ${why}`
  }
  const ask = async (draft: OrderDraft.OrderDraft): Promise<void> => {
    const mine = ++asked
    const isCurrent = (): boolean => mine === asked
    void askMargin(draft, isCurrent)
    try {
      const charges = await api.orders.charges({ payload: payloadOf(draft) })
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
      el("dl", { className: "facts" }, ...[quantity, value, total, margin, cash].map(({ element }) => element)),
      details,
      problem,
      note
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
