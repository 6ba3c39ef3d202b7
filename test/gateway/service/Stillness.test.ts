import { assert, describe, it } from "@effect/vitest"
import { endedAfterSeconds, Presence, Stillness, stillAfterSeconds } from "../../../src/gateway/service/Stillness.ts"

const seconds = (one: Stillness, count: number, hasInput: boolean, hasMoved: boolean) => {
  for (let at = 0; at < count; at++) one.second(hasInput, hasMoved)
}

describe("Stillness", () => {
  it("BE-ISO-05 an output that must answer counts as stopped after ten seconds of unanswered input, until it moves", () => {
    const one = new Stillness("always")
    seconds(one, stillAfterSeconds, true, false)
    assert.strictEqual(one.stillSeconds, 0)
    seconds(one, 1, true, false)
    assert.strictEqual(one.stillSeconds, stillAfterSeconds + 1)
    seconds(one, 1, false, true)
    assert.strictEqual(one.stillSeconds, 0)
  })

  it("without input nothing can be judged", () => {
    const one = new Stillness("always")
    seconds(one, 3_600, false, false)
    seconds(one, stillAfterSeconds, true, false)
    assert.strictEqual(one.stillSeconds, 0)
  })

  it("an optional output is judged once it has answered most of the time", () => {
    const one = new Stillness("learned")
    seconds(one, 100, true, false)
    assert.strictEqual(one.stillSeconds, 0)
    seconds(one, 30, true, true)
    seconds(one, stillAfterSeconds + 1, true, false)
    assert.strictEqual(one.stillSeconds, stillAfterSeconds + 1)
    // The wait is bounded, because the cause of its movement may have ended.
    seconds(one, 60, true, false)
    assert.strictEqual(one.stillSeconds, 0)
  })

  it("an optional output is not expected when one of the inputs has ended, as strategies when their market closes", () => {
    const marks = new Stillness("learned")
    const nse = new Presence()
    let ended = 0
    const second = (isOpen: boolean) => {
      if (nse.second(isOpen)) {
        ended++
        marks.forget()
      }
      // Commodities trade on.
      marks.second(true, isOpen)
    }
    for (let at = 0; at < 60; at++) second(true)
    for (let at = 0; at < 60; at++) {
      second(false)
      assert.strictEqual(marks.stillSeconds, 0, `${at} s after the close`)
    }
    assert.strictEqual(ended, 1)
    // An output that must answer is judged all the same.
    const states = new Stillness("always")
    seconds(states, stillAfterSeconds + 1, true, false)
    states.forget()
    assert.isAbove(states.stillSeconds, 0)
  })

  it("an input that comes now and then does not end", () => {
    const rare = new Presence()
    for (let at = 0; at < 600; at++) assert.isFalse(rare.second(at % (endedAfterSeconds + 1) === 0))
  })
})
