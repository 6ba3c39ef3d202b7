/** The rows of an account's order list, from its order book and its tasks. */
import * as OrderMerge from "../../../src/domain/accounts/OrderMerge.ts"
import * as Task from "../../../src/domain/orders/Task.ts"
import type { AccountOrder, OrderTask } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"

/** What the user can still do with the order of a row. */
export type Target =
  | { readonly type: "order"; readonly orderId: string; readonly variety: AccountOrder["variety"] }
  | { readonly type: "task"; readonly taskId: string }

export interface OrderRow {
  readonly id: string
  /** ISO 8601. */
  readonly at: string
  readonly side: string
  readonly tradingsymbol: string
  readonly product: string
  readonly quantity: number
  readonly filled: number
  readonly price: string
  readonly status: string
  readonly tone: "open" | "done" | "failed" | "unknown"
  /** Why it failed, or what is not known. */
  readonly note: string
  /** Null if nothing of it can be cancelled. */
  readonly target: Target | null
  /** Null if it cannot be modified. */
  readonly terms: { readonly quantity: number; readonly price: string | null; readonly trigger: string | null } | null
}

const priceText = (orderType: string, price: string | null, trigger: string | null): string => {
  const limit = price ?? "market"
  return orderType.startsWith("SL") ? `${limit}, trigger ${trigger ?? Format.none}` : limit
}

const ofOrder = (it: AccountOrder): OrderRow => {
  const isOpen = !OrderMerge.hasEnded(it)
  const price = it.price.isZero() ? null : it.price.toString()
  const trigger = it.trigger_price.isZero() ? null : it.trigger_price.toString()
  const isFilled = it.filled_quantity > 0
  return {
    id: it.order_id,
    at: it.order_timestamp,
    side: it.transaction_type,
    tradingsymbol: it.tradingsymbol,
    product: it.product,
    quantity: it.quantity,
    filled: it.filled_quantity,
    price: isFilled ? it.average_price.toDecimalPlaces(2).toString() : priceText(it.order_type, price, trigger),
    status: it.status,
    tone: isOpen ? "open" : it.status === "REJECTED" ? "failed" : "done",
    note: it.status_message ?? "",
    target: isOpen ? { type: "order", orderId: it.order_id, variety: it.variety } : null,
    terms: isOpen ? { quantity: it.quantity, price, trigger } : null
  }
}

const tones: Readonly<Record<OrderTask["status"], OrderRow["tone"]>> = {
  PENDING: "open",
  RUNNING: "open",
  RETRYING: "open",
  COMPLETED: "done",
  CANCELLED: "done",
  DEAD_LETTER: "failed",
  UNKNOWN: "unknown"
}
const names: Readonly<Record<OrderTask["status"], string>> = {
  PENDING: "WAITING",
  RUNNING: "SENDING",
  RETRYING: "TRIES AGAIN",
  COMPLETED: "SENT",
  CANCELLED: "CANCELLED",
  DEAD_LETTER: "NOT PLACED",
  UNKNOWN: "NOT KNOWN"
}
const unknownNote = "It is not known whether the broker has this order. Nothing sends it again: look at the broker's order book."

/** Undefined for a task that is no new order. */
const ofTask = (task: OrderTask): OrderRow | undefined => {
  const { request, status } = task
  if (request.kind !== "place") return undefined
  return {
    id: `task ${task.task_id}`,
    at: task.created_at,
    side: request.transaction_type,
    tradingsymbol: request.tradingsymbol,
    product: request.product,
    quantity: request.quantity,
    filled: 0,
    price: priceText(request.order_type, request.price?.toString() ?? null, request.trigger_price?.toString() ?? null),
    status: names[status],
    tone: tones[status],
    note: status === "UNKNOWN" ? unknownNote : (task.error?.message ?? ""),
    target: Task.isUnsent(task) ? { type: "task", taskId: task.task_id } : null,
    terms: null
  }
}

/**
 * The newest first. A task is shown until the order book has its order. A task that ended without an order is shown only if it ended after
 * `since` (ISO 8601), because the order book has only today's orders.
 */
export const rowsOf = (orders: ReadonlyArray<AccountOrder>, tasks: ReadonlyArray<OrderTask>, since: string): ReadonlyArray<OrderRow> => {
  const booked = new Set(orders.map(({ order_id }) => order_id))
  const waiting = tasks.filter(({ order_id, status, updated_at }) => {
    if (order_id !== null && booked.has(order_id)) return false
    const hasEnded = status === "COMPLETED" || status === "CANCELLED" || status === "DEAD_LETTER"
    return !hasEnded || updated_at >= since
  })
  const rows = [...orders.map(ofOrder), ...waiting.flatMap((task) => ofTask(task) ?? [])]
  return rows.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : a.id < b.id ? 1 : -1))
}
