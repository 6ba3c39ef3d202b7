import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Day from "../../../src/domain/rules/Day.ts"
import * as Entries from "../../../src/domain/rules/Entries.ts"
import type * as Facts from "../../../src/domain/rules/Facts.ts"
import * as Hours from "../../../src/domain/rules/Hours.ts"
import * as RuleSet from "../../../src/domain/rules/RuleSet.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const common = { source: ["FAOP1"], confidence: 1 as const }
const holiday: Entries.Draft = {
  entry: "day",
  date: "2026-09-15",
  name: "Flood",
  kind: "holiday",
  calendars: ["NSE_CM", "NSE_FO"],
  ...common
}
const drill: Entries.Draft = {
  ...holiday,
  date: "2026-09-19",
  kind: "special_open",
  sessions: ["continuous 09:15-10:00", "continuous 11:30-12:30"]
}
const earlier: Entries.Draft = { entry: "hours", segment: "NSE_FO", from: "2026-10-01", phases: ["continuous 09:00-16:00"], ...common }
const year: Entries.Draft = { entry: "known", calendars: ["NSE_CM", "NSE_FO"], from: "2027-01-01", to: "2027-12-31", ...common }

const entry = (draft: Entries.Draft) => Either.getOrThrow(Entries.read(shipped, draft))
const under = (...drafts: ReadonlyArray<Entries.Draft>) => RuleSet.withEntries(shipped, "1", Entries.rowsOf(drafts.map(entry)))
const session = (rules: RuleSet.RuleSet, segment: Facts.Segment, day: string) => {
  const found = Hours.session(rules, segment, undefined, Day.ofIso(day))
  const time = (ms: number) => new Date(ms + 19_800_000).toISOString().slice(11, 16)
  return Either.match(found, {
    onLeft: () => "unknown",
    onRight: (one) => (one === null ? "closed" : `${time(one.opensAtMs)}-${time(one.closesAtMs)}`)
  })
}

const refused: ReadonlyArray<readonly [what: string, draft: Entries.Draft, field: string, why: RegExp]> = [
  ["a day without its date", { ...holiday, date: undefined }, "date", /needs it/],
  ["a day with a segment", { ...holiday, segment: "NSE_FO" }, "segment", /no such field/],
  ["a holiday with sessions", { ...holiday, sessions: ["continuous 09:15-10:00"] }, "sessions", /has no sessions/],
  ["a closed weekend on a Tuesday", { ...holiday, kind: "closed_weekend" }, "kind", /is not a weekend/],
  ["hours that no clock has", { ...drill, sessions: ["continuous 25:00-26:00"] }, "sessions", /"continuous 25:00-26:00"/],
  ["hours that end before they begin", { ...drill, sessions: ["continuous 12:00-11:00"] }, "sessions", /ends before it begins/],
  [
    "hours that overlap",
    { ...drill, sessions: ["continuous 09:00-11:00", "continuous 10:00-12:00"] },
    "sessions",
    /begins before the previous phase/
  ],
  ["a phase that nobody knows", { ...drill, sessions: ["lunch 12:00-13:00"] }, "sessions", /"lunch" is not a phase/],
  ["a session in which nothing trades", { ...drill, sessions: ["preopen 09:00-09:15"] }, "sessions", /no phase of them trades/],
  ["a part of a day of shares", { ...drill, kind: "partial" }, "kind", /trades no part of a holiday/],
  ["a part of a day without its part", { ...holiday, kind: "partial", calendars: ["MCX"] }, "sessions", /which part/],
  ["a year that ends before it begins", { ...year, to: "2026-01-01" }, "to", /is before 2027-01-01/],
  ["a year without an end", { ...year, to: null }, "to", /needs it/],
  ["hours without phases", { ...earlier, phases: undefined }, "phases", /needs it/],
  ["a kind of security of options", { ...earlier, security: "cas" }, "security", /no kinds of securities/],
  ["a season without its closes", { ...earlier, segment: "MCX_NON_AGRI", phases: ["evening 17:00-close"] }, "phases", /summer_close/],
  ["hours whose last day lies before the first", { ...earlier, to: "2026-09-01" }, "to", /is before 2026-10-01/]
]

describe("an administrator's entries", () => {
  it("BE-SVC-04 a holiday, a special session and new hours hold on their days, and every other day keeps its answer", () => {
    const rules = under(holiday, drill, earlier)
    assert.strictEqual(rules.version, `${shipped.version}+1`)
    assert.deepStrictEqual(
      ["2026-09-15", "2026-09-19", "2026-09-30", "2026-10-01"].map((day) => session(rules, "NSE_FO", day)),
      ["closed", "09:15-12:30", "09:15-15:40", "09:00-16:00"]
    )
    const changed = new Set(["2026-09-15", "2026-09-19"])
    for (let day = Day.ofIso("2026-01-01"); day < Day.ofIso("2026-10-01"); day++) {
      const iso = Day.iso(day)
      if (!changed.has(iso)) assert.strictEqual(session(rules, "NSE_FO", iso), session(shipped, "NSE_FO", iso), iso)
      assert.strictEqual(session(rules, "NSE_CD", iso), session(shipped, "NSE_CD", iso), `currencies ${iso}`)
    }
  })

  it("BE-SVC-04 an entry for the past changes its own day alone, and `regular` takes a shipped holiday back", () => {
    const rules = under({ ...holiday, date: "2026-01-26", kind: "regular" })
    assert.strictEqual(session(shipped, "NSE_FO", "2026-01-26"), "closed")
    assert.strictEqual(session(rules, "NSE_FO", "2026-01-26"), "09:15-15:30")
    assert.deepStrictEqual(
      ["2026-01-23", "2026-01-27"].map((day) => session(rules, "NSE_FO", day)),
      ["2026-01-23", "2026-01-27"].map((day) => session(shipped, "NSE_FO", day))
    )
  })

  it("BE-SVC-04 a year without a list is unknown until an entry says that its list is complete", () => {
    assert.strictEqual(session(shipped, "NSE_FO", "2027-03-02"), "unknown")
    assert.strictEqual(session(under(year), "NSE_FO", "2027-03-02"), "09:15-15:40")
    assert.strictEqual(session(under(year, { ...holiday, date: "2027-03-02" }), "NSE_FO", "2027-03-02"), "closed")
  })

  it("BE-SVC-04 a commodity day keeps the part that is named, and its evening ends with the season", () => {
    const evening = under({ ...holiday, kind: "partial", calendars: ["MCX"], sessions: ["evening 17:00-close"] })
    assert.strictEqual(session(evening, "MCX_NON_AGRI", "2026-09-15"), "17:00-23:30")
  })

  for (const [what, draft, field, why] of refused)
    it(`BE-SVC-04 refuses ${what}`, () => {
      const found = Entries.read(shipped, draft)
      assert.isTrue(Either.isLeft(found))
      if (Either.isLeft(found)) {
        assert.strictEqual(found.left[0]?.field, field)
        assert.match(found.left[0]?.message ?? "", why)
      }
    })

  it("two entries clash on a day of the same calendar, and on hours from the same day", () => {
    assert.strictEqual(Entries.clash(entry(holiday), entry({ ...holiday, calendars: ["NSE_FO"] })), "2026-09-15 of NSE_FO")
    assert.isUndefined(Entries.clash(entry(holiday), entry({ ...holiday, calendars: ["MCX"] })))
    assert.isUndefined(Entries.clash(entry(holiday), entry(drill)))
    assert.isUndefined(Entries.clash(entry(year), entry(year)))
    assert.isDefined(Entries.clash(entry(earlier), entry({ ...earlier, phases: ["continuous 09:30-16:00"] })))
  })
})
