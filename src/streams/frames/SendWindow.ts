import type { Msg, MsgHdrs, NatsConnection } from "nats"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import type { Unstored } from "../keep/Unstored.ts"
import * as Metrics from "../Metrics.ts"
import * as Acks from "../sending/Acks.ts"
import * as Headers from "../sending/Headers.ts"

/**
 * The newest id minus the lowest open id stays below this. So a reader that remembers the last 1,024 numbers recognises every duplicate.
 */
const windowMax = 1_000
/** Frames that waited are large, so the window is also full at this many bytes. */
const windowBytesMax = 64 * 1_024 * 1_024
/** A frame waits this long for its acknowledgement, then twice as long, and so on up to the limit. */
export const resendAfterMs = 2_000
const resendAfterMsMax = 32_000
/** Acknowledgements arrive in order: a frame is lost when a frame this many ids later is acknowledged first. */
const overtakenBy = 8

/** Who publishes: the part of a frame's header that never changes. */
export type Sender = Omit<FrameHeader.FrameHeader, "number" | "baseReceivedMs" | "runs">

interface OpenFrame {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: MsgHdrs
  readonly packets: number
  readonly firstSentAtMs: number
  sentAtMs: number
  /** How often it was sent again. */
  resends: number
  isOvertaken: boolean
}

/** The server's answer is `{"error":…}` for a refusal and `{"stream":…}` for an acknowledgement: the third byte distinguishes them. */
const isRefusal = (msg: Msg): boolean => (msg.headers?.code ?? 0) !== 0 || msg.data[2] === 0x65

/** The frames that were sent and are not acknowledged yet. It limits their number and bytes, and sends lost frames again. */
export class SendWindow {
  readonly totals = { frames: 0, packets: 0, resent: 0, dropped: 0 }
  private readonly nc: NatsConnection
  private readonly inbox: string
  private readonly sender: Sender
  private readonly open = new Map<number, OpenFrame>() // oldest first
  private nextId = 0
  private lowest = 0
  private openBytes = 0
  private isUp: boolean
  private readonly unstored: Unstored
  private upSinceMs = performance.now()
  private downSinceMs = performance.now()
  private ackedAtMs = performance.now()
  /** The server has read everything that was written before this time. */
  private readUpToMs = 0
  private isAskingHowFar = false

  constructor(nc: NatsConnection, inbox: string, sender: Sender, isUp: boolean, unstored: Unstored) {
    this.nc = nc
    this.inbox = inbox
    this.sender = sender
    this.isUp = isUp
    this.unstored = unstored
  }

  hasRoom(): boolean {
    return this.isUp && this.nextId - this.lowest < windowMax && this.openBytes < windowBytesMax
  }

  /** Age of the oldest frame that is not acknowledged, ms. While the connection is lost, what waits outside of the window is as old as the loss. */
  lagMs(isWaiting: boolean): number {
    const now = performance.now()
    const [oldest] = this.open.values()
    const waitsSinceMs = isWaiting && !this.isUp ? this.downSinceMs : now
    return Math.round(now - Math.min(oldest?.firstSentAtMs ?? now, waitsSinceMs))
  }

  get openFrames(): number {
    return this.open.size
  }

  get openPackets(): number {
    let packets = 0
    for (const frame of this.open.values()) packets += frame.packets
    return packets
  }

  send(
    subject: string,
    data: Uint8Array,
    packets: number,
    header: Pick<FrameHeader.FrameHeader, "number" | "baseReceivedMs" | "runs">,
    more: ReadonlyArray<readonly [string, string]> = []
  ): void {
    const headers = Headers.encoded([[FrameHeader.name, FrameHeader.format({ ...this.sender, ...header }, subject)], ...more])
    const frame: OpenFrame = {
      subject,
      data,
      headers,
      packets,
      firstSentAtMs: performance.now(),
      sentAtMs: 0,
      resends: 0,
      isOvertaken: false
    }
    const id = this.nextId++
    this.open.set(id, frame)
    this.openBytes += data.length
    this.put(id, frame)
  }

  /** Takes an acknowledgement; answers true when the window was full and this acknowledgement made room. */
  acknowledge(msg: Msg): boolean {
    const id = Number(msg.subject.slice(this.inbox.length + 1))
    const frame = this.open.get(id)
    // A refused frame (no responders, store full) stays open and is sent again after `resendAfterMs`.
    if (frame === undefined) return false
    if (isRefusal(msg)) {
      const refusal = Acks.storeRefusal(msg)
      if (refusal !== null) this.unstored.missed(frame.subject, this.givenMs(frame), performance.now(), refusal)
      return false
    }
    this.unstored.stored(frame.subject)
    const wasFull = !this.hasRoom()
    this.open.delete(id)
    this.openBytes -= frame.data.length
    this.ackedAtMs = performance.now()
    this.count(frame)
    while (this.lowest < this.nextId && !this.open.has(this.lowest)) this.lowest++
    this.resendOvertaken(id)
    return wasFull
  }

  /**
   * Sends the frames that are due again, in order. A server that acknowledges nothing gets only the first, because it may still have all of
   * them. A frame that the server has not read yet is not written a second time, so a slow server never makes the client's queue grow.
   */
  resendDue(): void {
    if (!this.isUp) return
    const now = performance.now()
    const isMute = now - this.ackedAtMs >= resendAfterMs
    let isUnread = false
    for (const [id, frame] of this.open) {
      if (now - frame.sentAtMs >= Math.min(resendAfterMs * 2 ** frame.resends, resendAfterMsMax)) {
        if (frame.sentAtMs < this.readUpToMs) this.resend(id, frame)
        else isUnread = true
      }
      if (isMute) {
        if (now - this.givenMs(frame) >= resendAfterMs) this.unstored.missed(frame.subject, this.givenMs(frame), now)
        break
      }
    }
    if (isUnread) this.askHowFar()
  }

  /** Sends a ping. The server's answer shows that it has read everything before the ping. */
  private askHowFar(): void {
    if (this.isAskingHowFar) return
    this.isAskingHowFar = true
    const askedAtMs = performance.now()
    const answered = (upToMs: number) => {
      this.isAskingHowFar = false
      this.readUpToMs = Math.max(this.readUpToMs, upToMs)
    }
    this.nc.flush().then(
      () => answered(askedAtMs),
      () => answered(0) // The connection was lost. All open frames are sent again when it is back.
    )
  }

  /** Notes that the connection was lost or is back. The client's buffer is lost with a connection, so every open frame is sent again. */
  connected(isUp: boolean): void {
    if (isUp) this.upSinceMs = performance.now()
    else if (this.isUp) this.downSinceMs = performance.now()
    if (isUp) for (const [id, frame] of this.open) this.resend(id, frame)
    this.isUp = isUp
  }

  /** When the frame was first given to the present connection. */
  private givenMs({ firstSentAtMs }: OpenFrame): number {
    return Math.max(firstSentAtMs, this.upSinceMs)
  }

  private put(id: number, frame: OpenFrame): void {
    try {
      this.nc.publish(frame.subject, frame.data, { reply: `${this.inbox}.${id}`, headers: frame.headers })
    } catch {
      // The connection is closing: the frame stays open and drain counts it.
    }
    frame.sentAtMs = performance.now()
  }

  private resend(id: number, frame: OpenFrame): void {
    this.totals.resent++
    frame.resends++
    Metrics.framesResent(this.sender.account)
    this.put(id, frame)
  }

  private resendOvertaken(id: number): void {
    for (let at = this.lowest; at <= id - overtakenBy; at++) {
      const lost = this.open.get(at)
      if (lost === undefined || lost.isOvertaken) continue
      lost.isOvertaken = true
      this.resend(at, lost)
    }
  }

  private count({ packets }: OpenFrame): void {
    this.totals.frames++
    this.totals.packets += packets
    Metrics.framesPublished(this.sender.account)
    if (packets === 0) return
    Metrics.framePackets(this.sender.account, packets)
    Metrics.framePacketsHistogram.unsafeUpdate(packets, [])
  }
}
