import { assert, describe, it } from "@effect/vitest"
import * as Regression from "../../bench/load/Regression.ts"

const machine = "Node 20, 2 cores, some processor"
const facts = (figures: Readonly<Record<string, ReadonlyArray<number>>>, of = machine): Regression.Facts => ({
  machine: of,
  figures: Object.entries(figures).map(([name, rounds]) => ({ name, rounds }))
})
const slowerNames = (before: ReadonlyArray<number>, now: ReadonlyArray<number>) =>
  Regression.compare(facts({ request: before }), facts({ request: now })).slower.map(({ name }) => name)

describe("Regression", () => {
  it("BE-OPS-04 names each figure that is over ten percent slower than the committed report, with both values", () => {
    const before = facts({ request: [2, 2.1, 1.9], message: [3, 3, 3] })
    const now = facts({ request: [2.4, 2.3, 2.5], message: [3.2, 3.3, 3.1] })
    assert.deepStrictEqual(Regression.compare(before, now), {
      against: "the committed report",
      slower: [{ name: "request", before: 2, now: 2.4 }],
      gone: []
    })
  })

  it("BE-OPS-04 a run that is faster, or slower by at most ten percent, is no regression; a slower one is", () => {
    assert.deepStrictEqual(slowerNames([10, 10, 10], [11, 11, 11]), [])
    assert.deepStrictEqual(slowerNames([10, 10, 10], [11.01, 11.01, 11.01]), ["request"])
    assert.deepStrictEqual(slowerNames([10, 10, 10], [5, 5, 5]), [])
  })

  it("BE-OPS-04 rounds that overlap are noise, whatever their medians; so is one slow round", () => {
    assert.deepStrictEqual(slowerNames([10, 10, 14], [12, 13, 15]), [])
    assert.deepStrictEqual(slowerNames([10, 10, 14], [15, 16, 15]), ["request"])
    assert.deepStrictEqual(slowerNames([10, 10, 10, 10], [10, 10, 10, 40]), [])
    assert.deepStrictEqual(slowerNames([10, 10, 10, 12, 12], [11, 11, 12, 30, 30]), [])
  })

  it("BE-OPS-04 one odd round of five, then or now, does not hide a regression", () => {
    assert.deepStrictEqual(slowerNames([10, 10, 10, 10, 40], [9, 12, 12, 12, 12]), ["request"])
  })

  it("BE-OPS-04 makes no comparison with another machine's report or without one, and says so", () => {
    const now = facts({ request: [100] })
    assert.deepStrictEqual(Regression.compare(undefined, now), { against: "nothing: there is no committed report", slower: [], gone: [] })
    assert.deepStrictEqual(Regression.compare(facts({ request: [1] }, "another"), now), {
      against: "nothing: the committed report is from another machine",
      slower: [],
      gone: []
    })
  })

  it("BE-OPS-04 names a figure that was not measured; a new figure cannot be slower", () => {
    const { gone, slower } = Regression.compare(facts({ request: [1], old: [1] }), facts({ request: [1], new: [9] }))
    assert.deepStrictEqual([gone, slower], [["old"], []])
  })
})
