import { Either, Schema } from "effect"
import * as IndiaTime from "../domain/IndiaTime.ts"
import * as Catalogue from "../domain/indicators/Catalogue.ts"
import * as Indicator from "../domain/indicators/Indicator.ts"
import * as Document from "./Document.ts"
import type { Problem } from "./Problem.ts"

/** The name of each series in the golden file: indicator, settings, output. */
const series: ReadonlyArray<
  readonly [name: string, indicator: string, settings: Readonly<Record<string, number | string>>, output: string]
> = [
  ["sma_20", "sma", { period: 20 }, "sma"],
  ["sma_5", "sma", { period: 5 }, "sma"],
  ["ema_12", "ema", { period: 12 }, "ema"],
  ["ema_20", "ema", { period: 20 }, "ema"],
  ["ema_26", "ema", { period: 26 }, "ema"],
  ["rsi_14", "rsi", {}, "rsi"],
  ["macd_textbook_line", "macd", {}, "line"],
  ["macd_textbook_signal", "macd", {}, "signal"],
  ["macd_textbook_hist", "macd", {}, "hist"],
  ["macd_talib_line", "macd", { seed: "talib" }, "line"],
  ["macd_talib_signal", "macd", { seed: "talib" }, "signal"],
  ["macd_talib_hist", "macd", { seed: "talib" }, "hist"],
  ["bb_20_2_upper", "bollinger", {}, "upper"],
  ["bb_20_2_middle", "bollinger", {}, "middle"],
  ["bb_20_2_lower", "bollinger", {}, "lower"],
  ["tr", "atr", {}, "tr"],
  ["atr_14", "atr", {}, "atr"],
  ["vwap_session", "vwap", {}, "vwap"],
  ["vwap_cumulative", "vwap", { anchor: "cumulative" }, "vwap"],
  ["supertrend_10_3", "supertrend", {}, "line"],
  ["supertrend_10_3_dir", "supertrend", {}, "direction"],
  ["supertrend_10_3_upper", "supertrend", {}, "upper"],
  ["supertrend_10_3_lower", "supertrend", {}, "lower"],
  ["supertrend_10_3_tv", "supertrend", { seed: "tradingview" }, "line"],
  ["supertrend_10_3_tv_dir", "supertrend", { seed: "tradingview" }, "direction"],
  ["supertrend_10_3_tv_upper", "supertrend", { seed: "tradingview" }, "upper"],
  ["supertrend_10_3_tv_lower", "supertrend", { seed: "tradingview" }, "lower"],
  ["adx_14_talib", "adx", {}, "adx"],
  ["plus_di_14_talib", "adx", {}, "plus_di"],
  ["minus_di_14_talib", "adx", {}, "minus_di"],
  ["dx_14_talib", "adx", {}, "dx"],
  ["adx_14_wilder", "adx", { seed: "wilder" }, "adx"],
  ["plus_di_14_wilder", "adx", { seed: "wilder" }, "plus_di"],
  ["minus_di_14_wilder", "adx", { seed: "wilder" }, "minus_di"],
  ["dx_14_wilder", "adx", { seed: "wilder" }, "dx"],
  ["stoch_14_fastk", "stochastic", {}, "fast_k"],
  ["stoch_14_3_3_slowk", "stochastic", {}, "slow_k"],
  ["stoch_14_3_3_slowd", "stochastic", {}, "slow_d"]
]

const Input = Schema.Struct({
  ohlcv: Schema.Array(Schema.Unknown),
  /** Bars per session; if absent, all bars are one session. */
  sessionLength: Schema.optional(Schema.Int.pipe(Schema.between(1, 86_400)))
})
const decodeInput = Document.decoder(Input)

const Price = Schema.Number.pipe(Schema.finite())
const decodeBar = Document.decoder(
  Schema.Tuple(Price, Price, Price, Price, Schema.NonNegative.pipe(Schema.finite())).pipe(
    Schema.filter(
      ([open, high, low, close]) => (low <= Math.min(open, close) && high >= Math.max(open, close)) || "open and close lie from low to high"
    )
  )
)

/** When bar `index` opens. Each session is another day in India, so that indicators restart with it. The hour has no meaning. */
const openMs = (index: number, sessionLength: number | undefined): number => {
  const [day, place, length] =
    sessionLength === undefined ? [0, 0, 1] : [Math.floor(index / sessionLength), index % sessionLength, sessionLength]
  return day * IndiaTime.dayMs - IndiaTime.istOffsetMs + Math.floor((place * IndiaTime.dayMs) / length)
}

/** One column per series. It is null at a place without a bar, and until the indicator has enough bars. */
const seriesOf = (bars: ReadonlyArray<Indicator.Bar | null>): Readonly<Record<string, ReadonlyArray<number | null>>> => {
  const known = bars.filter((bar) => bar !== null)
  const computed = new Map<string, ReadonlyArray<Indicator.Values>>()
  const valuesOf = (name: string, settings: Readonly<Record<string, number | string>>): ReadonlyArray<Indicator.Values> => {
    const ready = Either.getOrThrow(Catalogue.make(name, settings))
    const values = computed.get(ready.id) ?? Indicator.batch(ready.indicator, known)
    computed.set(ready.id, values)
    return values
  }
  return Object.fromEntries(
    series.map(([key, name, settings, output]) => {
      const values = valuesOf(name, settings)
      let next = 0
      return [key, bars.map((bar) => (bar === null ? null : (values[next++]?.[output] ?? null)))]
    })
  )
}

const firstIndexOf = (values: ReadonlyArray<number | null>): number | null => {
  const index = values.findIndex((value) => value !== null)
  return index < 0 ? null : index
}

const problemAt = (at: string, bad: Document.BadRow): Problem => ({ at: Document.joinPath(at, bad.path) || "$", reason: bad.reason })

/**
 * `{ohlcv: [[open, high, low, close, volume]], sessionLength}`: adds `values`, one column per series, and `firstIndex`, where each
 * starts. A bad bar is null in every series, and later values ignore it.
 */
export const calculation: Document.Calculation = (document) => {
  const input = decodeInput(document)
  if (Either.isLeft(input)) {
    const base = Document.isObject(document) ? document : {}
    return { document: { ...base, firstIndex: null, values: null }, problems: [problemAt("", input.left)] }
  }
  const problems: Array<Problem> = []
  const bars = input.right.ohlcv.map((row, index): Indicator.Bar | null => {
    const bar = decodeBar(row)
    if (Either.isLeft(bar)) {
      problems.push(problemAt(`ohlcv[${index}]`, bar.left))
      return null
    }
    const [open, high, low, close, volume] = bar.right
    return { atMs: openMs(index, input.right.sessionLength), open, high, low, close, volume }
  })
  const values = seriesOf(bars)
  const firstIndex = Object.fromEntries(Object.entries(values).map(([key, column]) => [key, firstIndexOf(column)]))
  return { document: { ...(document as object), firstIndex, values }, problems }
}
