/**
 * The origin of the bars in Postgres. `date_bin` lays intervals out from one origin, which serves all days because each length divides
 * a day.
 */
import * as IndiaTime from "../domain/IndiaTime.ts"

/** India's offset from UTC is constant since 1945, so one midnight serves all days. */
const midnightMs = -IndiaTime.istOffsetMs

/** Bars of a day start at the session's open (`gridOpenMs` after India's midnight), like those of Timeframe. Day bars start at midnight. */
export const originOf = (minutes: number, gridOpenMs: number): string =>
  new Date(midnightMs + (minutes < IndiaTime.dayMinutes ? gridOpenMs : 0)).toISOString()
