import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Catalogue from "../../../src/domain/indicators/Catalogue.ts"
import * as Indicator from "../../../src/domain/indicators/Indicator.ts"

interface Golden {
  readonly sessionLength: number
  readonly ohlcv: ReadonlyArray<readonly [number, number, number, number, number]>
  readonly firstIndex: Readonly<Record<string, number>>
  readonly values: Readonly<Record<string, ReadonlyArray<number | null>>>
}
const golden: Golden = JSON.parse(readFileSync(new URL("../../data/golden/indicators.golden.json", import.meta.url), "utf8"))

const dayMs = 86_400_000
/** 09:15 IST of a Monday; the golden bars are five minutes long. */
const firstMs = Date.parse("2026-08-17T03:45:00Z")
const bars: ReadonlyArray<Indicator.Bar> = golden.ohlcv.map(([open, high, low, close, volume], index) => ({
  atMs: firstMs + Math.floor(index / golden.sessionLength) * dayMs + (index % golden.sessionLength) * 300_000,
  open,
  high,
  low,
  close,
  volume
}))
const ready = (name: string, settings: Readonly<Record<string, number | string>> = {}) => Either.getOrThrow(Catalogue.make(name, settings))

/** Golden series -> indicator, settings, output. Together they name every series of the file. */
const series: Readonly<Record<string, readonly [name: string, settings: Readonly<Record<string, number | string>>, output: string]>> = {
  sma_20: ["sma", { period: 20 }, "sma"],
  sma_5: ["sma", { period: 5 }, "sma"],
  ema_12: ["ema", { period: 12 }, "ema"],
  ema_20: ["ema", { period: 20 }, "ema"],
  ema_26: ["ema", { period: 26 }, "ema"],
  rsi_14: ["rsi", {}, "rsi"],
  macd_textbook_line: ["macd", {}, "line"],
  macd_textbook_signal: ["macd", {}, "signal"],
  macd_textbook_hist: ["macd", {}, "hist"],
  macd_talib_line: ["macd", { seed: "talib" }, "line"],
  macd_talib_signal: ["macd", { seed: "talib" }, "signal"],
  macd_talib_hist: ["macd", { seed: "talib" }, "hist"],
  bb_20_2_upper: ["bollinger", {}, "upper"],
  bb_20_2_middle: ["bollinger", {}, "middle"],
  bb_20_2_lower: ["bollinger", {}, "lower"],
  tr: ["atr", {}, "tr"],
  atr_14: ["atr", {}, "atr"],
  vwap_session: ["vwap", {}, "vwap"],
  vwap_cumulative: ["vwap", { anchor: "cumulative" }, "vwap"],
  supertrend_10_3: ["supertrend", {}, "line"],
  supertrend_10_3_dir: ["supertrend", {}, "direction"],
  supertrend_10_3_upper: ["supertrend", {}, "upper"],
  supertrend_10_3_lower: ["supertrend", {}, "lower"],
  supertrend_10_3_tv: ["supertrend", { seed: "tradingview" }, "line"],
  supertrend_10_3_tv_dir: ["supertrend", { seed: "tradingview" }, "direction"],
  supertrend_10_3_tv_upper: ["supertrend", { seed: "tradingview" }, "upper"],
  supertrend_10_3_tv_lower: ["supertrend", { seed: "tradingview" }, "lower"],
  adx_14_talib: ["adx", {}, "adx"],
  plus_di_14_talib: ["adx", {}, "plus_di"],
  minus_di_14_talib: ["adx", {}, "minus_di"],
  dx_14_talib: ["adx", {}, "dx"],
  adx_14_wilder: ["adx", { seed: "wilder" }, "adx"],
  plus_di_14_wilder: ["adx", { seed: "wilder" }, "plus_di"],
  minus_di_14_wilder: ["adx", { seed: "wilder" }, "minus_di"],
  dx_14_wilder: ["adx", { seed: "wilder" }, "dx"],
  stoch_14_fastk: ["stochastic", {}, "fast_k"],
  stoch_14_3_3_slowk: ["stochastic", {}, "slow_k"],
  stoch_14_3_3_slowd: ["stochastic", {}, "slow_d"]
}

const price = FastCheck.integer({ min: 1, max: 100_000 })
/** Arbitrary bars five minutes apart over several days, flat and without volume now and then. */
const someBars = FastCheck.array(FastCheck.tuple(price, price, price, price, FastCheck.constantFrom(0, 1, 75, 1_000_000)), {
  minLength: 1,
  maxLength: 120
}).map((rows) =>
  rows.map(([a, b, c, d, volume], index): Indicator.Bar => {
    const prices = [a, b, c, d].map((it) => it / 20)
    return {
      atMs: firstMs + index * 3_600_000,
      open: prices[0]!,
      high: Math.max(...prices),
      low: Math.min(...prices),
      close: prices[3]!,
      volume
    }
  })
)
const every = Catalogue.entries.map((entry) => entry.name)

describe("Indicators", () => {
  it("BE-SVC-03 every series of the golden file belongs to an indicator of the catalogue", () => {
    assert.deepStrictEqual(Object.keys(series).sort(), Object.keys(golden.values).sort())
  })

  for (const [id, [name, settings, output]] of Object.entries(series)) {
    it(`BE-SVC-03 ${id} equals the golden series within 1e-9 and starts at the same bar`, () => {
      const values = Indicator.batch(ready(name, settings).indicator, bars).map((it) => it[output] ?? null)
      const expected = golden.values[id]!
      assert.strictEqual(values.length, expected.length)
      assert.strictEqual(
        values.findIndex((it) => it !== null),
        golden.firstIndex[id]
      )
      for (const [index, value] of values.entries()) {
        const wanted = expected[index] ?? null
        if (wanted === null || value === null) assert.strictEqual(value, wanted, `${id} at ${index}`)
        else assert.isAtMost(Math.abs(value - wanted), 1e-9 * Math.max(1, Math.abs(wanted)), `${id} at ${index}`)
      }
    })
  }

  it.prop(
    "BE-SVC-03 streaming equals batch bit for bit, however often the open bar was corrected",
    [FastCheck.constantFrom(...every), someBars],
    ([name, bars]) => {
      const { indicator } = ready(name)
      const batch = Indicator.batch(indicator, bars)
      let live = Indicator.start(indicator)
      for (const [index, bar] of bars.entries()) {
        // The bar while it forms: first only its open, then a wrong version, finally the correct one.
        live = Indicator.update(indicator, live, { ...bar, high: bar.open, low: bar.open, close: bar.open, volume: 0 })
        live = Indicator.update(indicator, live, { ...bar, high: bar.high * 2, close: bar.high * 2, volume: bar.volume + 1 })
        live = Indicator.update(indicator, live, bar)
        assert.deepStrictEqual(live.values, batch[index])
      }
    }
  )

  it.prop(
    "BE-SVC-03 using a state never changes it, and a late bar changes nothing",
    [FastCheck.constantFrom(...every), someBars],
    ([name, bars]) => {
      const { indicator } = ready(name)
      let live = Indicator.start(indicator)
      for (const bar of bars) live = Indicator.update(indicator, live, bar)
      const kept = JSON.stringify(live)
      Indicator.update(indicator, live, { ...bars.at(-1)!, close: 1 })
      Indicator.update(indicator, live, { ...bars.at(-1)!, atMs: firstMs + 1e10 })
      assert.strictEqual(JSON.stringify(live), kept)
      assert.strictEqual(Indicator.update(indicator, live, { ...bars[0]!, atMs: firstMs - 1 }), live)
    }
  )

  it.prop("BE-SVC-03 oscillators stay within 0 and 100, bands in order", [someBars], ([bars]) => {
    const within = (name: string, ...outputs: ReadonlyArray<string>) => {
      for (const values of Indicator.batch(ready(name).indicator, bars)) {
        for (const output of outputs) {
          const value = values[output]
          if (value !== null) assert.isTrue(value! >= -1e-9 && value! <= 100 + 1e-9, `${name} ${output} ${value}`)
        }
      }
    }
    within("rsi", "rsi")
    within("adx", "adx", "plus_di", "minus_di", "dx")
    within("stochastic", "fast_k", "slow_k", "slow_d")
    within("mfi", "mfi")
    for (const { williams_r } of Indicator.batch(ready("williams_r").indicator, bars)) {
      if (williams_r !== null) assert.isTrue(williams_r! >= -100 - 1e-9 && williams_r! <= 0)
    }
    for (const { upper, middle, lower } of Indicator.batch(ready("bollinger").indicator, bars)) {
      if (upper !== null) assert.isTrue(lower! <= middle! && middle! <= upper!)
    }
  })

  it("BE-SVC-03 a market that does not move has a defined value everywhere", () => {
    const flat = bars.slice(0, 100).map((bar) => ({ ...bar, open: 100, high: 100, low: 100, close: 100, volume: 0 }))
    const last = (name: string) => Indicator.batch(ready(name).indicator, flat).at(-1)!
    assert.deepStrictEqual(last("rsi"), { rsi: 0 })
    assert.deepStrictEqual(last("stochastic"), { fast_k: 0, slow_k: 0, slow_d: 0 })
    assert.deepStrictEqual(last("adx"), { adx: 0, plus_di: 0, minus_di: 0, dx: 0 })
    assert.deepStrictEqual(last("bollinger"), { upper: 100, middle: 100, lower: 100 })
    assert.deepStrictEqual(last("vwap"), { vwap: null })
    assert.deepStrictEqual(last("atr"), { tr: 0, atr: 0 })
    assert.deepStrictEqual(last("macd"), { line: 0, signal: 0, hist: 0 })
    assert.deepStrictEqual(last("cci"), { cci: 0 })
    assert.deepStrictEqual(last("williams_r"), { williams_r: 0 })
    assert.deepStrictEqual(last("mfi"), { mfi: 0 })
    assert.deepStrictEqual(last("obv"), { obv: 0 })
  })

  it("the catalogue names an indicator and its settings once, and says which setting is wrong", () => {
    assert.strictEqual(ready("macd", { slow: 26 }).id, "macd(fast=12,slow=26,signal=9,seed=textbook)")
    assert.strictEqual(ready("rsi").id, ready("rsi", { period: 14 }).id)
    for (const entry of Catalogue.entries) {
      assert.deepStrictEqual(
        Object.keys(Indicator.batch(ready(entry.name).indicator, bars.slice(0, 1))[0]!).sort(),
        [...entry.outputs].sort()
      )
    }
    const field = (name: string, settings: Readonly<Record<string, number | string>>) => {
      const made = Catalogue.make(name, settings)
      return Either.isLeft(made) ? made.left.field : "accepted"
    }
    assert.strictEqual(field("nope", {}), "name")
    assert.strictEqual(field("sma", { perod: 3 }), "perod")
    for (const period of [0, -1, 1.5, Catalogue.periodMax + 1, Number.NaN, "5"]) assert.strictEqual(field("sma", { period }), "period")
    for (const multiplier of [0, -1, 101, "3"]) assert.strictEqual(field("supertrend", { multiplier }), "multiplier")
    assert.strictEqual(field("atr", { seed: "wilder" }), "seed")
    assert.strictEqual(field("macd", { fast: 26, slow: 26 }), "settings")
  })

  it("an indicator's id and its shorter texts give the same indicator, and a wrong text says what is wrong", () => {
    const parsed = (text: string) => {
      const made = Catalogue.parse(text)
      return Either.isLeft(made) ? `${made.left.field}!` : made.right.id
    }
    assert.strictEqual(parsed("RSI"), "rsi(period=14)")
    assert.strictEqual(parsed(" macd( fast = 5 ) "), "macd(fast=5,slow=26,signal=9,seed=textbook)")
    assert.strictEqual(parsed("obv()"), "obv()")
    assert.strictEqual(parsed("bollinger(deviations=2.5)"), "bollinger(period=20,deviations=2.5)")
    for (const entry of Catalogue.entries) assert.strictEqual(parsed(ready(entry.name).id), ready(entry.name).id)
    assert.strictEqual(parsed("nope"), "name!")
    assert.strictEqual(parsed("rsi(period=14"), "name!")
    assert.strictEqual(parsed("r".repeat(Catalogue.textMax + 1)), "name!")
    for (const text of ["rsi(14)", "rsi(period=14,period=15)", "rsi(period=1=2)", "rsi(=14)"]) assert.strictEqual(parsed(text), "settings!")
    assert.strictEqual(parsed("rsi(period=-14)"), "period!")
    assert.strictEqual(parsed("rsi(seed=talib)"), "seed!")
    assert.deepStrictEqual(Catalogue.split("rsi,macd(fast=5,slow=9),obv"), ["rsi", "macd(fast=5,slow=9)", "obv"])
  })

  it("says which earlier bars a value depends on", () => {
    const of = (text: string) => {
      const { memory, bars } = Either.getOrThrow(Catalogue.parse(text))
      return [memory, bars]
    }
    assert.deepStrictEqual(of("sma"), ["window", 20])
    assert.deepStrictEqual(of("bollinger(deviations=50)"), ["window", 20])
    assert.deepStrictEqual(of("stochastic"), ["window", 20])
    assert.deepStrictEqual(of("macd"), ["decaying", 47])
    assert.deepStrictEqual(of("vwap"), ["session", 0])
    assert.deepStrictEqual(of("vwap(anchor=cumulative)"), ["all", 0])
    assert.deepStrictEqual(of("obv"), ["all", 0])
  })
})
