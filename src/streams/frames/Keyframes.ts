import type { LastPackets } from "../../domain/market/LastPackets.ts"
import * as Keyframe from "../../domain/record/Keyframe.ts"
import * as Metrics from "../Metrics.ts"
import * as Subjects from "../Subjects.ts"
import type { SendWindow } from "./SendWindow.ts"

/** The data from which the keyframes of one underlying are written. */
interface Lane {
  readonly subject: string
  /** The number of the lane's next frame. */
  readonly number: number
  readonly last: LastPackets
}

/** The keyframes of one account's underlyings: when they are due, and which of them wait for the window. */
export class Keyframes {
  private readonly window: SendWindow
  private readonly account: string
  /** Each lane once, so the queue is never longer than the list of underlyings. */
  private readonly due = new Set<Lane>()
  /** When a lane's newest keyframe was due, market time in UNIX ms. */
  private readonly writtenMs = new Map<Lane, number>()
  private number = Number.NaN
  private clockMs = 0

  constructor(window: SendWindow, account: string) {
    this.window = window
    this.account = account
  }

  isEmpty(): boolean {
    return this.due.size === 0
  }

  /** Called after each clock. All packets that were received before that clock have been sent by now. */
  onClock(atMs: number, lanes: ReadonlyArray<Lane>): void {
    this.clockMs = atMs
    const number = Keyframe.numberAt(atMs)
    const isFirst = Number.isNaN(this.number)
    if (!isFirst && number <= this.number) return
    this.number = number
    if (isFirst) return
    for (const lane of lanes) {
      const isOld = atMs - (this.writtenMs.get(lane) ?? Number.NEGATIVE_INFINITY) >= Keyframe.repeatMs
      if (lane.last.hasNews || (isOld && lane.last.size > 0)) this.due.add(lane)
    }
  }

  /**
   * Queues the keyframes of lanes with new packets at the end of a run, for a reader that starts when nobody streams. Before the first
   * clock it queues none, because a keyframe needs a market time.
   */
  expectNews(lanes: ReadonlyArray<Lane>): void {
    if (this.clockMs === 0) return
    for (const lane of lanes) if (lane.last.hasNews) this.due.add(lane)
  }

  send(): void {
    for (const lane of this.due) {
      if (!this.window.hasRoom()) return
      this.due.delete(lane)
      this.write(lane)
    }
  }

  private write(lane: Lane): void {
    const names = Subjects.Frame.match(lane.subject)
    if (names === undefined) return
    this.writtenMs.set(lane, this.clockMs)
    const time = [[Keyframe.timeHeader, String(this.clockMs)]] as const
    for (const { part, bytes, baseReceivedMs, runs } of lane.last.parts()) {
      const subject = Subjects.Keyframe.at({ ...names, account: this.account, part: String(part) })
      this.window.send(subject, bytes, 0, { number: lane.number, baseReceivedMs, runs }, time)
      Metrics.keyframesPublished(this.account)
      Metrics.keyframeBytes(this.account, bytes.length)
    }
  }
}
