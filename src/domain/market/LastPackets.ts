import * as IndiaTime from "../IndiaTime.ts"
import * as FrameHeader from "../record/FrameHeader.ts"
import * as Keyframe from "../record/Keyframe.ts"
import * as Frame from "./Frame.ts"

interface Packet {
  readonly bytes: Uint8Array<ArrayBuffer>
  length: number
  receivedMs: number
}
interface Instrument {
  last: Packet
  /** The packet that open interest is compared with. It is the same object as `last` until there is another one. */
  base: Packet
  /** The unused packet. Rotating the three saves an allocation per day. */
  spare: Packet
}

/** A keyframe's packets, ready to be published. */
export interface Part {
  readonly part: number
  readonly bytes: Uint8Array
  readonly baseReceivedMs: number
  readonly runs: ReadonlyArray<number>
}

const emptyPacket = (): Packet => ({ bytes: new Uint8Array(Frame.Kind.full), length: 0, receivedMs: 0 })
const byReceiveTime = (one: Packet, other: Packet): number => one.receivedMs - other.receivedMs

/** Makes the last packet the one that open interest is compared with. */
const rebase = (instrument: Instrument): void => {
  if (instrument.base === instrument.last) return
  instrument.spare = instrument.base
  instrument.base = instrument.last
}

/** The last packets of one underlying's instruments, as received by one account. Keyframes are made from them. */
export class LastPackets {
  private readonly instruments = new Map<number, Instrument>()
  /** Instruments of an earlier run. One of them returns with its first packet, so that instruments that are no longer streamed stay out. */
  private readonly earlier = new Map<number, Instrument>()
  private nextDayMs = Number.NEGATIVE_INFINITY
  /** True if a packet came since the last keyframe. */
  hasNews = false

  get size(): number {
    return this.instruments.size
  }

  /** Applies the keyframe of an earlier run. Packets that this run has noted are newer and stay. */
  restore(header: FrameHeader.FrameHeader, bytes: Uint8Array): void {
    let row = 0
    Frame.forEachPacket(bytes, (offset, length) => {
      const token = Frame.tokenAt(bytes, offset)
      const receivedMs = FrameHeader.receivedAtMs(header, row++)
      if (this.instruments.has(token)) return
      const known = this.earlier.get(token)
      if (known !== undefined && known.last.receivedMs > receivedMs) return
      this.put(this.earlier, token, bytes, offset, length, receivedMs)
    })
  }

  /** Copies one packet. It becomes the instrument's last one. */
  note(source: Uint8Array, offset: number, length: number, receivedMs: number): void {
    if (!Frame.isKind(length)) return
    if (receivedMs >= this.nextDayMs) this.rollDay(receivedMs)
    const token = Frame.tokenAt(source, offset)
    if (!this.instruments.has(token)) this.takeEarlier(token, receivedMs)
    this.put(this.instruments, token, source, offset, length, receivedMs)
    this.hasNews = true
  }

  /** Removes an instrument that is no longer streamed. */
  forget(token: number): void {
    this.instruments.delete(token)
    this.earlier.delete(token)
  }

  /** All packets, in parts that fit into a message. Resets `hasNews`. */
  parts(): ReadonlyArray<Part> {
    this.hasNews = false
    const all = [...this.instruments.values()]
    const parts: Array<Part> = []
    for (let from = 0; from < all.length; from += Keyframe.instrumentsMax)
      parts.push(partOf(parts.length, all.slice(from, from + Keyframe.instrumentsMax)))
    return parts
  }

  private takeEarlier(token: number, receivedMs: number): void {
    const known = this.earlier.get(token)
    if (known === undefined) return
    this.earlier.delete(token)
    if (IndiaTime.istDate(known.last.receivedMs) !== IndiaTime.istDate(receivedMs)) rebase(known)
    this.instruments.set(token, known)
  }

  /** When a new day starts in India, the last known packet becomes the one that open interest is compared with. */
  private rollDay(atMs: number): void {
    this.nextDayMs = IndiaTime.startOfDayMs(atMs) + IndiaTime.dayMs
    for (const instrument of this.instruments.values()) rebase(instrument)
  }

  private put(to: Map<number, Instrument>, token: number, source: Uint8Array, offset: number, length: number, receivedMs: number): void {
    let instrument = to.get(token)
    if (instrument === undefined) {
      const first = emptyPacket()
      instrument = { last: first, base: first, spare: emptyPacket() }
      to.set(token, instrument)
    } else if (Frame.hasOpenInterest(length) && !Frame.hasOpenInterest(instrument.base.length)) {
      // The broker's first packets may have no open interest: nothing can be compared with them.
      rebase(instrument)
    } else if (instrument.last === instrument.base) {
      instrument.last = instrument.spare
    }
    const { last } = instrument
    last.bytes.set(source.subarray(offset, offset + length))
    last.length = length
    last.receivedMs = receivedMs
  }
}

const partOf = (part: number, instruments: ReadonlyArray<Instrument>): Part => {
  const packets = instruments.flatMap(({ base, last }) => (base === last ? [last] : [base, last])).sort(byReceiveTime)
  const writer = new Frame.Writer(Frame.headerBytes + packets.length * (Frame.headerBytes + Frame.Kind.full))
  const runs: Array<number> = []
  const baseReceivedMs = packets[0]?.receivedMs ?? 0
  for (const { bytes, length, receivedMs } of packets) {
    writer.appendBytes(bytes, 0, length)
    FrameHeader.addRun(runs, baseReceivedMs, receivedMs, 1)
  }
  return { part, bytes: writer.finish(), baseReceivedMs, runs }
}
