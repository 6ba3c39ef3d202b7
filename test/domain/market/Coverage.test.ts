import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Coverage from "../../../src/domain/market/Coverage.ts"
import * as InstrumentHours from "../../../src/domain/market/InstrumentHours.ts"
import * as KiteHistory from "../../../src/domain/market/KiteHistory.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { ist } from "./Ist.ts"

const text = ({ fromMs, toMs }: KiteHistory.Span) =>
  [fromMs, toMs].map((ms) => new Date(ms + 19_800_000).toISOString().slice(0, 19)).join(" ")
const span = (from: string, to: string) => ({ fromMs: ist(from), toMs: ist(to) })
// 16 August 2026 is a Sunday.
const week = span("2026-08-13T00:00:00", "2026-08-19T23:59:59")
const later = ist("2026-09-01T10:00:00")
const index: InstrumentHours.Place = { segment: "NSE_CM", security: "other" }
const sessionOf = (day: string) => InstrumentHours.on(shipped, index, day)
const missing = (known: ReadonlyArray<Coverage.Day>, wanted = week, nowMs = later) =>
  Coverage.missing(known, wanted, nowMs, sessionOf).map(text)

describe("Coverage", () => {
  it("requests one span of whole days, weekend included, up to now, when nothing is known", () => {
    assert.deepStrictEqual(missing([]), ["2026-08-13T00:00:00 2026-08-19T23:59:59"])
    assert.deepStrictEqual(missing([], week, ist("2026-08-18T11:00:00")), ["2026-08-13T00:00:00 2026-08-18T11:00:00"])
    assert.deepStrictEqual(missing([], week, ist("2026-08-12T11:00:00")), [])
  })

  it("does not request days that were fetched from the broker or that our own bars cover", () => {
    const known = [
      { day: "2026-08-14", fetched: true, whole: 0 },
      { day: "2026-08-18", fetched: false, whole: 375 },
      { day: "2026-08-19", fetched: false, whole: 374 }
    ]
    assert.deepStrictEqual(missing(known), [
      "2026-08-13T00:00:00 2026-08-13T23:59:59",
      "2026-08-17T00:00:00 2026-08-17T23:59:59",
      "2026-08-19T00:00:00 2026-08-19T23:59:59"
    ])
  })

  it("requires own bars from the requested start up to now on the current day", () => {
    const today = (from: string, whole: number) =>
      missing([{ day: "2026-08-19", fetched: false, whole }], span(from, "2026-08-19T15:30:00"), ist("2026-08-19T10:15:30"))
    assert.deepStrictEqual(today("2026-08-19T09:15:00", 58), [])
    assert.deepStrictEqual(today("2026-08-19T09:15:00", 57), ["2026-08-19T00:00:00 2026-08-19T10:15:30"])
    assert.deepStrictEqual(today("2026-08-19T10:00:00", 13), [])
  })

  it("does not request a weekend or hours outside the session", () => {
    assert.deepStrictEqual(missing([], span("2026-08-15T00:00:00", "2026-08-16T23:59:59")), [])
    assert.deepStrictEqual(missing([], span("2026-08-19T16:00:00", "2026-08-19T23:59:59")), [])
  })

  it("counts only whole days in the past as finished", () => {
    const nowMs = ist("2026-08-19T12:00:00")
    assert.deepStrictEqual(Coverage.finished(span("2026-08-17T00:00:00", "2026-08-19T12:00:00"), nowMs), ["2026-08-17", "2026-08-18"])
    assert.deepStrictEqual(Coverage.finished(span("2026-08-17T09:15:00", "2026-08-18T15:30:00"), nowMs), [])
  })
})

describe("KiteHistory", () => {
  it.prop(
    "windows cover a span without gap or overlap, and none is longer than Kite allows",
    [FastCheck.integer({ min: 0, max: 500 * 86_400 }), FastCheck.constantFrom(...KiteHistory.intervals)],
    ([seconds, { daysMax }]) => {
      const fromMs = ist("2026-01-01T00:00:00")
      const toMs = fromMs + seconds * 1_000
      const parts = KiteHistory.windows({ fromMs, toMs }, daysMax)
      assert.strictEqual(parts[0]?.fromMs, fromMs)
      assert.strictEqual(parts.at(-1)?.toMs, toMs)
      for (const [at, part] of parts.entries()) {
        assert.isBelow(part.toMs - part.fromMs, daysMax * 86_400_000)
        if (at > 0) assert.strictEqual(part.fromMs - parts[at - 1]!.toMs, 1_000)
      }
    }
  )
})
