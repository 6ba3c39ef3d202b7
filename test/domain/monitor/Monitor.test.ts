import { assert, describe, it } from "@effect/vitest"
import type * as Chain from "../../../src/domain/monitor/Chain.ts"
import * as Ranking from "../../../src/domain/monitor/Ranking.ts"
import * as Skew from "../../../src/domain/monitor/Skew.ts"
import * as Straddle from "../../../src/domain/monitor/Straddle.ts"

const option = (instrument_token: number, more: Partial<Chain.Option> = {}): Chain.Option => ({
  instrument_token,
  tradingsymbol: `OPT${instrument_token}`,
  last_price: 100,
  price_change: 10,
  volume: 750,
  oi: 1_000,
  oi_change: 100,
  iv: 0.15,
  delta: 0.5,
  gamma: 0.0008,
  theta: -9.5,
  vega: 12.25,
  rho: 3.5,
  quality: "live",
  ...more
})
const ladder: ReadonlyArray<Chain.Strike> = [
  {
    strike: 24_400,
    call: option(1, { delta: 0.75, iv: 0.17, last_price: 180.15 }),
    put: option(2, { delta: -0.2, iv: 0.18, last_price: 40.1 })
  },
  {
    strike: 24_500,
    call: option(3, { delta: 0.52, iv: 0.14, last_price: 120.05 }),
    put: option(4, { delta: -0.48, iv: 0.145, last_price: 95.3 })
  },
  {
    strike: 24_600,
    call: option(5, { delta: 0.2, iv: 0.13, last_price: 60.45 }),
    put: option(6, { delta: -0.8, iv: 0.12, last_price: 150.2 })
  }
]

describe("Straddle", () => {
  it("adds the prices and Greeks of the call and the put at the money, exactly", () => {
    assert.deepStrictEqual(Straddle.pairs(ladder, 24_500, 24_510, 0), [
      {
        steps: 0,
        call_strike: 24_500,
        put_strike: 24_500,
        call_price: 120.05,
        put_price: 95.3,
        price: 215.35,
        lower_break_even: 24_284.65,
        upper_break_even: 24_715.35,
        move_percent: 0.8786,
        iv: 0.1425,
        delta: 0.04,
        gamma: 0.0016,
        theta: -19,
        vega: 24.5,
        rho: 7
      }
    ])
  })
  it("takes a strangle's call above and its put below the money, and ends where the chain does", () => {
    const pairs = Straddle.pairs(ladder, 24_500, null, 5)
    assert.deepStrictEqual(
      pairs.map(({ steps, call_strike, put_strike, price, move_percent }) => [steps, call_strike, put_strike, price, move_percent]),
      [
        [0, 24_500, 24_500, 215.35, null],
        [1, 24_600, 24_400, 100.55, null]
      ]
    )
  })
  it("has no value where a side is missing, and no pair without a money strike", () => {
    const [pair] = Straddle.pairs([{ strike: 24_500, call: option(1), put: null }], 24_500, 24_500, 0)
    assert.deepInclude(pair, { call_price: 100, put_price: null, price: null, delta: null, upper_break_even: null, iv: null })
    assert.deepStrictEqual(Straddle.pairs(ladder, null, 1, 2), [])
    assert.deepStrictEqual(Straddle.pairs([], 24_500, 1, 2), [])
  })
})

describe("Skew", () => {
  it("interpolates each wing at delta 0.25 between the strikes that enclose it", () => {
    // Calls: from 0.52 to 0.20, so 27/32 of the way; puts: from 0.20 to 0.48, so 5/28.
    const call = 0.14 + (27 / 32) * (0.13 - 0.14)
    const put = 0.18 + (5 / 28) * (0.145 - 0.18)
    const found = Skew.skew(ladder, 0.142)
    assert.strictEqual(found.call_iv, Math.round(call * 1e5) / 1e5)
    assert.strictEqual(found.put_iv, Math.round(put * 1e5) / 1e5)
    assert.closeTo(found.risk_reversal ?? 0, call - put, 1.1e-5)
    assert.closeTo(found.butterfly ?? 0, (call + put) / 2 - 0.142, 1.1e-5)
  })
  it("takes a strike at exactly that delta, and answers null where the strikes do not reach it", () => {
    assert.strictEqual(Skew.wingVolatility([{ strike: 1, call: option(1, { delta: 0.25, iv: 0.2 }), put: null }], "call"), 0.2)
    assert.strictEqual(Skew.wingVolatility(ladder.slice(0, 2), "call"), null)
    assert.deepStrictEqual(Skew.skew([], 0.1), { call_iv: null, put_iv: null, risk_reversal: null, butterfly: null })
  })
  it("expects a move of one deviation", () => {
    assert.strictEqual(Skew.expectedMove(24_500, 0.16, 0.25), 1_960)
    assert.strictEqual(Skew.expectedMove(24_500, 0.16, Number.NaN), null)
    assert.strictEqual(Skew.expectedMove(null, 0.16, 1), null)
  })
})

describe("Ranking", () => {
  const contracts = Ranking.contracts([
    {
      strike: 1,
      call: option(1, { last_price: 110, price_change: 10, oi_change: 5 }),
      put: option(2, { last_price: 90, price_change: -10, oi_change: -7 })
    },
    {
      strike: 2,
      call: option(3, { last_price: 75, price_change: 25, oi_change: 0, volume: 0 }),
      put: option(4, { price_change: null, oi: null, oi_change: null, volume: null })
    }
  ])
  const tokens = (of: ReadonlyArray<Ranking.Contract>) => of.map(({ instrument_token }) => instrument_token)
  it("computes the change in percent from the price before it, and names the build-up", () => {
    assert.deepStrictEqual(
      contracts.map(({ type, change_percent, build_up }) => [type, change_percent, build_up]),
      [
        ["CE", 10, "long_build_up"],
        ["PE", -10, "long_unwinding"],
        ["CE", 50, "unchanged"],
        ["PE", null, "unknown"]
      ]
    )
  })
  it("ranks by size in one direction, and leaves out what is zero or unknown", () => {
    assert.deepStrictEqual(tokens(Ranking.largest(contracts, "change_percent", 1, 5)), [3, 1])
    assert.deepStrictEqual(tokens(Ranking.largest(contracts, "change_percent", -1, 5)), [2])
    assert.deepStrictEqual(tokens(Ranking.largest(contracts, "oi", 1, 2)), [1, 2])
    assert.deepStrictEqual(tokens(Ranking.largest(contracts, "volume", 1, 5)), [1, 2])
  })
  it("weights Greeks with open interest, and counts only options that have both", () => {
    const chain = [...ladder, { strike: 24_700, call: option(7, { oi: null }), put: option(8, { theta: null }) }]
    assert.deepStrictEqual(Ranking.weighted(chain, "call"), { delta: 1_470, gamma: 2.4, theta: -28_500, vega: 36_750, counted: 3 })
    assert.deepStrictEqual(Ranking.weighted(chain, "put"), { delta: -1_480, gamma: 2.4, theta: -28_500, vega: 36_750, counted: 3 })
  })
})
