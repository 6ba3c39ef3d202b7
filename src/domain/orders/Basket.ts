import type * as Task from "./Task.ts"

/** What happens to a basket's task that was not sent yet: it is sent, waits, or ends without being sent. */
export type Turn = "send" | "wait" | "stop"

/** The tasks of a basket are sent one at a time. A task that ended without its order, or that is parked, stops the tasks after it. */
export const turnOf = (before: ReadonlyArray<Task.Status>): Turn => {
  if (before.some((status) => status === "DEAD_LETTER" || status === "CANCELLED" || status === "UNKNOWN")) return "stop"
  return before.every((status) => status === "COMPLETED") ? "send" : "wait"
}
