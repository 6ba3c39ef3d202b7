import { Metric, MetricBoundaries } from "effect"
import { counter, gauge } from "../metrics/Labelled.ts"

/** Every metric of the broker layer, named here and nowhere else. No label ever holds a secret or an address with a query. */
export const requests = Metric.counter("kite_requests_total", {
  description: "Calls to Kite's REST interface by HTTP status, or by the error that came instead",
  incremental: true
})
export const requestSeconds = Metric.histogram(
  "kite_request_duration_seconds",
  MetricBoundaries.fromIterable([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]),
  "Time from sending a call to Kite to having its whole answer"
)

export const socketReconnects = counter("kite_socket_reconnects_total", "Connections made to Kite after the first one", "account")
export const socketFrames = counter("kite_socket_frames_total", "Binary messages with data", "account")
export const socketBytes = counter("kite_socket_bytes_total", "Bytes of binary messages with data", "account")
export const socketHeartbeats = counter("kite_socket_heartbeats_total", "Binary messages of one byte: alive, no data", "account")
export const socketTexts = counter("kite_socket_texts_total", "Text messages that could be read", "account")
export const socketBadTexts = counter("kite_socket_bad_texts_total", "Text messages that could not be read", "account")
export const socketsOpen = gauge("kite_socket_open", "Connections to Kite that are open", "account").set
export const connections = gauge("kite_connections", "Connections that carry instruments, open or not", "account").set
export const subscribed = gauge(
  "kite_socket_subscribed",
  "Instruments whose subscription has been sent, over all connections",
  "account"
).set
/** The label is the account, a slash and the connection's number. A connection without instruments has no value. */
export const connectionSubscribed = gauge("kite_connection_subscribed", "Instruments whose subscription has been sent", "connection")
export const subscriptions = counter("kite_subscriptions_total", "Instruments subscribed", "account")
export const unsubscriptions = counter("kite_unsubscriptions_total", "Instruments unsubscribed", "account")
export const subscriptionErrors = counter(
  "subscription_errors",
  "Instruments whose subscription was taken back: its message did not leave in time",
  "account"
)
export const replaced = counter(
  "kite_socket_replaced_total",
  "Connections replaced because they carried no market data while it was due",
  "account"
)
export const loginRequired = gauge("kite_login_required", "1 while an account makes no call until there is a new login, else 0", "account")
export const limited = counter("kite_limited_total", "Answers 429 to requests and connections of an account, orders apart", "account")
export const orderMessagesDropped = counter(
  "kite_order_messages_dropped_total",
  "Messages about orders that found no room; the next reading of the order book has their content",
  "account"
)
/** The labels are the families of requests: quote, historical, backfill, state and other. */
export const budgetFull = counter(
  "kite_budget_full_total",
  "Requests given up because the account's budget was used for too long",
  "family"
)
export const budgetAway = counter("kite_budget_away_total", "Requests sent at this process' own pace because NATS did not answer", "family")
export const budgetWaitedMs = counter("kite_budget_waited_ms_total", "Time that requests waited for the account's budget, ms", "family")
