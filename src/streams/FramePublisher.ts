import { Effect, type Scope } from "effect"
import { createInbox, Events, type Msg, type MsgHdrs } from "nats"
import * as ClockFrame from "../domain/market/ClockFrame.ts"
import * as Frame from "../domain/market/Frame.ts"
import * as FrameHeader from "../domain/market/FrameHeader.ts"
import { JetStream } from "./JetStream.ts"
import * as Metrics from "./Metrics.ts"
import * as Subjects from "./Subjects.ts"

/** A frame is sent as soon as it holds this many packets. */
const packetsWanted = 50
/** With the window full a frame grows to this (744 KB of full packets, under the server's 1 MB) and then waits as it is. */
const packetsMax = 4_000
/** Newest number minus the lowest unacknowledged stays below this, so a reader's 1,024 bits prove what it has seen. */
const windowMax = 1_000
/** Everything that waits for the window; beyond it packets are dropped and counted. */
const bufferBytesMax = 64 * 1_024 * 1_024
const resendAfterMs = 2_000
/** Acknowledgements come in order, so one this far ahead of an open frame says that frame was lost. */
const overtakenBy = 8
const pauseMinMs = 2
const pauseMaxMs = 20
/** Frames a second that the pause between two sweeps aims at. */
const framesPerMs = 1.5
const drainMaxMs = 10_000

interface Sealed {
  readonly bytes: Uint8Array
  readonly packets: number
  readonly baseMs: number
  readonly runs: ReadonlyArray<number>
}
/** What one underlying's frames need: the one being filled, and those that grew to the limit while the window was full. */
interface Lane {
  readonly subject: string
  readonly writer: Frame.Writer
  sealed: Array<Sealed>
  runs: Array<number>
  baseMs: number
  number: number
}
interface Open {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: MsgHdrs
  readonly packets: number
  sentAtMs: number
  overtaken: boolean
}

export interface FramePublisher {
  /** Copies one packet into its underlying's frame. Synchronous, no allocation but the buffer's growth. */
  readonly append: (subject: string, source: Uint8Array, offset: number, length: number, receivedMs: number) => void
  /** Everything appended so far leaves, then the clock frame that says so. */
  readonly clock: (atMs: number) => void
  /** Waits until all that was appended is acknowledged; answers how many packets were not, in the end. */
  readonly drain: Effect.Effect<number>
  readonly stats: () => {
    readonly frames: number
    readonly packets: number
    readonly resent: number
    readonly dropped: number
    readonly open: number
  }
}

/** The client only ever asks headers for their bytes; building them by its own class costs five times as much. */
const encoded = (name: string, value: string): MsgHdrs => {
  const bytes = Buffer.from(`NATS/1.0\r\n${name}: ${value}\r\n\r\n`, "latin1")
  return { encode: () => bytes } as unknown as MsgHdrs
}

/**
 * Acknowledged publishing of one account's frames: one message and one acknowledgement for up to 50 packets, at most `windowMax` of them
 * open, everything else paced by one timer. Numbers run per subject from 0 for each incarnation; a frame whose acknowledgement does not come
 * is sent again under the same number, so a reader can drop what it has and see what it has not.
 */
export const make = (options: {
  readonly account: string
  readonly source: FrameHeader.Source
  readonly epoch: number
  readonly incarnation: number
}): Effect.Effect<FramePublisher, never, Scope.Scope | JetStream> =>
  Effect.gen(function* () {
    const { nc } = yield* JetStream
    const { account } = options
    const inbox = createInbox()
    const clockSubject = Subjects.Clock.at({ account })

    const lanes = new Map<string, Lane>()
    const open = new Map<number, Open>()
    let nextId = 0
    let lowest = 0
    let buffered = 0 // bytes in lanes
    let clockNumber = 0
    let pendingClockMs = 0
    let timer: NodeJS.Timeout | undefined
    let pauseMs = pauseMinMs
    const totals = { frames: 0, packets: 0, resent: 0, dropped: 0 }

    const hasRoom = () => nextId - lowest < windowMax
    const put = (id: number, frame: Open) => {
      try {
        nc.publish(frame.subject, frame.data, { reply: `${inbox}.${id}`, headers: frame.headers })
      } catch {
        // The connection is closing: the frame stays open and drain counts it.
      }
      frame.sentAtMs = performance.now()
    }
    const send = (subject: string, data: Uint8Array, header: FrameHeader.FrameHeader, packets: number) => {
      const frame: Open = {
        subject,
        data,
        headers: encoded(FrameHeader.name, FrameHeader.format(header)),
        packets,
        sentAtMs: 0,
        overtaken: false
      }
      const id = nextId++
      open.set(id, frame)
      put(id, frame)
    }
    const resend = (id: number, frame: Open) => {
      totals.resent++
      Metrics.framesResent(account)
      put(id, frame)
    }

    const seal = (lane: Lane) => {
      if (lane.writer.count === 0) return
      lane.sealed.push({ packets: lane.writer.count, bytes: lane.writer.finish(), baseMs: lane.baseMs, runs: lane.runs })
      lane.runs = []
    }
    /** Sends what a lane holds, as far as the window goes; answers how many frames that were. */
    const flush = (lane: Lane): number => {
      if (!hasRoom()) return 0
      if (lane.sealed.length === 0 || lane.writer.count > 0) seal(lane)
      let sent = 0
      while (sent < lane.sealed.length && hasRoom()) {
        const frame = lane.sealed[sent++] as Sealed
        buffered -= frame.bytes.length
        send(
          lane.subject,
          frame.bytes,
          { ...options, number: lane.number++, baseReceivedMs: frame.baseMs, runs: frame.runs },
          frame.packets
        )
      }
      if (sent > 0) lane.sealed = lane.sealed.slice(sent)
      return sent
    }
    const flushAll = (): number => {
      let sent = 0
      for (const lane of lanes.values()) if (lane.writer.count > 0 || lane.sealed.length > 0) sent += flush(lane)
      return sent
    }
    const isEmpty = () => {
      for (const lane of lanes.values()) if (lane.writer.count > 0 || lane.sealed.length > 0) return false
      return true
    }
    /** A clock waits until all that came before it has left. */
    const tick = () => {
      if (pendingClockMs === 0 || !isEmpty() || !hasRoom()) return
      const header = { ...options, number: clockNumber++, baseReceivedMs: pendingClockMs, runs: [] }
      send(clockSubject, ClockFrame.encode(pendingClockMs), header, 0)
      pendingClockMs = 0
    }
    const sweep = () => {
      timer = undefined
      const sent = flushAll()
      tick()
      pauseMs = Math.min(pauseMaxMs, Math.max(pauseMinMs, sent / framesPerMs))
      if (!isEmpty() || pendingClockMs !== 0) arm()
    }
    const arm = () => {
      timer ??= setTimeout(sweep, pauseMs)
    }

    const append: FramePublisher["append"] = (subject, source, offset, length, receivedMs) => {
      let lane = lanes.get(subject)
      if (lane === undefined) {
        lane = { subject, writer: new Frame.Writer(), sealed: [], runs: [], baseMs: 0, number: 0 }
        lanes.set(subject, lane)
      }
      if (buffered + length + Frame.headerBytes > bufferBytesMax) {
        totals.dropped++
        Metrics.packetsDropped(account)
        return
      }
      if (lane.writer.count === 0) {
        lane.baseMs = receivedMs
        buffered += Frame.headerBytes
      }
      lane.writer.appendBytes(source, offset, length)
      buffered += length + Frame.headerBytes
      FrameHeader.addRun(lane.runs, lane.baseMs, receivedMs, 1)
      if (lane.writer.count >= packetsWanted && hasRoom()) flush(lane)
      else if (lane.writer.count >= packetsMax) seal(lane)
      arm()
    }
    const clock = (atMs: number) => {
      pendingClockMs = atMs
      flushAll()
      tick()
      if (pendingClockMs !== 0) arm()
    }

    const onAck = (msg: Msg) => {
      const id = Number(msg.subject.slice(inbox.length + 1))
      const frame = open.get(id)
      // An error (no responders, store full) leaves the frame open: it is sent again after `resendAfterMs`.
      if (frame === undefined || (msg.headers?.code ?? 0) !== 0 || msg.data[2] === 0x65) return
      open.delete(id)
      totals.frames++
      totals.packets += frame.packets
      Metrics.framesPublished(account)
      if (frame.packets > 0) {
        Metrics.framePackets(account, frame.packets)
        Metrics.framePacketsHistogram.unsafeUpdate(frame.packets, [])
      }
      const wasFull = !hasRoom()
      while (lowest < nextId && !open.has(lowest)) lowest++
      if (id - lowest >= overtakenBy) {
        for (let at = lowest; at <= id - overtakenBy; at++) {
          const lost = open.get(at)
          if (lost === undefined || lost.overtaken) continue
          lost.overtaken = true
          resend(at, lost)
        }
      }
      if (wasFull && hasRoom()) arm()
    }
    const resendOlderThan = (ageMs: number) => {
      const now = performance.now()
      for (const [id, frame] of open) if (now - frame.sentAtMs >= ageMs) resend(id, frame)
    }

    yield* Effect.acquireRelease(
      Effect.sync(() => nc.subscribe(`${inbox}.*`, { callback: (error, msg) => void (error === null && onAck(msg)) })),
      (subscription) => Effect.sync(() => subscription.unsubscribe())
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => clearTimeout(timer)))
    yield* Effect.sync(() => {
      resendOlderThan(resendAfterMs)
      Metrics.framesOutstanding(account, open.size)
      Metrics.frameBufferBytes(account, buffered)
    }).pipe(Effect.delay("500 millis"), Effect.forever, Effect.forkScoped)
    // What the client had buffered for a lost connection is gone with it.
    yield* Effect.tryPromise(async () => {
      for await (const { type } of nc.status()) if (type === Events.Reconnect) resendOlderThan(0)
    }).pipe(Effect.ignoreLogged, Effect.forkScoped)

    const drain = Effect.gen(function* () {
      const endMs = performance.now() + drainMaxMs
      while ((open.size > 0 || !isEmpty() || pendingClockMs !== 0) && performance.now() < endMs) {
        flushAll()
        tick()
        yield* Effect.sleep("5 millis")
      }
      let lost = 0
      for (const frame of open.values()) lost += frame.packets
      for (const lane of lanes.values()) lost += lane.writer.count + lane.sealed.reduce((sum, { packets }) => sum + packets, 0)
      return lost
    })

    return { append, clock, drain, stats: () => ({ ...totals, open: open.size }) }
  })
