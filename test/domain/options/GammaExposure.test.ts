import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as GammaExposure from "../../../src/domain/options/GammaExposure.ts"

const f = 24_500
const t = 7 / 365
const r = 0.065

const expiry = (
  rows: ReadonlyArray<readonly [strike: number, callOi: number, putOi: number]>,
  changes: Partial<GammaExposure.Expiry> = {}
): GammaExposure.Expiry => ({
  count: rows.length,
  strike: Float64Array.from(rows, ([strike]) => strike),
  vol: new Float64Array(rows.length).fill(0.14),
  callOi: Float64Array.from(rows, ([, callOi]) => callOi),
  putOi: Float64Array.from(rows, ([, , putOi]) => putOi),
  forward: f,
  t,
  r,
  unitsPerOi: 1,
  ...changes
})

/** The formula by way of the pricing module. */
const exposure = (k: number, oi: number, at = f) => Either.getOrThrow(Black76.greeks("CE", at, k, t, r, 0.14)).gamma * oi * at * at * 0.01
const relative = (actual: number, expected: number, within: number) =>
  assert.isAtMost(Math.abs(actual - expected), within * Math.abs(expected), `${actual} is not ${expected}`)

const chain = expiry([
  [24_200, 1_000, 90_000],
  [24_400, 20_000, 60_000],
  [24_600, 70_000, 15_000],
  [24_800, 95_000, 500]
])

describe("GammaExposure", () => {
  it("is gamma times open interest times a percent of the forward squared, puts negative", () => {
    const found = GammaExposure.analyse([chain], f)
    assert.strictEqual(found.formula, GammaExposure.FORMULA)
    assert.deepStrictEqual(
      found.strikes.map(({ strike }) => strike),
      [24_200, 24_400, 24_600, 24_800]
    )
    found.strikes.forEach(({ strike, call, put, net }, i) => {
      relative(call, exposure(strike, chain.callOi[i]!), 1e-12)
      relative(put, -exposure(strike, chain.putOi[i]!), 1e-12)
      assert.strictEqual(net, call + put)
    })
    relative(
      found.total,
      found.strikes.reduce((sum, { net }) => sum + net, 0),
      1e-12
    )
    assert.strictEqual(found.uncounted, 0)
  })

  it("vanishes at the zero level, with calls above and puts below it", () => {
    const { zeroLevel } = GammaExposure.analyse([chain], f)
    assert.isNotNull(zeroLevel)
    const totalAt = (at: number) =>
      [0, 1, 2, 3].reduce((sum, i) => sum + exposure(chain.strike[i]!, chain.callOi[i]! - chain.putOi[i]!, at), 0)
    assert.isTrue(zeroLevel! > 24_300 && zeroLevel! < 24_700)
    assert.isAtMost(Math.abs(totalAt(zeroLevel!)), 1e-6 * Math.abs(totalAt(zeroLevel! + 100)))
    assert.isBelow(totalAt(zeroLevel! - 50), 0)
    assert.isAbove(totalAt(zeroLevel! + 50), 0)
  })

  it("the level is expressed in the given price", () => {
    const { zeroLevel } = GammaExposure.analyse([chain], f)
    relative(GammaExposure.analyse([chain], 2 * f).zeroLevel!, 2 * zeroLevel!, 1e-12)
  })

  it("one-sided or empty interest has no zero level", () => {
    assert.isNull(GammaExposure.analyse([expiry([[24_400, 100, 0]])], f).zeroLevel)
    assert.isNull(GammaExposure.analyse([expiry([[24_400, 0, 0]])], f).zeroLevel)
    assert.deepStrictEqual(GammaExposure.analyse([], f), {
      formula: GammaExposure.FORMULA,
      strikes: [],
      total: 0,
      zeroLevel: null,
      uncounted: 0
    })
  })

  it("rows without volatility and expired rows are ignored; the former are reported as uncounted", () => {
    const partial = expiry(
      [
        [24_400, 100, 100],
        [24_500, 300, 500]
      ],
      { vol: Float64Array.of(Number.NaN, 0.14) }
    )
    const found = GammaExposure.analyse([partial], f)
    assert.strictEqual(found.uncounted, 0.2)
    assert.deepStrictEqual(found.strikes[0], { strike: 24_400, call: 0, put: 0, net: 0 })
    assert.strictEqual(GammaExposure.analyse([expiry([[24_500, 300, 500]], { t: 0 })], f).total, 0)
  })

  it("expiries are summed strike by strike, and contracts count with their lot", () => {
    const one = GammaExposure.analyse([chain], f)
    const two = GammaExposure.analyse([chain, chain], f)
    assert.strictEqual(two.strikes.length, one.strikes.length)
    relative(two.total, 2 * one.total, 1e-12)
    relative(GammaExposure.analyse([{ ...chain, unitsPerOi: 65 }], f).total, 65 * one.total, 1e-12)
  })

  const row = FastCheck.tuple(
    FastCheck.integer({ min: 440, max: 540 }).map((n) => 50 * n),
    FastCheck.nat(100_000),
    FastCheck.nat(100_000)
  )
  const rows = FastCheck.uniqueArray(row, { selector: ([strike]) => strike, minLength: 1, maxLength: 20 })

  it.prop("swapping calls and puts changes the sign and keeps the zero level", [rows], ([listing]) => {
    const found = GammaExposure.analyse([expiry(listing)], f)
    const mirrored = GammaExposure.analyse([expiry(listing.map(([strike, call, put]) => [strike, put, call]))], f)
    assert.isAtMost(Math.abs(found.total + mirrored.total), 1e-9 * (1 + Math.abs(found.total)))
    if (found.zeroLevel === null) assert.isNull(mirrored.zeroLevel)
    else relative(mirrored.zeroLevel!, found.zeroLevel, 1e-9)
  })
})

const referenceData = process.env["TARANG_REFERENCE_DATA"]

describe.skipIf(referenceData === undefined)("open interest is in units (skipped without TARANG_REFERENCE_DATA)", () => {
  const read = (path: string) => readFileSync(`${referenceData}/${path}`)

  it("Kite's recorded open interest and volume of a NIFTY contract of 2019 are whole lots of 75", () => {
    const candles: ReadonlyArray<ReadonlyArray<number>> = JSON.parse(read("kite/historical_oi.json").toString()).data.candles
    assert.isAbove(candles.length, 0)
    for (const [, , , , , volume, oi] of candles) assert.deepStrictEqual([volume! % 75, oi! % 75], [0, 0])
  })

  it("the exchange's bhavcopy too counts units: every open interest is whole lots", () => {
    const [header = "", ...lines] = read("nse/nse_fo_udiff_sample_2025-09-02.csv").toString().trim().split("\n")
    const [oi, lot] = ["OpnIntrst", "NewBrdLotQty"].map((name) => header.split(",").indexOf(name))
    for (const line of lines) assert.strictEqual(Number(line.split(",")[oi!]) % Number(line.split(",")[lot!]), 0)
  })

  it("the website's recorded option chain counts contracts: its open interest is not whole lots of 65", () => {
    const [header = "", ...lines] = gunzipSync(read("nse/nifty_option_chain_20260819.csv.gz")).toString().trim().split("\n")
    const column = header.trim().split(",").indexOf("oi")
    const whole = lines.filter((line) => Number(line.split(",")[column]) % 65 === 0).length
    assert.isBelow(whole / lines.length, 0.1)
  })
})
