import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as FrameGuard from "../../../src/domain/market/FrameGuard.ts"
import type { FrameHeader } from "../../../src/domain/record/FrameHeader.ts"

const header = (number: number, incarnation = 1, account = "A", epoch = 1): FrameHeader => ({
  account,
  epoch,
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

  it("reports a skipped number at once and closes the gap when the resend arrives", () => {
    const state = FrameGuard.make()
    assert.deepStrictEqual(accept(state, 0, 1, 4), [0, 0, 2])
    assert.deepStrictEqual(FrameGuard.gapBefore(header(4), 2), { account: "A", incarnation: 1, from: 2, to: 3 })
    assert.strictEqual(state.open, 2)
    assert.deepStrictEqual(accept(state, 2, 2, 3), [0, -1, 0])
    assert.strictEqual(state.open, 0)
    assert.strictEqual(state.lost, 0)
  })

  it("counts a gap as lost once the window has passed it, and refuses later arrivals", () => {
    const state = FrameGuard.make()
    accept(state, 0, 2)
    for (let number = 3; number <= FrameGuard.windowMax; number++) accept(state, number)
    assert.strictEqual(state.open, 1)
    // The newest number that keeps 1 in the window is windowMax.
    assert.deepStrictEqual(accept(state, FrameGuard.windowMax + 1), [0])
    assert.strictEqual(state.open, 0)
    assert.strictEqual(state.lost, 1)
    assert.deepStrictEqual(accept(state, 1), [-1])
    assert.strictEqual(state.refused, 1)
  })

  it("handles a jump longer than the window", () => {
    const state = FrameGuard.make()
    accept(state, 0)
    const jump = 5 * FrameGuard.windowMax
    assert.deepStrictEqual(accept(state, jump), [jump - 1])
    assert.strictEqual(state.open, FrameGuard.windowMax - 1)
    assert.strictEqual(state.open + state.lost, jump - 1)
    assert.deepStrictEqual(accept(state, jump - 1, 10), [0, -1])
  })

  it("a reader that starts in the middle has missed nothing, and accepts a resend of an earlier number once", () => {
    const state = FrameGuard.make()
    assert.deepStrictEqual(accept(state, 500, 498, 498, 501), [0, 0, -1, 0])
    assert.strictEqual(state.open, 0)
    for (let number = 502; number < 500 + 2 * FrameGuard.windowMax; number++) accept(state, number)
    assert.strictEqual(state.lost, 0)
  })

  it("a restarted ticker counts from 0 again, and missing first frames are a gap", () => {
    const state = FrameGuard.make()
    accept(state, 0, 1)
    assert.strictEqual(FrameGuard.accept(state, header(0, 2)), 0)
    assert.strictEqual(FrameGuard.accept(state, header(2, 3)), 2)
    assert.strictEqual(FrameGuard.accept(state, header(2, 1)), 0, "a frame of the older start may still come")
    assert.strictEqual(FrameGuard.accept(state, header(2, 1)), -1)
    assert.strictEqual(state.open, 2)
  })

  it("tracks a bounded number of incarnations and accounts", () => {
    const state = FrameGuard.make()
    for (let start = 1; start <= FrameGuard.incarnationsMax + 2; start++) FrameGuard.accept(state, header(start === 1 ? 0 : 1, start))
    assert.strictEqual(state.windows.get("A")?.length, FrameGuard.incarnationsMax)
    assert.strictEqual(FrameGuard.accept(state, header(1, 1)), -1, "too old to tell")
    // The first forgotten incarnation missed nothing, the second its frame 0. Frames 0 of the others are still open.
    assert.strictEqual(state.lost, 1)
    assert.strictEqual(state.open, FrameGuard.incarnationsMax)
    for (let account = 0; account < FrameGuard.accountsMax; account++) FrameGuard.accept(state, header(0, 1, `B${account}`))
    assert.strictEqual(state.windows.size, FrameGuard.accountsMax)
    assert.isUndefined(state.windows.get("A"))
    assert.strictEqual(state.open, 0)
    assert.strictEqual(state.lost, 1 + FrameGuard.incarnationsMax)
  })

  it("tracks an incarnation between known ones without a gap", () => {
    const state = FrameGuard.make()
    FrameGuard.accept(state, header(0, 1))
    FrameGuard.accept(state, header(0, 3))
    assert.strictEqual(FrameGuard.accept(state, header(7, 2)), 0)
    assert.deepStrictEqual(
      state.windows.get("A")?.map(({ incarnation }) => incarnation),
      [1, 2, 3]
    )
  })

  it("BE-ISO-02 refuses the frames of a replaced process, of any incarnation, and lets its successor's pass", () => {
    const state = FrameGuard.make()
    const arrive = (number: number, incarnation: number, epoch: number) =>
      FrameGuard.accept(state, header(number, incarnation, "A", epoch)) !== FrameGuard.dropped
    assert.isTrue(arrive(0, 4, 7))
    assert.isTrue(arrive(0, 5, 9))
    assert.isFalse(arrive(1, 4, 7), "late, of the process before")
    assert.isFalse(arrive(0, 6, 7), "started again after it was replaced")
    assert.isFalse(arrive(3, 5, 8), "the present start with an older epoch")
    assert.isFalse(arrive(900, 5, 12), "the present start with an epoch that did not start it")
    assert.strictEqual(state.refused, 4)
    assert.isTrue(arrive(1, 5, 9), "none of them has moved the successor's count")
    assert.strictEqual(state.open, 0)
    assert.isTrue(arrive(0, 6, 9))
    assert.isTrue(arrive(2, 5, 9), "a resend of an earlier start of the same process")
    assert.strictEqual(FrameGuard.accept(state, header(1, 1, "B", 2)), 0, "epochs of another account count separately")
    const keyframe = header(50, 3, "A", 7)
    assert.isFalse(FrameGuard.startAt(state, keyframe), "a keyframe of the replaced process")
    assert.deepStrictEqual(
      state.windows.get("A")?.map(({ incarnation, epoch }) => [incarnation, epoch]),
      [
        [4, 7],
        [5, 9],
        [6, 9]
      ]
    )
  })

  it("BE-ISO-02 refuses a frame or keyframe that names another source than its incarnation began with", () => {
    const state = FrameGuard.make()
    const from = (source: FrameHeader["source"], number: number, incarnation: number): FrameHeader => ({
      ...header(number, incarnation),
      source
    })
    assert.isTrue(FrameGuard.startAt(state, from("kite", 3, 1)))
    assert.isFalse(FrameGuard.startAt(state, from("simulator", 4, 1)), "a keyframe")
    assert.strictEqual(FrameGuard.accept(state, from("simulator", 3, 1)), FrameGuard.dropped, "a frame")
    assert.strictEqual(state.refused, 2)
    assert.strictEqual(FrameGuard.accept(state, from("kite", 3, 1)), 0, "neither has moved the count")
    assert.strictEqual(FrameGuard.accept(state, from("simulator", 0, 2)), 0, "the next start of the ticker may have another broker")
    assert.strictEqual(FrameGuard.accept(state, from("kite", 1, 2)), FrameGuard.dropped)
  })

  it.prop(
    "every number within the window is accepted exactly once in any order, with the state restored in between",
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
