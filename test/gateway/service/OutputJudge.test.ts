import { assert, describe, it } from "@effect/vitest"
import { OutputJudge } from "../../../src/gateway/service/OutputJudge.ts"
import { stillAfterSeconds } from "../../../src/gateway/service/Stillness.ts"

/** A market of one underlying, which has a state for every frame. */
const market = () => {
  const judge = new OutputJudge([{ name: "STRAT", expects: "learned" }])
  const counts = { frames: 0, states: 0, marks: 0 }
  return {
    judge,
    seconds: (count: number, day: string, moves: { readonly state?: boolean; readonly mark?: boolean; readonly isIdle?: boolean }) => {
      for (let at = 0; at < count; at++) {
        counts.frames++
        if (moves.state !== false) counts.states++
        if (moves.mark === true) counts.marks++
        const underlyings = [{ name: "NSE.NIFTY", frames: counts.frames, states: counts.states }]
        judge.second({ day, underlyings, positions: new Map([["STRAT", counts.marks]]), idle: new Set(moves.isIdle ? ["STRAT"] : []) })
      }
    }
  }
}
const still = (name: string, without: string) => `${name} stands still: frames came for ${stillAfterSeconds + 1} s ${without}`

describe("OutputJudge", () => {
  it("BE-ISO-05 names what has stopped while its input goes on", () => {
    const { judge, seconds } = market()
    seconds(30, "2026-07-28", { mark: true })
    assert.deepStrictEqual(judge.complaints(), [])
    seconds(stillAfterSeconds + 1, "2026-07-28", { state: false })
    assert.deepStrictEqual(judge.complaints(), [still("NSE.NIFTY", "without a new state"), still("STRAT", "and nothing new is in it")])
  })

  it("BE-ISO-05 BE-DAY-03 on the day after the expiry a strategy whose legs have settled is not missed, but states are", () => {
    const { judge, seconds } = market()
    seconds(30, "2026-07-28", { mark: true })
    seconds(stillAfterSeconds, "2026-07-28", {})
    seconds(100, "2026-07-29", {})
    assert.deepStrictEqual(judge.complaints(), [])
    seconds(stillAfterSeconds + 1, "2026-07-29", { state: false })
    assert.deepStrictEqual(judge.complaints(), [still("NSE.NIFTY", "without a new state")])
  })

  it("BE-ISO-05 marks are not missed after the last strategy with marks has ended, and are missed again once new strategies have them", () => {
    const { judge, seconds } = market()
    for (let round = 0; round < 3; round++) {
      seconds(30, "2026-07-28", { mark: true })
      for (let at = 0; at < 60; at++) {
        seconds(1, "2026-07-28", { isIdle: true })
        assert.deepStrictEqual(judge.complaints(), [])
      }
    }
    seconds(30, "2026-07-28", { mark: true })
    seconds(stillAfterSeconds + 1, "2026-07-28", {})
    assert.deepStrictEqual(judge.complaints(), [still("STRAT", "and nothing new is in it")])
  })
})
