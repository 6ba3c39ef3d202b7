/** A candle; `time` is its start in seconds. */
export interface Bar {
  time: number
  open: number
  high: number
  low: number
  close: number
}

/** Bars of 5 seconds that a trading day has. */
const barsMax = 6 * 720

/** Bars of `seconds` from shorter ones, ascending. */
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

/** Adds a price to the newest bar or begins the next one, and returns that bar; undefined for a price of an older bar. */
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
