import { assert, describe, it } from "@effect/vitest"
import { faultAfterMs, Unstored } from "../../../src/streams/keep/Unstored.ts"

const keptMs = 15_000
const subject = "md.frame.NSE.NIFTY"

describe("Unstored", () => {
  const answering = () => {
    const unstored = new Unstored(keptMs)
    unstored.answered(true, 0)
    return unstored
  }

  it("a server that answers and does not acknowledge has a fault after the limit, until a publish of the kind is stored", () => {
    const unstored = answering()
    unstored.missed(subject, 1_000, 3_000)
    assert.deepStrictEqual(unstored.faults(3_000), [])
    unstored.missed("md.frame.NSE.BANKNIFTY", 2_000, 1_000 + faultAfterMs)
    assert.deepStrictEqual(unstored.faults(1_000 + faultAfterMs), [{ kind: "md.frame", sinceMs: 1_000, reason: null }])
    unstored.stored("opt.delta.NSE.NIFTY")
    assert.lengthOf(unstored.faults(1_000 + faultAfterMs), 1)
    unstored.stored(subject)
    assert.deepStrictEqual(unstored.faults(1_000 + faultAfterMs), [])
  })

  it("a refusal gives the server's words, and one refusal alone is no fault", () => {
    const unstored = answering()
    unstored.missed(subject, 0, 10, "insufficient resources (10023)")
    assert.deepStrictEqual(unstored.faults(20), [])
    unstored.missed(subject, 0, faultAfterMs)
    assert.deepStrictEqual(unstored.faults(faultAfterMs), [{ kind: "md.frame", sinceMs: 0, reason: "insufficient resources (10023)" }])
  })

  it("a server that answers nothing has no fault of its store, and publishes without acknowledgement meanwhile do not count", () => {
    const unstored = answering()
    unstored.answered(false, 500)
    unstored.missed(subject, 1_000, 1_000 + faultAfterMs)
    assert.deepStrictEqual(unstored.faults(1_000 + faultAfterMs), [])
    const backMs = 2_000 + faultAfterMs
    unstored.answered(true, backMs)
    assert.deepStrictEqual(unstored.faults(backMs), [])
    unstored.missed(subject, 1_000, backMs + faultAfterMs)
    assert.lengthOf(unstored.faults(backMs + faultAfterMs), 1)
  })

  it("a fault that does not occur again is forgotten, and a lost connection clears all faults", () => {
    const unstored = answering()
    unstored.missed(subject, 0, faultAfterMs)
    assert.lengthOf(unstored.faults(faultAfterMs + keptMs), 1)
    assert.deepStrictEqual(unstored.faults(faultAfterMs + keptMs + 1), [])
    unstored.missed(subject, 30_000, 30_000 + faultAfterMs)
    assert.deepStrictEqual(unstored.faults(30_000 + faultAfterMs), [{ kind: "md.frame", sinceMs: 30_000, reason: null }])
    unstored.clear()
    unstored.answered(true, 30_000 + faultAfterMs)
    assert.deepStrictEqual(unstored.faults(30_000 + faultAfterMs), [])
  })
})
