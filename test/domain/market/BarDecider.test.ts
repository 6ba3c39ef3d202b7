import { createHash } from "node:crypto"
import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type * as Bar from "../../../src/domain/market/Bar.ts"
import * as BarDecider from "../../../src/domain/market/BarDecider.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import * as Deciding from "../Deciding.ts"
import { contract, future, futureToken, nfo, option, optionToken, Recorder, spot, spotToken, startMs } from "../record/Recorder.ts"
import * as RecordHash from "../record/RecordHash.ts"
import * as Packets from "./Packets.ts"

const decider = BarDecider.make({ exchange: "NSE", underlying: "NIFTY" })
const minuteMs = 60_000
const callToken = optionToken(24_500, "CE")
const instruments = [spot, future, option(24_500, "CE")]

const run = (recorder: Recorder) => Deciding.fold(decider, decider.initial, recorder.inputs)
/** Published bars of one instrument, in order. */
const told = (outputs: ReadonlyArray<BarDecider.Output>, token: number, interval: Bar.Interval = "1m") =>
  outputs.flatMap(({ message }) => (message.instrument_token === token && message.interval === interval ? message.bars : []))
const closed = (outputs: ReadonlyArray<BarDecider.Output>, token: number, interval: Bar.Interval = "1m") =>
  told(outputs, token, interval).filter((bar) => bar.closed)
const prices = ({ open, high, low, close }: Bar.Candle) => [open, high, low, close]
const startOf = (bar: Bar.Candle) => (Date.parse(bar.timestamp) - startMs) / 1_000

/** One price every five seconds over two minutes, with the exchange's cumulative volume. */
const twoMinutes = (
  token: number,
  price: (second: number) => number,
  volume: (second: number) => number = (second) => 1_000 + second * 10
) => {
  const recorder = new Recorder().reference(instruments)
  for (let second = 0; second < 120; second += 5) {
    const atMs = startMs + second * 1_000
    recorder.frame(atMs, [{ token, price: price(second), volume: volume(second), oi: 500 + second }]).clock(atMs + 100)
  }
  return recorder.clock(startMs + 2 * minuteMs)
}

describe("BarDecider", () => {
  it("TC-MATL-022 publishes an underlying's bars every minute and every second, with low <= open, close <= high", () => {
    const [, outputs] = run(twoMinutes(spotToken, (second) => 24_500 + ((second * 7) % 60) - 30))
    const minutes = closed(outputs, spotToken)
    assert.deepStrictEqual(minutes.map(startOf), [0, 60])
    assert.deepStrictEqual(minutes.map(prices), [
      [24_470, 24_525, 24_470, 24_495],
      [24_470, 24_525, 24_470, 24_495]
    ])
    assert.deepStrictEqual(
      closed(outputs, spotToken, "1s").map(startOf),
      Array.from({ length: 24 }, (_, n) => n * 5)
    )
    for (const bar of [...minutes, ...closed(outputs, spotToken, "1s")]) {
      assert.isTrue(bar.low <= Math.min(bar.open, bar.close) && Math.max(bar.open, bar.close) <= bar.high)
    }
  })

  it.prop(
    "TC-MATL-022 open is the first price, close the last, high and low the extremes, for any prices",
    [FastCheck.array(FastCheck.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 50 })],
    ([ticks]) => {
      const recorder = new Recorder().reference(instruments)
      for (const [at, price] of ticks.entries()) recorder.frame(startMs + at * 1_000, [{ token: spotToken, price: price / 20 }])
      const [bar] = closed(run(recorder.clock(startMs + minuteMs))[1], spotToken)
      const rupees = ticks.map((price) => price / 20)
      assert.deepStrictEqual(bar === undefined ? [] : prices(bar), [rupees[0], Math.max(...rupees), Math.min(...rupees), rupees.at(-1)])
    }
  )

  it("only a clock closes a bar; ticks ahead of the clock wait in the next bar", () => {
    const recorder = new Recorder().reference(instruments)
    recorder.frame(startMs + 59_900, [{ token: spotToken, price: 1 }]).frame(startMs + 60_050, [{ token: spotToken, price: 2 }])
    assert.deepStrictEqual(closed(run(recorder)[1], spotToken), [])
    recorder.clock(startMs + 60_000)
    assert.deepStrictEqual(closed(run(recorder)[1], spotToken).map(prices), [[1, 1, 1, 1]])
    recorder.clock(startMs + 120_000)
    assert.deepStrictEqual(closed(run(recorder)[1], spotToken).map(prices), [
      [1, 1, 1, 1],
      [2, 2, 2, 2]
    ])
  })

  it("a late tick corrects the open bar and never a closed one", () => {
    const recorder = new Recorder().reference(instruments)
    recorder.frame(startMs + 10_000, [{ token: callToken, price: 100, volume: 10 }]).clock(startMs + 60_100)
    recorder.frame(startMs + 61_000, [{ token: callToken, price: 110, volume: 30 }])
    const late = recorder.number()
    recorder.frame(startMs + 65_000, [{ token: callToken, price: 120, volume: 40 }])
    // The lost frame is resent: one tick of the closed minute, two of the open one.
    recorder.frame(
      startMs + 50_000,
      [
        { token: callToken, price: 999, volume: 20 },
        { token: callToken, price: 90, volume: 25, atMs: startMs + 60_500 },
        { token: callToken, price: 150, volume: 35, atMs: startMs + 62_000 }
      ],
      { number: late }
    )
    const [state, outputs] = run(recorder.clock(startMs + 120_000))
    assert.deepStrictEqual(
      closed(outputs, callToken).map((bar) => [...prices(bar), bar.volume]),
      [
        [100, 100, 100, 100, 0],
        [90, 150, 90, 120, 30]
      ]
    )
    assert.strictEqual(state.late, 1)
  })

  it("TC-MATL-033 an underlying streamed by three accounts gives one bar: highest high, lowest low, each trade's volume once", () => {
    const recorder = new Recorder().reference(instruments)
    const accounts = ["ACC1", "ACC2", "ACC3"]
    recorder.frame(startMs - 1_000, [{ token: futureToken, price: 500, volume: 1_000 }]).clock(startMs)
    for (let second = 0; second < 60; second++) {
      for (const [lag, account] of accounts.entries()) {
        // Each account receives the same exchange data with a different delay, and each misses some.
        if ((second + lag) % 4 === 0) continue
        const atMs = startMs + second * 1_000 + lag * 150
        recorder.frame(atMs, [{ token: futureToken, price: 500 + second, volume: 1_000 + second * 5 }], { account })
        recorder.clock(atMs + 50, account)
      }
    }
    recorder.frame(startMs + 59_900, [{ token: futureToken, price: 550, volume: 1_300 }], { account: "ACC2" })
    for (const account of accounts) recorder.clock(startMs + 60_000, account)
    const [, outputs] = run(recorder)
    const minutes = closed(outputs, futureToken).filter((bar) => startOf(bar) === 0)
    assert.deepStrictEqual(
      minutes.map((bar) => [...prices(bar), bar.volume]),
      [[500, 559, 500, 550, 300]]
    )
    const seconds = closed(outputs, futureToken, "1s").filter((bar) => startOf(bar) >= 0)
    assert.strictEqual(
      seconds.reduce((sum, { volume }) => sum + volume, 0),
      300
    )
  })

  it("TC-MATL-033 the arrival order of the accounts' packets changes no bar", () => {
    const packets = Array.from({ length: 12 }, (_, n) => ({ atMs: startMs + n * 4_000, price: 100 + ((n * 5) % 7), volume: 10 + n }))
    const bar = (order: ReadonlyArray<(typeof packets)[number]>) => {
      const recorder = new Recorder().reference(instruments)
      for (const [at, { atMs, price, volume }] of order.entries()) {
        recorder.frame(atMs, [{ token: callToken, price, volume }], { account: `ACC${at % 3}` })
      }
      return closed(run(recorder.clock(startMs + minuteMs))[1], callToken).map(({ complete: _, ...rest }) => rest)
    }
    const expected = bar(packets)
    assert.strictEqual(expected.length, 1)
    assert.deepStrictEqual(bar([...packets].reverse()), expected)
    assert.deepStrictEqual(bar([...packets.slice(6), ...packets.slice(0, 6)]), expected)
  })

  it("volume is the difference of the day's volume, which restarts each day; open interest is the last one", () => {
    const [, outputs] = run(twoMinutes(callToken, () => 50))
    assert.deepStrictEqual(
      closed(outputs, callToken).map(({ volume, oi }) => [volume, oi]),
      [
        [550, 555],
        [600, 615]
      ]
    )
    const recorder = new Recorder().reference(instruments)
    recorder.frame(startMs, [{ token: callToken, price: 50, volume: 90_000 }]).clock(startMs + minuteMs)
    const next = startMs + 86_400_000
    recorder.frame(next, [{ token: callToken, price: 50, volume: 90_000 }]).clock(next + minuteMs) // before the open: yesterday's still
    recorder.frame(next + minuteMs, [{ token: callToken, price: 50, volume: 700 }]).clock(next + 2 * minuteMs)
    recorder.frame(next + 2 * minuteMs, [{ token: callToken, price: 50, volume: 1_000 }]).clock(next + 3 * minuteMs)
    assert.deepStrictEqual(
      closed(run(recorder)[1], callToken).map(({ volume }) => volume),
      [0, 0, 700, 300]
    )
  })

  it("an index has no volume and no open interest; an instrument never traded has no bar", () => {
    const recorder = new Recorder().reference(instruments)
    recorder.frame(startMs, [
      { token: spotToken, price: 24_500 },
      { token: futureToken, price: 0, volume: 5 }
    ])
    const [, outputs] = run(recorder.clock(startMs + minuteMs))
    assert.deepStrictEqual(
      closed(outputs, spotToken).map(({ volume, oi }) => [volume, oi]),
      [[0, null]]
    )
    assert.deepStrictEqual(told(outputs, futureToken), [])
  })

  it("publishes a changed open minute at a bounded rate: leading instruments each second, options every fifteen", () => {
    const recorder = new Recorder().reference(instruments)
    for (let tenth = 0; tenth < 600; tenth++) {
      const atMs = startMs + tenth * 100
      if (tenth < 300) {
        recorder.frame(atMs, [
          { token: spotToken, price: tenth + 1 },
          { token: callToken, price: tenth + 1 }
        ])
      }
      recorder.clock(atMs + 50)
    }
    const [, outputs] = run(recorder)
    const open = (token: number) => told(outputs, token).filter((bar) => !bar.closed)
    assert.strictEqual(open(spotToken).length, 31)
    assert.deepStrictEqual(
      open(callToken).map(({ close }) => close),
      [1, 151, 300]
    )
    assert.isTrue(outputs.every(({ message }) => new Set(message.bars.map(({ timestamp }) => timestamp)).size === message.bars.length))
  })

  it("one input causes at most one message per instrument and interval", () => {
    const recorder = twoMinutes(spotToken, (second) => second + 1)
    const [, outputs] = run(recorder.clock(startMs + 10 * minuteMs))
    const keys = outputs.map(({ seq, message }) => `${seq} ${message.interval} ${message.instrument_token}`)
    assert.strictEqual(new Set(keys).size, keys.length)
  })

  it("a bar is incomplete if ticks may be missing: before the first frame, after a ticker's restart, after lost frames", () => {
    const minute = (recorder: Recorder, n: number, options = {}) =>
      recorder.frame(startMs + n * minuteMs + 20_000, [{ token: spotToken, price: 100 + n }], options).clock(startMs + (n + 1) * minuteMs)
    const recorder = new Recorder().reference(instruments)
    minute(recorder, 0)
    minute(recorder, 1)
    minute(recorder, 2, { incarnation: 2 })
    minute(recorder, 3, { incarnation: 2 })
    for (let lost = 0; lost < 2_000; lost++) recorder.number("ACC1", "NIFTY", 2)
    minute(recorder, 4, { incarnation: 2 })
    minute(recorder, 5, { incarnation: 2 })
    const bars = closed(run(recorder.clock(startMs + 6 * minuteMs))[1], spotToken)
    assert.deepStrictEqual(
      bars.map(({ complete }) => complete),
      [false, true, false, true, false, true]
    )
  })

  it("bars of a new instrument are complete from its start; a removed one ends with its last bar; a reused token is another instrument", () => {
    const recorder = new Recorder().reference([spot])
    recorder.frame(startMs, [{ token: spotToken, price: 1 }]).clock(startMs + 30_000)
    recorder.reference([spot, option(24_500, "CE")])
    recorder.frame(startMs + 31_000, [{ token: callToken, price: 7 }]).clock(startMs + minuteMs)
    recorder.frame(startMs + 61_000, [{ token: callToken, price: 8 }]).clock(startMs + minuteMs + 2_000)
    recorder.reference([spot])
    recorder.clock(startMs + 2 * minuteMs)
    const [state, outputs] = run(recorder)
    assert.deepStrictEqual(
      closed(outputs, callToken).map(({ close, complete }) => [close, complete]),
      [
        [7, false],
        [8, true]
      ]
    )
    assert.deepStrictEqual([...state.rows.keys()], [spotToken])

    recorder.reference([contract({ instrument_token: spotToken, kind: "INDEX", tradingsymbol: "OTHER" })])
    recorder.frame(startMs + 2 * minuteMs + 1, [{ token: spotToken, price: 5 }]).clock(startMs + 3 * minuteMs)
    assert.deepStrictEqual(
      run(recorder)[1].flatMap(({ message }) =>
        message.tradingsymbol === "OTHER" && message.interval === "1m" ? message.bars.map(prices) : []
      ),
      [[5, 5, 5, 5]]
    )
  })

  it("closes the oldest bar without a clock if there are too many, and never throws on invalid packets", () => {
    const recorder = new Recorder().reference(instruments)
    for (let n = 0; n < BarDecider.openBarsMax + 10; n++) recorder.frame(startMs + n * minuteMs, [{ token: callToken, price: n + 1 }])
    const [state, outputs] = run(
      recorder.bytes(startMs, new Uint8Array([0, 9, 1])).bytes(startMs, Packets.encodeLtp({ token: nfo(9), lastPrice: 1 }))
    )
    assert.deepStrictEqual(
      closed(outputs, callToken).map(({ close }) => close),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    )
    assert.isAbove(state.bad, 0)
  })
})

/** A short simulated day: several accounts, resends, lost frames, jumps, restarts, instruments that are added and removed. */
const market = (seed: number): ReadonlyArray<RecordInput.RecordInput> => {
  let state = seed >>> 0
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const recorder = new Recorder().reference(instruments)
  const tokens = [spotToken, futureToken, callToken, optionToken(24_600, "PE")]
  const skipped: Array<{ number: number; atMs: number }> = []
  let atMs = startMs
  for (let step = 0; step < 600; step++) {
    atMs += step === 300 ? 125_000 : Math.floor(next() * 900)
    const incarnation = step < 400 ? 1 : 2
    const account = next() < 0.6 ? "ACC1" : "ACC2"
    const packets = Array.from({ length: 1 + Math.floor(next() * 5) }, () => ({
      token: tokens[Math.floor(next() * tokens.length)]!,
      price: Math.floor(next() * 2_000) / 20,
      volume: step * 10 + Math.floor(next() * 20),
      oi: Math.floor(next() * 1e6),
      atMs: atMs - Math.floor(next() * 1_500)
    }))
    if (next() < 0.05) skipped.push({ number: recorder.number(account, "NIFTY", incarnation), atMs })
    else recorder.frame(atMs, packets, { account, incarnation })
    const resend = next() < 0.1 ? skipped.shift() : undefined
    if (resend !== undefined) recorder.frame(resend.atMs, packets, { number: resend.number, incarnation })
    if (next() < 0.7) recorder.clock(Math.floor(atMs / 100) * 100, account)
    if (step === 200) recorder.reference([...instruments, option(24_600, "PE")])
    if (step === 500) recorder.reference(instruments.slice(1))
  }
  return recorder.clock(atMs + 120_000).inputs
}

describe("replay: BarDecider", () => {
  const replay = (inputs: ReadonlyArray<RecordInput.RecordInput>, size: () => number, stored = false) => {
    const hash = createHash("sha256")
    let state = decider.initial
    let count = 0
    for (let from = 0; from < inputs.length; ) {
      const batch = Math.max(1, size())
      const [folded, outputs] = Deciding.fold(decider, state, inputs.slice(from, from + batch))
      state = stored ? (deserialize(serialize(folded)) as BarDecider.State) : folded
      RecordHash.feed(hash, outputs)
      count += outputs.length
      from += batch
    }
    return { hash: hash.digest("hex"), count }
  }

  it.each([1, 2, 3])("batches of any size and a restored state give bit-identical bars (market %i)", (seed) => {
    const inputs = market(seed)
    const whole = replay(inputs, () => inputs.length)
    assert.isAbove(whole.count, 200)
    assert.strictEqual(replay(inputs, () => 1).hash, whole.hash)
    assert.strictEqual(replay(inputs, () => 7, true).hash, whole.hash)
    assert.strictEqual(replay(inputs, () => 1, true).hash, whole.hash)
    assert.notStrictEqual(replay(market(seed + 10), () => 50).hash, whole.hash)
  })

  it.each([4, 5])("every bar is valid, each instrument's closed bars ascend, and none is repeated (market %i)", (seed) => {
    const [, outputs] = Deciding.fold(decider, decider.initial, market(seed))
    const last = new Map<string, string>()
    for (const { message } of outputs) {
      const key = `${message.instrument_token} ${message.interval}`
      for (const bar of message.bars) {
        assert.isTrue(bar.low <= Math.min(bar.open, bar.close) && Math.max(bar.open, bar.close) <= bar.high && bar.volume >= 0)
        if (!bar.closed) continue
        assert.isTrue(bar.timestamp > (last.get(key) ?? ""), `${key} ${bar.timestamp}`)
        last.set(key, bar.timestamp)
      }
    }
  })
})
