import { Metric, MetricBoundaries } from "effect"

/** Every metric of the broker layer, named here and nowhere else. No tag ever holds a secret or an address with a query. */
const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

export const requests = counter("kite_requests_total", "Calls to Kite's REST interface by HTTP status, or by what came instead of one")
export const requestSeconds = Metric.histogram(
  "kite_request_duration_seconds",
  MetricBoundaries.fromIterable([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]),
  "Time from sending a call to Kite to having its whole answer"
)

const perAccount = (name: string, description: string) => (account: string) =>
  counter(name, description).pipe(Metric.tagged("account", account))
export const socketReconnects = perAccount("kite_socket_reconnects_total", "Connections made to Kite after the first one")
export const socketFrames = perAccount("kite_socket_frames_total", "Binary messages with data")
export const socketBytes = perAccount("kite_socket_bytes_total", "Bytes of binary messages with data")
export const socketHeartbeats = perAccount("kite_socket_heartbeats_total", "Binary messages of one byte: alive, no data")
export const socketTexts = perAccount("kite_socket_texts_total", "Text messages that could be read")
export const socketBadTexts = perAccount("kite_socket_bad_texts_total", "Text messages that could not be read")

const gauge = (name: string, description: string) => (account: string) =>
  Metric.gauge(name, { description }).pipe(Metric.tagged("account", account))
export const socketOpen = gauge("kite_socket_open", "1 while the connection to Kite is open")
export const socketSubscribed = gauge("kite_socket_subscribed", "Instruments the open connection is subscribed to")
