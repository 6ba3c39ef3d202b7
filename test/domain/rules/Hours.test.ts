import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Calendars from "../../../src/domain/rules/Calendars.ts"
import * as Day from "../../../src/domain/rules/Day.ts"
import type * as Facts from "../../../src/domain/rules/Facts.ts"
import * as Hours from "../../../src/domain/rules/Hours.ts"
import * as RuleSet from "../../../src/domain/rules/RuleSet.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const ist = (text: string): number => Date.parse(`${text}:00+05:30`)
const phase = (segment: Facts.Segment, text: string, security?: Hours.Security, rules: Hours.Rules = shipped): string =>
  Either.match(Hours.phaseAt(rules, segment, security, ist(text)), { onLeft: ({ message }) => message, onRight: Hours.nameOf })
const trades = (segment: Facts.Segment, day: string) => Either.getOrThrow(Hours.isTradingDay(shipped, segment, Day.ofIso(day)))
const session = (segment: Facts.Segment, day: string, security?: Hours.Security) => {
  const found = Either.getOrThrow(Hours.session(shipped, segment, security, Day.ofIso(day)))
  const time = (ms: number) => new Date(ms + 19_800_000).toISOString().slice(11, 16)
  return found === null ? null : `${time(found.opensAtMs)}-${time(found.closesAtMs)}`
}

describe("hours", () => {
  it("BE-SVC-04 F&O closes at 15:40 from 2026-08-03 and at 15:30 before", () => {
    assert.strictEqual(session("NSE_FO", "2026-07-31"), "09:15-15:30")
    assert.strictEqual(session("NSE_FO", "2026-08-03"), "09:15-15:40")
    assert.strictEqual(session("BSE_FO", "2026-08-03"), "09:15-15:40")
    assert.strictEqual(session("NSE_CM", "2026-08-03", "other"), "09:15-15:30")
    assert.strictEqual(session("NSE_CM", "2026-08-03", "cas"), "09:15-15:15")
  })

  it("BE-SVC-04 budget Sunday, Muhurat, drills and outages trade in their own sessions", () => {
    assert.strictEqual(session("NSE_FO", "2026-02-01"), "09:15-15:30")
    assert.strictEqual(session("NSE_FO", "2025-10-21"), "13:45-14:45")
    assert.strictEqual(session("NSE_CM", "2024-03-02"), "09:15-12:30")
    assert.strictEqual(phase("NSE_CM", "2024-03-02T10:30"), "closed")
    assert.strictEqual(phase("NSE_CM", "2021-02-24T13:00"), "closed")
    assert.strictEqual(phase("NSE_CM", "2021-02-24T16:00"), "continuous")
    assert.strictEqual(session("NSE_FO", "2026-01-26"), null)
    assert.strictEqual(session("NSE_CD", "2026-02-01"), null)
  })

  it("BE-SVC-04 commodities close by the American clock and keep half of a holiday", () => {
    assert.strictEqual(session("MCX_NON_AGRI", "2026-07-16"), "09:00-23:30")
    assert.strictEqual(session("MCX_NON_AGRI", "2026-11-03"), "09:00-23:55")
    assert.strictEqual(session("MCX_NON_AGRI", "2026-10-20"), "17:00-23:30")
    assert.strictEqual(session("MCX_NON_AGRI", "2026-01-01"), "09:00-17:00")
    assert.strictEqual(session("MCX_AGRI_INTL", "2026-10-20"), "17:00-21:00")
    assert.isFalse(trades("MCX_AGRI", "2026-10-20"))
    assert.isTrue(trades("MCX_AGRI", "2026-10-19"))
    assert.isTrue(trades("MCX_NON_AGRI", "2026-10-20"))
  })

  it("the published dates of the commodities' summer and winter hours agree with the rule", () => {
    for (const { from, season } of shipped.documents.sessions.seasons) {
      const noRows = { ...shipped.hours, seasons: [] }
      assert.strictEqual(Hours.season(noRows, Day.ofIso(from)), season, from)
      assert.notStrictEqual(Hours.season(noRows, Day.ofIso(from) - 1), season, from)
    }
  })

  it("BE-DAY-01 unpublished hours are an error that names the reason", () => {
    assert.match(phase("NSE_FO", "2026-11-08T18:30", "option"), /hours of Diwali Laxmi Pujan \(Muhurat\) are not published/)
    assert.isTrue(trades("NSE_FO", "2026-11-08"))
    assert.match(phase("NSE_FO", "2027-03-10T10:00", "option"), /no holiday list of the rulebook covers the day/)
    assert.match(phase("NSE_COM_NON_AGRI", "2026-03-06T10:00"), /no row of the rulebook covers the day/)
    assert.match(phase("NSE_FO", "2026-08-04T09:05"), /state future or option/)
    assert.match(phase("NSE_CM", "2026-08-04T15:20"), /state cas or other/)
  })

  it("the cash price does not move in the closing auction while F&O trades", () => {
    const at = (segment: Facts.Segment, security: Hours.Security) => {
      const found = Either.getOrThrow(Hours.phaseAt(shipped, segment, security, ist("2026-08-04T15:25")))
      return found !== Hours.closed && found.trades
    }
    assert.isFalse(at("NSE_CM", "cas"))
    assert.isTrue(at("NSE_FO", "option"))
  })

  it("confidence distinguishes a sourced closure from a remembered one", () => {
    const confidence = (segment: Facts.Segment, day: string) =>
      Either.getOrThrow(Hours.phases(shipped, segment, undefined, Day.ofIso(day)))[0]?.confidence
    assert.strictEqual(confidence("MCX_NON_AGRI", "2024-06-17"), 0)
    assert.strictEqual(confidence("MCX_NON_AGRI", "2026-05-28"), 2)
  })

  it("the neighbours of a trading day skip holidays and weekends", () => {
    const next = (day: string) => Day.iso(Either.getOrThrow(Calendars.nextTradingDay(shipped.calendars, "NSE_FO", Day.ofIso(day))))
    const previous = (day: string) => Day.iso(Either.getOrThrow(Calendars.previousTradingDay(shipped.calendars, "NSE_FO", Day.ofIso(day))))
    assert.strictEqual(next("2026-01-23"), "2026-01-27")
    assert.strictEqual(previous("2026-01-27"), "2026-01-23")
    assert.strictEqual(next("2026-01-30"), "2026-02-01")
    assert.isTrue(Either.isLeft(Calendars.nextTradingDay(shipped.calendars, "NSE_FO", Day.ofIso("2026-12-31"))))
  })
})

const days = fc.integer({ min: Day.ofIso("2015-01-01"), max: Day.ofIso("2026-12-31") })
const segments = fc.constantFrom<Facts.Segment>("NSE_CM", "BSE_CM", "NSE_FO", "BSE_FO", "MCX_NON_AGRI")
const securities = fc.constantFrom<Hours.Security>("cas", "other", "future", "option")

describe("hours of any day", () => {
  it.prop("phases are in order, within the day, and never overlap", [segments, securities, days], ([segment, security, day]) => {
    const found = Hours.phases(shipped, segment, security, day)
    if (Either.isLeft(found)) return
    let endMs = Day.midnightMs(day)
    for (const it of found.right) {
      assert.isAtLeast(it.startMs, endMs)
      assert.isAbove(it.endMs, it.startMs)
      endMs = it.endMs
    }
    assert.isAtMost(endMs, Day.midnightMs(day + 1))
  })

  it.prop("next and previous are each other's inverse on trading days", [days], ([day]) => {
    const next = Calendars.nextTradingDay(shipped.calendars, "NSE_FO", day)
    if (Either.isLeft(next) || !trades("NSE_FO", Day.iso(day))) return
    assert.strictEqual(Either.getOrThrow(Calendars.previousTradingDay(shipped.calendars, "NSE_FO", next.right)), day)
  })

  it("something may trade from the first pre-open to the last close of commodities, and on a day whose hours are not known", () => {
    const openAt = (text: string) => Hours.isAnyOpen(shipped, ist(text))
    assert.deepStrictEqual(
      ["2026-11-30T06:00", "2026-11-30T09:05", "2026-11-30T16:30", "2026-11-30T23:50", "2026-12-01T02:00", "2026-11-29T12:00"].map(openAt),
      [false, true, true, true, false, false]
    )
    assert.isTrue(openAt("2031-03-03T03:00"))
  })

  it.prop(
    "where a segment is in a phase, something may trade",
    [segments, securities, days, fc.integer({ min: 0, max: 86_399 })],
    ([segment, security, day, second]) => {
      const atMs = Day.midnightMs(day) + second * 1_000
      const found = Hours.phaseAt(shipped, segment, security, atMs)
      if (Either.isRight(found) && found.right !== Hours.closed) assert.isTrue(Hours.isAnyOpen(shipped, atMs))
    }
  )

  it.prop("a rule changes nothing before its date", [segments, securities, days, days], ([segment, security, from, day]) => {
    const changed = RuleSet.withEntries(shipped, "test", {
      known: [],
      days: [],
      sessions: [{ segment, from: Day.iso(from), to: null, phases: ["continuous 10:00-14:00"], source: [], confidence: 2 }]
    })
    const was = Hours.phases(shipped, segment, security, day)
    const is = Hours.phases(changed, segment, security, day)
    if (day < from) assert.deepStrictEqual(is, was)
    else if (Either.isRight(is) && Either.isRight(was) && was.right.length > 0 && trades(segment, Day.iso(day)))
      assert.isAtMost(is.right.length, Math.max(1, was.right.length))
  })

  it.prop("an entry changes its own day and no other", [days, days], ([entered, day]) => {
    const changed = RuleSet.withEntries(shipped, "test", {
      known: [],
      days: [{ date: Day.iso(entered), name: "Election", kind: "holiday", calendars: ["NSE_FO"], source: ["admin"], confidence: 2 }],
      sessions: []
    })
    const own = Hours.phases(changed, "NSE_FO", "option", day)
    assert.deepStrictEqual(own, day === entered ? Either.right([]) : Hours.phases(shipped, "NSE_FO", "option", day))
    assert.deepStrictEqual(Hours.phases(changed, "BSE_FO", "option", day), Hours.phases(shipped, "BSE_FO", "option", day))
  })
})

describe("entries over the shipped rules", () => {
  it("make a year known, restore a shipped holiday, and name their version", () => {
    const changed = RuleSet.withEntries(shipped, "7", {
      known: [{ calendars: ["NSE_FO"], from: "2027-01-01", to: "2027-12-31" }],
      days: [{ date: "2026-01-26", name: "Open after all", kind: "regular", calendars: ["NSE_FO"], source: ["admin"], confidence: 2 }],
      sessions: []
    })
    assert.strictEqual(changed.version, "2026-08-22+7")
    assert.strictEqual(phase("NSE_FO", "2027-03-10T10:00", "option", changed), "continuous")
    assert.strictEqual(phase("NSE_FO", "2026-01-26T10:00", "option", changed), "continuous")
    assert.strictEqual(phase("NSE_CM", "2026-01-26T10:00", "cas", changed), "closed")
  })
})
