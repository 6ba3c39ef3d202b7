import { counter, gauge } from "../../metrics/Labelled.ts"

export const taskChanges = counter("order_task_changes_total", "Changes of order tasks, by their new status", "status")
export const breakerOpens = counter("circuit_breaker_opens", "How often the circuit breaker of an account's orders opened", "account")
export const breakerCloses = counter("circuit_breaker_closes", "How often the circuit breaker of an account's orders closed", "account")
export const breakerState = gauge("order_breaker_state", "Circuit breaker of an account's orders: 0 closed, 1 half-open, 2 open", "account")
export const fenced = counter("order_fenced_total", "Requests that the process was too slow to send", "account")
export const gateRefusals = counter("order_gate_refusals_total", "Requests that a rule refused right before they were sent", "rule")
export const alerts = counter("order_alerts_total", "Alerts about orders", "kind")
export const waiting = gauge("order_tasks_waiting", "Order tasks of an account that have not ended", "account")
export const paperWorking = gauge("paper_orders_working", "Paper orders of an account that are matched with each packet", "account")
export const paperFills = counter("paper_fills_total", "Fills of paper orders that are saved", "account")
export const paperFramesRefused = counter(
  "paper_frames_refused_total",
  "Frames that gave paper orders of an account no price, because they are not from the account's broker",
  "account"
)
export const outboxWaiting = gauge("order_outbox_waiting", "Events of an account that NATS does not have yet, up to one batch", "account")
export const orderChanges = counter(
  "account_order_changes_total",
  "Changes of orders of accounts, by the source that reported them first",
  "source"
)
export const orderMessagesUnread = counter("account_order_messages_unread_total", "Messages about orders that could not be read", "account")
export const differences = counter(
  "account_differences_total",
  "Figures of accounts that differed from the broker's when they were compared, by kind",
  "kind"
)
export const bookings = counter("account_fills_booked_total", "Trades of an account that were booked into strategies", "account")
export const compensations = counter("order_compensations_total", "Baskets whose orders are taken back, by the new status of it", "status")
export const strategyStops = counter(
  "strategy_stops_total",
  "Strategies that were stopped by their limits, by what the stop does",
  "action"
)
const strategySquareOffs = counter(
  "strategy_square_offs_total",
  "Accounts in which a stop closes a strategy's positions, by the new status",
  "status"
)
const accountSquareOffs = counter(
  "account_square_offs_total",
  "Accounts whose positions a stop of the account closes, by the new status",
  "status"
)
/** Counts a square-off of a strategy or of an account by its status. */
export const squareOffs = (scope: "strategy" | "account", status: string): void =>
  scope === "account" ? accountSquareOffs(status) : strategySquareOffs(status)
export const accountStops = counter(
  "account_stops_total",
  "Accounts that were stopped by their loss of a day, by what the stop does",
  "action"
)
export const dayProfitsUnknown = counter(
  "account_day_profit_unknown_total",
  "Looks at the loss of an account at which its profit was not known",
  "account"
)
