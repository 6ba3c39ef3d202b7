import * as Frame from "../../domain/market/Frame.ts"
import { LastPackets } from "../../domain/market/LastPackets.ts"
import * as ClockFrame from "../../domain/record/ClockFrame.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import * as Metrics from "../Metrics.ts"
import { Breaks, type Interruption } from "./Breaks.ts"
import { Keyframes } from "./Keyframes.ts"
import type { Peer, Peers } from "./Peers.ts"
import type { Sender, SendWindow } from "./SendWindow.ts"

/** A frame is sent as soon as it holds this many packets. */
const packetsWanted = 50
/** While the window is full a frame grows to this size (744 KB of full packets, under the server's limit of 1 MB) and then waits. */
const packetsMax = 4_000
/** The default limit of the bytes that wait for the window. Beyond it packets are dropped and counted. */
export const bufferBytesMaxDefault = 64 * 1_024 * 1_024
/** A clock carries no packets. The list is not empty, because a blank at the end of a header's value is lost. */
const noPackets = [0, 0]

interface Sealed {
  readonly bytes: Uint8Array
  readonly packets: number
  readonly baseMs: number
  readonly runs: ReadonlyArray<number>
}
/** The frames of one underlying: the one being filled, and the finished ones that wait for the window. */
interface Lane {
  readonly subject: string
  readonly writer: Frame.Writer
  readonly sealed: Array<Sealed>
  /** How many of the finished frames must leave before the waiting clock. */
  owed: number
  runs: Array<number>
  baseMs: number
  number: number
  readonly last: LastPackets
}

const seal = (lane: Lane): void => {
  if (lane.writer.count === 0) return
  lane.sealed.push({ packets: lane.writer.count, bytes: lane.writer.finish(), baseMs: lane.baseMs, runs: lane.runs })
  lane.runs = []
}

/** The packets and clocks of one account that are not sent yet. They leave through the window, in an order that readers can rely on. */
export class Lanes implements Peer {
  readonly account: string
  private readonly window: SendWindow
  private readonly peers: Peers
  private readonly clockSubject: string
  private readonly bufferBytesMax: number
  private readonly bySubject = new Map<string, Lane>()
  private readonly order: Array<Lane> = []
  /** The lane that is served next. Starting at a different lane each time keeps a small window from serving only the first lanes. */
  private turn = 0
  private bytes = 0
  private clockNumber = 0
  /** The clock that waits until `owed` frames have left, and the newest clock after it; 0 means no clock. */
  private clockMs = 0
  private laterClockMs = 0
  private owed = 0
  /** Since when only packets of other accounts hold the waiting clock back, in this process's monotonic time; 0 while they do not. */
  private heldSinceMs = 0
  private readonly keyframes: Keyframes
  private readonly breaks: Breaks

  constructor(window: SendWindow, sender: Sender, clockSubject: string, peers: Peers, bufferBytesMax: number) {
    this.window = window
    this.bufferBytesMax = bufferBytesMax
    this.peers = peers
    this.keyframes = new Keyframes(window, sender.account)
    this.breaks = new Breaks(window, sender)
    this.account = sender.account
    this.clockSubject = clockSubject
  }

  get bufferedBytes(): number {
    return this.bytes
  }

  get packets(): number {
    let packets = 0
    for (const { writer, sealed } of this.order) packets += writer.count + sealed.reduce((sum, frame) => sum + frame.packets, 0)
    return packets
  }

  /** When the oldest packet that waits was received, UNIX ms; Infinity without one. */
  oldestMs(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const { writer, baseMs, sealed } of this.order) {
      const first = sealed[0]?.baseMs ?? (writer.count > 0 ? baseMs : oldest)
      if (first < oldest) oldest = first
    }
    return oldest
  }

  isEmpty(): boolean {
    return this.bytes === 0 && this.clockMs === 0 && this.keyframes.isEmpty() && this.breaks.isEmpty()
  }

  /** Takes the keyframe of an earlier run of any account, before the first packet. */
  restore(subject: string, header: FrameHeader.FrameHeader, bytes: Uint8Array): void {
    const lane = this.bySubject.get(subject) ?? this.add(subject)
    lane.last.restore(header, bytes)
  }

  /** Removes an instrument that is no longer streamed from the keyframes. */
  forget(subject: string, token: number): void {
    this.bySubject.get(subject)?.last.forget(token)
  }

  /** Notes that one packet is missing in the record. */
  lost(subject: string, cause: Interruption["cause"], receivedMs: number): void {
    this.breaks.note(subject, { cause, fromMs: receivedMs, toMs: receivedMs, packets: 1 })
  }

  /**
   * Notes an interruption of all lanes that stream an instrument, or of the named lanes. A named lane may have no instrument left, because
   * its interruption still has to end.
   */
  interrupt(interruption: Interruption, subjects?: ReadonlySet<string>): void {
    for (const { subject, last } of this.order)
      if (subjects === undefined ? last.size > 0 : subjects.has(subject)) this.breaks.note(subject, interruption)
  }

  /** Queues the keyframes of the lanes that have new packets since their last keyframe. */
  keyframesNow(): void {
    this.keyframes.expectNews(this.order)
  }

  /** Copies one packet into its underlying's frame, and sends the frame when it is full and the window has room. */
  append(subject: string, source: Uint8Array, offset: number, length: number, receivedMs: number): void {
    const lane = this.bySubject.get(subject) ?? this.add(subject)
    // A packet that is dropped is noted too, so that the next keyframe shows its price.
    lane.last.note(source, offset, length, receivedMs)
    if (this.bytes + length + 2 * Frame.headerBytes > this.bufferBytesMax) {
      this.window.totals.dropped++
      Metrics.packetsDropped(this.account)
      this.lost(subject, "room", receivedMs)
      return
    }
    if (lane.writer.count === 0) {
      lane.baseMs = receivedMs
      this.bytes += Frame.headerBytes
    }
    lane.writer.appendBytes(source, offset, length)
    this.bytes += length + Frame.headerBytes
    FrameHeader.addRun(lane.runs, lane.baseMs, receivedMs, 1)
    if (lane.writer.count >= packetsWanted && this.window.hasRoom()) this.flush(lane)
    else if (lane.writer.count >= packetsMax) seal(lane)
  }

  /** Queues a clock behind everything appended so far. While one clock waits, only the newest later clock is kept. */
  clock(atMs: number): void {
    if (this.clockMs !== 0) this.laterClockMs = atMs
    else this.expect(atMs)
  }

  /** Sends frames lane by lane until the window is full. Returns how many frames were sent. */
  flushAll(): number {
    let sent = 0
    for (let left = this.order.length; left > 0 && this.window.hasRoom(); left--) {
      const lane = this.order[this.turn]
      if (lane !== undefined && (lane.writer.count > 0 || lane.sealed.length > 0)) sent += this.flush(lane)
      if (this.window.hasRoom()) this.turn = (this.turn + 1) % this.order.length
    }
    this.sendClocks()
    return sent
  }

  private add(subject: string): Lane {
    const writer = new Frame.Writer()
    const lane: Lane = { subject, writer, sealed: [], owed: 0, runs: [], baseMs: 0, number: 0, last: new LastPackets() }
    this.bySubject.set(subject, lane)
    this.order.push(lane)
    return lane
  }

  private flush(lane: Lane): number {
    if (!this.window.hasRoom()) return 0
    seal(lane)
    let sent = 0
    for (let frame = lane.sealed.shift(); frame !== undefined; frame = this.window.hasRoom() ? lane.sealed.shift() : undefined) {
      this.bytes -= frame.bytes.length
      this.window.send(lane.subject, frame.bytes, frame.packets, {
        number: lane.number++,
        baseReceivedMs: frame.baseMs,
        runs: frame.runs
      })
      sent++
      if (lane.owed > 0) {
        lane.owed--
        this.owed--
        this.sendClocks()
      }
    }
    return sent
  }

  /** Notes which frames must leave before this clock; frames that are finished later do not delay it. */
  private expect(atMs: number): void {
    this.clockMs = atMs
    for (const lane of this.order) {
      seal(lane)
      lane.owed = lane.sealed.length
      this.owed += lane.owed
    }
  }

  /** Whether the other accounts of this process have sent what they received before the waiting clock. */
  private mayPass(): boolean {
    const now = performance.now()
    const since = this.heldSinceMs === 0 ? now : this.heldSinceMs
    const may = this.peers.mayPass(this, this.clockMs, now - since)
    this.heldSinceMs = may ? 0 : since
    return may
  }

  private sendClocks(): void {
    this.breaks.send()
    while (this.clockMs !== 0 && this.owed === 0 && this.breaks.isEmpty() && this.window.hasRoom() && this.mayPass()) {
      const header = { number: this.clockNumber++, baseReceivedMs: this.clockMs, runs: noPackets }
      this.window.send(this.clockSubject, ClockFrame.encode(this.clockMs), 0, header)
      this.keyframes.onClock(this.clockMs, this.order)
      const next = this.laterClockMs
      this.clockMs = 0
      this.laterClockMs = 0
      if (next !== 0) this.expect(next)
    }
    this.keyframes.send()
  }
}
