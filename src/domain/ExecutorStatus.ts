import { Schema } from "effect"

/** sys.executor.<account>: the status of one account's executor of order tasks, published once a second and on every failure. */
export const ExecutorStatus = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  account_id: Schema.String,
  /** ready: it reads and runs tasks · failed: it cannot, see detail · disabled: ORDER_EXECUTOR is off, and tasks wait in Postgres. */
  state: Schema.Literal("ready", "failed", "disabled"),
  /** Why it failed, or why the orders of a ready executor wait; null otherwise. */
  detail: Schema.NullOr(Schema.String)
})
export type ExecutorStatus = typeof ExecutorStatus.Type
