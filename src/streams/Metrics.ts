import { Metric, MetricBoundaries } from "effect"
import { counter, gauge } from "../metrics/Labelled.ts"

/**
 * Every metric of the stream layer, named here and nowhere else. Callbacks of the client count through these functions, without a fiber or
 * an effect, once per message or batch and never per tick.
 */
export const natsDisconnects = counter("nats_disconnects_total", "Times the connection to NATS was lost", "role")
export const natsReconnects = counter("nats_reconnects_total", "Times the connection to NATS came back", "role")

/** What the supervisor runs: actors, and the gateway's reads under the name `bridge`. */
export const restarts = counter("actor_restarts_total", "Times an actor was started again after it failed or ended", "actor")
export const asksWaiting = gauge("asks_waiting", "Questions to an actor that wait or are being answered", "what")
export const asksAnswered = counter("asks_answered_total", "Questions to an actor that it answered", "what")
export const asksDeclined = counter("asks_declined_total", "Questions to an actor that failed, could not be read or had no room", "what")
const logins = counter(
  "nats_logins_total",
  "Logins of owners to NATS that were admitted or refused, and connections that were ended",
  "result"
)
export const natsLogins = (result: "admitted" | "refused" | "ended"): void => logins(result)
const callout = Metric.gauge("nats_callout_up", { description: "1 while this process is connected to answer logins of owners to NATS" })
export const calloutUp = (isUp: boolean): void => callout.unsafeUpdate(isUp ? 1 : 0, [])
const users = Metric.gauge("nats_user_connections", { description: "Connections of owners to NATS, as its servers count them" })
export const natsUsers = (count: number): void => users.unsafeUpdate(count, [])
export const copyFailures = counter(
  "external_copy_failures_total",
  "Times a stream in an external user's account could not be made or kept",
  "user"
)

export const storeFault = gauge(
  "nats_store_fault",
  "1 while NATS answers and stores nothing in a stream that this process publishes to",
  "stream"
).set
export const natsTriedAgain = counter(
  "nats_tried_again_total",
  "Starts, reads and publishes of actors tried again because NATS was away or did not answer",
  "actor"
)
export const streamsRemade = counter("streams_remade_total", "Times a stream or bucket was deleted and made again", "stream")

export const readMessages = counter("stream_read_messages_total", "Messages taken by ordered reads", "stream")
export const readRestarts = counter("stream_read_restarts_total", "Times an ordered read made itself a new consumer", "stream")
export const readGaps = counter("stream_read_gaps_total", "Messages that a stream no longer held when a reader came for them", "stream")
export const readBuffered = gauge("stream_read_buffered", "Messages waiting in an ordered read's buffer", "stream").set

export const framesPublished = counter("frames_published_total", "Frames acknowledged by JetStream", "account")
export const framePackets = counter("frame_packets_published_total", "Packets in acknowledged frames", "account")
export const framesResent = counter("frames_resent_total", "Frames sent again because no acknowledgement came", "account")
export const packetsDropped = counter("packets_dropped_total", "Packets dropped because the publish buffer was full", "account")
export const clocksAhead = counter("clocks_ahead_total", "Clocks published before packets of another account that were older", "account")
export const clockOffsetMs = gauge("clock_offset_ms", "A clock's distance from the NATS server's time", "clock").set
export const clockRefused = counter("clock_refused_total", "Looks at a clock that was too far from the NATS server's time", "clock")
export const timesRefused = counter("record_times_refused_total", "Messages of the record that say a time ahead of the server's", "account")
export const breaksPublished = counter("record_breaks_total", "Interruptions written to the record, by cause", "cause")
export const keyframesPublished = counter("keyframes_published_total", "Keyframes written to the record", "account")
export const keyframeBytes = counter("keyframe_bytes_total", "Bytes of the keyframes written to the record", "account")
export const framesOutstanding = gauge("frames_outstanding", "Frames sent and not acknowledged yet", "account")
export const backpressureLevel = gauge(
  "backpressure_level",
  "How far the record's sink is behind: 0 HEALTHY, 1 WARNING, 2 CRITICAL, 3 OVERLOAD",
  "account"
)
export const frameLagMs = gauge(
  "frame_lag_ms",
  "Age of the oldest frame that NATS has not acknowledged, or of the lost connection if anything waits, in milliseconds",
  "account"
)
export const frameBufferBytes = gauge("frame_buffer_bytes", "Packets waiting for room in the publish window, in bytes", "account")

export const framePacketsHistogram = Metric.histogram(
  "frame_packets",
  MetricBoundaries.fromIterable([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 4000]),
  "Packets in a published frame"
)
