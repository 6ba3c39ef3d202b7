import { Schema } from "effect"
import * as Figures from "./Figures.ts"
import * as Reconciliation from "./Reconciliation.ts"

/** What every event of an account has. `account_id` is `*` in a stop or release of all accounts. `event_id` is the row in the outbox. */
const common = {
  v: Schema.Literal(1),
  event_id: Schema.Int,
  as_of: Schema.String,
  account_id: Schema.String,
  task_id: Schema.NullOr(Schema.String),
  message: Schema.String
}
const of = <Kind extends string, A, I>(kind: Kind, detail: Schema.Schema<A, I>) =>
  Schema.Struct({ ...common, kind: Schema.Literal(kind), detail })

/** When the session's token dies, ISO 8601; null if the rulebook does not say it. */
const SessionDetail = Schema.Struct({ token_dies_at: Schema.NullOr(Schema.String) })

/** A basket in which a task failed, and the present state of each of its orders. */
const CompensationDetail = Schema.Struct({
  basket_id: Schema.String,
  status: Schema.Literal("open", "not_needed", "running", "done", "incomplete"),
  legs: Schema.Array(
    Schema.Struct({
      task_id: Schema.String,
      state: Schema.Literal("waiting", "not_placed", "unknown", "cancelling", "closing", "undone", "failed"),
      order_id: Schema.NullOr(Schema.String),
      filled_quantity: Schema.NullOr(Schema.Int),
      message: Schema.NullOr(Schema.String)
    })
  )
})

/**
 * A stop of a strategy that has orders in the account. stopped: it opens no more positions. released: it may open them again. The other
 * states say how far its positions are closed in this account, in the orders of `mode`.
 */
const StrategyStopDetail = Schema.Struct({
  strategy_id: Schema.Int,
  stop_id: Schema.Int,
  action: Schema.Literal("block", "square_off"),
  state: Schema.Literal("stopped", "released", "running", "done", "incomplete"),
  mode: Schema.NullOr(Schema.Literal("paper", "live"))
})

/** A stop of the account by its loss of a day. The states are those of a strategy's stop. */
const AccountStopDetail = Schema.Struct({
  stop_id: Schema.Int,
  action: Schema.Literal("block", "square_off"),
  state: Schema.Literal("stopped", "released", "running", "done", "incomplete"),
  mode: Schema.Literal("paper", "live")
})

/** Body of `acct.evt`: what changed for an account; `kind` says what it is. */
export const AccountEvent = Schema.Union(
  of("mode", Schema.Unknown),
  of("limits", Schema.Unknown),
  of("killed", Schema.Unknown),
  of("released", Schema.Unknown),
  of("alert", Schema.Unknown),
  of("order", Schema.Unknown),
  of("trade", Schema.encodedSchema(Figures.Trade)),
  of("position", Schema.encodedSchema(Figures.Position)),
  of("funds", Schema.encodedSchema(Figures.Funds)),
  of("difference", Schema.Struct({ differences: Schema.Array(Reconciliation.Difference) })),
  of("compensation", CompensationDetail),
  of("strategy_stop", StrategyStopDetail),
  of("account_stop", AccountStopDetail),
  of("linked", Schema.Struct({})),
  of("logged_in", SessionDetail),
  of("expires_soon", SessionDetail),
  of("expired", SessionDetail),
  of("removed", Schema.Struct({}))
)
export type AccountEvent = typeof AccountEvent.Type
/** An event as the outbox has it: its kind and detail are checked here. */
export const decode = Schema.decodeUnknownSync(AccountEvent)
