import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Oracle from "trading-signals"
import * as Catalogue from "../../../src/domain/indicators/Catalogue.ts"
import * as Indicator from "../../../src/domain/indicators/Indicator.ts"

type Row = readonly [open: number, high: number, low: number, close: number, volume: number]
const golden: { readonly ohlcv: ReadonlyArray<Row> } = JSON.parse(
  readFileSync(new URL("../../data/golden/indicators.golden.json", import.meta.url), "utf8")
)
const firstMs = Date.parse("2026-08-17T03:45:00Z")
const barOf = ([open, high, low, close, volume]: Row, index: number): Indicator.Bar => ({
  atMs: firstMs + index * 60_000,
  open,
  high,
  low,
  close,
  volume
})
const goldenBars = golden.ohlcv.map(barOf)

/** A market that moves in every bar: the price walks, and each bar has a range and a volume. */
const movingBars = FastCheck.array(
  FastCheck.tuple(
    FastCheck.integer({ min: -400, max: 400 }).filter((step) => step !== 0),
    FastCheck.integer({ min: 1, max: 60 }),
    FastCheck.integer({ min: 1, max: 60 }),
    FastCheck.integer({ min: 1, max: 100_000 })
  ),
  { minLength: 60, maxLength: 160 }
).map((rows) => {
  let units = 490_000
  return rows.map(([step, up, down, volume], index) => {
    const open = units
    units += step
    return barOf([open / 20, (Math.max(open, units) + up) / 20, (Math.min(open, units) - down) / 20, units / 20, volume], index)
  })
})

interface Compared {
  readonly text: string
  readonly output: string
  readonly oracle: () => (bar: Indicator.Bar) => number | null
  /** The first bar from which both must agree; by default as soon as both have a value. */
  readonly from?: number
}
const series = (make: () => { add: (bar: Indicator.Bar) => number | null }) => () => {
  const one = make()
  return (bar: Indicator.Bar) => one.add(bar)
}
const closes = (make: () => { add: (price: number) => number | null }) => () => {
  const one = make()
  return (bar: Indicator.Bar) => one.add(bar.close)
}
const bandOf = (output: "upper" | "middle" | "lower") => () => {
  const one = new Oracle.BollingerBands(20, 2)
  return (bar: Indicator.Bar) => one.add(bar.close)?.[output] ?? null
}
const stochasticOf = (output: "stochK" | "stochD") => () => {
  const one = new Oracle.StochasticOscillator({ kPeriod: 14, kSlowingPeriod: 3, dPeriod: 3 })
  return (bar: Indicator.Bar) => one.add(bar)?.[output] ?? null
}
const compared: ReadonlyArray<Compared> = [
  { text: "sma(period=20)", output: "sma", oracle: closes(() => new Oracle.SMA(20)) },
  { text: "rsi(period=14)", output: "rsi", oracle: closes(() => new Oracle.RSI(14)) },
  { text: "bollinger", output: "upper", oracle: bandOf("upper") },
  { text: "bollinger", output: "middle", oracle: bandOf("middle") },
  { text: "bollinger", output: "lower", oracle: bandOf("lower") },
  { text: "atr(seed=tradingview)", output: "atr", oracle: series(() => new Oracle.ATR(14)) },
  { text: "stochastic", output: "slow_k", oracle: stochasticOf("stochK") },
  { text: "stochastic", output: "slow_d", oracle: stochasticOf("stochD") },
  { text: "vwap(anchor=cumulative)", output: "vwap", oracle: series(() => new Oracle.VWAP()) },
  { text: "cci(period=20)", output: "cci", oracle: series(() => new Oracle.CCI(20)) },
  { text: "williams_r(period=14)", output: "williams_r", oracle: series(() => new Oracle.WilliamsR(14)) },
  { text: "mfi(period=14)", output: "mfi", oracle: series(() => new Oracle.MFI(14)) },
  { text: "obv", output: "obv", oracle: series(() => new Oracle.OBV(2)) }
]
/** Those whose seed differs: the first price weighs (1 - 2 / 21)^250, about 1e-11, at bar 250 of the golden file. */
const seeded: ReadonlyArray<Compared> = [
  { text: "ema(period=20)", output: "ema", oracle: closes(() => new Oracle.EMA(20)), from: 250 },
  {
    text: "macd(fast=5,slow=9,signal=4)",
    output: "hist",
    oracle: () => {
      const one = new Oracle.MACD(new Oracle.EMA(5), new Oracle.EMA(9), new Oracle.EMA(4))
      return (bar) => one.add(bar.close)?.histogram ?? null
    },
    from: 250
  }
]

const agree = ({ text, output, oracle, from = 0 }: Compared, bars: ReadonlyArray<Indicator.Bar>): number => {
  const theirs = oracle()
  const ours = Indicator.batch(Either.getOrThrow(Catalogue.parse(text)).indicator, bars)
  let seen = 0
  for (const [index, bar] of bars.entries()) {
    const wanted = theirs(bar)
    const value = ours[index]?.[output] ?? null
    if (index < from || wanted === null || value === null) continue
    seen++
    assert.isAtMost(Math.abs(value - wanted), 1e-7 * Math.max(1, Math.abs(wanted)), `${text} ${output} at ${index}: ${value}, ${wanted}`)
  }
  return seen
}

/**
 * The library is an independent calculation. It has other conventions for a market that does not move, so the markets here move. Its
 * exponential mean begins with the first price, so those values are compared only after the first price has lost its weight.
 */
describe("Indicators against trading-signals", () => {
  for (const one of [...compared, ...seeded]) {
    it(`BE-SVC-03 ${one.text} ${one.output} equals the library's on the golden bars`, () => {
      assert.isAtLeast(agree(one, goldenBars), 50)
    })
  }
  it.prop("BE-SVC-03 both agree on any market that moves", [FastCheck.constantFrom(...compared), movingBars], ([one, bars]) => {
    assert.isAtLeast(agree(one, bars), 20)
  })
})
