import * as BoundedClock from "../../domain/record/BoundedClock.ts"
import type { FrameHeader } from "../../domain/record/FrameHeader.ts"
import * as Metrics from "../Metrics.ts"
import type { Taken } from "./Member.ts"

/** Receive time of the newest packet in a frame, UNIX ms. */
const newestMs = ({ baseReceivedMs, runs }: FrameHeader): number => {
  let newest = 0
  for (let run = 1; run < runs.length; run += 2) newest = Math.max(newest, runs[run] as number)
  return baseReceivedMs + newest
}

/**
 * False for a clock or a frame that says a time further than a second ahead of the server's when it stored the message: a machine with a
 * wrong clock wrote it, and it would move everybody's windows. It depends on the record alone, so a replay refuses the same messages. A
 * time in the past does no harm. For a recording, the server's time cannot be compared.
 */
export const isTimely = ({ input, timeMs }: Taken, isReal: boolean): boolean => {
  if (!isReal) return true
  if (input._tag === "Clock") {
    if (!BoundedClock.isAhead(input.atMs, timeMs)) return true
    Metrics.timesRefused(input.account)
    return false
  }
  if (input._tag !== "Frame" || !BoundedClock.isAhead(newestMs(input.header), timeMs)) return true
  Metrics.timesRefused(input.header.account)
  return false
}
