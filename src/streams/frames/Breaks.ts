import type { Break, Cause } from "../../domain/record/Break.ts"
import * as Metrics from "../Metrics.ts"
import * as Subjects from "../Subjects.ts"
import type { Sender, SendWindow } from "./SendWindow.ts"

/** An interruption whose packets are still being counted. Times are UNIX ms; `toMs` is null while it lasts. */
export interface Interruption {
  readonly cause: Cause
  readonly fromMs: number
  toMs: number | null
  packets: number | null
}

/** Interruptions carry no packets. The list is not empty, because a blank at the end of a header's value is lost. */
const noPackets = [0, 0]

/**
 * The interruptions of one account's lanes that are not sent yet: at most one for each lane and cause, however long NATS is away. They leave
 * before the next clock, so that no bar of their time closes as complete.
 */
export class Breaks {
  private readonly window: SendWindow
  private readonly sender: Sender
  private readonly waiting = new Map<string, Map<Cause, Interruption>>()
  private number = 0

  constructor(window: SendWindow, sender: Sender) {
    this.window = window
    this.sender = sender
  }

  isEmpty(): boolean {
    return this.waiting.size === 0
  }

  /** Merges an interruption into the one that waits for this lane and cause. A known end stays until another interruption begins. */
  note(lane: string, { cause, fromMs, toMs, packets }: Interruption): void {
    let ofLane = this.waiting.get(lane)
    if (ofLane === undefined) {
      ofLane = new Map()
      this.waiting.set(lane, ofLane)
    }
    const known = ofLane.get(cause)
    if (known === undefined) {
      ofLane.set(cause, { cause, fromMs, toMs, packets })
      return
    }
    known.toMs = toMs === null || known.toMs === null ? toMs : Math.max(known.toMs, toMs)
    if (packets !== null) known.packets = (known.packets ?? 0) + packets
  }

  send(): void {
    for (const [lane, ofLane] of this.waiting) {
      for (const [cause, interruption] of ofLane) {
        if (!this.window.hasRoom()) return
        ofLane.delete(cause)
        this.write(lane, interruption)
      }
      this.waiting.delete(lane)
    }
  }

  private write(lane: string, { cause, fromMs, toMs, packets }: Interruption): void {
    const names = Subjects.Frame.match(lane)
    if (names === undefined) return
    const body: Break = {
      v: 1,
      ...names,
      account: this.sender.account,
      incarnation: this.sender.incarnation,
      cause,
      from: new Date(fromMs),
      to: toMs === null ? null : new Date(toMs),
      packets
    }
    const header = { number: this.number++, baseReceivedMs: fromMs, runs: noPackets }
    this.window.send(Subjects.Break.at(names), Subjects.Break.encode(body), 0, header)
    Metrics.breaksPublished(cause)
  }
}
