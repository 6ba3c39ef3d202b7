import { type ConsumerConfig, type ConsumerInfo, DeliverPolicy } from "nats"
import * as IndiaTime from "../../domain/IndiaTime.ts"

/**
 * New: from now on. LastPerSubject: the newest message of every subject, then live. After: everything behind that sequence. Since:
 * everything that the server stored from that instant on.
 */
export type Start =
  | { readonly _tag: "New" }
  | { readonly _tag: "LastPerSubject" }
  | { readonly _tag: "After"; readonly seq: number }
  | { readonly _tag: "Since"; readonly storedMs: number }

interface StreamFacts {
  readonly createdMs: number
  readonly firstSeq: number
  readonly lastSeq: number
}
/** `same`: the place is valid. `lost`: the stream dropped messages behind it. `recreated`: the stream was made again. */
export type Comparison = { readonly _tag: "same" } | { readonly _tag: "lost" | "recreated"; readonly from: number; readonly to: number }

/** How far a read has come in its stream, and where the next consumer must begin. */
export class Place {
  last: number
  private readonly start: Start
  /** True when `last` is enough to continue from. A read of the newest per subject needs all of them first. */
  private isPlaced: boolean
  private replayLeft = 0
  private streamCreatedMs = 0

  constructor(start: Start) {
    this.start = start
    this.last = start._tag === "After" ? start.seq : 0
    this.isPlaced = start._tag === "After"
  }

  /** What the next consumer delivers. */
  get deliver(): Partial<ConsumerConfig> {
    if (this.isPlaced) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.last + 1 }
    if (this.start._tag === "Since")
      return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: IndiaTime.isoTime(this.start.storedMs) }
    return { deliver_policy: this.start._tag === "New" ? DeliverPolicy.New : DeliverPolicy.LastPerSubject }
  }

  /**
   * Notes that a consumer begins. It fixes the place of a read "from now on", or of a replay that had nothing to replay, so that a later
   * break does not move it.
   */
  begin({ num_pending, delivered }: ConsumerInfo): void {
    this.replayLeft = num_pending
    if (this.isPlaced || !(this.start._tag !== "LastPerSubject" || num_pending === 0)) return
    this.last = Math.max(this.last, delivered.stream_seq)
    this.isPlaced = true
  }

  /** Notes a delivered message. False if the message was already delivered before a break. */
  advance(seq: number, pending: number): boolean {
    if (!this.isPlaced && (--this.replayLeft <= 0 || pending === 0)) this.isPlaced = true
    if (seq <= this.last) return false
    this.last = seq
    return true
  }

  /** Compares the place with what the stream holds, and moves it past the lost messages. */
  compare({ createdMs, firstSeq, lastSeq }: StreamFacts): Comparison {
    const behindFirst = Math.max(0, firstSeq - 1)
    const isRecreated = (this.streamCreatedMs !== 0 && createdMs !== this.streamCreatedMs) || lastSeq < this.last
    this.streamCreatedMs = createdMs
    if (!isRecreated && !(this.isPlaced && behindFirst > this.last)) return { _tag: "same" }
    const from = this.last + 1
    this.last = behindFirst
    // A read of the newest per subject loses nothing: a newer message of the same subject follows.
    if (!isRecreated && this.start._tag === "LastPerSubject") return { _tag: "same" }
    return { _tag: isRecreated ? "recreated" : "lost", from, to: behindFirst }
  }
}
