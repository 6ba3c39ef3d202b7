import { Effect } from "effect"
import * as Backpressure from "../../domain/market/Backpressure.ts"
import * as Metrics from "../Metrics.ts"
import type { Lanes } from "./Lanes.ts"
import type { SendWindow } from "./SendWindow.ts"

const gauges = [Metrics.framesOutstanding, Metrics.frameBufferBytes, Metrics.frameLagMs, Metrics.backpressureLevel]

/** The level of backpressure of one account, as of the last check. */
export class Pressure {
  level: Backpressure.Level = "HEALTHY"
  /** Age of the oldest unacknowledged frame; while the connection is lost, age of the loss if anything waits. */
  lagMs = 0
  private droppedBefore = 0
  private readonly account: string
  private readonly window: SendWindow
  private readonly lanes: Lanes
  private readonly roomBytes: number
  private readonly changed: () => void

  /** `changed` is called when a check has found another level. */
  constructor(window: SendWindow, lanes: Lanes, roomBytes: number, changed: () => void) {
    this.account = lanes.account
    this.window = window
    this.lanes = lanes
    this.roomBytes = roomBytes
    this.changed = changed
    this.measure()
  }

  /** Checks the load, and logs a level that has changed. */
  readonly look: Effect.Effect<void> = Effect.suspend(() => {
    const { dropped } = this.window.totals
    const { bufferedBytes } = this.lanes
    const before = this.level
    this.lagMs = this.window.lagMs(!this.lanes.isEmpty())
    this.level = Backpressure.next(before, {
      bufferedBytes,
      bufferedBytesMax: this.roomBytes,
      isWindowFull: !this.window.hasRoom(),
      lagMs: this.lagMs,
      dropped: dropped - this.droppedBefore
    })
    this.droppedBefore = dropped
    this.measure()
    if (this.level === before) return Effect.void
    this.changed()
    const isWell = this.level === "HEALTHY"
    return (isWell ? Effect.logInfo("the record takes everything again") : Effect.logWarning("the record is behind")).pipe(
      Effect.annotateLogs({ account: this.account, level: this.level, buffered_bytes: bufferedBytes, lag_ms: this.lagMs, dropped })
    )
  })

  /** Stops reporting the account's gauges: its frames are published elsewhere, or nowhere. */
  forget(): void {
    for (const gauge of gauges) gauge.forget(this.account)
  }

  private measure(): void {
    Metrics.framesOutstanding.set(this.account, this.window.openFrames)
    Metrics.frameBufferBytes.set(this.account, this.lanes.bufferedBytes)
    Metrics.frameLagMs.set(this.account, this.lagMs)
    Metrics.backpressureLevel.set(this.account, Backpressure.levels.indexOf(this.level))
  }
}
