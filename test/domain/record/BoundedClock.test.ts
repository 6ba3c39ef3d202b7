import { assert, describe, it } from "@effect/vitest"
import * as BarDecider from "../../../src/domain/market/BarDecider.ts"
import { BoundedClock, boundMs, isAhead } from "../../../src/domain/record/BoundedClock.ts"
import * as Deciding from "../Deciding.ts"
import { Recorder, spot, spotToken, startMs } from "./Recorder.ts"

const hourMs = 3_600_000
const minuteMs = 60_000

describe("BoundedClock", () => {
  it("BE-REC-03 a clock that is an hour ahead, ten minutes back or steps in between is replaced by the server's time; a good clock is used as it is", () => {
    const clock = new BoundedClock()
    assert.strictEqual(clock.now(startMs, 0), startMs, "without a sample the machine's clock counts")
    assert.isFalse(clock.isRefused(clock.offsetMs(startMs, 0)))
    clock.sample(startMs, 90, 110)
    const at = (errorMs: number, afterMs: number) => clock.now(startMs + afterMs + errorMs, 100 + afterMs)
    assert.strictEqual(at(boundMs + 10, 500), startMs + 500 + boundMs + 10, "within the bound and what the sample leaves open")
    assert.strictEqual(clock.refused, 0)
    assert.strictEqual(at(hourMs, 1_000), startMs + 1_000)
    assert.strictEqual(at(-10 * minuteMs, 1_100), startMs + 1_100)
    assert.strictEqual(at(boundMs + 11, 1_200), startMs + 1_200)
    assert.strictEqual(clock.refused, 3)
    assert.strictEqual(at(0, 1_300), startMs + 1_300)
    assert.strictEqual(clock.refused, 3)
  })

  it("a message's time may be at most a second ahead of the server's", () => {
    assert.isFalse(isAhead(startMs + boundMs, startMs))
    assert.isTrue(isAhead(startMs + boundMs + 1, startMs))
    assert.isFalse(isAhead(startMs - hourMs, startMs))
  })

  it("BE-REC-03 bars of two accounts, one of whose machines is an hour ahead and then ten minutes behind, are those of two good machines", () => {
    /** The wall clock's error of the second machine at a second. */
    const barsWith = (errorMs: (second: number) => number) => {
      const recorder = new Recorder().reference([spot])
      const bounded = new BoundedClock()
      for (let second = 0; second < 240; second++) {
        const trueMs = startMs + second * 1_000
        const monotonicMs = second * 1_000
        bounded.sample(trueMs, monotonicMs, monotonicMs)
        const secondMs = bounded.now(trueMs + errorMs(second), monotonicMs)
        recorder.frame(trueMs, [{ token: spotToken, price: 24_500 + (second % 7), volume: 10 * second }], { account: "ACC1" })
        recorder.frame(secondMs, [{ token: spotToken, price: 24_500 + (second % 11), volume: 10 * second + 5 }], { account: "ACC2" })
        recorder.clock(secondMs + 500, "ACC2").clock(trueMs + 500, "ACC1")
      }
      const decider = BarDecider.make({ exchange: "NSE", underlying: "NIFTY" })
      const [state, outputs] = Deciding.fold(decider, decider.initial, recorder.clock(startMs + 4 * minuteMs).inputs)
      return { late: state.late, bars: outputs.map(({ message }) => message) }
    }
    const bad = barsWith((second) => (second < 100 ? 0 : second < 170 ? hourMs : -10 * minuteMs))
    assert.deepStrictEqual(
      bad,
      barsWith(() => 0)
    )
    assert.strictEqual(bad.late, 0)
  })
})
