import { Context, Effect } from "effect"

/** The points between which a process can die. A test stops the executor at each of them. */
export const names = ["read", "decided", "saved", "gated", "answered", "booked", "squared"] as const
export type Step = (typeof names)[number]

/** Called at each step of a task, and with the id of a stop when a look at its positions was saved. In production it does nothing. */
export class Steps extends Context.Reference<Steps>()("actors/orders/Steps", {
  defaultValue:
    () =>
    (_step: Step, _taskId: number): Effect.Effect<void> =>
      Effect.void
}) {}
