import { assert, describe, it } from "@effect/vitest"
import * as BarDecider from "../../../src/domain/market/BarDecider.ts"
import * as Interruptions from "../../../src/domain/market/Interruptions.ts"
import * as Deciding from "../Deciding.ts"
import { option, optionToken, Recorder, spot, spotToken, startMs } from "../record/Recorder.ts"

const minuteMs = 60_000
const decider = BarDecider.make({ exchange: "NSE", underlying: "NIFTY" })

/** Five minutes with a price each second; `during` adds messages to the record at a given second. */
const minutes = (during: Readonly<Record<number, (recorder: Recorder) => void>>, incarnationAt: (second: number) => number = () => 1) => {
  const recorder = new Recorder().reference([spot])
  for (let second = 0; second < 300; second++) {
    const atMs = startMs + second * 1_000
    during[second]?.(recorder)
    recorder.frame(atMs, [{ token: spotToken, price: 24_500 }], { incarnation: incarnationAt(second) }).clock(atMs + 900)
  }
  const [, outputs] = Deciding.fold(decider, decider.initial, recorder.clock(startMs + 5 * minuteMs).inputs)
  return outputs.flatMap(({ message }) => (message.interval === "1m" ? message.bars.filter(({ closed }) => closed) : []))
}
const completeOf = (bars: ReturnType<typeof minutes>) => bars.map(({ complete }) => complete)
const at = (second: number) => startMs + second * 1_000

describe("interruptions", () => {
  it("BE-REC-02 bars of the time of an interruption say incomplete, those before and after it complete", () => {
    assert.deepStrictEqual(completeOf(minutes({})), [true, true, true, true, true])
    const short = minutes({ 70: (record) => record.interruption(at(65), null), 80: (record) => record.interruption(at(65), at(80)) })
    assert.deepStrictEqual(completeOf(short), [true, false, true, true, true])
    const over = minutes({ 110: (record) => record.interruption(at(100), null), 190: (record) => record.interruption(at(100), at(190)) })
    assert.deepStrictEqual(completeOf(over), [true, false, false, false, true])
    const dropped = minutes({ 130: (record) => record.interruption(at(119), at(121), { cause: "room" }) })
    assert.deepStrictEqual(completeOf(dropped).slice(2), [false, true, true], "a bar that was closed before does not change")
  })

  it("BE-REC-02 the next start of the account ends open interruptions; a late message of an earlier start opens none", () => {
    const ended = minutes({ 65: (record) => record.interruption(at(64), null, { cause: "stopped" }) }, (second) => (second < 130 ? 1 : 2))
    assert.deepStrictEqual(completeOf(ended), [true, false, false, true, true])
    const late = minutes({ 140: (record) => record.interruption(at(64), null, { cause: "stopped" }) }, (second) => (second < 65 ? 1 : 2))
    assert.deepStrictEqual(completeOf(late), [true, false, true, true, true])
  })

  it("BE-REC-02 after an account stopped, an instrument's bars are complete again from the time at which another account streams it", () => {
    /** The first account streams the index and stops in the second minute. The other account streams the option throughout. */
    const bars = (takesOverAt: number) => {
      const recorder = new Recorder().reference([spot, option(24_500, "CE")])
      for (let second = 0; second < 300; second++) {
        const atMs = at(second)
        const ofOther = [{ token: optionToken(24_500, "CE"), price: 100 }]
        if (second < 65) recorder.frame(atMs, [{ token: spotToken, price: 24_500 }])
        if (second === 65) recorder.interruption(at(64), null, { cause: "stopped" })
        recorder.frame(atMs, second < takesOverAt ? ofOther : [{ token: spotToken, price: 24_500 }, ...ofOther], { account: "ACC2" })
        if (second < 65) recorder.clock(atMs + 900)
        recorder.clock(atMs + 900, "ACC2")
      }
      const [, outputs] = Deciding.fold(decider, decider.initial, recorder.clock(at(300), "ACC2").inputs)
      const ofToken = (token: number) =>
        outputs.flatMap(({ message }) =>
          message.interval === "1m" && message.instrument_token === token
            ? message.bars.flatMap(({ closed, complete, timestamp }) => (closed ? [[Date.parse(timestamp) - startMs, complete]] : []))
            : []
        )
      return { index: ofToken(spotToken), option: ofToken(optionToken(24_500, "CE")) }
    }
    const moved = bars(130)
    assert.deepStrictEqual(moved.index, [
      [0, true],
      [minuteMs, false],
      [2 * minuteMs, false],
      [3 * minuteMs, true],
      [4 * minuteMs, true]
    ])
    assert.deepStrictEqual(
      moved.option.map(([, complete]) => complete),
      [true, false, true, true, true],
      "of an instrument that the other account streamed all the time, only the minute of the stop says incomplete"
    )
    assert.deepStrictEqual(bars(Number.POSITIVE_INFINITY).index, [
      [0, true],
      [minuteMs, false]
    ])
  })

  it("BE-REC-02 an account that took over and stops too interrupts the bars again, until the first account starts", () => {
    const recorder = new Recorder().reference([spot])
    const streams = (account: string, from: number, to: number, incarnation = 1) => {
      for (let second = from; second < to; second++)
        recorder.frame(at(second), [{ token: spotToken, price: 24_500 }], { account, incarnation }).clock(at(second) + 900, account)
    }
    streams("ACC1", 0, 65)
    recorder.interruption(at(64), null, { cause: "stopped" })
    streams("ACC2", 70, 190)
    recorder.interruption(at(189), null, { cause: "stopped", account: "ACC2" })
    streams("ACC1", 250, 420, 2)
    const [, outputs] = Deciding.fold(decider, decider.initial, recorder.clock(at(420)).inputs)
    const bars = outputs.flatMap(({ message }) => (message.interval === "1m" ? message.bars.filter(({ closed }) => closed) : []))
    assert.deepStrictEqual(completeOf(bars), [true, false, true, false, false, true, true])
  })

  it("BE-REC-02 a bar whose volume includes what was traded during an interruption says incomplete, however late it comes", () => {
    const token = optionToken(24_500, "CE")
    const bars = (lostAt: number, hasNext: boolean) => {
      const recorder = new Recorder().reference([spot, option(24_500, "CE")])
      const trade = (second: number, volume: number) => recorder.frame(at(second), [{ token, price: 100, volume }]).clock(at(second) + 900)
      recorder.clock(at(-1))
      trade(10, 10)
      trade(70, 20)
      // A packet of the second minute, with five contracts, is lost.
      recorder.interruption(at(lostAt), at(lostAt), { cause: "room" })
      if (hasNext) trade(100, 25)
      recorder.clock(at(900))
      trade(910, 30)
      trade(970, 40)
      const [, outputs] = Deciding.fold(decider, decider.initial, recorder.clock(at(1_200)).inputs)
      return outputs.flatMap(({ message }) =>
        message.interval === "1m" && message.instrument_token === token
          ? message.bars.flatMap(({ closed, complete, volume }) => (closed ? [[volume, complete] as const] : []))
          : []
      )
    }
    assert.deepStrictEqual(bars(80, false).slice(1), [
      [10, false],
      [10, false],
      [10, true]
    ])
    assert.deepStrictEqual(
      bars(80, true).slice(1),
      [
        [15, false],
        [5, true],
        [10, true]
      ],
      "the volume is known again within the same minute"
    )
  })

  it("interruptions of another underlying or another account have no effect", () => {
    const other = minutes({ 70: (record) => record.interruption(at(65), null, { underlying: "BANKNIFTY" }) })
    assert.deepStrictEqual(completeOf(other), [true, true, true, true, true])
    const known: Array<Interruptions.Interruption> = []
    const { inputs } = new Recorder().interruption(1_000, null).interruption(2_000, null, { account: "ACC2" })
    for (const input of inputs) if (input._tag === "Break") Interruptions.note(known, input.interruption)
    Interruptions.onStart(known, "ACC1", 5_000)
    assert.deepStrictEqual(
      known.map(({ account, toMs }) => [account, toMs]),
      [
        ["ACC1", 5_000],
        ["ACC2", Number.POSITIVE_INFINITY]
      ]
    )
    Interruptions.forget(known, 5_000 + 86_400_001)
    assert.strictEqual(known.length, 1)
  })

  it("remembers a limited number: beyond it two become one that covers both", () => {
    const known: Array<Interruptions.Interruption> = []
    const recorder = new Recorder()
    for (let n = 0; n <= Interruptions.interruptionsMax; n++) recorder.interruption(n * 10, n * 10 + 1)
    for (const input of recorder.inputs) if (input._tag === "Break") Interruptions.note(known, input.interruption)
    assert.strictEqual(known.length, Interruptions.interruptionsMax)
    assert.deepInclude(known[0], { fromMs: 0, toMs: 11 })
    assert.isTrue(Interruptions.overlaps(known, spotToken, 5, 6))
    assert.isFalse(Interruptions.overlaps(known, spotToken, 22, 30))
  })
})
