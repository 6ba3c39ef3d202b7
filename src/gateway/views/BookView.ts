import * as Frame from "../../domain/market/Frame.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"

/** Instruments whose books are kept, 200 bytes each. An account streams at most 9,000; anything beyond this number is ignored. */
export const booksMax = 100_000

interface Kept {
  readonly packet: Uint8Array<ArrayBuffer>
  receivedMs: number
}

/** The newest packet with market depth of one instrument. */
export interface Book {
  readonly packet: ReturnType<typeof Frame.rowOf>
  readonly receivedMs: number
}

const columns = Frame.makeColumns(1)

/** The newest order book of every instrument that is streamed in full mode. */
export class BookView {
  readonly #kept = new Map<number, Kept>()
  #receivedMs = new Float64Array(64)

  get size(): number {
    return this.#kept.size
  }

  /** Folds a frame or a keyframe. A packet received before the one that is kept is skipped, so a frame may come twice. */
  apply(header: FrameHeader.FrameHeader, bytes: Uint8Array): void {
    const packets = Frame.packetCount(bytes)
    if (packets > this.#receivedMs.length) this.#receivedMs = new Float64Array(packets)
    FrameHeader.fillReceivedMs(header, packets, this.#receivedMs)
    let row = 0
    Frame.forEachPacket(bytes, (offset, kind) => {
      const receivedMs = this.#receivedMs[row++] ?? 0
      if (Frame.hasDepth(kind)) this.#put(Frame.tokenAt(bytes, offset), bytes, offset, receivedMs)
    })
  }

  /** Undefined before the first packet with depth, and for one received before `sinceMs`. */
  find(token: number, sinceMs: number): Book | undefined {
    const kept = this.#kept.get(token)
    if (kept === undefined || kept.receivedMs < sinceMs) return undefined
    Frame.decode(Frame.frameOf([kept.packet]), columns)
    return { packet: Frame.rowOf(columns, 0), receivedMs: kept.receivedMs }
  }

  clear(): void {
    this.#kept.clear()
  }

  #put(token: number, bytes: Uint8Array, offset: number, receivedMs: number): void {
    let kept = this.#kept.get(token)
    if (kept === undefined) {
      if (this.#kept.size >= booksMax) return
      kept = { packet: new Uint8Array(Frame.Kind.full), receivedMs }
      this.#kept.set(token, kept)
    } else if (receivedMs < kept.receivedMs) return
    kept.packet.set(bytes.subarray(offset, offset + Frame.Kind.full))
    kept.receivedMs = receivedMs
  }
}
