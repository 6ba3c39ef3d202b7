import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import type * as BlackScholes from "../../../src/domain/options/BlackScholes.ts"
import * as Payoff from "../../../src/domain/options/Payoff.ts"
import * as Template from "../../../src/domain/options/Template.ts"

const t = 14 / 365
const r = 0.065
const market: Payoff.Market = { spot: 24_500, r, vol: 0.14 }
const forwardAt = (years: number) => market.spot * Math.exp(r * years)

/** Legs of a template at given entry prices, in template order. */
const enter = (
  built: Either.Either<ReadonlyArray<Template.Leg<number>>, Template.InvalidTemplate>,
  ...entryPrices: ReadonlyArray<number>
): ReadonlyArray<Payoff.Leg> =>
  Either.getOrThrow(built).map(({ kind, strike, expiry, quantity }, i) => ({
    kind,
    strike,
    quantity,
    t: expiry,
    forward: forwardAt(expiry),
    vol: 0.14,
    entryPrice: entryPrices[i]!
  }))

const future = (quantity: number, entryPrice: number): Payoff.Leg => ({
  kind: "FUT",
  quantity,
  entryPrice,
  t,
  forward: forwardAt(t),
  strike: 0,
  vol: 0
})

const position = (legs: ReadonlyArray<Payoff.Leg>, of: Payoff.Market = market) => Either.getOrThrow(Payoff.make(legs, of))
const analyse = (legs: ReadonlyArray<Payoff.Leg>) => Payoff.analyse(position(legs))

const closeTo = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>, within = 1e-6) => {
  assert.strictEqual(actual.length, expected.length, `${actual} is not ${expected}`)
  expected.forEach((value, i) => {
    assert.isAtMost(Math.abs(actual[i]! - value), within, `${actual} is not ${expected}`)
  })
}

describe("templates at expiry", () => {
  it("long straddle: break-evens one premium up and down, unbounded profit, loss limited to the premium", () => {
    const found = analyse(enter(Template.straddle(t, 24_500, 65), 200, 150))
    closeTo(found.breakEvens, [24_150, 24_850])
    assert.deepStrictEqual([found.maxProfit, found.maxLoss, found.netPremium], ["unbounded", -22_750, 22_750])
  })

  it("short straddle: the opposite", () => {
    const found = analyse(enter(Template.straddle(t, 24_500, -65), 200, 150))
    closeTo(found.breakEvens, [24_150, 24_850])
    assert.deepStrictEqual([found.maxProfit, found.maxLoss, found.netPremium], [22_750, "unbounded", -22_750])
  })

  it("long strangle", () => {
    const found = analyse(enter(Template.strangle(t, 24_300, 24_700, 1), 80, 90))
    closeTo(found.breakEvens, [24_130, 24_870])
    assert.deepStrictEqual([found.maxProfit, found.maxLoss], ["unbounded", -170])
  })

  it("verticals of both kinds and directions", () => {
    const bullCall = analyse(enter(Template.vertical(t, "CE", 24_500, 24_600, 1), 200, 150))
    closeTo(bullCall.breakEvens, [24_550])
    assert.deepStrictEqual([bullCall.maxProfit, bullCall.maxLoss], [50, -50])
    const bearPut = analyse(enter(Template.vertical(t, "PE", 24_600, 24_500, 1), 210, 150))
    closeTo(bearPut.breakEvens, [24_540])
    assert.deepStrictEqual([bearPut.maxProfit, bearPut.maxLoss], [40, -60])
  })

  it("iron condor: profit and loss are limited", () => {
    const found = analyse(enter(Template.ironCondor(t, 24_200, 24_300, 24_700, 24_800, 50), 60, 80, 90, 65))
    closeTo(found.breakEvens, [24_255, 24_745])
    closeTo([found.maxProfit as number, found.maxLoss as number, found.netPremium], [2_250, -2_750, -2_250])
  })

  it("butterfly", () => {
    const found = analyse(enter(Template.butterfly(t, "CE", 24_400, 24_500, 24_600, 1), 250, 190, 140))
    closeTo(found.breakEvens, [24_410, 24_590])
    closeTo([found.maxProfit as number, found.maxLoss as number], [90, -10])
  })

  it("ratio spread: a second break-even beyond the last strike and an unbounded loss", () => {
    const found = analyse(enter(Template.ratio(t, "CE", 24_500, 24_700, 2, 1), 200, 110))
    closeTo(found.breakEvens, [24_920])
    assert.deepStrictEqual([found.maxProfit, found.maxLoss], [220, "unbounded"])
  })

  it("put ratio spread: bounded at an underlying of 0", () => {
    const found = analyse(enter(Template.ratio(t, "PE", 24_500, 24_300, 2, 1), 200, 90))
    closeTo(found.breakEvens, [24_120, 24_480])
    closeTo([found.maxProfit as number, found.maxLoss as number], [180, -24_120])
  })

  it("calendar: profit around the strike, bounded, break-evens where the curve crosses 0", () => {
    const far = t + 28 / 365
    const priceAt = (years: number) => Black76.priceOf(1, forwardAt(years), 24_500, years, r, 0.14)
    const legs = enter(Template.calendar(t, far, "CE", 24_500, 1), priceAt(t), priceAt(far))
    const whole = position(legs)
    const found = Payoff.analyse(whole)
    assert.isFalse(whole.oneExpiry)
    assert.strictEqual(found.breakEvens.length, 2)
    for (const root of found.breakEvens) assert.isAtMost(Math.abs(Payoff.profitAtHorizon(whole, root)), 1e-6)
    assert.isTrue(found.breakEvens[0]! < 24_500 && found.breakEvens[1]! > 24_500)
    const around = Float64Array.from({ length: 2000 }, (_, i) => 20_000 + 5 * i)
    const best = Math.max(...Payoff.curve(whole, around, { elapsed: whole.horizon, volShift: 0 }))
    assert.isAtLeast(found.maxProfit as number, best - 1e-9)
    assert.isAtMost(found.maxProfit as number, best + 1)
    assert.isBelow(found.maxLoss as number, 0)
  })

  it("a future's profit is a line through its entry, even far beyond the strikes", () => {
    const found = analyse([future(50, 24_600)])
    closeTo(found.breakEvens, [24_600])
    assert.deepStrictEqual([found.maxProfit, found.maxLoss], ["unbounded", -1_230_000])
    closeTo(analyse([future(1, 60_000)]).breakEvens, [60_000])
  })

  it("a position that is worth its price over a whole stretch breaks even at the stretch's ends", () => {
    const found = analyse(enter(Template.butterfly(t, "CE", 24_400, 24_500, 24_600, 1), 200, 100, 0))
    closeTo(found.breakEvens, [24_400, 24_600])
    assert.deepStrictEqual([found.maxProfit, found.maxLoss], [100, 0])
    assert.isTrue(found.probabilityOfProfit > 0 && found.probabilityOfProfit < 0.3)
  })

  it("rejects bad templates with the reason", () => {
    const problem = <E>(built: Either.Either<ReadonlyArray<Template.Leg<E>>, Template.InvalidTemplate>) =>
      Either.getOrThrow(Either.flip(built)).message
    assert.strictEqual(problem(Template.strangle(t, 24_700, 24_300, 1)), "strangle: strikes must ascend")
    assert.strictEqual(problem(Template.straddle(t, Number.NaN, 1)), "straddle: strikes must be positive numbers")
    assert.strictEqual(problem(Template.straddle(t, 24_500, 0)), "straddle: quantity must be a number other than 0")
    assert.strictEqual(problem(Template.ratio(t, "CE", 24_500, 24_600, 1, 1)), "ratio: the ratio must be a number above 1")
    assert.strictEqual(problem(Template.ratio(t, "PE", 24_500, 24_600, 2, 1)), "ratio: strikes must ascend")
  })
})

describe("probability of profit", () => {
  it("is that of the lognormal: a future bought at its forward gains with N(-sd/2)", () => {
    const found = analyse([future(1, forwardAt(t))])
    const sd = 0.14 * Math.sqrt(t)
    assert.isAtMost(Math.abs(found.probabilityOfProfit - (0.5 - 0.3989422804014327 * 0.5 * sd)), 1e-6)
  })

  it("opposite positions share the whole probability", () => {
    const long = analyse(enter(Template.straddle(t, 24_500, 1), 200, 150)).probabilityOfProfit
    const short = analyse(enter(Template.straddle(t, 24_500, -1), 200, 150)).probabilityOfProfit
    assert.isAtMost(Math.abs(long + short - 1), 1e-12)
    assert.isTrue(short > 0.3 && short < 0.5)
  })

  it("without time or volatility it is 0 or 1 by the present profit", () => {
    const legs = enter(Template.straddle(t, 24_500, 1), 20, 15)
    assert.strictEqual(Payoff.analyse(position(legs, { ...market, vol: 0 })).probabilityOfProfit, 1)
    const expired = legs.map((leg) => ({ ...leg, t: 0, forward: 24_500 }))
    assert.strictEqual(Payoff.analyse(position(expired)).probabilityOfProfit, 0)
  })
})

describe("scenarios", () => {
  const condor = position(enter(Template.ironCondor(t, 24_200, 24_300, 24_700, 24_800, 50), 60, 80, 90, 65))

  it("today's profit is the difference of model values and entry prices", () => {
    const one = position(enter(Template.vertical(t, "CE", 24_500, 24_600, 1), 200, 150))
    const priceOf = (k: number) => Black76.priceOf(1, forwardAt(t), k, t, r, 0.14)
    const now = Payoff.profitAt(one, { spot: market.spot, elapsed: 0, volShift: 0 })
    assert.isAtMost(Math.abs(now - (priceOf(24_500) - 200 - (priceOf(24_600) - 150))), 1e-9)
  })

  it("a volatility shift hurts a short condor and time helps it", () => {
    const at = (elapsed: number, volShift: number) => Payoff.profitAt(condor, { spot: market.spot, elapsed, volShift })
    assert.isBelow(at(0, 0.02), at(0, 0))
    assert.isAbove(at(t / 2, 0), at(0, 0))
    // Volatility never falls below 0, where the option is worth its certain value.
    assert.strictEqual(at(0, -5), at(0, -0.14))
  })

  it("Greeks are the derivatives of the profit", () => {
    const at = (forward: number, elapsed: number, volShift: number) =>
      Payoff.profitAt(condor, { spot: forward / Math.exp(r * (t - elapsed)), elapsed, volShift })
    const f = forwardAt(t)
    const greeks = Payoff.greeksAt(condor, { spot: market.spot, elapsed: 0, volShift: 0 })
    const relative = (estimate: number, value: number) => assert.isAtMost(Math.abs(estimate - value), 1e-4 * Math.abs(value) + 1e-6)
    relative(at(f + 0.5, 0, 0) - at(f - 0.5, 0, 0), greeks.delta)
    relative((at(f + 5, 0, 0) - 2 * at(f, 0, 0) + at(f - 5, 0, 0)) / 25, greeks.gamma)
    relative((at(f, 0, 1e-5) - at(f, 0, -1e-5)) / 2e-5, greeks.vega)
    relative((at(f, 1e-6, 0) - at(f, 0, 0)) / 1e-6, greeks.theta)
  })

  it("a future adds its quantity to delta and nothing else", () => {
    const greeks = Payoff.greeksAt(position([future(-75, 24_600)]), { spot: market.spot, elapsed: 0, volShift: 0 })
    assert.deepStrictEqual(
      [greeks.delta, greeks.gamma, greeks.theta, greeks.vega],
      [-75, 0, 0, 0].map((x) => x + 0)
    )
  })

  it("rejects values out of range by name", () => {
    const problem = (at: Payoff.Scenario) => Either.getOrThrow(Either.flip(Payoff.scenario(condor, at))).input
    const fine = { spot: 24_500, elapsed: 0, volShift: 0 }
    assert.isTrue(Either.isRight(Payoff.scenario(condor, fine)))
    assert.isTrue(Either.isRight(Payoff.scenario(condor, { ...fine, spot: 0, elapsed: t })))
    assert.strictEqual(problem({ ...fine, spot: -1 }), "spot")
    assert.strictEqual(problem({ ...fine, elapsed: 2 * t }), "elapsed")
    assert.strictEqual(problem({ ...fine, volShift: Number.NaN }), "volShift")
  })

  it("rejects a bad leg with its number and input", () => {
    const legs = enter(Template.straddle(t, 24_500, 1), 200, 150)
    const error = (bad: ReadonlyArray<Payoff.Leg>, of = market) => Either.getOrThrow(Either.flip(Payoff.make(bad, of)))
    const second = error([legs[0]!, { ...legs[1]!, strike: Number.NaN }])
    assert.deepStrictEqual([second.leg, second.input], [1, "strike"])
    assert.strictEqual(second.message, "Leg 2: strike must be a number from 1e-12 to 1000000000000000, but is NaN")
    assert.strictEqual(error([{ ...legs[0]!, t: -1 }]).message, "Leg 1: Time to expiry must be >= 0")
    assert.strictEqual(error([{ ...legs[0]!, entryPrice: Number.NaN }]).input, "entryPrice")
    assert.strictEqual(error([{ ...legs[0]!, quantity: Number.POSITIVE_INFINITY }]).input, "quantity")
    assert.strictEqual(error(legs, { ...market, spot: 0 }).input, "spot")
    assert.strictEqual(error([]).message, "legs must be 1 to 64, but are 0")
  })
})

describe("properties", () => {
  const strikes = FastCheck.integer({ min: 460, max: 520 }).map((n) => 50 * n)
  const leg = FastCheck.record({
    kind: FastCheck.constantFrom<BlackScholes.OptionKind | "FUT">("CE", "PE", "FUT"),
    strike: strikes,
    quantity: FastCheck.integer({ min: -3, max: 3 }).filter((n) => n !== 0),
    ticks: FastCheck.integer({ min: 0, max: 20_000 })
  }).map(
    ({ kind, strike, quantity, ticks }): Payoff.Leg => ({
      kind,
      strike,
      quantity,
      entryPrice: kind === "FUT" ? 24_000 + ticks / 20 : ticks / 20,
      t,
      forward: forwardAt(t),
      vol: 0.14
    })
  )
  const legs = FastCheck.array(leg, { minLength: 1, maxLength: 5 })
  const spot = FastCheck.double({ min: 0, max: 100_000, noNaN: true })

  it.prop("the payoff at expiry is the sum of intrinsic values less entry prices", [legs, spot], ([set, at]) => {
    const expected = set.reduce((sum, one) => {
      const value = one.kind === "FUT" ? at : Math.max(0, one.kind === "CE" ? at - one.strike : one.strike - at)
      return sum + one.quantity * (value - one.entryPrice)
    }, 0)
    assert.isAtMost(Math.abs(Payoff.profitAtHorizon(position(set), at) - expected), 1e-8)
  })

  it.prop("break-evens are roots and no sign change is missed", [legs, spot, spot], ([set, a, b]) => {
    const whole = position(set)
    const { breakEvens } = Payoff.analyse(whole)
    for (const [i, root] of breakEvens.entries()) {
      assert.isAtMost(Math.abs(Payoff.profitAtHorizon(whole, root)), 1e-6)
      if (i > 0) assert.isAtLeast(root, breakEvens[i - 1]!)
    }
    const [low, high] = [Math.min(a, b), Math.max(a, b)]
    const [atLow, atHigh] = [Payoff.profitAtHorizon(whole, low), Payoff.profitAtHorizon(whole, high)]
    if (Math.min(atLow, atHigh) < -1e-3 && Math.max(atLow, atHigh) > 1e-3) {
      assert.isTrue(breakEvens.some((root) => root >= low && root <= high))
    }
  })

  it.prop("no price gives more than the maximum profit or less than the maximum loss", [legs, spot], ([set, at]) => {
    const whole = position(set)
    const { maxProfit, maxLoss, probabilityOfProfit } = Payoff.analyse(whole)
    const profit = Payoff.profitAtHorizon(whole, at)
    if (maxProfit !== "unbounded") assert.isAtMost(profit, maxProfit + 1e-6)
    else assert.isAbove(Payoff.profitAtHorizon(whole, 1e9), 1e6)
    if (maxLoss !== "unbounded") assert.isAtLeast(profit, maxLoss - 1e-6)
    else assert.isBelow(Payoff.profitAtHorizon(whole, 1e9), -1e6)
    assert.isTrue(probabilityOfProfit >= 0 && probabilityOfProfit <= 1)
  })

  it.prop("profit and Greeks of all legs are the sums of those of each", [legs, spot.filter((s) => s > 1)], ([set, at]) => {
    const now = { spot: at, elapsed: t / 3, volShift: 0.01 }
    const whole = position(set)
    const sum = set.reduce((total, one) => total + Payoff.profitAt(position([one]), now), 0)
    assert.isAtMost(Math.abs(Payoff.profitAt(whole, now) - sum), 1e-6)
    const deltas = set.reduce((total, one) => total + Payoff.greeksAt(position([one]), now).delta, 0)
    assert.isAtMost(Math.abs(Payoff.greeksAt(whole, now).delta - deltas), 1e-9)
  })
})
