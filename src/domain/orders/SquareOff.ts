import type * as Figures from "../accounts/Figures.ts"
import * as Exposure from "./Exposure.ts"
import * as Task from "./Task.ts"

/** running: orders are being cancelled or positions closed. done: nothing is left here. incomplete: a person must look. */
export type Status = "running" | "done" | "incomplete"

/** A task of the strategy or the account that places an order. */
export interface Placing {
  readonly taskId: number
  readonly tag: string
  readonly status: Task.Status
  readonly changedAtMs: number
  /** True if the task closes positions for this stop. */
  readonly closes: boolean
  readonly error: Task.Failure | null
}
/** The instrument and product of a position. An order that closes it must have the same product. */
export interface Place {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly product: string
}
/** An order as a reading of the order book shows it. For a strategy only orders of its tasks, for an account any order. */
export interface Shown extends Place {
  readonly orderId: string
  /** Empty for an order without a tag. */
  readonly tag: string
  readonly side: Exposure.Side
  readonly filled: number
  readonly isOpen: boolean
  /** False for an order that a person placed elsewhere while a person is asked to look. */
  readonly mayCancel: boolean
}
/** The trades of one of these tasks' orders, from the account's state. */
export interface Traded extends Place {
  readonly orderId: string
  readonly tag: string
  readonly side: Exposure.Side
  readonly quantity: number
  readonly isToday: boolean
}
/** The cancellation of an order that this stop asked for. */
export interface Cancelling {
  readonly orderId: string
  readonly status: Task.Status
  readonly changedAtMs: number
  readonly error: Task.Failure | null
}

/** A position, short below zero. */
export interface Position extends Place {
  readonly net: number
}

export interface Facts {
  /** Whether a strategy or an account is stopped. */
  readonly scope: "strategy" | "account"
  readonly tasks: ReadonlyArray<Placing>
  readonly orders: ReadonlyArray<Shown>
  readonly trades: ReadonlyArray<Traded>
  /** What has to be closed. */
  readonly positions: ReadonlyArray<Position>
  /** True if the positions include everything that the orders have filled. */
  readonly isSettled: boolean
  readonly cancelling: ReadonlyArray<Cancelling>
  /** Undefined until the instruments are loaded: every contract would look as if it were no longer listed. */
  readonly isListed: ((place: Place) => boolean) | undefined
  /** The number of rounds of closing orders that were made. */
  readonly rounds: number
  readonly roundAtMs: number
  readonly nowMs: number
}

export interface Policy {
  /** A reading of the book that begins this long after a task shows the task's order. */
  readonly horizonMs: number
  readonly roundsMax: number
  /** The pause before the second round. It doubles before each further round, up to `waitMsMax`. */
  readonly waitMs: number
  readonly waitMsMax: number
  /** An order that closes a position and is open for longer than this needs a person. */
  readonly openMsMax: number
}

export interface Step {
  readonly status: Status
  readonly message: string | null
  /** Tasks that were not sent, and must not be sent. */
  readonly withdraw: ReadonlyArray<number>
  /** Ids of open orders that have to be cancelled. */
  readonly cancel: ReadonlyArray<string>
  /** Positions for which the next round has to be made. */
  readonly close: ReadonlyArray<Position>
}

const step = (status: Status, message: string | null, more: Partial<Step> = {}): Step => ({
  status,
  message,
  withdraw: [],
  cancel: [],
  close: [],
  ...more
})

/**
 * The positions that the orders of these tasks have made. The quantity that an order has filled is read from the order book, where the book
 * has the order, because its trades arrive a moment later. The broker closes intraday positions at the end of their day, without a trade of
 * these tasks.
 */
export const positionsOf = ({ orders, trades }: Pick<Facts, "orders" | "trades">): ReadonlyArray<Position> => {
  const byPlace = new Map<string, Position>()
  const add = ({ exchange, product, tradingsymbol }: Place, quantity: number): void => {
    const key = JSON.stringify([exchange, tradingsymbol, product])
    const before = byPlace.get(key)
    byPlace.set(key, { exchange, tradingsymbol, product, net: (before?.net ?? 0) + quantity })
  }
  const shown = new Set(orders.map(({ orderId }) => orderId))
  for (const order of orders) add(order, Exposure.signed(order.side, order.filled))
  for (const trade of trades)
    if (!shown.has(trade.orderId) && (trade.isToday || trade.product !== "MIS")) add(trade, Exposure.signed(trade.side, trade.quantity))
  return [...byPlace.values()].filter(({ net }) => net !== 0)
}

/** Positions that a stop of an account closes. Shares for delivery are paid for, so they stay. */
export const closable = (rows: ReadonlyArray<Figures.Position>): ReadonlyArray<Position> =>
  rows.flatMap(({ exchange, product, quantity, tradingsymbol }) =>
    quantity !== 0 && (product === "NRML" || product === "MIS") ? [{ exchange, tradingsymbol, product, net: quantity }] : []
  )

/** The quantities that orders filled today, by place: bought and sold. */
type Filled = ReadonlyMap<string, { readonly bought: number; readonly sold: number }>
const filledOf = (all: ReadonlyArray<Place & { readonly bought: number; readonly sold: number }>): Filled => {
  const byPlace = new Map<string, { readonly bought: number; readonly sold: number }>()
  for (const { bought, exchange, product, sold, tradingsymbol } of all) {
    if (bought === 0 && sold === 0) continue
    const key = JSON.stringify([exchange, tradingsymbol, product])
    const before = byPlace.get(key) ?? { bought: 0, sold: 0 }
    byPlace.set(key, { bought: before.bought + bought, sold: before.sold + sold })
  }
  return byPlace
}

/** Whether the broker's positions include everything that the orders of the day filled. They may be behind the order book by a moment. */
export const agree = (rows: ReadonlyArray<Figures.Position>, orders: ReadonlyArray<Shown>): boolean => {
  const inRows = filledOf(rows.map((it) => ({ ...it, bought: it.day_buy_quantity, sold: it.day_sell_quantity })))
  const inBook = filledOf(
    orders.map((it) => ({ ...it, bought: it.side === "BUY" ? it.filled : 0, sold: it.side === "SELL" ? it.filled : 0 }))
  )
  return (
    inRows.size === inBook.size &&
    [...inBook].every(([key, { bought, sold }]) => {
      const row = inRows.get(key)
      return row?.bought === bought && row.sold === sold
    })
  )
}

/** The step that is needed before anything may be closed; null if closing may begin. */
const before = (policy: Policy, { cancelling, isSettled, nowMs, orders, roundAtMs, scope, tasks, trades }: Facts): Step | null => {
  const withdraw = tasks.filter((it) => !it.closes && Task.isUnsent(it)).map((it) => it.taskId)
  const isUnfinished = tasks.some((it) => !Task.hasEnded(it))
  const isClosing = new Set(tasks.filter(({ closes }) => closes).map(({ tag }) => tag))
  const open = orders.filter(({ isOpen }) => isOpen)
  const others = open.filter(({ tag }) => !isClosing.has(tag))
  const asked = new Map(cancelling.map((it) => [it.orderId, it]))
  const cancel = others.filter(({ mayCancel, orderId }) => mayCancel && !asked.has(orderId)).map(({ orderId }) => orderId)
  if (isUnfinished || cancel.length > 0) return step("running", `orders of the ${scope} are being cancelled`, { withdraw, cancel })
  const unknown = tasks.find(({ status }) => status === "UNKNOWN")
  if (unknown !== undefined) return step("incomplete", `nobody knows whether the order of task ${unknown.taskId} was placed`)
  // The broker refuses a cancellation if the order was just filled, which the book may show only a moment later.
  const refused = cancelling.find(
    ({ changedAtMs, orderId, status }) =>
      (status === "DEAD_LETTER" || status === "UNKNOWN") &&
      nowMs - changedAtMs > policy.horizonMs &&
      others.some((it) => it.orderId === orderId)
  )
  if (refused !== undefined)
    return step("incomplete", `order ${refused.orderId} is open and was not cancelled: ${Task.failureText(refused.error)}`)
  const foreign = others.find(({ mayCancel }) => !mayCancel)
  if (foreign !== undefined) return step("incomplete", `order ${foreign.orderId} is open, which somebody placed elsewhere`)
  if (others.length > 0) return step("running", `orders of the ${scope} are being cancelled`)
  const known = new Set([...orders, ...trades].map(({ tag }) => tag))
  const isLate = tasks.some((it) => it.status === "COMPLETED" && !known.has(it.tag) && nowMs - it.changedAtMs <= policy.horizonMs)
  if (isLate) return step("running", "the order book does not show all orders yet")
  if (open.length === 0) return isSettled ? null : step("running", "the broker's positions do not show all fills yet")
  return nowMs - roundAtMs > policy.openMsMax
    ? step("incomplete", "an order that closes a position is not filled: look at it")
    : step("running", "positions are being closed")
}

const named = ({ exchange, net, product, tradingsymbol }: Position): string => `${net} ${exchange}:${tradingsymbol} (${product})`

/**
 * The next step of closing the positions of a stopped strategy in one account, or of a stopped account. Tasks that were not sent are
 * withdrawn, open orders are cancelled, and the remaining positions are closed by orders of the opposite side. Nothing is closed while an
 * order may still trade, or while it is unknown whether an order was placed, so that nothing is closed twice.
 */
export const stepOf = (policy: Policy, facts: Facts): Step => {
  const first = before(policy, facts)
  if (first !== null) return first
  const { isListed, nowMs, positions: held, roundAtMs, rounds, tasks } = facts
  if (isListed === undefined) return step("running", "the instruments are not loaded yet")
  const positions = held.filter(isListed)
  if (positions.length === 0) {
    const gone = held.map(named).join(", ")
    return step("done", gone === "" ? "all positions are closed" : `all positions are closed; no longer listed: ${gone}`)
  }
  if (rounds === 0) return step("running", "positions are being closed", { close: positions })
  const failed = tasks.filter(({ closes, status }) => closes && status === "DEAD_LETTER").at(-1)
  const why = failed === undefined ? "" : `: ${Task.failureText(failed.error)}`
  const left = positions.map(named).join(", ")
  if (rounds >= policy.roundsMax) return step("incomplete", `${left} not closed after ${rounds} rounds of orders${why}`)
  const waitMs = Math.min(policy.waitMs * 2 ** (rounds - 1), policy.waitMsMax)
  if (nowMs - roundAtMs < waitMs) return step("running", `${left} not closed yet, trying again${why}`)
  return step("running", "positions are being closed", { close: positions })
}
