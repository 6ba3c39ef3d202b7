import type { LineData, UTCTimestamp } from "lightweight-charts"
import type { Candle, Mark } from "../gateway/Contract.ts"

export type Point = LineData<UTCTimestamp>
export type What = "pnl" | "m2m"
/** Number of live points that are kept per strategy: an hour of seconds. */
const pointsMax = 3_600

/** A strategy's values over time: stored minutes, then the live marks, one point a second. */
export interface Trail {
  readonly pnl: Array<Point>
  readonly m2m: Array<Point>
}
export const make = (): Trail => ({ pnl: [], m2m: [] })

const addPoint = (points: Array<Point>, time: UTCTimestamp, amount: Mark["m2m"]): void => {
  if (amount === null) return
  const last = points.at(-1)
  const point = { time, value: amount.toNumber() }
  if (last?.time === time) points[points.length - 1] = point
  else if (last === undefined || time > last.time) points.push(point)
  if (points.length > pointsMax) points.shift()
}

export const addMark = (trail: Trail, mark: Mark): void => {
  const time = Math.floor(Date.parse(mark.as_of) / 1000) as UTCTimestamp
  addPoint(trail.pnl, time, mark.total_pnl)
  addPoint(trail.m2m, time, mark.m2m)
}

/** The stored minutes before the live points, each with its last value, then the live points. */
export const whole = (what: What, trail: Trail, candles: ReadonlyArray<Candle>): ReadonlyArray<Point> => {
  const live = trail[what]
  const first = live[0]?.time ?? Number.POSITIVE_INFINITY
  const stored = candles.flatMap((candle): ReadonlyArray<Point> => {
    const time = (Date.parse(candle.timestamp) / 1000) as UTCTimestamp
    const value = what === "pnl" ? candle.total_pnl : candle.close
    return value === null || time >= first ? [] : [{ time, value: value.toNumber() }]
  })
  return [...stored, ...live]
}
