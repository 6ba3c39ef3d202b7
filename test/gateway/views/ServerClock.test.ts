import { assert, describe, it } from "@effect/vitest"
import { ServerClock } from "../../../src/gateway/views/ServerClock.ts"

describe("ServerClock", () => {
  it("BE-RES-03 an age is measured on the server's clock, whatever this machine's clock shows, and also over a step of the server's clock", () => {
    const clock = new ServerClock()
    assert.strictEqual(clock.nowMs(5), 0)
    const stampMs = Date.parse("2031-01-01T00:00:00Z")
    clock.observe(stampMs, 1_000)
    assert.strictEqual(clock.nowMs(4_000) - stampMs, 3_000)
    // The server's clock is set back an hour: the next message says so.
    clock.observe(stampMs - 3_600_000, 5_000)
    assert.strictEqual(clock.nowMs(5_500), stampMs - 3_600_000 + 500)
  })
})
