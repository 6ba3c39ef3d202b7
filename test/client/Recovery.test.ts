import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Recovery from "../../src/client/Recovery.ts"
import type { Since } from "../../src/contract/sockets/SocketMessages.ts"

const at = (seq: number, row?: number, epoch = 1): Since => (row === undefined ? { epoch, seq } : { epoch, seq, row })

describe("Recovery of ordered events", () => {
  it("accepts every row of a sequence once, and continues after the last", () => {
    const places = Recovery.ordered()
    const taken = [at(5, 0), at(5, 2), at(5, 2), at(5, 1), at(4, 9), at(5, 3), at(6, 0)].map(places.accept)
    assert.deepStrictEqual(taken, [true, true, false, false, false, true, true])
    assert.deepStrictEqual(places.since(), at(6, 0))
  })

  it("continues after the position to which it is set, even an earlier one", () => {
    const places = Recovery.ordered()
    places.accept(at(900, 1))
    places.reset(at(7))
    assert.deepStrictEqual([at(7, 3), at(8, 0)].map(places.accept), [false, true])
  })

  it("treats a position without a row as the whole sequence", () => {
    const places = Recovery.ordered()
    places.accept(at(7))
    assert.isFalse(places.accept(at(7, 3)))
    assert.isTrue(places.accept(at(8, 0)))
    assert.isTrue(places.accept(at(8)), "the rest of it")
    assert.deepStrictEqual(places.since(), at(8))
  })

  it("starts over with another stream, whatever its numbers", () => {
    const places = Recovery.ordered()
    places.accept(at(900, 1))
    assert.isTrue(places.accept(at(1, 0, 2)))
    assert.deepStrictEqual(places.since(), at(1, 0, 2))
  })

  it.prop(
    "overlapping deliveries give each event once, in order",
    [FastCheck.array(FastCheck.nat({ max: 30 }), { minLength: 1 }), FastCheck.nat({ max: 5 })],
    ([cuts, overlap]) => {
      const all = Array.from({ length: 31 }, (_, index) => at(Math.floor(index / 3), index % 3))
      const places = Recovery.ordered()
      const taken: Array<Since> = []
      // Each connection starts a little before the end of the previous one.
      let from = 0
      for (const cut of [...cuts, 30]) {
        for (const place of all.slice(Math.max(0, from - overlap), cut + 1)) if (places.accept(place)) taken.push(place)
        from = Math.max(from, cut + 1)
      }
      assert.deepStrictEqual(taken, all)
    }
  )
})

describe("Recovery of states", () => {
  it("keeps a position per key until it is forgotten", () => {
    const places = Recovery.keyed<string>()
    places.reset("a", at(5))
    assert.deepStrictEqual([places.acceptNew("a", at(5)), places.acceptNew("b", at(5)), places.acceptNew("a", at(6))], [false, true, true])
    assert.deepStrictEqual([places.since("a"), places.since("b"), places.since("c")], [at(6), at(5), undefined])
    places.forget("a")
    assert.isTrue(places.acceptNew("a", at(1)))
  })

  it("accepts a repeated state, but never an older change", () => {
    const places = Recovery.keyed<string>()
    places.reset("a", at(5))
    assert.deepStrictEqual(
      [at(4), at(5), at(7), at(6)].map((place) => places.acceptChange("a", place)),
      [false, true, true, false]
    )
    // A whole state restarts everything, even if it is older.
    places.reset("a", at(3))
    assert.isTrue(places.acceptChange("a", at(4)))
  })
})
