import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as BlackScholes from "../../../src/domain/options/BlackScholes.ts"
import { between, kind, market } from "./AnyMarket.ts"
import * as Golden from "./Golden.ts"

/** Golden column of each number. */
const columns: ReadonlyArray<readonly [keyof BlackScholes.Greeks, string]> = [
  ["delta", "delta"],
  ["gamma", "gamma"],
  ["theta", "theta_per_year"],
  ["vega", "vega_per_unit_vol"],
  ["rho", "rho_per_unit_rate"],
  ["vanna", "vanna"],
  ["charm", "charm_per_year"],
  ["vomma", "vomma"],
  ["speed", "speed"],
  ["zomma", "zomma"],
  ["color", "color_per_year"]
]

const kindOf = (row: Golden.Row): BlackScholes.OptionKind => (row.text("kind") === "CE" ? "CE" : "PE")

/** The golden README's floor: near a zero crossing 1e-12 of the number's natural scale. References below 1e-300 are printed as 0. */
const floorOf = (row: Golden.Row, underlying: number, of: keyof BlackScholes.Greeks): number => {
  const gamma = row.number("gamma")
  const t = row.number("t_years")
  const vol = row.number("vol")
  const scale: Partial<Record<keyof BlackScholes.Greeks, number>> = {
    vanna: gamma * underlying * Math.sqrt(t),
    vomma: row.number("vega_per_unit_vol") / vol,
    charm: (gamma * underlying) / t,
    zomma: gamma / vol,
    color: gamma / t
  }
  return 1e-300 + 1e-12 * (scale[of] ?? 0)
}

const expectPrice = (row: Golden.Row, underlying: number, price: number) => {
  const expected = row.number("price")
  const error = Math.abs(price - expected)
  assert.isAtMost(error, 1e-13 * Math.max(underlying, row.number("strike")), `${row.id} price`)
  const outOfTheMoney = (kindOf(row) === "CE" ? 1 : -1) * (row.number("d1") + row.number("d2")) < 0
  if (outOfTheMoney) assert.isAtMost(error, 1e-9 * expected + 1e-300, `${row.id} out-of-the-money price`)
}

const expectGreeks = (row: Golden.Row, underlying: number, greeks: BlackScholes.Greeks, only?: ReadonlyArray<string>) => {
  for (const [name, column] of columns) {
    if (only !== undefined && !only.includes(name)) continue
    const expected = row.number(column)
    const allowed = 1e-9 * Math.abs(expected) + floorOf(row, underlying, name)
    assert.isAtMost(Math.abs(greeks[name] - expected), allowed, `${row.id} ${name}: ${greeks[name]} is not ${expected}`)
  }
}

const spotGreeks = (row: Golden.Row) =>
  Either.getOrThrow(
    BlackScholes.greeks(
      kindOf(row),
      row.number("spot"),
      row.number("strike"),
      row.number("t_years"),
      row.number("rate"),
      row.number("dividend_yield"),
      row.number("vol")
    )
  )

const forwardGreeks = (row: Golden.Row) =>
  Either.getOrThrow(
    Black76.greeks(kindOf(row), row.number("forward"), row.number("strike"), row.number("t_years"), row.number("rate"), row.number("vol"))
  )

const greeksOf = (of: BlackScholes.OptionKind, f: number, k: number, t: number, r: number, vol: number) =>
  Either.getOrThrow(Black76.greeks(of, f, k, t, r, vol))

describe("golden", () => {
  const spotRows = Golden.csv("greeks.golden.csv")
  const forwardRows = Golden.csv("black76.golden.csv")

  it("TC-REG-010 Black-Scholes-Merton prices and all eleven Greeks of every golden row", () => {
    assert.isAbove(spotRows.length, 400)
    for (const row of spotRows) {
      const greeks = spotGreeks(row)
      expectPrice(row, row.number("spot"), greeks.price)
      expectGreeks(row, row.number("spot"), greeks)
    }
  })

  it("TC-REG-010 Black-76 prices and all eleven Greeks of every golden row", () => {
    assert.isAbove(forwardRows.length, 200)
    for (const row of forwardRows) {
      const greeks = forwardGreeks(row)
      expectPrice(row, row.number("forward"), greeks.price)
      expectGreeks(row, row.number("forward"), greeks)
    }
  })

  it("BE-FIN-13 vanna, charm and vomma against the golden files", () => {
    for (const row of spotRows) expectGreeks(row, row.number("spot"), spotGreeks(row), ["vanna", "charm", "vomma"])
    for (const row of forwardRows) expectGreeks(row, row.number("forward"), forwardGreeks(row), ["vanna", "charm", "vomma"])
  })

  it("TC-REG-010 the chain form gives the golden numbers on both sides of a strike", () => {
    for (const row of forwardRows) {
      const chain = chainOf([row.number("strike")], [row.number("vol")], row.number("forward"), row.number("t_years"), row.number("rate"))
      Black76.fillChain(chain)
      const side = kindOf(row) === "CE" ? chain.call : chain.put
      expectPrice(row, row.number("forward"), side.price[0]!)
      const filled: BlackScholes.Greeks = { ...forwardGreeks(row), ...at(side, 0) }
      expectGreeks(row, row.number("forward"), filled, ["delta", "gamma", "theta", "vega", "rho"])
    }
  })

  it("TC-REG-010 gamma alone is the golden gamma, and 0 without time or volatility", () => {
    for (const row of forwardRows) {
      const [f, k, t, r, vol] = ["forward", "strike", "t_years", "rate", "vol"].map(row.number) as [number, number, number, number, number]
      expectGreeks(row, f, { ...forwardGreeks(row), gamma: Black76.gammaOf(f, k, t, r, vol) }, ["gamma"])
      for (const [years, deviation] of [
        [0, vol],
        [t, 0],
        [t, Number.NaN]
      ] as const)
        assert.strictEqual(Black76.gammaOf(f, k, years, r, deviation), 0)
    }
  })

  it("TC-REG-010 the row form is bit-identical to the per-option form", () => {
    const column = (name: string) => Float64Array.from(spotRows, (row) => row.number(name))
    const out = new Float64Array(spotRows.length * BlackScholes.COLUMNS)
    BlackScholes.fillRows(
      {
        count: spotRows.length,
        side: Int8Array.from(spotRows, (row) => BlackScholes.sign(kindOf(row))),
        spot: column("spot"),
        strike: column("strike"),
        t: column("t_years"),
        r: column("rate"),
        q: column("dividend_yield"),
        vol: column("vol")
      },
      out
    )
    spotRows.forEach((row, i) => {
      assert.deepStrictEqual(BlackScholes.fromRow(out, i * BlackScholes.COLUMNS), spotGreeks(row), row.id)
    })
  })
})

const sideOf = (count: number): Black76.SideColumns => ({
  price: new Float64Array(count),
  delta: new Float64Array(count),
  gamma: new Float64Array(count),
  theta: new Float64Array(count),
  vega: new Float64Array(count),
  rho: new Float64Array(count)
})

const chainOf = (strikes: ReadonlyArray<number>, vols: ReadonlyArray<number>, f: number, t: number, r: number): Black76.Chain => ({
  count: strikes.length,
  strike: Float64Array.from(strikes),
  vol: Float64Array.from(vols),
  f,
  t,
  r,
  call: sideOf(strikes.length),
  put: sideOf(strikes.length)
})

const at = (side: Black76.SideColumns, i: number) => ({
  price: side.price[i]!,
  delta: side.delta[i]!,
  gamma: side.gamma[i]!,
  theta: side.theta[i]!,
  vega: side.vega[i]!,
  rho: side.rho[i]!
})

describe("signs and shapes", () => {
  const f = 24_500
  const t = 7 / 365

  it("TC-GRK-001 call delta is near 0.5 at the money, above it in the money, below it out of the money", () => {
    assert.isAtMost(Math.abs(greeksOf("CE", f, f, t, 0.065, 0.14).delta - 0.5), 0.02)
    assert.isAbove(greeksOf("CE", f, 24_000, t, 0.065, 0.14).delta, 0.6)
    assert.isBelow(greeksOf("CE", f, 25_000, t, 0.065, 0.14).delta, 0.4)
  })

  it.prop("TC-GRK-001 call delta lies in [0, 1] and falls with the strike", [market, between(1.001, 1.2)], ([option, up]) => {
    const { f, k, t, r, vol } = { ...option, r: Math.abs(option.r) }
    const delta = greeksOf("CE", f, k, t, r, vol).delta
    assert.isTrue(delta >= 0 && delta <= 1)
    assert.isAtMost(greeksOf("CE", f, k * up, t, r, vol).delta, delta)
  })

  it("TC-GRK-002 put delta is near -0.5 at the money, larger in size in the money, smaller out of the money", () => {
    assert.isAtMost(Math.abs(greeksOf("PE", f, f, t, 0.065, 0.14).delta + 0.5), 0.02)
    assert.isBelow(greeksOf("PE", f, 25_000, t, 0.065, 0.14).delta, -0.6)
    assert.isAbove(greeksOf("PE", f, 24_000, t, 0.065, 0.14).delta, -0.4)
  })

  it.prop("TC-GRK-002 put delta lies in [-1, 0]", [market], ([option]) => {
    const delta = greeksOf("PE", option.f, option.k, option.t, Math.abs(option.r), option.vol).delta
    assert.isTrue(delta >= -1 && delta <= 0)
  })

  it.prop("TC-GRK-003 gamma is the same for call and put and never negative", [market], ([{ f, k, t, r, vol }]) => {
    const gamma = greeksOf("CE", f, k, t, r, vol).gamma
    assert.strictEqual(greeksOf("PE", f, k, t, r, vol).gamma, gamma)
    assert.isAtLeast(gamma, 0)
  })

  it("TC-GRK-003 gamma is highest near the money and, there, rises towards expiry", () => {
    const strikes = Array.from({ length: 41 }, (_, i) => 23_500 + 50 * i)
    const gammas = strikes.map((k) => greeksOf("CE", f, k, t, 0.065, 0.14).gamma)
    const peak = strikes[gammas.indexOf(Math.max(...gammas))]!
    assert.isAtMost(Math.abs(peak - f), 50)
    assert.isAbove(greeksOf("CE", f, f, 1 / 365, 0.065, 0.14).gamma, greeksOf("CE", f, f, 30 / 365, 0.065, 0.14).gamma)
  })

  it("TC-GRK-004 theta at the money is negative and grows in size towards expiry", () => {
    const days = [90, 30, 7, 2, 1]
    for (const side of ["CE", "PE"] as const) {
      const thetas = days.map((d) => greeksOf(side, f, f, d / 365, 0.065, 0.14).theta)
      for (const theta of thetas) assert.isBelow(theta, 0)
      for (let i = 1; i < thetas.length; i++) assert.isBelow(thetas[i]!, thetas[i - 1]!)
    }
  })

  it("TC-GRK-005 vega is positive, higher for a longer expiry, highest near the money", () => {
    const vega = (k: number, d: number) => greeksOf("PE", f, k, d / 365, 0.065, 0.14).vega
    assert.isAbove(vega(f, 7), 0)
    assert.isAbove(vega(f, 30), vega(f, 7))
    assert.isAbove(vega(f, 7), vega(24_000, 7))
    assert.isAbove(vega(f, 7), vega(25_000, 7))
  })

  it("TC-GRK-020 at expiry delta is 0 or 1 (put -1 or 0), price intrinsic, gamma, theta and vega 0", () => {
    const zero = { gamma: 0, theta: 0, vega: 0, rho: 0, vanna: 0, charm: 0, vomma: 0, speed: 0, zomma: 0, color: 0 }
    assert.deepStrictEqual(greeksOf("CE", 24_500, 24_400, 0, 0.065, 0.14), { price: 100, delta: 1, ...zero })
    assert.deepStrictEqual(greeksOf("CE", 24_500, 24_600, 0, 0.065, 0.14), { price: 0, delta: 0, ...zero })
    assert.deepStrictEqual(greeksOf("PE", 24_500, 24_600, 0, 0.065, 0.14), { price: 100, delta: -1, ...zero })
    assert.deepStrictEqual(greeksOf("PE", 24_500, 24_400, 0, 0.065, 0.14), { price: 0, delta: 0, ...zero })
    assert.deepStrictEqual(greeksOf("PE", 24_500, 24_500, 0, 0.065, 0.14), { price: 0, delta: 0, ...zero })
    assert.deepStrictEqual(Either.getOrThrow(BlackScholes.greeks("CE", 110, 100, 0, 0.065, 0.02, 0.14)), { price: 10, delta: 1, ...zero })
  })

  it("TC-GRK-020 the chain form at expiry", () => {
    const chain = chainOf([24_400, 24_500, 24_600], [0.14, 0.14, 0.14], 24_500, 0, 0.065)
    Black76.fillChain(chain)
    assert.deepStrictEqual([...chain.call.delta], [1, 0, 0])
    assert.deepStrictEqual([...chain.put.delta], [0, 0, -1])
    assert.deepStrictEqual([...chain.call.price], [100, 0, 0])
    assert.deepStrictEqual([...chain.put.price], [0, 0, 100])
    for (const side of [chain.call, chain.put]) {
      for (const column of [side.gamma, side.theta, side.vega, side.rho]) assert.deepStrictEqual([...column], [0, 0, 0])
    }
  })

  it("TC-GRK-021 rejects a negative time", () => {
    for (const result of [
      Black76.price("CE", f, f, -1e-9, 0, 0.14),
      Black76.greeks("CE", f, f, -1, 0, 0.14),
      BlackScholes.price("CE", f, f, -1, 0, 0, 0.14),
      BlackScholes.greeks("PE", f, f, -1, 0, 0, 0.14)
    ]) {
      const error = Either.getOrThrow(Either.flip(result as Either.Either<unknown, BlackScholes.InvalidPricingInput>))
      assert.strictEqual(error._tag, "InvalidPricingInput")
      assert.strictEqual(error.message, "Time to expiry must be >= 0")
    }
  })

  it("TC-GRK-022 volatilities of 1 %, 100 % and 200 % stay finite at every strike and time", () => {
    for (const vol of [0.01, 1, 2]) {
      for (const time of [15 / 525_600, 1 / 365, 0.1, 2]) {
        for (const k of [5_000, 20_000, f, 30_000, 100_000]) {
          for (const side of ["CE", "PE"] as const) {
            for (const value of Object.values(greeksOf(side, f, k, time, 0.065, vol))) assert.isTrue(Number.isFinite(value))
          }
        }
      }
    }
  })

  it("TC-GRK-023 rejects NaN and Infinity by the input's name", () => {
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    const names = ["forward", "strike", "t", "r", "vol"] as const
    for (const [position, name] of names.entries()) {
      for (const value of bad) {
        const inputs: [number, number, number, number, number] = [f, f, 0.1, 0.065, 0.14]
        inputs[position] = value
        const error = Either.getOrThrow(Either.flip(Black76.greeks("CE", ...inputs)))
        assert.strictEqual(error.input, name)
        if (!(name === "t" && value < 0)) assert.include(error.message, name)
        assert.strictEqual(Either.getOrThrow(Either.flip(Black76.price("CE", ...inputs))).input, name)
      }
    }
    const yields = Either.getOrThrow(Either.flip(BlackScholes.price("CE", 100, 100, 1, 0, Number.NaN, 0.2)))
    assert.strictEqual(yields.input, "q")
    const spot = Either.getOrThrow(Either.flip(BlackScholes.greeks("CE", 0, 100, 1, 0, 0, 0.2)))
    assert.strictEqual(spot.input, "spot")
    assert.strictEqual(spot.message, "spot must be a number from 1e-12 to 1000000000000000, but is 0")
    const vol = Either.getOrThrow(Either.flip(BlackScholes.greeks("CE", 100, 100, 1, 0, 0, -0.2)))
    assert.strictEqual(vol.input, "vol")
  })

  it.prop(
    "TC-GRK-023 any accepted input gives twelve finite numbers",
    [kind, ...Array.from({ length: 6 }, () => FastCheck.double())],
    ([side, ...wild]) => {
      // Any double, folded into or near the accepted ranges, including their ends.
      const [s, k, t, r, q, vol] = wild.map((value, i) => {
        const limit = [BlackScholes.PRICE_MAX, BlackScholes.PRICE_MAX, BlackScholes.YEARS_MAX, 5, 5, BlackScholes.VOL_MAX][i]!
        return Math.abs(value) > limit ? limit : value
      }) as [number, number, number, number, number, number]
      const result = BlackScholes.greeks(side, Math.abs(s), Math.abs(k), Math.abs(t), r, q, Math.abs(vol))
      if (Either.isLeft(result)) return
      for (const [name, value] of Object.entries(result.right)) assert.isTrue(Number.isFinite(value), `${name} is ${value}`)
    },
    { fastCheck: { numRuns: 2000 } }
  )

  it("a row without volatility is NaN in every column and does not affect other rows", () => {
    const chain = chainOf([24_400, 24_500, 24_600], [0.14, Number.NaN, 0.14], f, t, 0.065)
    Black76.fillChain(chain)
    for (const side of [chain.call, chain.put]) {
      for (const value of Object.values(at(side, 1))) assert.isNaN(value)
      for (const row of [0, 2]) for (const value of Object.values(at(side, row))) assert.isTrue(Number.isFinite(value))
    }
  })

  it("only the rows of the range are touched", () => {
    const chain = chainOf([24_400, 24_500, 24_600], [0.14, 0.14, 0.14], f, t, 0.065)
    Black76.fillChain({ ...chain, from: 1, count: 2 })
    assert.deepStrictEqual(
      [...chain.call.price].map((price) => price > 0),
      [false, true, false]
    )
  })

  it("zero volatility is the certain outcome: discounted intrinsic value and its carry", () => {
    const dr = Math.exp(-0.065 * 0.5)
    const call = greeksOf("CE", 110, 100, 0.5, 0.065, 0)
    assert.isAtMost(Math.abs(call.price - 10 * dr), 1e-13)
    assert.isAtMost(Math.abs(call.delta - dr), 1e-15)
    assert.isAtMost(Math.abs(call.theta - 0.65 * dr), 1e-13)
    assert.isAtMost(Math.abs(call.rho + 5 * dr), 1e-13)
    assert.strictEqual(Either.getOrThrow(Black76.price("PE", 110, 100, 0.5, 0.065, 0)), 0)
    const chain = chainOf([100], [0], 110, 0.5, 0.065)
    Black76.fillChain(chain)
    assert.isAtMost(Math.abs(chain.call.price[0]! - 10 * dr), 1e-13)
    assert.isAtMost(Math.abs(chain.call.theta[0]! - 0.65 * dr), 1e-13)
    assert.deepStrictEqual(at(chain.put, 0), { price: 0, delta: 0, gamma: 0, theta: 0, vega: 0, rho: 0 })
  })
})

describe("properties", () => {
  const priceOf = (of: BlackScholes.OptionKind, f: number, k: number, t: number, r: number, vol: number) =>
    Either.getOrThrow(Black76.price(of, f, k, t, r, vol))

  it.prop("put-call parity", [market], ([{ f, k, t, r, vol }]) => {
    const parity = Math.exp(-r * t) * (f - k)
    assert.isAtMost(Math.abs(priceOf("CE", f, k, t, r, vol) - priceOf("PE", f, k, t, r, vol) - parity), 1e-13 * Math.max(f, k))
  })

  it.prop("put-call symmetry: a call on f struck at k is a put on k struck at f", [market], ([{ f, k, t, r, vol }]) => {
    assert.isAtMost(Math.abs(priceOf("CE", f, k, t, r, vol) - priceOf("PE", k, f, t, r, vol)), 1e-13 * Math.max(f, k))
  })

  it.prop("prices stay within their bounds", [kind, market], ([side, { f, k, t, r, vol }]) => {
    const dr = Math.exp(-r * t)
    const price = priceOf(side, f, k, t, r, vol)
    const slack = 1e-13 * Math.max(f, k)
    assert.isAtLeast(price, Math.max(0, dr * (side === "CE" ? f - k : k - f)) - slack)
    assert.isAtMost(price, dr * (side === "CE" ? f : k) + slack)
  })

  it.prop("prices never fall with volatility, nor a call with the forward", [kind, market, between(1.001, 2)], ([side, o, up]) => {
    const slack = 1e-13 * Math.max(o.f * up, o.k)
    const price = priceOf(side, o.f, o.k, o.t, o.r, o.vol)
    assert.isAtLeast(priceOf(side, o.f, o.k, o.t, o.r, o.vol * up) + slack, price)
    const call = priceOf("CE", o.f, o.k, o.t, o.r, o.vol)
    assert.isAtLeast(priceOf("CE", o.f * up, o.k, o.t, o.r, o.vol) + slack, call)
  })

  it.prop("doubling forward and strike doubles the price exactly", [kind, market], ([side, { f, k, t, r, vol }]) => {
    const price = priceOf(side, f, k, t, r, vol)
    // Subnormal numbers round differently when doubled.
    if (price > 1e-290) assert.strictEqual(priceOf(side, 2 * f, 2 * k, t, r, vol), 2 * price)
  })

  it.prop("price and greeks give the same price", [kind, market], ([side, { f, k, t, r, vol }]) => {
    assert.strictEqual(greeksOf(side, f, k, t, r, vol).price, priceOf(side, f, k, t, r, vol))
    assert.strictEqual(
      Either.getOrThrow(BlackScholes.price(side, f, k, t, r, 0.02, vol)),
      Either.getOrThrow(BlackScholes.greeks(side, f, k, t, r, 0.02, vol)).price
    )
  })

  it.prop("the chain form agrees with the per-option form", [FastCheck.array(market, { minLength: 1, maxLength: 9 })], ([options]) => {
    const { f, t, r } = options[0]!
    const chain = chainOf(
      options.map(({ k }) => k),
      options.map(({ vol }) => vol),
      f,
      t,
      r
    )
    Black76.fillChain(chain)
    options.forEach(({ k, vol }, i) => {
      for (const [side, columnsOfSide] of [
        ["CE", chain.call],
        ["PE", chain.put]
      ] as const) {
        const one = greeksOf(side, f, k, t, r, vol)
        for (const [name, value] of Object.entries(at(columnsOfSide, i))) {
          const single = one[name as keyof BlackScholes.Greeks]
          // Scale of the terms that are added: prices by f and k, theta by its decay and carry.
          const scale = name === "price" ? Math.max(f, k) : name === "theta" ? Math.abs(one.vega * vol) / t + f : Math.abs(single)
          assert.isAtMost(
            Math.abs(value - single),
            (name === "price" || name === "theta" ? 1e-13 : 1e-9) * scale + 1e-290,
            `${side} ${name}`
          )
        }
      }
    })
  })
})
