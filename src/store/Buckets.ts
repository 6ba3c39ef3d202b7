/** Where the bars of Postgres begin: `date_bin` lays intervals out from one origin, which serves all days because each length divides a day. */
import * as IndiaTime from "../domain/IndiaTime.ts"

/** India has had one offset from UTC since 1945, so one midnight serves all days. */
const midnightMs = -IndiaTime.istOffsetMs

/** Bars of a day begin at the session's open (`gridOpenMs` after India's midnight), as those of Timeframe do. Day bars begin at midnight. */
export const originOf = (minutes: number, gridOpenMs: number): string =>
  new Date(midnightMs + (minutes < IndiaTime.dayMinutes ? gridOpenMs : 0)).toISOString()
