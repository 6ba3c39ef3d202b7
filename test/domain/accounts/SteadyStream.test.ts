import { assert, describe, it } from "@effect/vitest"
import { muteAfterMs } from "../../../src/domain/accounts/ConnectionPool.ts"
import * as SteadyStream from "../../../src/domain/accounts/SteadyStream.ts"

/** The state of a stream after packets at these times. */
const heardAt = ([first = 0, ...rest]: ReadonlyArray<number>) => {
  const heard = SteadyStream.begin(first)
  for (const atMs of rest) SteadyStream.hear(heard, atMs)
  return heard
}
const every = (pauseMs: number, untilMs: number) => Array.from({ length: untilMs / pauseMs + 1 }, (_, at) => at * pauseMs)

describe("SteadyStream", () => {
  it("is steady after a minute without a pause of more than ten seconds, and stays so until its next packet after a pause", () => {
    assert.isFalse(SteadyStream.isSteady(heardAt(every(1_000, 59_000))))
    assert.isTrue(SteadyStream.isSteady(heardAt(every(1_000, 60_000))))
    assert.isTrue(SteadyStream.isSteady(heardAt(every(10_000, 60_000))))
    assert.isFalse(SteadyStream.isSteady(heardAt(every(10_001, 600_060))), "an illiquid underlying")
    assert.isFalse(SteadyStream.isSteady(heardAt([...every(1_000, 60_000), 70_001])))
  })

  it("has stopped when it was steady and is then silent for as long as makes a connection mute", () => {
    const heard = heardAt(every(1_000, 60_000))
    assert.isFalse(SteadyStream.hasStopped(heard, 60_000 + muteAfterMs - 1))
    assert.isTrue(SteadyStream.hasStopped(heard, 60_000 + muteAfterMs))
    assert.isFalse(SteadyStream.hasStopped(heardAt([0]), muteAfterMs * 10))
  })
})
