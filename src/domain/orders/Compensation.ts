import * as Task from "./Task.ts"

/**
 * The state of undoing one task of a failed basket. waiting: it has not ended, or the order book does not show its order yet. not_placed:
 * it has no order. unknown: it is not known whether its order, or the order that closes it, was placed. cancelling: its open order is being
 * cancelled. closing: an order of the opposite side is being filled. undone: nothing of it is left. failed: a person must look.
 */
export type State = "waiting" | "not_placed" | "unknown" | "cancelling" | "closing" | "undone" | "failed"

export interface Leg {
  readonly taskId: number
  readonly state: State
  readonly orderId: string | null
  /** The quantity that its order has traded; null while that may change. */
  readonly filled: number | null
  readonly message: string | null
}

/** An order as a reading of the book shows it. */
export interface Shown {
  readonly isOpen: boolean
  readonly filled: number
}

/** A task that undoes part of the leg, with its order in the book (null if the book does not show it). */
export interface Undo {
  readonly status: Task.Status
  readonly error: Task.Failure | null
  readonly changedAtMs: number
  readonly order: Shown | null
}

export interface Facts {
  readonly leg: Pick<Task.Task, "status" | "orderId">
  /** The leg's order in the book; null if the book does not show it. */
  readonly order: Shown | null
  readonly cancel: Undo | null
  readonly close: Undo | null
  /** When the reading of the book began. */
  readonly readAtMs: number
  readonly nowMs: number
  readonly failedAtMs: number
}

export interface Policy {
  /** A reading of the book that begins this long after a request shows the request's outcome. */
  readonly horizonMs: number
  /** The platform tries to undo a failed basket for this long. After that, a person has to look at the orders that are left. */
  readonly giveUpMs: number
}

/** The task that has to be made. Its key follows from the leg, so that it is made once. */
export type Step = Omit<Leg, "taskId"> & { readonly make: "cancel" | "close" | null }

const stepOfCancel = (policy: Policy, { cancel, nowMs, failedAtMs, readAtMs }: Facts): Pick<Step, "state" | "message" | "make"> => {
  if (cancel === null) return { state: "cancelling", message: null, make: "cancel" }
  const isRefused = Task.hasEnded(cancel) && cancel.status !== "COMPLETED"
  if (isRefused && readAtMs > cancel.changedAtMs + policy.horizonMs)
    return { state: "failed", message: `its order is open and was not cancelled: ${Task.failureText(cancel.error)}`, make: null }
  return nowMs - failedAtMs > policy.giveUpMs
    ? { state: "failed", message: "its order is still open: cancel it at the broker", make: null }
    : { state: "cancelling", message: null, make: null }
}

const stepOfClose = (
  policy: Policy,
  filled: number,
  { error, order, status }: Undo,
  { failedAtMs, nowMs }: Facts
): Pick<Step, "state" | "message"> => {
  if (status === "UNKNOWN") return { state: "unknown", message: "nobody knows whether the order that closes it was placed" }
  if (status === "DEAD_LETTER" || status === "CANCELLED")
    return { state: "failed", message: `${filled} were not closed: ${Task.failureText(error)}` }
  if (status === "COMPLETED" && order !== null && !order.isOpen)
    return order.filled === filled
      ? { state: "undone", message: `${filled} were closed` }
      : { state: "failed", message: `${order.filled} of ${filled} were closed: close the rest` }
  return nowMs - failedAtMs > policy.giveUpMs
    ? { state: "failed", message: `the order that closes ${filled} is not filled: look at it` }
    : { state: "closing", message: null }
}

/**
 * The next step of undoing one task of a failed basket: its open order is cancelled, and the quantity that it traded is closed by an order
 * of the opposite side. Only what the book shows is undone, so that nothing is closed that may not exist.
 */
export const stepOf = (policy: Policy, facts: Facts): Step => {
  const { close, leg, nowMs, failedAtMs, order } = facts
  const step = { orderId: leg.orderId, filled: null, message: null, make: null }
  if (!Task.hasEnded(leg)) return { ...step, state: "waiting" }
  if (leg.status === "UNKNOWN") return { ...step, state: "unknown", message: "nobody knows whether its order was placed" }
  if (leg.status !== "COMPLETED") return { ...step, state: "not_placed", filled: 0 }
  if (order === null)
    return nowMs - failedAtMs > policy.giveUpMs
      ? { ...step, state: "failed", message: "the order book does not show its order" }
      : { ...step, state: "waiting" }
  if (order.isOpen) return { ...step, ...stepOfCancel(policy, facts) }
  const { filled } = order
  if (filled === 0) return { ...step, state: "undone", filled, message: "nothing of its order was traded" }
  if (close === null) return { ...step, state: "closing", filled, make: "close" }
  return { ...step, filled, ...stepOfClose(policy, filled, close, facts) }
}

/** open: the basket continues. not_needed: all its orders were placed. incomplete: something is left that a person must look at. */
export type Status = "open" | "not_needed" | "running" | "done" | "incomplete"

/** Whether a basket continues, has all its orders, or has to be undone. */
export const verdict = (tasks: ReadonlyArray<Task.Status>): "open" | "not_needed" | "failed" => {
  if (tasks.some((it) => it === "DEAD_LETTER" || it === "CANCELLED" || it === "UNKNOWN")) return "failed"
  return tasks.every((it) => it === "COMPLETED") ? "not_needed" : "open"
}

/** A settled leg no longer changes. */
export const isSettled = (state: State): boolean => state === "undone" || state === "not_placed" || state === "failed"

export const statusOf = (legs: ReadonlyArray<Pick<Leg, "state">>): Status => {
  if (legs.some(({ state }) => !isSettled(state) && state !== "unknown")) return "running"
  return legs.every(({ state }) => state === "undone" || state === "not_placed") ? "done" : "incomplete"
}

/** The side of the order that closes what another one traded. */
export const opposite = (side: "BUY" | "SELL"): "BUY" | "SELL" => (side === "BUY" ? "SELL" : "BUY")
