import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as BlackScholes from "../../../src/domain/options/BlackScholes.ts"
import * as ImpliedVol from "../../../src/domain/options/ImpliedVol.ts"
import { between, kind, market } from "./AnyMarket.ts"
import * as Golden from "./Golden.ts"

const kindOf = (row: Golden.Row): BlackScholes.OptionKind => (row.text("kind") === "CE" ? "CE" : "PE")
const statusOf = (vol: number): string => (vol >= 0 ? "ok" : ImpliedVol.reasonOf(vol))

const solveRow = (row: Golden.Row, seed: number) =>
  ImpliedVol.solveBlackScholes(
    BlackScholes.sign(kindOf(row)),
    row.number("price"),
    row.number("spot"),
    row.number("strike"),
    row.number("t_years"),
    row.number("rate"),
    row.number("dividend_yield"),
    seed,
    0
  )

/** On a bound, to the last bits, either result is right (golden README). */
const onTheBound = (row: Golden.Row) => row.number("boundary_margin_ulps") < 8

describe("golden", () => {
  const rows = Golden.csv("iv.golden.csv")
  const forwardRows = Golden.csv("black76.golden.csv")
  const solvable = rows.filter((row) => row.text("status") === "ok")

  it("TC-GRK-010 every solvable golden price gives its volatility within the golden tolerance", () => {
    assert.isAbove(solvable.length, 400)
    for (const row of solvable) {
      const vol = solveRow(row, 0)
      if (statusOf(vol) !== "ok" && onTheBound(row)) continue
      assert.isAtMost(Math.abs(vol - row.number("vol")), row.number("tol_abs"), `${row.id}: ${vol} is not ${row.text("vol")}`)
    }
  })

  it("TC-GRK-010 from any seed the warm start finds the same volatility", () => {
    for (const row of solvable) {
      for (const factor of [1.02, 0.9, 0.5, 3, 1e-6, 1e6]) {
        const vol = solveRow(row, row.number("vol") * factor)
        if (statusOf(vol) !== "ok" && onTheBound(row)) continue
        assert.isAtMost(Math.abs(vol - row.number("vol")), row.number("tol_abs"), `${row.id} from ${factor} times its volatility`)
      }
    }
  })

  it("TC-GRK-010 every Black-76 golden price gives its volatility, by every form", () => {
    for (const row of forwardRows) {
      const [price, f, k, t, r] = ["price", "forward", "strike", "t_years", "rate"].map(row.number) as [
        number,
        number,
        number,
        number,
        number
      ]
      const solved = ImpliedVol.solve(kindOf(row), price, f, k, t, r)
      const dr = Math.exp(-r * t)
      const margin = Math.abs(price - Math.max(0, BlackScholes.sign(kindOf(row)) * dr * (f - k)))
      // This file has no margin column: 8 ulps of the larger bound, as for iv.golden.csv.
      if (margin < 8 * 2 ** -52 * dr * Math.max(f, k)) continue
      assert.strictEqual(Either.isRight(solved) ? "ok" : "none", row.text("iv_status"), row.id)
      if (Either.isLeft(solved)) continue
      const tolerance = row.number("iv_tol_abs")
      assert.isAtMost(Math.abs(solved.right - row.number("iv_from_price")), tolerance, row.id)
      const warm = ImpliedVol.solveBlack76(BlackScholes.sign(kindOf(row)), price, f, k, t, r, solved.right * 1.01, 0)
      assert.isAtMost(Math.abs(warm - row.number("iv_from_price")), tolerance, row.id)
    }
  })

  it("TC-GRK-011 every unsolvable golden price gives its reason, as a value", () => {
    const unsolvable = rows.filter((row) => row.text("status") !== "ok")
    assert.isAbove(unsolvable.length, 40)
    for (const row of unsolvable) {
      const solved = ImpliedVol.solveSpot(
        kindOf(row),
        row.number("price"),
        row.number("spot"),
        row.number("strike"),
        row.number("t_years"),
        row.number("rate"),
        row.number("dividend_yield")
      )
      if (Either.isRight(solved)) {
        assert.isTrue(onTheBound(row), row.id)
        continue
      }
      assert.strictEqual(solved.left._tag, "NoImpliedVol", row.id)
      if (solved.left._tag === "NoImpliedVol" && !onTheBound(row)) assert.strictEqual(solved.left.reason, row.text("status"), row.id)
    }
  })
})

describe("reasons", () => {
  const reason = (solved: Either.Either<number, ImpliedVol.NoImpliedVol | BlackScholes.InvalidPricingInput>) => {
    const error = Either.getOrThrow(Either.flip(solved))
    return error._tag === "NoImpliedVol" ? error.reason : `invalid ${error.input}`
  }

  it("TC-GRK-011 a zero premium has no implied volatility but a reason", () => {
    const solved = ImpliedVol.solve("CE", 0, 24_500, 26_000, 0.02, 0.065)
    assert.strictEqual(reason(solved), "zero_price")
    assert.strictEqual(Either.getOrThrow(Either.flip(solved)).message, "No implied volatility for price 0: zero_price")
    assert.strictEqual(ImpliedVol.solveBlack76(1, 0, 24_500, 26_000, 0.02, 0.065, 0.14, 0), ImpliedVol.Code.zero_price)
  })

  it("TC-GRK-012 a time value below one tick has no implied volatility where a tick is given, one tick has", () => {
    assert.strictEqual(reason(ImpliedVol.solve("CE", 0.04, 24_500, 26_000, 0.02, 0, 0.05)), "sub_tick")
    assert.strictEqual(reason(ImpliedVol.solve("CE", 1500.04, 26_000, 24_500, 0.02, 0, 0.05)), "sub_tick")
    assert.strictEqual(reason(ImpliedVol.solveSpot("PE", 0.04, 24_500, 23_000, 0.02, 0, 0, 0.05)), "sub_tick")
    assert.isTrue(Either.isRight(ImpliedVol.solve("CE", 0.05, 24_500, 26_000, 0.02, 0, 0.05)))
    assert.strictEqual(ImpliedVol.solveBlack76(1, 0.04, 24_500, 26_000, 0.02, 0.065, 0.14, 0.05), ImpliedVol.Code.sub_tick)
    assert.isTrue(Either.isRight(ImpliedVol.solve("CE", 0.04, 24_500, 26_000, 0.02, 0)))
  })

  it("checks the reasons in the golden order", () => {
    assert.strictEqual(reason(ImpliedVol.solve("CE", -1, 100, 90, 0, 0)), "expired")
    assert.strictEqual(reason(ImpliedVol.solve("CE", -1, 100, 90, -1, 0)), "expired")
    assert.strictEqual(reason(ImpliedVol.solve("CE", -1, 100, 90, 1, 0)), "negative_price")
    assert.strictEqual(reason(ImpliedVol.solve("CE", 0, 100, 90, 1, 0)), "zero_price")
    assert.strictEqual(reason(ImpliedVol.solve("CE", 9, 100, 90, 1, 0)), "below_intrinsic")
    assert.strictEqual(reason(ImpliedVol.solve("CE", 10, 100, 90, 1, 0)), "at_intrinsic")
    assert.strictEqual(reason(ImpliedVol.solve("CE", 100, 100, 90, 1, 0)), "at_upper_bound")
    assert.strictEqual(reason(ImpliedVol.solve("PE", 91, 100, 90, 1, 0)), "above_upper_bound")
  })

  it("TC-GRK-023 rejects NaN and Infinity by name; the fast forms return a code, never NaN", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.strictEqual(reason(ImpliedVol.solve("CE", bad, 100, 90, 1, 0)), "invalid price")
      assert.strictEqual(reason(ImpliedVol.solve("CE", 10, bad, 90, 1, 0)), "invalid forward")
      assert.strictEqual(reason(ImpliedVol.solve("CE", 10, 100, bad, 1, 0)), "invalid strike")
      assert.strictEqual(reason(ImpliedVol.solve("CE", 10, 100, 90, bad, 0)), "invalid t")
      assert.strictEqual(reason(ImpliedVol.solve("CE", 10, 100, 90, 1, bad)), "invalid r")
      assert.strictEqual(reason(ImpliedVol.solveSpot("CE", 10, bad, 90, 1, 0, 0)), "invalid spot")
      assert.strictEqual(reason(ImpliedVol.solveSpot("CE", 10, 100, 90, 1, 0, bad)), "invalid q")
      const inputs: ReadonlyArray<number> = [12, 100, 90, 1, 0]
      for (let i = 0; i < inputs.length; i++) {
        const [price, f, k, t, r] = inputs.with(i, bad) as [number, number, number, number, number]
        assert.strictEqual(ImpliedVol.solveBlack76(1, price, f, k, t, r, 0, 0), ImpliedVol.Code.invalid_input)
        assert.strictEqual(ImpliedVol.solveBlackScholes(1, price, f, k, t, r, 0, 0, 0), ImpliedVol.Code.invalid_input)
      }
      assert.strictEqual(ImpliedVol.solveBlackScholes(1, 12, 100, 90, 1, 0, bad, 0, 0), ImpliedVol.Code.invalid_input)
      // A NaN seed counts as no seed.
      assert.strictEqual(ImpliedVol.solveBlack76(1, 12, 100, 90, 1, 0, bad, 0), ImpliedVol.solveBlack76(1, 12, 100, 90, 1, 0, 0, 0))
    }
  })

  it("every code has its reason, and other numbers have none", () => {
    for (const [name, code] of Object.entries(ImpliedVol.Code)) assert.strictEqual(ImpliedVol.reasonOf(code), name)
    assert.strictEqual(ImpliedVol.reasonOf(-99), "invalid_input")
  })
})

describe("properties", () => {
  it.prop(
    "TC-GRK-010 the implied volatility reprices the input",
    [kind, market],
    ([side, { f, k, t, r, vol }]) => {
      const price = Either.getOrThrow(Black76.price(side, f, k, t, r, vol))
      const solved = ImpliedVol.solveBlack76(BlackScholes.sign(side), price, f, k, t, r, 0, 0)
      // If the double contains no time value, there is nothing to solve.
      if (solved < 0) return
      const again = Either.getOrThrow(Black76.price(side, f, k, t, r, solved))
      assert.isAtMost(Math.abs(again - price), 1e-14 * Math.max(f, k))
    },
    { fastCheck: { numRuns: 1000 } }
  )

  it.prop(
    "TC-GRK-010 an out-of-the-money price gives the volatility from which it was computed",
    [market],
    ([{ f, k, t, r, vol }]) => {
      const price = Either.getOrThrow(Black76.price(k < f ? "PE" : "CE", f, k, t, r, vol))
      if (price < 1e-290) return
      const vega = Either.getOrThrow(Black76.greeks("CE", f, k, t, r, vol)).vega
      const allowed = 1e-13 * vol + (4e-15 * Math.max(f, k)) / vega
      for (const seed of [0, 0.98 * vol, 3 * vol]) {
        const solved = ImpliedVol.solveBlack76(k < f ? -1 : 1, price, f, k, t, r, seed, 0)
        // The textbook formula may be off by 1e-9 of the price in the wings.
        assert.isAtMost(Math.abs(solved - vol), allowed + (1e-9 * price) / vega, `seed ${seed}`)
      }
    },
    { fastCheck: { numRuns: 1000 } }
  )

  it.prop(
    "TC-GRK-012 every price strictly between the bounds has a volatility, for any inputs and seed",
    [
      kind,
      between(-25, 30).map(Math.exp),
      between(-25, 30).map(Math.exp),
      between(-20, 4).map(Math.exp),
      between(-5, 5),
      FastCheck.oneof(
        between(0, 1),
        between(-700, 0).map(Math.exp),
        between(-36, 0).map((e) => 1 - Math.exp(e))
      ),
      FastCheck.double()
    ],
    ([side, f, k, t, r, share, seed]) => {
      const dr = Math.exp(-r * t)
      const w = BlackScholes.sign(side)
      const lower = Math.max(0, w * (f * dr - k * dr))
      const upper = w > 0 ? f * dr : k * dr
      const price = lower + share * (upper - lower)
      const solved = ImpliedVol.solveBlack76(w, price, f, k, t, r, seed, 0)
      const inside = price > lower && price < upper
      // 0 only if the volatility itself is below the smallest double.
      assert.strictEqual(solved >= 0, inside, `${solved} for a price ${inside ? "inside" : "outside"} the bounds`)
      if (!inside) return
      assert.isTrue(Number.isFinite(solved))
      const again = BlackScholes.priceOf(w, f, k, t, r, r, solved)
      assert.isAtMost(Math.abs(again - price), 1e-13 * dr * Math.max(f, k), `${solved} reprices to ${again}, not ${price}`)
    },
    { fastCheck: { numRuns: 5000 } }
  )
})

interface Sample {
  readonly response: {
    readonly option_type: "CE" | "PE"
    readonly spot_price: number
    readonly strike: number
    readonly days_to_expiry: number
    readonly option_price: number
    readonly interest_rate: number
    readonly implied_volatility: number
    readonly greeks: { readonly delta: number; readonly gamma: number; readonly theta: number; readonly vega: number; readonly rho: number }
  }
}

const referenceData = process.env["TARANG_REFERENCE_DATA"]

describe.skipIf(referenceData === undefined)("py_vollib's published values (skipped without TARANG_REFERENCE_DATA)", () => {
  const samples = (): ReadonlyArray<Sample> =>
    JSON.parse(readFileSync(`${referenceData}/nse/openalgo_greeks_baseline_pyvollib.json`, "utf8")).samples

  /** Our numbers in their units: percent, per day, per volatility point, per rate point. */
  const ours = ({ response }: Sample, days: number) => {
    const { option_type, option_price, spot_price, strike, interest_rate } = response
    const vol = Either.getOrThrow(ImpliedVol.solve(option_type, option_price, spot_price, strike, days / 365, interest_rate / 100))
    const greeks = Either.getOrThrow(Black76.greeks(option_type, spot_price, strike, days / 365, interest_rate / 100, vol))
    return [100 * vol, greeks.delta, greeks.gamma, greeks.theta / 365, greeks.vega / 100, greeks.rho / 100]
  }

  it("TC-REG-010 Black-76 volatility and Greeks of real NIFTY options within the published digits", () => {
    let compared = 0
    for (const sample of samples()) {
      const { response } = sample
      if (response.implied_volatility === 0) continue
      const theirs = [
        response.implied_volatility,
        ...(["delta", "gamma", "theta", "vega", "rho"] as const).map((name) => response.greeks[name])
      ]
      const halfDigit = [5e-3, 5e-5, 5e-7, 5e-5, 5e-5, 5e-7]
      // The days to expiry are printed with four digits, so the rounding of the fourth is allowed.
      const [exact, early, late] = [0, -5e-5, 5e-5].map((days) => ours(sample, response.days_to_expiry + days))
      theirs.forEach((value, i) => {
        const allowed = 1.001 * (halfDigit[i]! + Math.max(Math.abs(early![i]! - exact![i]!), Math.abs(late![i]! - exact![i]!)))
        assert.isAtMost(Math.abs(exact![i]! - value), allowed, `${response.option_type} ${response.strike} number ${i}`)
      })
      compared++
    }
    assert.strictEqual(compared, 35)
  })

  it("TC-GRK-011 gives a reason where the reference invents Greeks for a price without time value", () => {
    const without = samples().filter(({ response }) => response.implied_volatility === 0)
    assert.strictEqual(without.length, 5)
    for (const { response } of without) {
      const solved = ImpliedVol.solve(
        response.option_type,
        response.option_price,
        response.spot_price,
        response.strike,
        response.days_to_expiry / 365,
        0
      )
      const error = Either.getOrThrow(Either.flip(solved))
      assert.isTrue(error._tag === "NoImpliedVol" && error.reason === "below_intrinsic")
    }
  })
})
