import { assert, describe, it } from "@effect/vitest"
import * as MachineClocks from "../../../src/actors/placement/MachineClocks.ts"

const clocksAt = (wallMs: number, steadyMs: number, bootMs: number): MachineClocks.Clocks => ({
  wallMs: () => wallMs,
  steadyMs: () => steadyMs,
  bootMs: () => bootMs
})
const begin = MachineClocks.now(clocksAt(1_000_000, 500, 9_000))
/** The elapsed time after 3 s of running. */
const elapsed = (steps: { readonly wallMs?: number; readonly suspendedMs?: number }) => {
  const { suspendedMs = 0, wallMs = 0 } = steps
  return MachineClocks.elapsedMs(clocksAt(1_003_000 + suspendedMs + wallMs, 3_500, 12_000 + suspendedMs), begin)
}

describe("the time that has passed", () => {
  it("BE-RES-03 does not depend on steps of the wall clock, is never negative, and includes the time in which the machine was suspended", () => {
    assert.strictEqual(elapsed({}), 3_000)
    for (const wallMs of [-3_600_000, -600_000, -1, 1, 90, 101, 3_600_000]) assert.strictEqual(elapsed({ wallMs }), 3_000, `${wallMs}`)
    assert.strictEqual(elapsed({ suspendedMs: 60_000 }), 63_000)
    assert.strictEqual(elapsed({ suspendedMs: 60_000, wallMs: 3_600_000 }), 63_000, "suspended, and set ahead")
  })

  it("is measured by clocks of this machine that run", () => {
    const { real } = MachineClocks
    const one = MachineClocks.now(real)
    const other = MachineClocks.now(real)
    assert.isAtLeast(other.steadyMs, one.steadyMs)
    assert.isAtLeast(other.bootMs, one.bootMs)
    assert.isAbove(one.bootMs, 0)
    assert.isAtLeast(MachineClocks.elapsedMs(real, one), 0)
  })
})
