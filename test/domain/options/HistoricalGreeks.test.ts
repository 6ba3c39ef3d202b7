import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as HistoricalGreeks from "../../../src/domain/options/HistoricalGreeks.ts"

const minuteMs = 60_000
const startMs = Date.parse("2026-08-19T03:45:00Z")
const expiryMs = Date.parse("2026-08-25T10:00:00Z")
const settings = { rate: 0.065, dividendYield: 0.012 }
const option: HistoricalGreeks.Option = { kind: "CE", strike: 24_500, tickSize: 0.05, expiryMs }
const yearMs = 365 * 86_400_000
const tOf = (atMs: number) => (expiryMs - atMs - minuteMs) / yearMs
const forwardOf = (spot: number, atMs: number) => spot * Math.exp((settings.rate - settings.dividendYield) * tOf(atMs))
const candleAt = (at: number, spot: number, vol: number) => {
  const atMs = startMs + at * minuteMs
  return { atMs, close: Black76.priceOf(1, forwardOf(spot, atMs), option.strike, tOf(atMs), settings.rate, vol), volume: at }
}

const minuteCloses = (opensMs: number): number => opensMs + 60_000

describe("HistoricalGreeks", () => {
  it("TC-GRK-030 a candle gains the Greeks of the volatility that its own close implies on its underlying's close", () => {
    const candles = [candleAt(0, 24_480, 0.14), candleAt(1, 24_620, 0.16)]
    const underlying = { closeAt: new Map(candles.map(({ atMs }, at) => [atMs, [24_480, 24_620][at]!])), carried: true }
    for (const [at, valued] of HistoricalGreeks.ofCandles(option, candles, underlying, minuteCloses, settings).entries()) {
      const { atMs } = candles[at]!
      const expected = Black76.greeks(
        "CE",
        forwardOf([24_480, 24_620][at]!, atMs),
        option.strike,
        tOf(atMs),
        settings.rate,
        [0.14, 0.16][at]!
      )
      assert.strictEqual(expected._tag, "Right")
      if (expected._tag === "Left" || valued.greeks === null) return assert.fail("no Greeks")
      assert.closeTo(valued.greeks.delta, expected.right.delta, 6e-5)
      assert.closeTo(valued.greeks.gamma, expected.right.gamma, 6e-8)
      assert.closeTo(valued.greeks.theta, expected.right.theta / 365, 6e-5)
      assert.closeTo(valued.greeks.vega, expected.right.vega / 100, 6e-5)
    }
  })

  it("TC-GRK-030 the candles themselves are unchanged", () => {
    const candles = Object.freeze([candleAt(0, 24_480, 0.14), candleAt(1, 24_480, 0.14)].map((one) => Object.freeze(one)))
    const before = JSON.stringify(candles)
    HistoricalGreeks.ofCandles(option, candles, { closeAt: new Map([[startMs, 24_480]]), carried: true }, minuteCloses, settings)
    assert.strictEqual(JSON.stringify(candles), before)
  })

  it("TC-GRK-032 a candle without its underlying's price has a reason instead of Greeks, and the others have Greeks", () => {
    const candles = [candleAt(0, 24_480, 0.14), candleAt(1, 24_480, 0.14), candleAt(2, 24_480, 0.14)]
    const closeAt = new Map([
      [candles[0]!.atMs, 24_480],
      [candles[2]!.atMs, 24_480]
    ])
    const valued = HistoricalGreeks.ofCandles(option, candles, { closeAt, carried: true }, minuteCloses, settings)
    assert.deepStrictEqual(valued[1], { greeks: null, greeks_reason: "no_underlying_price" })
    assert.isNotNull(valued[0]?.greeks)
    assert.isNotNull(valued[2]?.greeks)
  })

  it("a price without a volatility has a reason, as in a chain's rows", () => {
    const at = (close: number, atMs = startMs) =>
      HistoricalGreeks.ofCandles(
        option,
        [{ atMs, close }],
        { closeAt: new Map([[atMs, 25_000]]), carried: true },
        minuteCloses,
        settings
      )[0]
    assert.deepStrictEqual(at(400), { greeks: null, greeks_reason: "below_intrinsic" })
    assert.deepStrictEqual(at(30_000), { greeks: null, greeks_reason: "above_bound" })
    assert.deepStrictEqual(at(400, expiryMs), { greeks: null, greeks_reason: "expired" })
    assert.deepStrictEqual(
      HistoricalGreeks.ofCandles(
        { ...option, strike: 40_000 },
        [{ atMs: startMs, close: 0.01 }],
        { closeAt: new Map([[startMs, 25_000]]), carried: true },
        minuteCloses,
        settings
      )[0],
      { greeks: null, greeks_reason: "no_time_value" }
    )
  })

  it("a future is its own forward, and a day is valued at its session's close", () => {
    const dayMs = Date.parse("2026-08-18T18:30:00Z")
    const t = (expiryMs - Date.parse("2026-08-19T10:10:00Z")) / yearMs
    const close = Black76.priceOf(1, 24_600, option.strike, t, settings.rate, 0.15)
    const [valued] = HistoricalGreeks.ofCandles(
      option,
      [{ atMs: dayMs, close }],
      { closeAt: new Map([[dayMs, 24_600]]), carried: false },
      () => Date.parse("2026-08-19T10:10:00Z"),
      settings
    )
    const expected = Black76.greeks("CE", 24_600, option.strike, t, settings.rate, 0.15)
    assert.closeTo(valued?.greeks?.delta ?? 0, expected._tag === "Right" ? expected.right.delta : 1, 6e-5)
  })

  it.prop(
    "a candle has finite Greeks or a reason, for any prices",
    [FastCheck.double({ min: 0, max: 1e6, noNaN: true }), FastCheck.double({ min: -10, max: 1e6, noNaN: true })],
    ([close, spot]) => {
      const [valued] = HistoricalGreeks.ofCandles(
        option,
        [{ atMs: startMs, close }],
        { closeAt: new Map([[startMs, spot]]), carried: true },
        minuteCloses,
        settings
      )
      if (valued?.greeks === null) assert.isString(valued.greeks_reason)
      else assert.isTrue(Object.values(valued?.greeks ?? { none: Number.NaN }).every(Number.isFinite))
    }
  )
})
