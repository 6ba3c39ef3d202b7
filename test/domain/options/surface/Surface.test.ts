import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Forward from "../../../../src/domain/options/Forward.ts"
import type * as Quotes from "../../../../src/domain/options/surface/Quotes.ts"
import * as Surface from "../../../../src/domain/options/surface/Surface.ts"
import * as Grouped from "../../../../src/domain/rules/Grouped.ts"
import { endsMs } from "../../../Ends.ts"

const referenceData = process.env["TARANG_REFERENCE_DATA"]
const rate = 0.065

interface Row {
  readonly time: string
  readonly expiry: string
  readonly strike: number
  readonly kind: "CE" | "PE"
  readonly price: number
}
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const isoDay = (text: string) => {
  const [day = "", month = "", year = ""] = text.split("-")
  return `${year}-${String(months.indexOf(month) + 1).padStart(2, "0")}-${day}`
}
const rowsOfDay = (): ReadonlyArray<Row> => {
  const text = gunzipSync(readFileSync(`${referenceData}/nse/nifty_option_chain_20260819.csv.gz`)).toString()
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [time = "", expiry = "", strike, kind, , price] = line.split(",")
      return { time, expiry: isoDay(expiry), strike: Number(strike), kind: kind === "PE" ? "PE" : "CE", price: Number(price) }
    })
}
const instantOf = (time: string) =>
  Date.parse(`${time.slice(0, 4)}-${time.slice(4, 6)}-${time.slice(6, 8)}T${time.slice(8, 10)}:${time.slice(10, 12)}:00+05:30`)

/** One expiry at one minute, its forward from put-call parity. */
const quotedOf = (expiry: string, rows: ReadonlyArray<Row>, nowMs: number): Surface.Quoted => {
  const years = (endsMs(expiry) - nowMs) / (365 * 86_400_000)
  const strike = Float64Array.from(new Set(rows.map((row) => row.strike))).sort()
  const side = (kind: Row["kind"]) => {
    const prices = new Map(rows.filter((row) => row.kind === kind).map((row) => [row.strike, row.price]))
    return strike.map((one) => prices.get(one) || Number.NaN)
  }
  const none = Number.NaN
  const input = { count: strike.length, strike, call: side("CE"), put: side("PE"), t: years, r: rate, q: 0, spot: none, future: none }
  const quotes = rows.map(
    ({ kind, price, strike: at }): Quotes.Quote => ({ kind, strike: at, bid: null, ask: null, lastPrice: price, isOld: false })
  )
  return { expiry, years, rate, forward: Forward.estimate(input).forward, quotes }
}

describe("a volatility surface", () => {
  it("an expiry that has passed or has too few quotes has no smile, and the others are fitted in order of expiry", () => {
    const quoted = (expiry: string, years: number): Surface.Quoted => ({ expiry, years, rate, forward: 24_500, quotes: [] })
    const { evidence, expiries } = Surface.fit([quoted("2026-09-01", 0.04), quoted("2026-08-18", 0), quoted("2026-08-25", 0.02)])
    assert.deepStrictEqual(
      expiries.map(({ expiry, fit }) => [expiry, fit]),
      [
        ["2026-08-25", undefined],
        ["2026-09-01", undefined]
      ]
    )
    assert.deepStrictEqual(evidence, { points: 0, leastDensity: null, leastGrowth: null, violations: [] })
  })

  it.skipIf(referenceData === undefined)(
    "every minute of a recorded day is fitted without any arbitrage (skipped without TARANG_REFERENCE_DATA)",
    () => {
      const byMinute = Grouped.by(rowsOfDay(), ({ time }) => time)
      let fitted = 0
      const errors: Array<number> = []
      for (const [time, rows] of byMinute) {
        const byExpiry = Grouped.by(rows, ({ expiry }) => expiry)
        const { evidence, expiries } = Surface.fit([...byExpiry].map(([expiry, of]) => quotedOf(expiry, of, instantOf(time))))
        assert.deepStrictEqual(evidence.violations, [], time)
        for (const { fit } of expiries) {
          assert(fit !== undefined, time)
          errors.push(fit.rmsError)
          fitted++
        }
      }
      assert.isAbove(fitted, 100)
      // Of fractions: less than one volatility point.
      assert.isBelow(Math.max(...errors), 0.01)
    }
  )
})
