import { assert, describe, it } from "@effect/vitest"
import * as BarDecider from "../../../src/domain/market/BarDecider.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Deciding from "../Deciding.ts"
import { future, futureToken, option, optionToken, Recorder, spot, spotToken } from "../record/Recorder.ts"
import { outage } from "../rules/Outage.ts"
import { ist } from "./Ist.ts"

const decider = BarDecider.make({ exchange: "NSE", underlying: "NIFTY", rules: shipped })
const call = option(24_500, "CE")
const callToken = optionToken(24_500, "CE")

const minutesOf = (recorder: Recorder, token: number) =>
  Deciding.fold(decider, decider.initial, recorder.inputs)[1]
    .filter(({ message }) => message.instrument_token === token && message.interval === "1m")
    .flatMap(({ message }) => message.bars.filter(({ closed }) => closed))

/** A recorder that was running before the day began. */
const sinceMorning = (day: string) => new Recorder().reference([spot, future, call]).clock(ist(`${day}T06:00:00`))

describe("bars of sessions", () => {
  it("BE-DAY-07 the snapshot on subscribing and the pre-open make no bar: the day opens at 24,300 and its low is 24,280", () => {
    const recorder = sinceMorning("2026-07-28").frame(ist("2026-07-28T08:45:00"), [{ token: spotToken, price: 24_000 }])
    for (let minute = 0; minute < 9; minute++) recorder.frame(ist(`2026-07-28T09:0${minute}:00`), [{ token: spotToken, price: 24_000 }])
    for (const [second, price] of [24_300, 24_320, 24_280, 24_310].entries())
      recorder.frame(ist(`2026-07-28T09:15:0${second}`), [{ token: spotToken, price }])
    const bars = minutesOf(recorder.clock(ist("2026-07-28T09:16:00")), spotToken)
    assert.deepStrictEqual(
      bars.map(({ timestamp, open, high, low, close }) => [timestamp, open, high, low, close]),
      [["2026-07-28T03:45:00.000Z", 24_300, 24_320, 24_280, 24_310]]
    )
  })

  for (const yesterday of [1_000, 90_000, 600_000]) {
    it(`BE-DAY-07 a day's first minute has its own volume, 1,500, when yesterday traded ${yesterday}`, () => {
      const recorder = sinceMorning("2026-07-28")
      recorder.frame(ist("2026-07-28T15:29:30"), [{ token: callToken, price: 50, volume: yesterday }]).clock(ist("2026-07-28T15:31:00"))
      recorder.frame(ist("2026-07-29T08:45:00"), [{ token: callToken, price: 50, volume: yesterday }]).clock(ist("2026-07-29T08:46:00"))
      recorder.frame(ist("2026-07-29T09:15:05"), [{ token: callToken, price: 51, volume: 900 }])
      recorder.frame(ist("2026-07-29T09:15:50"), [{ token: callToken, price: 52, volume: 1_500 }]).clock(ist("2026-07-29T09:16:00"))
      recorder.frame(ist("2026-07-29T09:16:10"), [{ token: callToken, price: 52, volume: 1_600 }]).clock(ist("2026-07-29T09:17:00"))
      assert.deepStrictEqual(
        minutesOf(recorder, callToken).map(({ timestamp, volume }) => [timestamp.slice(0, 16), volume]),
        [
          ["2026-07-28T09:59", yesterday],
          ["2026-07-29T03:45", 1_500],
          ["2026-07-29T03:46", 100]
        ]
      )
    })
  }

  it("BE-DAY-07 an instrument added after the open does not count the day's volume as its first minute's", () => {
    const recorder = new Recorder().clock(ist("2026-07-28T11:00:00")).reference([spot, future, call])
    recorder.frame(ist("2026-07-28T11:00:05"), [{ token: callToken, price: 50, volume: 800_000 }])
    recorder.frame(ist("2026-07-28T11:00:40"), [{ token: callToken, price: 50, volume: 800_300 }]).clock(ist("2026-07-28T11:01:00"))
    assert.deepStrictEqual(
      minutesOf(recorder, callToken).map(({ volume }) => volume),
      [300]
    )
  })

  it("BE-DAY-07 the constant price during the closing auction makes no index bar, while its derivatives trade until 15:40", () => {
    const recorder = sinceMorning("2026-08-03")
    for (const time of ["15:14:30", "15:20:30", "15:36:00"])
      recorder.frame(ist(`2026-08-03T${time}`), [{ token: spotToken, price: 24_500 }])
    for (const time of ["15:14:31", "15:20:31", "15:39:59", "15:40:01"])
      recorder.frame(ist(`2026-08-03T${time}`), [{ token: futureToken, price: 24_550, volume: 65 }])
    recorder.clock(ist("2026-08-03T15:45:00"))
    const starts = (token: number) => minutesOf(recorder, token).map(({ timestamp }) => timestamp.slice(11, 16))
    assert.deepStrictEqual(starts(spotToken), ["09:44"])
    assert.deepStrictEqual(starts(futureToken), ["09:44", "09:50", "10:09"])
  })

  it("BE-DAY-07 ticks on a holiday or a weekend make no bar, but ticks on a budget Sunday do", () => {
    const barsOn = (day: string) => {
      const recorder = sinceMorning(day).frame(ist(`${day}T10:00:00`), [{ token: spotToken, price: 24_500 }])
      return minutesOf(recorder.clock(ist(`${day}T10:05:00`)), spotToken).length
    }
    assert.deepStrictEqual(["2025-10-22", "2026-01-31", "2026-02-01", "2026-02-02"].map(barsOn), [0, 0, 1, 1])
  })

  it("BE-DAY-07 BE-SVC-04 an entry that comes during the day holds from its coming: the exchange closes at noon, and no later minute is made", () => {
    const closed = outage("2026-07-28", ["NSE_CM", "NSE_FO"], "continuous 09:15-12:00")
    const after = BarDecider.make({ exchange: "NSE", underlying: "NIFTY", rules: closed })
    const morning = sinceMorning("2026-07-28")
      .frame(ist("2026-07-28T11:30:10"), [{ token: spotToken, price: 24_500 }])
      .clock(ist("2026-07-28T11:31:00"))
    const before = morning.inputs.length
    const rest = morning
      .frame(ist("2026-07-28T11:59:10"), [{ token: spotToken, price: 24_510 }])
      .frame(ist("2026-07-28T12:30:10"), [{ token: spotToken, price: 24_520 }])
      .clock(ist("2026-07-28T12:31:00"))
      .frame(ist("2026-07-29T12:30:10"), [{ token: spotToken, price: 24_530 }])
      .clock(ist("2026-07-29T12:31:00"))
    const [state, first] = Deciding.fold(decider, decider.initial, rest.inputs.slice(0, before))
    const [, second] = Deciding.fold(after, state, rest.inputs.slice(before))
    const starts = [...first, ...second]
      .filter(({ message }) => message.interval === "1m")
      .flatMap(({ message }) => message.bars.filter(({ closed }) => closed).map(({ timestamp }) => timestamp.slice(8, 16)))
    assert.deepStrictEqual(starts, ["28T06:00", "28T06:29", "29T07:00"])
  })
})
