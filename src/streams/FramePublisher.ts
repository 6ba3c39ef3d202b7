import { Clock, Effect, type Scope } from "effect"
import type { Msg, MsgHdrs } from "nats"
import * as Frame from "../domain/market/Frame.ts"
import * as ClockFrame from "../domain/record/ClockFrame.ts"
import * as FrameHeader from "../domain/record/FrameHeader.ts"
import * as Headers from "./Headers.ts"
import { JetStream } from "./JetStream.ts"
import * as Metrics from "./Metrics.ts"
import * as Subjects from "./Subjects.ts"

/** A frame is sent as soon as it holds this many packets. */
const packetsWanted = 50
/** With the window full a frame grows to this (744 KB of full packets, under the server's 1 MB) and then waits as it is. */
const packetsMax = 4_000
/** Newest number minus the lowest unacknowledged stays below this, so a reader's 1,024 bits prove what it has seen. */
const windowMax = 1_000
/** Frames that grew are heavy: the window is also full at this many bytes. */
const windowBytesMax = 64 * 1_024 * 1_024
/** Everything that waits for the window; beyond it packets are dropped and counted. */
const bufferBytesMax = 64 * 1_024 * 1_024
const resendAfterMs = 2_000
const resendCheckMs = 500
/** Acknowledgements come in order, so one this far ahead of an open frame says that frame was lost. */
const overtakenBy = 8
const pauseMinMs = 2
const pauseMaxMs = 20
/** Frames a second that the pause between two sweeps aims at. */
const framesPerMs = 1.5
/** A clock carries no packets; said so, because a header's value loses the blank that an empty list would leave at its end. */
const noPackets = [0, 0]
const drainMaxMs = 10_000
const drainCheckMs = 5

interface Sealed {
  readonly bytes: Uint8Array
  readonly packets: number
  readonly baseMs: number
  readonly runs: ReadonlyArray<number>
}
/** What one underlying's frames need: the one being filled, and those finished that wait for the window. */
interface Lane {
  readonly subject: string
  readonly writer: Frame.Writer
  readonly sealed: Array<Sealed>
  /** How many of them the waiting clock waits for. */
  owed: number
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
  isOvertaken: boolean
}

export interface FramePublisher {
  /** Copies one packet into its underlying's frame. Synchronous; no allocation but a view of the packet and the buffer's growth. */
  readonly append: (subject: string, source: Uint8Array, offset: number, length: number, receivedMs: number) => void
  /** Everything appended so far leaves, as far as the window has room. */
  readonly flush: () => void
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

/**
 * Acknowledged publishing of one account's frames: one message and one acknowledgement for up to 50 packets, at most `windowMax` of them
 * open, everything else paced by one timer. Numbers run per subject from 0 for each incarnation; a frame whose acknowledgement does not come
 * is sent again under the same number, so a reader can drop what it has and see what it has not. While the connection is away nothing new
 * is sent, so that what was lost with it comes before what is new.
 */
export const make = (options: {
  readonly account: string
  readonly source: FrameHeader.Source
  readonly epoch: number
  readonly incarnation: number
}): Effect.Effect<FramePublisher, never, Scope.Scope | JetStream> =>
  Effect.gen(function* () {
    const { nc, newInbox, isConnected, onConnection } = yield* JetStream
    const { account } = options
    const inbox = newInbox()
    const clockSubject = Subjects.Clock.at({ account })

    const lanes = new Map<string, Lane>()
    const order: Array<Lane> = []
    /** The lane whose turn it is, so that a narrow window does not serve the first ones only. */
    let turn = 0
    const open = new Map<number, Open>()
    let nextId = 0
    let lowest = 0
    let openBytes = 0
    let bufferedBytes = 0 // in lanes
    let isUp = isConnected()
    let ackedAtMs = performance.now()
    let clockNumber = 0
    /** The clock that waits for `owed` frames to leave before it, and the newest one that waits for that clock; 0 for none. */
    let clockMs = 0
    let laterClockMs = 0
    let owed = 0
    let timer: NodeJS.Timeout | undefined
    let pauseMs = pauseMinMs
    const totals = { frames: 0, packets: 0, resent: 0, dropped: 0 }

    const hasRoom = () => isUp && nextId - lowest < windowMax && openBytes < windowBytesMax
    const put = (id: number, frame: Open) => {
      try {
        nc.publish(frame.subject, frame.data, { reply: `${inbox}.${id}`, headers: frame.headers })
      } catch {
        // The connection is closing: the frame stays open and drain counts it.
      }
      frame.sentAtMs = performance.now()
    }
    const send = (
      subject: string,
      data: Uint8Array,
      packets: number,
      header: Pick<FrameHeader.FrameHeader, "number" | "baseReceivedMs" | "runs">
    ) => {
      const headers = Headers.encoded([[FrameHeader.name, FrameHeader.format({ ...options, ...header })]])
      const frame: Open = { subject, data, headers, packets, sentAtMs: 0, isOvertaken: false }
      const id = nextId++
      open.set(id, frame)
      openBytes += data.length
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
    /** The waiting clock leaves once all that came before it has; what came meanwhile does not hold it up. */
    const tick = () => {
      while (clockMs !== 0 && owed === 0 && hasRoom()) {
        send(clockSubject, ClockFrame.encode(clockMs), 0, { number: clockNumber++, baseReceivedMs: clockMs, runs: noPackets })
        const next = laterClockMs
        clockMs = 0
        laterClockMs = 0
        if (next !== 0) expect(next)
      }
    }
    const expect = (atMs: number) => {
      clockMs = atMs
      for (const lane of order) {
        seal(lane)
        lane.owed = lane.sealed.length
        owed += lane.owed
      }
    }
    /** Sends what a lane holds, as far as the window goes; answers how many frames that were. */
    const flush = (lane: Lane): number => {
      if (!hasRoom()) return 0
      seal(lane)
      let sent = 0
      for (let frame = lane.sealed.shift(); frame !== undefined; frame = hasRoom() ? lane.sealed.shift() : undefined) {
        bufferedBytes -= frame.bytes.length
        send(lane.subject, frame.bytes, frame.packets, { number: lane.number++, baseReceivedMs: frame.baseMs, runs: frame.runs })
        sent++
        if (lane.owed > 0) {
          lane.owed--
          owed--
          tick()
        }
      }
      return sent
    }
    const flushAll = (): number => {
      let sent = 0
      for (let left = order.length; left > 0 && hasRoom(); left--) {
        const lane = order[turn]
        if (lane !== undefined && (lane.writer.count > 0 || lane.sealed.length > 0)) sent += flush(lane)
        if (hasRoom()) turn = (turn + 1) % order.length
      }
      tick()
      return sent
    }
    const isEmpty = () => bufferedBytes === 0 && clockMs === 0

    const sweep = () => {
      timer = undefined
      const sent = flushAll()
      pauseMs = Math.min(pauseMaxMs, Math.max(pauseMinMs, sent / framesPerMs))
      if (!isEmpty()) arm()
    }
    /** Without room nothing can leave: the acknowledgement that makes room arms again. */
    const arm = () => {
      if (hasRoom()) timer ??= setTimeout(sweep, pauseMs)
    }

    const append: FramePublisher["append"] = (subject, source, offset, length, receivedMs) => {
      let lane = lanes.get(subject)
      if (lane === undefined) {
        lane = { subject, writer: new Frame.Writer(), sealed: [], owed: 0, runs: [], baseMs: 0, number: 0 }
        lanes.set(subject, lane)
        order.push(lane)
      }
      if (bufferedBytes + length + 2 * Frame.headerBytes > bufferBytesMax) {
        totals.dropped++
        Metrics.packetsDropped(account)
        return
      }
      if (lane.writer.count === 0) {
        lane.baseMs = receivedMs
        bufferedBytes += Frame.headerBytes
      }
      lane.writer.appendBytes(source, offset, length)
      bufferedBytes += length + Frame.headerBytes
      FrameHeader.addRun(lane.runs, lane.baseMs, receivedMs, 1)
      if (lane.writer.count >= packetsWanted && hasRoom()) flush(lane)
      else if (lane.writer.count >= packetsMax) seal(lane)
      arm()
    }
    const flushNow = () => {
      flushAll()
      arm()
    }
    const clock = (atMs: number) => {
      if (clockMs !== 0) laterClockMs = atMs
      else expect(atMs)
      flushNow()
    }

    const resendOvertaken = (id: number) => {
      for (let at = lowest; at <= id - overtakenBy; at++) {
        const lost = open.get(at)
        if (lost === undefined || lost.isOvertaken) continue
        lost.isOvertaken = true
        resend(at, lost)
      }
    }
    const onAck = (msg: Msg) => {
      const id = Number(msg.subject.slice(inbox.length + 1))
      const frame = open.get(id)
      // An error (no responders, store full) leaves the frame open: it is sent again after `resendAfterMs`. `{"e` begins one, `{"s` none.
      if (frame === undefined || (msg.headers?.code ?? 0) !== 0 || msg.data[2] === 0x65) return
      const wasFull = !hasRoom()
      open.delete(id)
      openBytes -= frame.data.length
      ackedAtMs = performance.now()
      totals.frames++
      totals.packets += frame.packets
      Metrics.framesPublished(account)
      if (frame.packets > 0) {
        Metrics.framePackets(account, frame.packets)
        Metrics.framePacketsHistogram.unsafeUpdate(frame.packets, [])
      }
      while (lowest < nextId && !open.has(lowest)) lowest++
      resendOvertaken(id)
      if (wasFull && !isEmpty()) arm()
    }
    /** The open frames that are due, in order; of a server that acknowledges nothing only the first, since it may still have them all. */
    const resendDue = () => {
      if (!isUp) return
      const now = performance.now()
      const isMute = now - ackedAtMs >= resendAfterMs
      for (const [id, frame] of open) {
        if (now - frame.sentAtMs >= resendAfterMs) resend(id, frame)
        if (isMute) break
      }
    }

    yield* Effect.acquireRelease(
      Effect.sync(() => nc.subscribe(`${inbox}.*`, { callback: (error, msg) => void (error === null && onAck(msg)) })),
      (subscription) => Effect.sync(() => subscription.unsubscribe())
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => clearTimeout(timer)))
    yield* Effect.sync(() => {
      resendDue()
      Metrics.framesOutstanding(account, open.size)
      Metrics.frameBufferBytes(account, bufferedBytes)
    }).pipe(Effect.delay(resendCheckMs), Effect.forever, Effect.forkScoped)
    yield* onConnection((up) => {
      // What the client had buffered for a lost connection is gone with it.
      if (up) for (const [id, frame] of open) resend(id, frame)
      isUp = up
      if (!isEmpty()) arm()
    })

    const drain = Effect.gen(function* () {
      const endMs = (yield* Clock.currentTimeMillis) + drainMaxMs
      while ((open.size > 0 || !isEmpty()) && (yield* Clock.currentTimeMillis) < endMs && !nc.isClosed()) {
        flushAll()
        yield* Effect.sleep(drainCheckMs)
      }
      let lost = 0
      for (const frame of open.values()) lost += frame.packets
      for (const lane of order) lost += lane.writer.count + lane.sealed.reduce((sum, { packets }) => sum + packets, 0)
      return lost
    })

    return { append, flush: flushNow, clock, drain, stats: () => ({ ...totals, open: open.size }) }
  })
