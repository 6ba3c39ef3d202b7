import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as MaxPain from "../../../src/domain/options/MaxPain.ts"
import * as OpenInterest from "../../../src/domain/options/OpenInterest.ts"
import * as Golden from "./Golden.ts"

interface GoldenChain {
  readonly name: string
  readonly chain: ReadonlyArray<{
    readonly strike: number
    readonly ceOi: number | null
    readonly peOi: number | null
    readonly ceVolume: number | null
    readonly peVolume: number | null
  }>
  readonly expected: {
    readonly totalPain: ReadonlyArray<MaxPain.Pain>
    readonly minPain: number
    readonly maxPainStrikes: ReadonlyArray<number>
    readonly maxPain: number
    readonly degenerate: boolean
    readonly ceOiTotal: number
    readonly peOiTotal: number
    readonly ceVolumeTotal: number
    readonly peVolumeTotal: number
    readonly pcrOi: string | null
    readonly pcrOiExact: string | null
    readonly pcrVolume: string | null
    readonly pcrVolumeExact: string | null
  }
}

const chains = Golden.json<{ readonly chains: ReadonlyArray<GoldenChain> }>("maxpain.golden.json").chains
/** A missing side is NaN in a column. */
const column = ({ chain }: GoldenChain, name: "strike" | "ceOi" | "peOi" | "ceVolume" | "peVolume") =>
  Float64Array.from(chain, (row) => row[name] ?? Number.NaN)

const interest = FastCheck.oneof(FastCheck.constant(0), FastCheck.nat(1_000_000), FastCheck.nat(3))
const listing = FastCheck.array(FastCheck.record({ gap: FastCheck.integer({ min: 1, max: 40 }), ceOi: interest, peOi: interest }), {
  minLength: 1,
  maxLength: 60
}).map((rows) => {
  let strike = 20_000
  return rows.map((row) => {
    strike += row.gap * 2.5
    return { strike, ceOi: row.ceOi, peOi: row.peOi }
  })
})

describe("max pain", () => {
  for (const golden of chains) {
    it(`BE-FIN-10 golden chain ${golden.name}`, () => {
      const { expected } = golden
      const found = MaxPain.analyse(golden.chain.length, column(golden, "strike"), column(golden, "ceOi"), column(golden, "peOi"))
      assert.deepStrictEqual(found, {
        totalPain: expected.totalPain,
        maxPain: expected.maxPain,
        maxPainStrikes: expected.maxPainStrikes,
        minPain: expected.minPain,
        degenerate: expected.degenerate
      })
    })
  }

  it("BE-FIN-10 an empty chain has no max pain", () => {
    const none = new Float64Array(0)
    assert.deepStrictEqual(MaxPain.analyse(0, none, none, none), {
      totalPain: [],
      maxPain: null,
      maxPainStrikes: [],
      minPain: 0,
      degenerate: true
    })
    assert.strictEqual(MaxPain.lowestRow(0, none, none), -1)
  })

  it.prop("BE-FIN-10 the minimisers are those of the definition, and the row form finds the lowest", [listing], ([rows]) => {
    const pains = rows.map(({ strike: at }) =>
      rows.reduce((sum, row) => sum + row.ceOi * Math.max(at - row.strike, 0) + row.peOi * Math.max(row.strike - at, 0), 0)
    )
    const least = Math.min(...pains)
    const minimisers = rows.filter((_, i) => pains[i] === least).map(({ strike }) => strike)
    const strike = Float64Array.from(rows, (row) => row.strike)
    const ceOi = Float64Array.from(rows, (row) => row.ceOi)
    const peOi = Float64Array.from(rows, (row) => row.peOi)
    const found = MaxPain.analyse(rows.length, strike, ceOi, peOi)
    assert.deepStrictEqual(found.maxPainStrikes, minimisers)
    assert.deepStrictEqual(
      found.totalPain.map(({ total }) => total),
      pains
    )
    assert.strictEqual(found.minPain, least)
    const row = MaxPain.lowestRow(rows.length, ceOi, peOi)
    assert.strictEqual(row, found.degenerate ? -1 : strike.indexOf(minimisers[0]!))
  })
})

describe("open interest", () => {
  for (const golden of chains) {
    it(`BE-FIN-11 put-call ratios of golden chain ${golden.name}`, () => {
      const { expected } = golden
      const found = OpenInterest.summarise(
        golden.chain.length,
        column(golden, "ceOi"),
        column(golden, "peOi"),
        column(golden, "ceVolume"),
        column(golden, "peVolume")
      )
      assert.deepStrictEqual(
        [found.callOi, found.putOi, found.callVolume, found.putVolume],
        [expected.ceOiTotal, expected.peOiTotal, expected.ceVolumeTotal, expected.peVolumeTotal]
      )
      for (const [ratio, exact, decimals] of [
        [found.pcrOi, expected.pcrOiExact, expected.pcrOi],
        [found.pcrVolume, expected.pcrVolumeExact, expected.pcrVolume]
      ] as const) {
        if (exact === null || decimals === null) {
          assert.deepStrictEqual(ratio, { value: null, reason: "no_call_total" })
          continue
        }
        const [n = "", d = ""] = exact.split("/")
        // Division is correctly rounded, so the double nearest the exact ratio is the only right one.
        assert.strictEqual(ratio.value, Number(n) / Number(d))
        assert.isAtMost(Math.abs(ratio.value! - Number(decimals)), 1e-15 + 2 ** -52 * Number(decimals))
      }
    })
  }

  it("BE-FIN-11 the four build-up classes, unchanged and unknown", () => {
    assert.strictEqual(OpenInterest.buildUp(1, 1), "long_build_up")
    assert.strictEqual(OpenInterest.buildUp(1, -1), "short_covering")
    assert.strictEqual(OpenInterest.buildUp(-1, 1), "short_build_up")
    assert.strictEqual(OpenInterest.buildUp(-1, -1), "long_unwinding")
    assert.strictEqual(OpenInterest.buildUp(0, 1), "unchanged")
    assert.strictEqual(OpenInterest.buildUp(1, 0), "unchanged")
    assert.strictEqual(OpenInterest.buildUp(Number.NaN, 1), "unknown")
    assert.strictEqual(OpenInterest.buildUp(1, Number.NaN), "unknown")
  })

  it("BE-FIN-11 open-interest change needs both sides", () => {
    assert.strictEqual(OpenInterest.change(1500, 2250), -750)
    assert.isNaN(OpenInterest.change(Number.NaN, 2250))
    assert.isNaN(OpenInterest.change(1500, Number.NaN))
  })

  it.prop(
    "BE-FIN-11 mirrored prices swap calls' build-up with the opposite side's",
    [FastCheck.integer(), FastCheck.integer()],
    ([price, oi]) => {
      const mirror: Record<OpenInterest.BuildUp, OpenInterest.BuildUp> = {
        long_build_up: "short_build_up",
        short_build_up: "long_build_up",
        short_covering: "long_unwinding",
        long_unwinding: "short_covering",
        unchanged: "unchanged",
        unknown: "unknown"
      }
      assert.strictEqual(OpenInterest.buildUp(-price, oi), mirror[OpenInterest.buildUp(price, oi)])
    }
  )
})
