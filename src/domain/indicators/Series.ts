import * as IndiaTime from "../IndiaTime.ts"
import * as Day from "../rules/Day.ts"
import type { Ready } from "./Catalogue.ts"
import type { Bar, Values } from "./Indicator.ts"

/** Indicators of one request. */
export const indicatorsMax = 20
/**
 * For weights that fall exponentially: the bars before a day's first value, as a multiple of the sum of the periods. After ten times its
 * period the first bar weighs less than 1e-4 in Wilder's means, and less than 1e-8 in exponential ones.
 */
const warmUpFactor = 10
const warmUpMin = 100
const warmUpMax = 5_000
/** The days that cover a row of holidays before the bars. */
const holidaysMax = 5
/** The newest bar may be this many days old, after a row of holidays. */
export const newestBarDaysMax = 10

/** Bars before a day that its values need. */
const warmUp = ({ memory, bars }: Ready): number =>
  memory === "window" ? bars + 1 : Math.min(warmUpMax, Math.max(warmUpMin, warmUpFactor * bars))

/** The calendar days that so many bars cover. `sessionMinutes` is the length of an ordinary session. */
export const daysOf = (bars: number, minutes: number, sessionMinutes: number): number => {
  const perSession = Math.max(1, Math.floor(sessionMinutes / minutes))
  return Math.ceil(Math.ceil(bars / perSession) * Day.daysPerSession)
}

/**
 * The origin of the series whose values are used on a day in India ("YYYY-MM-DD"), UNIX ms: always a midnight. It depends on the day alone,
 * so a bar has the same values, bit for bit, in every answer and after every restart. Sums over all bars begin with the month, or with the
 * year in day bars. `sessionMinutes` is the length of an ordinary session.
 */
export const originMs = (ready: Ready, day: string, minutes: number, sessionMinutes: number): number => {
  switch (ready.memory) {
    case "session":
      return IndiaTime.istMidnightMs(day)
    case "all":
      return IndiaTime.istMidnightMs(minutes < IndiaTime.dayMinutes ? `${day.slice(0, 7)}-01` : `${day.slice(0, 4)}-01-01`)
    case "window":
    case "decaying": {
      const days = daysOf(warmUp(ready), minutes, sessionMinutes) + holidaysMax
      return IndiaTime.istMidnightMs(day) - days * IndiaTime.dayMs
    }
  }
}

/** A run of bars whose values are computed together: those from `at` to `end`, after the bars from `from` on. */
export interface Segment {
  readonly from: number
  readonly at: number
  readonly end: number
}

/**
 * Splits the bars from index `first` to `end` (exclusive) into runs that begin at the same origin. `bars` are ascending and reach back to the
 * origin of the first of them. A value with a window does not depend on its origin, so all such bars are one run.
 */
export const segments = (
  ready: Ready,
  bars: ReadonlyArray<Bar>,
  first: number,
  end: number,
  minutes: number,
  sessionMinutes: number
): ReadonlyArray<Segment> => {
  const found: Array<Segment> = []
  let from = 0
  let at = first
  while (at < end) {
    const origin = originMs(ready, IndiaTime.istDate((bars[at] as Bar).atMs), minutes, sessionMinutes)
    while (from < at && (bars[from] as Bar).atMs < origin) from++
    let next = at + 1
    const isSame = (bar: Bar) =>
      ready.memory === "window" || originMs(ready, IndiaTime.istDate(bar.atMs), minutes, sessionMinutes) === origin
    while (next < end && isSame(bars[next] as Bar)) next++
    found.push({ from, at, end: next })
    at = next
  }
  return found
}

/** The values of a segment's bars, one for each bar from `at` on. */
export const valuesOf = ({ indicator }: Ready, bars: ReadonlyArray<Bar>, { from, at, end }: Segment): ReadonlyArray<Values> => {
  const values: Array<Values> = []
  let state = indicator.initial
  for (let index = from; index < end; index++) {
    const [next, value] = indicator.next(state, bars[index] as Bar)
    state = next
    if (index >= at) values.push(value)
  }
  return values
}
