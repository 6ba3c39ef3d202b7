/** A candle; `time` is its start in seconds. */
export interface Bar {
  time: number
  open: number
  high: number
  low: number
  close: number
}

/** Number of 5-second bars of a trading day. */
const barsMax = 6 * 720

/** Joins shorter bars, ascending, into bars of `seconds`. */
export const join = (bars: ReadonlyArray<Readonly<Bar>>, seconds: number): Array<Bar> => {
  const joined: Array<Bar> = []
  for (const bar of bars) {
    const time = bar.time - (bar.time % seconds)
    const last = joined.at(-1)
    if (last === undefined || last.time !== time) joined.push({ ...bar, time })
    else {
      last.high = Math.max(last.high, bar.high)
      last.low = Math.min(last.low, bar.low)
      last.close = bar.close
    }
  }
  return joined
}

/** Adds a price to the newest bar or starts the next one, and returns that bar; undefined if the price belongs to an older bar. */
export const add = (bars: Array<Bar>, price: number, time: number): Bar | undefined => {
  const last = bars.at(-1)
  if (last === undefined || time > last.time) {
    const bar = { time, open: price, high: price, low: price, close: price }
    bars.push(bar)
    if (bars.length > barsMax) bars.shift()
    return bar
  }
  if (time < last.time) return undefined
  last.high = Math.max(last.high, price)
  last.low = Math.min(last.low, price)
  last.close = price
  return last
}
