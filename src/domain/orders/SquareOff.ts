import type { Side } from "./StrategyLimits.ts"
import type * as Task from "./Task.ts"

/** running: orders are being cancelled or positions closed. done: nothing of the strategy is left here. incomplete: a person must look. */
export type Status = "running" | "done" | "incomplete"

/** A task of the strategy that places an order. */
export interface Placing {
  readonly taskId: number
  readonly tag: string
  readonly status: Task.Status
  readonly changedAtMs: number
  /** It closes positions for this stop. */
  readonly closes: boolean
  readonly error: Task.Failure | null
}
/** Where a position is: closing it needs an order of the same product. */
export interface Place {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly product: string
}
/** An order of one of these tasks, as a reading of the order book shows it. */
export interface Shown extends Place {
  readonly orderId: string
  readonly tag: string
  readonly side: Side
  readonly filled: number
  readonly isOpen: boolean
}
/** What an order of one of these tasks has traded, as the account's state has it. */
export interface Traded extends Place {
  readonly orderId: string
  readonly tag: string
  readonly side: Side
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

/** A position of the strategy, short below zero. */
export interface Position extends Place {
  readonly net: number
}

export interface Facts {
  readonly tasks: ReadonlyArray<Placing>
  readonly orders: ReadonlyArray<Shown>
  readonly trades: ReadonlyArray<Traded>
  readonly cancelling: ReadonlyArray<Cancelling>
  readonly isListed: (place: Place) => boolean
  /** Closing orders are made in rounds; zero: none yet. */
  readonly rounds: number
  readonly roundAtMs: number
  readonly nowMs: number
}

export interface Policy {
  /** A reading of the book that began so long after a task shows the task's order. */
  readonly horizonMs: number
  readonly roundsMax: number
  /** Before the second round; doubled before each further one, up to `waitMsMax`. */
  readonly waitMs: number
  readonly waitMsMax: number
  /** An order that closes a position and is open for longer than this needs a person. */
  readonly openMsMax: number
}

export interface Step {
  readonly status: Status
  readonly message: string | null
  /** Tasks that were not sent and must not be. */
  readonly withdraw: ReadonlyArray<number>
  /** Ids of open orders that have to be cancelled. */
  readonly cancel: ReadonlyArray<string>
  /** Positions for which the next round has to be made. */
  readonly close: ReadonlyArray<Position>
}

const signed = (side: Side, quantity: number): number => (side === "BUY" ? quantity : -quantity)
const step = (status: Status, message: string | null, more: Partial<Step> = {}): Step => ({
  status,
  message,
  withdraw: [],
  cancel: [],
  close: [],
  ...more
})

/**
 * The positions that the orders of these tasks have made. The quantity that an order has filled is read from the order book, where the book has
 * the order, because its trades arrive a moment later.
 * The broker closes intraday positions at the end of their day, and tells no trade of ours for it.
 */
export const positionsOf = ({ orders, trades }: Pick<Facts, "orders" | "trades">): ReadonlyArray<Position> => {
  const byPlace = new Map<string, Position>()
  const add = ({ exchange, product, tradingsymbol }: Place, quantity: number): void => {
    const key = JSON.stringify([exchange, tradingsymbol, product])
    const before = byPlace.get(key)
    byPlace.set(key, { exchange, tradingsymbol, product, net: (before?.net ?? 0) + quantity })
  }
  const shown = new Set(orders.map(({ orderId }) => orderId))
  for (const order of orders) add(order, signed(order.side, order.filled))
  for (const trade of trades)
    if (!shown.has(trade.orderId) && (trade.isToday || trade.product !== "MIS")) add(trade, signed(trade.side, trade.quantity))
  return [...byPlace.values()].filter(({ net }) => net !== 0)
}

const textOf = (error: Task.Failure | null): string => (error === null ? "without a reason" : `${error.type}: ${error.message}`)

/** What has to end before anything is closed; null: nothing. */
const before = (policy: Policy, { cancelling, nowMs, orders, roundAtMs, tasks, trades }: Facts): Step | null => {
  const withdraw = tasks.filter(({ closes, status }) => !closes && (status === "PENDING" || status === "RETRYING")).map((it) => it.taskId)
  const isUnfinished = tasks.some(({ status }) => status === "PENDING" || status === "RETRYING" || status === "RUNNING")
  const isClosing = new Set(tasks.filter(({ closes }) => closes).map(({ tag }) => tag))
  const open = orders.filter(({ isOpen }) => isOpen)
  const others = open.filter(({ tag }) => !isClosing.has(tag))
  const asked = new Map(cancelling.map((it) => [it.orderId, it]))
  const cancel = others.filter(({ orderId }) => !asked.has(orderId)).map(({ orderId }) => orderId)
  if (isUnfinished || cancel.length > 0) return step("running", "orders of the strategy are being cancelled", { withdraw, cancel })
  const unknown = tasks.find(({ status }) => status === "UNKNOWN")
  if (unknown !== undefined) return step("incomplete", `nobody knows whether the order of task ${unknown.taskId} was placed`)
  // A cancellation is refused where the order has just been filled, and the book may show that a moment later.
  const refused = cancelling.find(
    ({ changedAtMs, orderId, status }) =>
      (status === "DEAD_LETTER" || status === "UNKNOWN") &&
      nowMs - changedAtMs > policy.horizonMs &&
      others.some((it) => it.orderId === orderId)
  )
  if (refused !== undefined) return step("incomplete", `order ${refused.orderId} is open and was not cancelled: ${textOf(refused.error)}`)
  if (others.length > 0) return step("running", "orders of the strategy are being cancelled")
  const known = new Set([...orders, ...trades].map(({ tag }) => tag))
  const isLate = tasks.some((it) => it.status === "COMPLETED" && !known.has(it.tag) && nowMs - it.changedAtMs <= policy.horizonMs)
  if (isLate) return step("running", "the order book does not show all orders yet")
  if (open.length === 0) return null
  return nowMs - roundAtMs > policy.openMsMax
    ? step("incomplete", "an order that closes a position is not filled: look at it")
    : step("running", "positions are being closed")
}

const named = ({ exchange, net, product, tradingsymbol }: Position): string => `${net} ${exchange}:${tradingsymbol} (${product})`

/**
 * The next step of closing what a stopped strategy holds in one account: what was not sent is withdrawn, open orders are cancelled, and what
 * is left is closed by orders of the opposite side. Nothing is closed while an order of the strategy may still trade, or while nobody knows
 * whether it was placed, so that nothing is closed twice.
 */
export const stepOf = (policy: Policy, facts: Facts): Step => {
  const first = before(policy, facts)
  if (first !== null) return first
  const { isListed, nowMs, roundAtMs, rounds, tasks } = facts
  const held = positionsOf(facts)
  const positions = held.filter(isListed)
  if (positions.length === 0) {
    const gone = held.map(named).join(", ")
    return step("done", gone === "" ? "all positions are closed" : `all positions are closed; no longer listed: ${gone}`)
  }
  if (rounds === 0) return step("running", "positions are being closed", { close: positions })
  const failed = tasks.filter(({ closes, status }) => closes && status === "DEAD_LETTER").at(-1)
  const why = failed === undefined ? "" : `: ${textOf(failed.error)}`
  const left = positions.map(named).join(", ")
  if (rounds >= policy.roundsMax) return step("incomplete", `${left} not closed after ${rounds} rounds of orders${why}`)
  const waitMs = Math.min(policy.waitMs * 2 ** (rounds - 1), policy.waitMsMax)
  if (nowMs - roundAtMs < waitMs) return step("running", `${left} not closed yet, trying again${why}`)
  return step("running", "positions are being closed", { close: positions })
}
