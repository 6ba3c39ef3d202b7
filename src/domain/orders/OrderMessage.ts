import { Schema } from "effect"
import { OrderRequest } from "./OrderRequest.ts"

export const Mode = Schema.Literal("paper", "live")
export type Mode = typeof Mode.Type
export const Status = Schema.Literal("PENDING", "RUNNING", "RETRYING", "COMPLETED", "DEAD_LETTER", "CANCELLED", "UNKNOWN")
const Kind = Schema.Literal("place", "modify", "cancel", "gtt_place", "gtt_modify", "gtt_delete")

const Attempt = Schema.Struct({
  number: Schema.Int,
  started_at: Schema.String,
  ended_at: Schema.NullOr(Schema.String),
  outcome: Schema.NullOr(Schema.Literal("done", "refused", "unknown")),
  http_status: Schema.NullOr(Schema.Int),
  error_type: Schema.NullOr(Schema.String),
  message: Schema.NullOr(Schema.String)
}).annotations({ identifier: "OrderAttempt" })

/** A task as clients see it. `revision` grows with each change, so of two copies the one with the greater revision is newer. */
export const OrderTask = Schema.Struct({
  task_id: Schema.String,
  account_id: Schema.String,
  kind: Kind,
  status: Status,
  mode: Mode,
  idempotency_key: Schema.String,
  tag: Schema.String,
  order_id: Schema.NullOr(Schema.String),
  attempts: Schema.Array(Attempt),
  request: OrderRequest,
  error: Schema.NullOr(Schema.Struct({ type: Schema.String, message: Schema.String })),
  strategy_id: Schema.NullOr(Schema.Int),
  basket_id: Schema.NullOr(Schema.String),
  retries: Schema.NullOr(Schema.String),
  // Events of older versions do not have it.
  undoes: Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null }),
  revision: Schema.Int,
  created_at: Schema.String,
  updated_at: Schema.String,
  deadline_at: Schema.String
}).annotations({ identifier: "OrderTask" })
export type OrderTask = typeof OrderTask.Type

/** Body of `ord.cmd`: the id is a hint to look at the task's row, which alone says what to do. */
export const Command = Schema.Struct({ v: Schema.Literal(1), account_id: Schema.String, task_id: Schema.String })

/** Body of `ord.evt`: the whole task after a change. */
export const TaskEvent = Schema.Struct({ v: Schema.Literal(1), event_id: Schema.Int, as_of: Schema.String, task: OrderTask })
