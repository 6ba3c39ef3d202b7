import * as IndiaTime from "../../IndiaTime.ts"
import * as FrameHeader from "../../record/FrameHeader.ts"
import * as Frame from "../Frame.ts"
import type * as Instrument from "../Instrument.ts"

interface Kept {
  readonly packet: Uint8Array<ArrayBuffer>
  receivedMs: number
  seq: number
}

/** The newest packet with market depth of one instrument, and the sequence of the message that brought it. */
export interface Book {
  readonly packet: ReturnType<typeof Frame.rowOf>
  readonly receivedMs: number
  readonly seq: number
}

const columns = Frame.makeColumns(1)

/**
 * The time since which an instrument's packets count, UNIX ms. The exchange may give an expired contract's token to another contract later,
 * so those of a contract count from the midnight of `day` on.
 */
export const sinceMs = ({ expiry }: Pick<Instrument.Instrument, "expiry">, day: string): number =>
  expiry === null ? 0 : IndiaTime.istMidnightMs(day)

/** The newest order book of each instrument that is streamed in full mode. */
export class Books {
  readonly #kept = new Map<number, Kept>()
  readonly #booksMax: number
  #receivedMs = new Float64Array(64)

  /** A book takes 200 bytes. Instruments beyond `booksMax` are ignored. */
  constructor(booksMax: number) {
    this.#booksMax = booksMax
  }

  get size(): number {
    return this.#kept.size
  }

  /**
   * Folds a frame or a keyframe. A packet received before the one that is kept is skipped, so a frame may come twice. Calls `changed` after
   * each packet that was kept.
   */
  apply(header: FrameHeader.FrameHeader, bytes: Uint8Array, seq: number, changed?: (token: number) => void): void {
    const packets = Frame.packetCount(bytes)
    if (packets > this.#receivedMs.length) this.#receivedMs = new Float64Array(packets)
    FrameHeader.fillReceivedMs(header, packets, this.#receivedMs)
    let row = 0
    Frame.forEachPacket(bytes, (offset, kind) => {
      const receivedMs = this.#receivedMs[row++] ?? 0
      if (!Frame.hasDepth(kind)) return
      const token = Frame.tokenAt(bytes, offset)
      if (this.#put(token, bytes.subarray(offset, offset + Frame.Kind.full), receivedMs, seq)) changed?.(token)
    })
  }

  /** Undefined before the first packet with depth, and for one received before `sinceMs`. */
  find(token: number, sinceMs: number): Book | undefined {
    const kept = this.#kept.get(token)
    if (kept === undefined || kept.receivedMs < sinceMs) return undefined
    const { packet, receivedMs, seq } = kept
    Frame.decode(Frame.frameOf([packet]), columns)
    return { packet: Frame.rowOf(columns, 0), receivedMs, seq }
  }

  clear(): void {
    this.#kept.clear()
  }

  #put(token: number, packet: Uint8Array, receivedMs: number, seq: number): boolean {
    let kept = this.#kept.get(token)
    if (kept === undefined) {
      if (this.#kept.size >= this.#booksMax) return false
      kept = { packet: new Uint8Array(Frame.Kind.full), receivedMs, seq }
      this.#kept.set(token, kept)
    } else if (receivedMs < kept.receivedMs) return false
    kept.packet.set(packet)
    kept.receivedMs = receivedMs
    kept.seq = seq
    return true
  }
}
