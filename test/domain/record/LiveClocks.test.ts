import { assert, describe, it } from "@effect/vitest"
import * as LiveClocks from "../../../src/domain/record/LiveClocks.ts"

const { reached, waitMsMax } = LiveClocks

describe("LiveClocks", () => {
  it("one account's clock is event time", () => {
    const clocks = LiveClocks.make()
    assert.deepStrictEqual([reached(clocks, "A", 100), reached(clocks, "A", 200), reached(clocks, "A", 150)], [100, 200, 200])
  })

  it("event time waits for the slowest account that is not further behind than the limit", () => {
    const clocks = LiveClocks.make()
    reached(clocks, "A", 100)
    reached(clocks, "B", 100)
    assert.strictEqual(reached(clocks, "A", 100 + waitMsMax), 100)
    assert.strictEqual(reached(clocks, "B", 300), 300)
    assert.strictEqual(reached(clocks, "A", 301 + waitMsMax), 301 + waitMsMax, "B is silent for longer than the limit")
    assert.deepStrictEqual([...clocks.keys()], ["A"])
  })

  it("an account that comes back is waited for again", () => {
    const clocks = LiveClocks.make()
    reached(clocks, "A", 10_000)
    assert.strictEqual(reached(clocks, "B", 9_000), 9_000)
    assert.strictEqual(reached(clocks, "B", 10_100), 10_000)
  })

  it("a state that begins with keyframes waits for their accounts from the first clock on", () => {
    const clocks = LiveClocks.make()
    LiveClocks.startAt(clocks, "A", 100)
    LiveClocks.startAt(clocks, "B", 100)
    LiveClocks.startAt(clocks, "gone", 100 - waitMsMax)
    assert.strictEqual(reached(clocks, "A", 300), 100)
    assert.strictEqual(reached(clocks, "B", 200), 200)
    assert.deepStrictEqual([...clocks.keys()], ["A", "B"])
  })

  it("an account that is far behind moves nothing and is not kept", () => {
    const clocks = LiveClocks.make()
    reached(clocks, "A", 10_000)
    assert.strictEqual(reached(clocks, "B", 1_000), 10_000)
    assert.deepStrictEqual([...clocks.keys()], ["A"])
  })
})
