import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as FrameGuard from "../../../src/domain/market/FrameGuard.ts"
import type { FrameHeader } from "../../../src/domain/record/FrameHeader.ts"

const header = (number: number, incarnation = 1, account = "A"): FrameHeader => ({
  account,
  epoch: 1,
  incarnation,
  number,
  baseReceivedMs: 0,
  source: "simulator",
  runs: []
})

const accept = (state: FrameGuard.State, ...numbers: ReadonlyArray<number>) => numbers.map((n) => FrameGuard.accept(state, header(n)))

describe("FrameGuard", () => {
  it("lets numbers in order pass and drops what it has seen", () => {
    const state = FrameGuard.make()
    assert.deepStrictEqual(accept(state, 0, 1, 2, 1, 0, 3), [0, 0, 0, -1, -1, 0])
    assert.strictEqual(state.duplicates, 2)
    assert.strictEqual(state.open, 0)
  })

  it("reports a skipped number at once and closes it when the resend comes", () => {
    const state = FrameGuard.make()
    assert.deepStrictEqual(accept(state, 0, 1, 4), [0, 0, 2])
    assert.deepStrictEqual(FrameGuard.gapBefore(header(4), 2), { account: "A", incarnation: 1, from: 2, to: 3 })
    assert.strictEqual(state.open, 2)
    assert.deepStrictEqual(accept(state, 2, 2, 3), [0, -1, 0])
    assert.strictEqual(state.open, 0)
    assert.strictEqual(state.lost, 0)
  })

  it("counts a hole as lost when the window has left it behind, and refuses what comes after that", () => {
    const state = FrameGuard.make()
    accept(state, 0, 2)
    for (let number = 3; number <= FrameGuard.windowMax; number++) accept(state, number)
    assert.strictEqual(state.open, 1)
    // The newest number that still leaves 1 in the window was windowMax.
    assert.deepStrictEqual(accept(state, FrameGuard.windowMax + 1), [0])
    assert.strictEqual(state.open, 0)
    assert.strictEqual(state.lost, 1)
    assert.deepStrictEqual(accept(state, 1), [-1])
    assert.strictEqual(state.refused, 1)
  })

  it("survives a jump over more than the window", () => {
    const state = FrameGuard.make()
    accept(state, 0)
    const jump = 5 * FrameGuard.windowMax
    assert.deepStrictEqual(accept(state, jump), [jump - 1])
    assert.strictEqual(state.open, FrameGuard.windowMax - 1)
    assert.strictEqual(state.open + state.lost, jump - 1)
    assert.deepStrictEqual(accept(state, jump - 1, 10), [0, -1])
  })

  it("a reader that starts in the middle has missed nothing, and takes a resend of what was before once", () => {
    const state = FrameGuard.make()
    assert.deepStrictEqual(accept(state, 500, 498, 498, 501), [0, 0, -1, 0])
    assert.strictEqual(state.open, 0)
    for (let number = 502; number < 500 + 2 * FrameGuard.windowMax; number++) accept(state, number)
    assert.strictEqual(state.lost, 0)
  })

  it("a ticker that starts anew counts from 0 again, and its first frames missing are a gap", () => {
    const state = FrameGuard.make()
    accept(state, 0, 1)
    assert.strictEqual(FrameGuard.accept(state, header(0, 2)), 0)
    assert.strictEqual(FrameGuard.accept(state, header(2, 3)), 2)
    assert.strictEqual(FrameGuard.accept(state, header(2, 1)), 0, "a frame of the older start may still come")
    assert.strictEqual(FrameGuard.accept(state, header(2, 1)), -1)
    assert.strictEqual(state.open, 2)
  })

  it("knows a bounded number of starts and of accounts", () => {
    const state = FrameGuard.make()
    for (let start = 1; start <= FrameGuard.incarnationsMax + 2; start++) FrameGuard.accept(state, header(start === 1 ? 0 : 1, start))
    assert.strictEqual(state.windows.get("A")?.length, FrameGuard.incarnationsMax)
    assert.strictEqual(FrameGuard.accept(state, header(1, 1)), -1, "too old to tell")
    // The first of the two forgotten starts missed nothing, the second its frame 0; the others' frames 0 are still open.
    assert.strictEqual(state.lost, 1)
    assert.strictEqual(state.open, FrameGuard.incarnationsMax)
    for (let account = 0; account < FrameGuard.accountsMax; account++) FrameGuard.accept(state, header(0, 1, `B${account}`))
    assert.strictEqual(state.windows.size, FrameGuard.accountsMax)
    assert.isUndefined(state.windows.get("A"))
    assert.strictEqual(state.open, 0)
    assert.strictEqual(state.lost, 1 + FrameGuard.incarnationsMax)
  })

  it("a start between known ones is told apart without a gap", () => {
    const state = FrameGuard.make()
    FrameGuard.accept(state, header(0, 1))
    FrameGuard.accept(state, header(0, 3))
    assert.strictEqual(FrameGuard.accept(state, header(7, 2)), 0)
    assert.deepStrictEqual(
      state.windows.get("A")?.map(({ incarnation }) => incarnation),
      [1, 2, 3]
    )
  })

  it.prop(
    "every number passes exactly once in any order within the window, with the state stored in between",
    [FastCheck.array(FastCheck.integer({ min: 0, max: FrameGuard.windowMax - 1 }), { minLength: 1, maxLength: 300 }), FastCheck.nat(300)],
    ([numbers, cut]) => {
      let state = FrameGuard.make()
      const passed = new Set<number>()
      accept(state, 0)
      passed.add(0)
      for (const [at, number] of numbers.entries()) {
        if (at === cut) state = deserialize(serialize(state))
        assert.strictEqual(FrameGuard.accept(state, header(number)) >= 0, !passed.has(number))
        passed.add(number)
      }
      assert.strictEqual(state.open, Math.max(...passed) + 1 - passed.size)
      assert.strictEqual(state.lost, 0)
    }
  )
})
