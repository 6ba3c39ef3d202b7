import { assert, describe, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import * as Consistency from "../../../src/domain/rules/Consistency.ts"
import * as Facts from "../../../src/domain/rules/Facts.ts"
import { files, shipped } from "../../../src/domain/rules/Shipped.ts"

const decode = Schema.decodeUnknownEither(Facts.Documents, { onExcessProperty: "error" })

type Row = Record<string, unknown>
/** The shipped files with one row of one list replaced. */
const withRow = (file: string, list: string, at: number, row: Row): unknown => {
  const all = structuredClone(files) as Record<string, Record<string, Array<Row>>>
  all[file]![list]![at] = { ...all[file]![list]![at], ...row }
  return all
}

const refused: ReadonlyArray<readonly [file: string, list: string, row: Row, why: RegExp]> = [
  ["days", "days", { date: "2026-02-30" }, /"2026-02-30" is not a day/],
  ["days", "days", { kind: "feast" }, /feast/],
  ["days", "days", { calendars: ["NYSE"] }, /NYSE/],
  ["sessions", "sessions", { phases: ["continuous 9:15-15:30"] }, /9:15-15:30/],
  ["expiries", "rules", { on: "every Someday" }, /Someday/],
  ["lots", "lots", { lot: 0 }, /lot/],
  ["charges", "sebi", { rate: "1e-6" }, /1e-6/],
  ["segments", "units", { divisor: 1000 }, /divisor/],
  ["freezes", "freezes", { quantiy: 5 }, /quantiy/]
]

const inconsistent: ReadonlyArray<readonly [file: string, list: string, at: number, row: Row, why: RegExp]> = [
  ["lots", "lots", 1, { expiryFrom: "2024-05-01" }, /lots\.json lots\[1\]: expiryFrom 2024-05-01 lies after expiryTo 2024-04-25/],
  ["days", "days", 1, { sessions: ["lunch 12:00-13:00"] }, /"lunch" is not a phase/],
  ["days", "days", 1, { sessions: ["continuous 12:00-11:00"] }, /continuous ends before it begins/],
  ["days", "days", 1, { sessions: ["continuous 09:00-12:00", "continuous 11:00-13:00"] }, /begins before the previous phase ends/],
  ["days", "days", 1, { calendars: ["NSE_CM"] }, /2015-01-26 NSE_CM has two rows/],
  ["sessions", "sessions", 0, { phases: ["evening 17:00-close"] }, /needs summerClose and winterClose/],
  ["segments", "segments", 0, { segment: "BSE_CM" }, /no calendar of NSE_CM/]
]

describe("the rule files", () => {
  it("match their schema and agree with each other", () => {
    assert.isTrue(Either.isRight(decode(files)))
    assert.deepStrictEqual(Consistency.problems(shipped.documents), [])
  })

  for (const [file, list, row, why] of refused)
    it(`refuse ${JSON.stringify(row)} in ${file}.json`, () => {
      const found = decode(withRow(file, list, 0, row))
      assert.isTrue(Either.isLeft(found))
      if (Either.isLeft(found)) assert.match(found.left.message, why)
    })

  for (const [file, list, at, row, why] of inconsistent)
    it(`find ${JSON.stringify(row)} in ${file}.json`, () => {
      const documents = Either.getOrThrow(decode(withRow(file, list, at, row)))
      assert.match(Consistency.problems(documents).join("\n"), why)
    })
})
