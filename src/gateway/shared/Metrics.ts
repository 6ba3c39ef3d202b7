import { Metric, MetricBoundaries } from "effect"
import * as Labelled from "../../metrics/Labelled.ts"

/** Every metric of the gateway, named here and nowhere else. */
const tagged = (name: string, description: string) => Metric.counter(name, { description, incremental: true })
/** A counter without labels is exported as 0 from the start, so that its first increment is visible. */
const counter = (name: string, description: string) => {
  const metric = tagged(name, description)
  metric.unsafeUpdate(0, [])
  return metric
}

export const httpRequests = tagged("http_requests_total", "Requests answered, by method, route template and status")
export const httpDuration = Metric.histogram(
  "http_request_duration_seconds",
  MetricBoundaries.fromIterable([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]),
  "Time from a request's arrival to its answer"
)

/** Fetches of an identity provider's keys: ok or failed. */
export const keyFetches = Labelled.counter("jwks_fetches_total", "Fetches of the identity provider's keys", "result")

export const wsConnections = Metric.gauge("active_ws_connections", { description: "WebSocket connections that are open" })
wsConnections.unsafeUpdate(0, [])
export const wsAuthFailures = counter("ws_auth_failures", "WebSocket handshakes refused because the token was missing or invalid")
export const ticksBroadcast = counter("ticks_broadcast", "Ticks sent to at least one WebSocket client")
export const wsMessages = counter("ws_messages_sent_total", "Messages written to WebSocket clients")
export const wsConflated = counter("ws_conflated_total", "Updates that a slow client did not get because a newer one replaced them")
export const wsSlowClosed = counter("ws_slow_closed_total", "Clients closed with 4008 because they were past the hard limit")
export const wsReplays = counter("ws_replays_total", "Subscriptions that requested missed ticks from the record")
export const wsReplayedTicks = counter("ws_replayed_ticks_total", "Ticks read from the record for a client that had missed them")
export const wsGaps = counter("ws_gaps_total", "Gaps reported to clients, because the missed messages were gone or too many")
export const wsReplaysRunning = Metric.gauge("ws_replays_running", { description: "Replays of missed ticks at this moment" })
wsReplaysRunning.unsafeUpdate(0, [])

const bridgeMessages = Labelled.counter("bridge_messages_total", "Messages read from NATS by the gateway", "stream")
const bridgeLag = Labelled.gauge("bridge_lag_messages", "Messages of a stream that the gateway has not read yet", "stream")
/** Records one round of reading a stream: messages read, and messages still unread. */
export const bridgeRead = (stream: string, messages: number, pending: number): void => {
  bridgeMessages(stream, messages)
  bridgeLag.set(stream, pending)
}
export const bridgeUndecodable = counter("bridge_undecodable_total", "Messages on a subject that could not be read and were skipped")
export const bridgeBadPackets = counter("bridge_bad_packets_total", "Packets in frames that were not Kite packets")
export const bridgeGaps = counter("bridge_gaps_total", "Times a stream lost messages before the gateway had read them")
export const bridgeDuplicates = counter("bridge_duplicate_frames_total", "Frames sent twice by their publisher and passed on once")

export const framesLost = counter("frames_lost_total", "Frames that their publisher numbered and that never reached the record")

export const outputLag = Labelled.gauge("output_lag_seconds", "Age of an output's newest values when NATS stored them", "output").set
const dependencyUp = Labelled.gauge("dependency_up", "1 while a backend answers the gateway's probe, else 0", "dependency")
export const dependency = (name: string, isUp: boolean): void => dependencyUp.set(name, isUp ? 1 : 0)

const limited = Labelled.counter("rate_limited_total", "Requests answered 429, by group", "group")
export const rateLimited = (group: string): void => limited(group, 1)
export const rateWindows = Metric.gauge("rate_windows", { description: "Users and endpoints whose requests this process counts" })
rateWindows.unsafeUpdate(0, [])
const keyChecks = Labelled.counter("api_key_checks_total", "API keys that were not recognised at once, by how they were checked", "result")
export const apiKeyChecks = (result: "read" | "hashed" | "wrong"): void => keyChecks(result, 1)
const indicatorAnswers = Labelled.counter(
  "indicator_cache_answers_total",
  "Values of indicators at a bar, by whether the cache had them",
  "result"
)
export const indicatorCache = (isHit: boolean): void => indicatorAnswers(isHit ? "hit" : "miss", 1)
export const indicatorCacheSize = Metric.gauge("indicator_cache_entries", { description: "Values of indicators at a bar in the cache" })
indicatorCacheSize.unsafeUpdate(0, [])
export const indicatorCandles = Metric.gauge("indicator_candles", {
  description: "Candles that are kept for indicators at the newest bars"
})
indicatorCandles.unsafeUpdate(0, [])
export const indicatorSessions = Metric.gauge("indicator_sessions", { description: "Connections of this process with a set of indicators" })
indicatorSessions.unsafeUpdate(0, [])
export const postbacks = Labelled.counter("kite_postbacks_total", "Postbacks of the broker, by their outcome", "result")

/** Rows written to files of /exports. */
export const exportedRows = Labelled.counter("exported_rows_total", "Rows written to files of /exports", "table")

export const playbacksRunning = Metric.gauge("playbacks_running", { description: "Playbacks of /replay at this moment" })
playbacksRunning.unsafeUpdate(0, [])
export const playbackMessages = Labelled.counter("playback_messages_total", "Messages sent to clients of /replay", "stream")
