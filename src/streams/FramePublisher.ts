import { Config, Effect, type Scope } from "effect"
import type * as Backpressure from "../domain/market/Backpressure.ts"
import type * as FrameHeader from "../domain/record/FrameHeader.ts"
import { nextTurn } from "../loop/Turn.ts"
import type { Interruption } from "./frames/Breaks.ts"
import * as Drain from "./frames/Drain.ts"
import { bufferBytesMaxDefault, Lanes } from "./frames/Lanes.ts"
import { Peers } from "./frames/Peers.ts"
import { Pressure } from "./frames/Pressure.ts"
import { type Sender, SendWindow } from "./frames/SendWindow.ts"
import { JetStream } from "./JetStream.ts"
import * as LiveMessages from "./reads/LiveMessages.ts"
import * as Subjects from "./Subjects.ts"

const resendCheckMs = 500
const pauseMinMs = 2
const pauseMaxMs = 20
/** The pause between two sweeps aims at this many frames per millisecond. */
const framesPerMs = 1.5
/** Room for a few packets. */
const bufferBytesMin = 1_024

export interface FramePublisher {
  /** Copies one packet into its underlying's frame. Synchronous; allocates only a view of the packet and the buffer's growth. */
  readonly append: (subject: string, source: Uint8Array, offset: number, length: number, receivedMs: number) => void
  /** Sends what was appended so far, until the window is full. */
  readonly flush: () => void
  /** Sends everything appended so far, then a clock frame. */
  readonly clock: (atMs: number) => void
  /** Writes into the record, before the next clock, that everything streamed so far is interrupted, or these subjects only. */
  readonly interrupt: (interruption: Interruption, subjects?: ReadonlySet<string>) => void
  /** Writes into the record, before the next clock, that one packet of one underlying was lost. */
  readonly lost: (subject: string, cause: Interruption["cause"], receivedMs: number) => void
  /**
   * Takes a keyframe that an earlier run wrote for this subject, so that the values that open interest is compared with survive a restart.
   */
  readonly restore: (subject: string, header: FrameHeader.FrameHeader, bytes: Uint8Array) => void
  /** Removes an instrument that is no longer streamed from the keyframes. */
  readonly forget: (subject: string, token: number) => void
  /** Writes keyframes with the packets since the last keyframes, for a reader that starts when nobody streams. */
  readonly keyframes: () => void
  /** Waits until every packet is acknowledged, up to a limit. Returns how many packets were not acknowledged. */
  readonly drain: Effect.Effect<number>
  readonly stats: () => {
    readonly frames: number
    readonly packets: number
    readonly resent: number
    readonly dropped: number
    readonly open: number
    /** As measured at the last check. There are two checks a second. */
    readonly pressure: Backpressure.Level
    /** Age of the oldest unacknowledged frame at the last check; while the connection is lost, age of the loss if anything waits. */
    readonly lagMs: number
    readonly bufferedBytes: number
  }
}

/** Sweeps the lanes while they hold something and the window has room. One timer paces all lanes. */
class Pacer {
  private readonly window: SendWindow
  private readonly lanes: Lanes
  private timer: NodeJS.Timeout | undefined
  private pauseMs = pauseMinMs

  constructor(window: SendWindow, lanes: Lanes) {
    this.window = window
    this.lanes = lanes
  }

  /** While the window is full, nothing can be sent. The acknowledgement that makes room arms the timer again. */
  arm(): void {
    if (this.window.hasRoom()) this.timer ??= setTimeout(this.sweep, this.pauseMs)
  }

  stop(): void {
    clearTimeout(this.timer)
  }

  private readonly sweep = (): void => {
    this.timer = undefined
    const sent = this.lanes.flushAll()
    this.pauseMs = Math.min(pauseMaxMs, Math.max(pauseMinMs, sent / framesPerMs))
    if (!this.lanes.isEmpty()) this.arm()
  }
}

/** Waits until everything is acknowledged, within its limits. Returns the number of packets that are not. */
const drain = (window: SendWindow, lanes: Lanes, { isConnected, nc }: Pick<JetStream, "isConnected" | "nc">) =>
  Effect.map(
    Drain.drain({
      isDone: () => window.openFrames === 0 && lanes.isEmpty(),
      send: () => void lanes.flushAll(),
      acknowledged: () => window.totals.frames,
      isConnected,
      isClosed: () => nc.isClosed()
    }),
    () => window.openPackets + lanes.packets
  )

/** The most bytes of packets of one account that wait for NATS. */
export const bufferBytesMax = Config.integer("FRAME_BUFFER_BYTES_MAX").pipe(
  Config.validate({ message: `expected at least ${bufferBytesMin} bytes`, validation: (bytes) => bytes >= bufferBytesMin }),
  Config.withDefault(bufferBytesMaxDefault)
)

/** What all publishers of one process share. A clock waits at most `clockWaitMsMax` for packets of another account. */
export const peers = (clockWaitMsMax: number): Peers => new Peers(clockWaitMsMax)

/**
 * Publishes one account's frames with acknowledgement: one message and one acknowledgement for up to 50 packets. A window limits the open
 * frames. Each subject counts its frames from 0 for each incarnation. A frame whose acknowledgement does not arrive is sent again under the
 * same number, so a reader can drop duplicates and see gaps. While the connection is lost no new frame is sent: lost frames come first.
 * A clock leaves after everything that this account and its peers received before it. Packets that find no room in `roomBytes` are dropped,
 * counted and written into the record as breaks. `pressureChanged` is called when the level of `stats` has changed.
 */
export const make = (
  sender: Sender,
  others: Peers,
  roomBytes = bufferBytesMaxDefault,
  pressureChanged: () => void = () => {}
): Effect.Effect<FramePublisher, never, Scope.Scope | JetStream> =>
  Effect.gen(function* () {
    const { nc, newInbox, isConnected, onConnection, unstored } = yield* JetStream
    const { account } = sender
    const inbox = newInbox()
    const window = new SendWindow(nc, inbox, sender, isConnected(), unstored)
    const lanes = new Lanes(window, sender, Subjects.Clock.at({ account }), others, roomBytes)
    const pacer = new Pacer(window, lanes)

    yield* Effect.acquireRelease(
      Effect.sync(() => others.add(lanes)),
      () => Effect.sync(() => others.remove(lanes))
    )

    yield* LiveMessages.listen(nc, `${inbox}.*`, (message) => {
      if (window.acknowledge(message) && !lanes.isEmpty()) pacer.arm()
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => pacer.stop()))
    const pressure = new Pressure(window, lanes, roomBytes, pressureChanged)
    // Registered before the checks, so that it runs after the last of them.
    yield* Effect.addFinalizer(() => Effect.sync(() => pressure.forget()))
    // After a delay of this process the acknowledgements wait in the kernel: it must not blame the sink for them.
    yield* nextTurn.pipe(
      Effect.zipRight(Effect.sync(() => window.resendDue())),
      Effect.zipRight(pressure.look),
      Effect.delay(resendCheckMs),
      Effect.forever,
      Effect.forkScoped
    )
    yield* onConnection((isUp) => {
      window.connected(isUp)
      if (!lanes.isEmpty()) pacer.arm()
    })

    const flush = () => {
      lanes.flushAll()
      pacer.arm()
    }

    return {
      append: (subject, source, offset, length, receivedMs) => {
        lanes.append(subject, source, offset, length, receivedMs)
        pacer.arm()
      },
      flush,
      clock: (atMs) => {
        others.flushOthers(lanes)
        lanes.clock(atMs)
        flush()
      },
      interrupt: (interruption, subjects) => {
        lanes.interrupt(interruption, subjects)
        pacer.arm()
      },
      lost: (subject, cause, receivedMs) => {
        lanes.lost(subject, cause, receivedMs)
        pacer.arm()
      },
      restore: (subject, header, bytes) => lanes.restore(subject, header, bytes),
      forget: (subject, token) => lanes.forget(subject, token),
      keyframes: () => {
        lanes.keyframesNow()
        pacer.arm()
      },
      drain: drain(window, lanes, { isConnected, nc }),
      stats: () => ({
        ...window.totals,
        open: window.openFrames,
        pressure: pressure.level,
        lagMs: pressure.lagMs,
        bufferedBytes: lanes.bufferedBytes
      })
    }
  })
