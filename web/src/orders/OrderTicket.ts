import type { Decimal } from "../../../src/client/Client.ts"
import type * as Accounts from "../accounts/Accounts.ts"
import * as AccountChoice from "../accounts/Accounts.ts"
import type { Picked } from "../chains/ChainGrid.ts"
import * as ChainModel from "../chains/ChainModel.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import * as Filling from "../ticket/Filling.ts"
import * as Format from "../view/Format.ts"
import * as Frames from "../view/Frames.ts"
import type { Notices } from "../view/Notices.ts"
import * as OrderCosts from "./OrderCosts.ts"
import * as OrderDraft from "./OrderDraft.ts"
import type { OrderStore } from "./OrderStore.ts"
import * as OrderTicketView from "./OrderTicketView.ts"
import * as Submission from "./Submission.ts"

export interface Options {
  readonly api: Api
  readonly instruments: Instruments
  readonly model: () => ChainModel.ChainModel
  readonly accounts: Accounts.Accounts
  readonly store: OrderStore
  readonly notices: Notices
  /** Chooses what a click in the chain makes. */
  readonly tabs: HTMLElement
  readonly strategies: () => ReadonlyArray<{ readonly id: number; readonly name: string }>
  /** An order was accepted: the account's panel shows it. */
  readonly onAccepted: () => void
  /** The draft in a few words; an empty title means that there is none. */
  readonly onDraft: (title: string, text: string) => void
}

export interface OrderTicket {
  readonly element: HTMLElement
  /** Scrolls to the ticket. */
  readonly reveal: () => void
  /** The account's cash, rupees. */
  readonly cash: (amount: Decimal | null) => void
  readonly add: (symbol: string, expiry: string, picked: Picked, side: OrderDraft.Side) => void
  /** The chain has newer quotes. */
  readonly quote: () => void
}

const labelOf = (symbol: string, expiry: string, { strike, side }: Picked): string =>
  `${symbol} ${Format.expiry(expiry)} ${Format.strike(strike)} ${side === "call" ? "CE" : "PE"}`

/** The option of the displayed chain with this token. */
const optionOf = (model: ChainModel.ChainModel, token: number) => {
  for (const { call, put } of model.rows.values()) {
    if (call?.instrument_token === token) return call
    if (put?.instrument_token === token) return put
  }
  return undefined
}

/** The order ticket: a click in the chain fills it in, its costs are shown, and it is sent once. */
export const make = (options: Options): OrderTicket => {
  const { accounts, api, instruments, model, notices, store } = options
  let draft = store.load()
  let isBusy = false
  let problem = ""

  const costs = OrderCosts.make(api)
  const parts = {
    tabs: options.tabs,
    account: AccountChoice.select(accounts),
    mode: AccountChoice.modeBadge(accounts),
    costs: costs.element
  }
  const view = OrderTicketView.make(parts, {
    onEdit: (change) => {
      if (draft !== undefined) set(OrderDraft.edit(draft, change))
    },
    onSend: () => void send(),
    onDiscard: () => set(undefined),
    strategies: options.strategies
  })

  const lastPrice = (): number | null => (draft && optionOf(model(), draft.contract.token)?.last_price) ?? null
  const quote = Frames.make(() => {
    const option = draft && optionOf(model(), draft.contract.token)
    view.quote(option === undefined ? "" : `bid ${Format.price(option.bid)} · ask ${Format.price(option.ask)}`)
  })
  const draw = (): void => {
    view.draw({ draft, mode: accounts.chosen()?.mode, isBusy })
    view.refuse(problem)
    const text = draft && `${draft.side === "BUY" ? "+" : "−"}${draft.lots} ${draft.contract.label}`
    options.onDraft(text === undefined ? "" : "Order", text ?? "")
    quote()
  }
  const set = (next: OrderDraft.OrderDraft | undefined, text = ""): void => {
    if (draft === undefined && next !== undefined) view.refresh()
    draft = next
    problem = text
    store.save(draft)
    draw()
    if (draft !== undefined) costs.show(draft, lastPrice())
  }

  const send = async (): Promise<void> => {
    if (isBusy || draft === undefined) return
    const missing = OrderDraft.problemOf(draft)
    if (missing !== undefined) return set(draft, missing)
    isBusy = true
    const sending = OrderDraft.sent(draft)
    // The draft is stored before it is sent. So the same key asks again, whatever happens to this page.
    set(sending)
    const outcome = await Submission.submit(api, OrderDraft.requestOf(sending))
    isBusy = false
    if (outcome.type === "refused") return set(OrderDraft.refused(sending), outcome.text)
    if (outcome.type === "unknown") return set(sending, `No answer: ${outcome.text}`)
    if (outcome.type !== "accepted") return set(undefined, `This order was accepted before with other terms: ${outcome.text}`)
    set(undefined)
    notices.show(
      `${sending.side === "BUY" ? "Buy" : "Sell"} order for ${sending.contract.label} accepted${outcome.task.mode === "paper" ? " on paper" : ""}`
    )
    options.onAccepted()
  }

  accounts.listen(() => {
    const accountId = accounts.chosen()?.account_id ?? ""
    if (draft === undefined || draft.isSent || draft.accountId === accountId) draw()
    else set(OrderDraft.edit(draft, { accountId }), problem)
  })
  if (draft !== undefined) set(draft)
  else draw()

  const begin = async (symbol: string, expiry: string, picked: Picked, side: OrderDraft.Side): Promise<void> => {
    const option = ChainModel.optionAt(model(), picked.strike, picked.side)
    if (option === undefined) return notices.show("This option is not known yet")
    const { exchange, lot_size, tick_size, tradingsymbol } = await instruments.describe(option.instrument_token)
    if (draft?.isSent === true) return set(draft, "Settle this order first: ask again, or discard it.")
    const contract = {
      token: option.instrument_token,
      exchange,
      tradingsymbol,
      label: labelOf(symbol, expiry, picked),
      lotSize: lot_size,
      tickSize: tick_size
    }
    const accountId = accounts.chosen()?.account_id ?? ""
    set(
      OrderDraft.start({ contract, accountId, side, price: Filling.priceOf(option, side), key: draft?.key ?? Submission.newKey() }, draft)
    )
  }

  return {
    element: view.element,
    reveal: view.reveal,
    cash: costs.cash,
    quote,
    add: (symbol, expiry, picked, side) => void begin(symbol, expiry, picked, side).catch((error: unknown) => notices.show(textOf(error)))
  }
}
