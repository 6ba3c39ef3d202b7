import { assert, describe, it } from "@effect/vitest"
import * as Restarts from "../../../src/gateway/service/Restarts.ts"
import { missesMax, Verdict } from "../../../src/gateway/service/Verdict.ts"

describe("Verdict", () => {
  it("a backend is down at first, up after an answer, and down again after two missing answers in a row", () => {
    const verdict = new Verdict()
    assert.isFalse(verdict.isUp)
    verdict.answered()
    assert.isTrue(verdict.isUp)
    verdict.missed()
    assert.isTrue(verdict.isUp)
    verdict.answered()
    verdict.missed()
    assert.isTrue(verdict.isUp)
    verdict.missed()
    assert.isFalse(verdict.isUp)
    verdict.missed()
    verdict.answered()
    assert.isTrue(verdict.isUp)
    assert.strictEqual(missesMax, 2)
  })
})

describe("Restarts", () => {
  const endedAtMs = Date.parse("2026-11-24T09:30:00.000Z")
  const one = { name: "Redis", reason: "was killed by SIGKILL", ended_at: new Date(endedAtMs).toISOString(), up_at: null }

  it("a program that is being restarted is reported until it runs, and for a minute after that", () => {
    const upAtMs = endedAtMs + 90_000
    const up = { ...one, up_at: new Date(upAtMs).toISOString() }
    assert.deepStrictEqual(Restarts.complaints([one], endedAtMs + 600_000), [
      "Redis was killed by SIGKILL at 2026-11-24T09:30:00.000Z and is being started again"
    ])
    assert.deepStrictEqual(Restarts.complaints([up], upAtMs + 60_000), [
      "Redis was killed by SIGKILL at 2026-11-24T09:30:00.000Z, runs again since 2026-11-24T09:31:30.000Z"
    ])
    assert.deepStrictEqual(Restarts.complaints([up], upAtMs + 60_001), [])
  })
})
