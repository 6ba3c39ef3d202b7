import { Metric, MetricBoundaries } from "effect"

/**
 * Every metric of the stream layer, named here and nowhere else. Callbacks of the client count through these functions: no fiber,
 * no effect, one call per message or batch and never per tick.
 */
const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

/** A counter bumped from a synchronous callback. */
const bump = (name: string, description: string, tag: string) => {
  const base = counter(name, description)
  const byTag = new Map<string, Metric.Metric.Counter<number>>()
  return (value: string, by = 1): void => {
    let metric = byTag.get(value)
    if (metric === undefined) {
      metric = base.pipe(Metric.tagged(tag, value))
      byTag.set(value, metric)
    }
    metric.unsafeUpdate(by, [])
  }
}
const level = (name: string, description: string, tag: string) => {
  const byTag = new Map<string, Metric.Metric.Gauge<number>>()
  return (tagValue: string, value: number): void => {
    let metric = byTag.get(tagValue)
    if (metric === undefined) {
      metric = Metric.gauge(name, { description }).pipe(Metric.tagged(tag, tagValue))
      byTag.set(tagValue, metric)
    }
    metric.unsafeUpdate(value, [])
  }
}

export const natsDisconnects = bump("nats_disconnects_total", "Times the connection to NATS was lost", "role")
export const natsReconnects = bump("nats_reconnects_total", "Times the connection to NATS came back", "role")

export const readMessages = bump("stream_read_messages_total", "Messages taken by ordered reads", "stream")
export const readRestarts = bump("stream_read_restarts_total", "Times an ordered read made itself a new consumer", "stream")
export const readGaps = bump("stream_read_gaps_total", "Messages that a stream no longer held when a reader came for them", "stream")
export const readBuffered = level("stream_read_buffered", "Messages waiting in an ordered read's buffer", "stream")

export const framesPublished = bump("frames_published_total", "Frames acknowledged by JetStream", "account")
export const framePackets = bump("frame_packets_published_total", "Packets in acknowledged frames", "account")
export const framesResent = bump("frames_resent_total", "Frames sent again because no acknowledgement came", "account")
export const packetsDropped = bump("packets_dropped_total", "Packets dropped because the publish buffer was full", "account")
export const framesOutstanding = level("frames_outstanding", "Frames sent and not acknowledged yet", "account")
export const frameBufferBytes = level("frame_buffer_bytes", "Packets waiting for room in the publish window, in bytes", "account")

export const framePacketsHistogram = Metric.histogram(
  "frame_packets",
  MetricBoundaries.fromIterable([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 4000]),
  "Packets in a published frame"
)
