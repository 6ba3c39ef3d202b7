import type * as Task from "./Task.ts"

/** What a task of a basket that was not sent may do: be sent, wait, or end without being sent. */
export type Turn = "send" | "wait" | "stop"

/** The tasks of a basket are sent one after the other. One that ended without its order stops those after it, also a parked one. */
export const turnOf = (before: ReadonlyArray<Task.Status>): Turn => {
  if (before.some((status) => status === "DEAD_LETTER" || status === "CANCELLED" || status === "UNKNOWN")) return "stop"
  return before.every((status) => status === "COMPLETED") ? "send" : "wait"
}
