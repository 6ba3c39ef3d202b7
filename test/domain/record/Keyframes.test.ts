import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type * as Decider from "../../../src/domain/Decider.ts"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as BarDecider from "../../../src/domain/market/BarDecider.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as FrameGuard from "../../../src/domain/market/FrameGuard.ts"
import { LastPackets } from "../../../src/domain/market/LastPackets.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import * as Keyframe from "../../../src/domain/record/Keyframe.ts"
import * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import * as Packets from "../market/Packets.ts"
import { chain, future, leg, nfo, option, Recorder, settings, spot, startMs } from "./Recorder.ts"

const instruments = [spot, future, ...chain()]
const tokens = instruments.map(({ instrument_token }) => instrument_token)
const legs = [leg(1, "BUY", option(24_500, "CE"), 50, "100"), leg(2, "SELL", option(24_600, "PE"), 50, "140.5")]
const names = { exchange: "NSE", underlying: "NIFTY" }
const lastOf = <A>(items: ReadonlyArray<A>): A | undefined => items[items.length - 1]

interface Tick {
  readonly token: number
  readonly price: number
  readonly volume: number
  readonly oi: number
  readonly close: number
}
const tick = FastCheck.record({
  token: FastCheck.constantFrom(...tokens),
  price: FastCheck.integer({ min: 20, max: 4_000 }).map((n) => n / 20),
  volume: FastCheck.integer({ min: 1, max: 1_000_000 }),
  oi: FastCheck.integer({ min: 0, max: 1_000_000 }),
  close: FastCheck.integer({ min: 20, max: 4_000 }).map((n) => n / 20)
})
/** The packets of one second of market time. */
const second = FastCheck.array(tick, { maxLength: 6 })
const day = FastCheck.array(second, { minLength: 1, maxLength: 8 })
/** Days of trading and how many nights before each; all before the expiry, one week-end among them. */
const days = FastCheck.array(FastCheck.tuple(FastCheck.integer({ min: 1, max: 2 }), day), { minLength: 1, maxLength: 2 })

/** A record of these days by two accounts in turn, with a keyframe of each at the end of the seconds before `tail`. */
const recorded = (
  before: ReadonlyArray<readonly [number, ReadonlyArray<ReadonlyArray<Tick>>]>,
  tail: ReadonlyArray<ReadonlyArray<Tick>>
) => {
  const recorder = new Recorder().reference(instruments)
  let atMs = startMs
  /** The exchange's volume of the day only grows. */
  let volume = 0
  const trade = (ticks: ReadonlyArray<Tick>, account: string) => {
    const grown = ticks.map((one) => {
      volume += one.volume
      return { ...one, volume }
    })
    if (ticks.length > 0) recorder.frame(atMs, grown, { account })
    recorder.clock(atMs + 100, "ACC1")
    recorder.clock(atMs + 100, "ACC2")
    atMs += 1_000
  }
  // Each instrument belongs to one account, as the plan places them.
  const accountOf = (token: number) => (token % 512 === 2 ? "ACC1" : "ACC2")
  const tradeAll = (seconds: ReadonlyArray<ReadonlyArray<Tick>>) => {
    for (const ticks of seconds)
      for (const account of ["ACC1", "ACC2"])
        trade(
          ticks.filter(({ token }) => accountOf(token) === account),
          account
        )
  }
  for (const [silentDays, seconds] of before) {
    for (let day = 0; day < silentDays; day++) {
      atMs += IndiaTime.dayMs
      recorder.clock(atMs - 1_000)
    }
    tradeAll(seconds)
  }
  const keyMs = atMs
  const cut = recorder.inputs.length
  recorder.keyframe(keyMs, "ACC1").keyframe(keyMs, "ACC2")
  const keyframes = recorder.inputs.slice(cut)
  tradeAll(tail)
  recorder.clock(atMs + 70_000)
  const [reference, ...inputs] = recorder.inputs
  const isLive = ({ _tag }: RecordInput.RecordInput) => _tag !== "Keyframe"
  return {
    keyMs,
    mixed: recorder.inputs,
    whole: [reference, ...inputs].filter((input) => input !== undefined).filter(isLive),
    fromKeyframe: [reference, ...keyframes, ...recorder.inputs.slice(cut).filter(isLive)].filter((input) => input !== undefined)
  }
}

describe("keyframes", () => {
  it.prop(
    "BE-REC-01 a chain from the newest keyframe equals the chain from the whole record: prices, open interest and its bases, previous closes",
    [days, day],
    ([before, tail]) => {
      const { whole, fromKeyframe } = recorded(before, tail)
      const decider = UnderlyingDecider.make({ ...names, settings })
      const chainOf = (inputs: ReadonlyArray<RecordInput.RecordInput>) => {
        const [, outputs] = Deciding.fold(decider, decider.initial, inputs)
        const message = lastOf(outputs.flatMap((output) => (output.kind === "chain" ? [output.message] : [])))
        const state = lastOf(outputs.flatMap((output) => (output.kind === "state" ? [output.message] : [])))
        return [
          { ...message, seq: 0 },
          { ...state, seq: 0 }
        ]
      }
      assert.deepStrictEqual(chainOf(fromKeyframe), chainOf(whole))
    },
    { fastCheck: { numRuns: 60 } }
  )

  it.prop(
    "BE-REC-01 a strategy from the newest keyframe has the value, the profit and the missing legs that it has from the whole record",
    [days, day],
    ([before, tail]) => {
      const { whole, fromKeyframe } = recorded(before, tail)
      const definition = new Recorder().definition(legs).inputs
      const decider = M2mDecider.make({ settings })
      const markOf = ([reference, ...inputs]: ReadonlyArray<RecordInput.RecordInput>, isDefinitionFirst: boolean) => {
        const keyframes = inputs.filter(({ _tag }) => _tag === "Keyframe")
        const others = inputs.filter(({ _tag }) => _tag !== "Keyframe")
        const start = isDefinitionFirst ? [...definition, ...keyframes] : [...keyframes, ...definition]
        const [, outputs] = Deciding.fold(
          decider,
          decider.initial,
          [reference, ...start, ...others].filter((input) => input !== undefined)
        )
        const mark = lastOf(outputs.flatMap((output) => (output.kind === "mark" ? [output.message] : [])))
        return { ...mark, seq: 0, as_of: "" }
      }
      assert.deepStrictEqual(markOf(fromKeyframe, false), markOf(whole, true))
      assert.deepStrictEqual(markOf(fromKeyframe, true), markOf(whole, true))
    },
    { fastCheck: { numRuns: 60 } }
  )

  it.prop(
    "BE-REC-01 bars that open after the keyframe are those of the whole record: prices, volume, complete",
    [days, day, FastCheck.boolean()],
    ([before, tail, hasSessions]) => {
      const { whole, fromKeyframe, keyMs } = recorded(before, tail)
      // The broker sends a packet of each instrument when it is subscribed.
      const known = new Set(before.flatMap(([, seconds]) => seconds.flat().map(({ token }) => token)))
      const decider = BarDecider.make({ ...names, ...(hasSessions ? { rules: shipped } : {}) })
      const barsOf = (inputs: ReadonlyArray<RecordInput.RecordInput>) =>
        Deciding.fold(decider, decider.initial, inputs)[1].flatMap(({ message }) =>
          message.bars.flatMap((bar) =>
            bar.closed && Date.parse(bar.timestamp) > keyMs && known.has(message.instrument_token)
              ? [{ ...bar, token: message.instrument_token, interval: message.interval }]
              : []
          )
        )
      assert.deepStrictEqual(barsOf(fromKeyframe), barsOf(whole))
    },
    { fastCheck: { numRuns: 60 } }
  )

  it.prop(
    "BE-REC-01 keyframes in the middle of a record change nothing: the record folded with them gives the same outputs to the last bit",
    [days, day],
    ([before, tail]) => {
      const { whole, mixed } = recorded(before, tail)
      const equal = <O>(decider: Decider.Decider<unknown, RecordInput.RecordInput, O & { readonly message: object }>) => {
        const outputs = (inputs: ReadonlyArray<RecordInput.RecordInput>) =>
          Deciding.fold(decider, decider.initial, inputs)[1].map((output) => ({
            ...output,
            seq: 0,
            message: { ...output.message, seq: 0 }
          }))
        assert.deepStrictEqual(outputs(mixed), outputs(whole))
      }
      equal(UnderlyingDecider.make({ ...names, settings }) as never)
      equal(BarDecider.make(names) as never)
      const strategy = M2mDecider.make({ settings })
      const { inputs } = new Recorder().definition(legs)
      const started = (rest: ReadonlyArray<RecordInput.RecordInput>) =>
        Deciding.fold(strategy, strategy.initial, [...inputs, ...rest])[1].map(({ exact }) => exact)
      assert.deepStrictEqual(started(mixed), started(whole))
    },
    { fastCheck: { numRuns: 20 } }
  )

  it("a reader that begins at a keyframe sees the first frame that is missing behind it, and none before it", () => {
    const guard = FrameGuard.make()
    const header = (number: number, incarnation = 3) => ({
      account: "A1",
      epoch: 1,
      incarnation,
      number,
      baseReceivedMs: 0,
      source: "kite" as const,
      runs: []
    })
    FrameGuard.startAt(guard, header(500))
    assert.strictEqual(FrameGuard.accept(guard, header(499)), 0, "a frame from before the keyframe is folded, its rows are older")
    assert.strictEqual(FrameGuard.accept(guard, header(502)), 2)
    assert.strictEqual(guard.open, 2)
    assert.strictEqual(FrameGuard.accept(guard, header(502)), FrameGuard.dropped)
    FrameGuard.startAt(guard, header(900, 4))
    assert.strictEqual(FrameGuard.accept(guard, header(900, 4)), 0)
    FrameGuard.startAt(guard, header(905, 4))
    assert.strictEqual(FrameGuard.accept(guard, header(905, 4)), 0)
  })

  it("is a frame that any reader of frames understands: two packets for each instrument, by receive time, in parts that fit a message", () => {
    const last = new LastPackets()
    const noted = (token: number, price: number, atMs: number) => {
      const bytes = Packets.encodeLtp({ token, lastPrice: price })
      last.note(bytes, 0, bytes.length, atMs)
    }
    for (let n = 0; n < Keyframe.instrumentsMax + 1; n++) noted(nfo(n), n, startMs)
    noted(nfo(0), 7, startMs + 5)
    noted(nfo(0), 8, startMs + 9)
    noted(nfo(1), 9, startMs + 2)
    last.note(new Uint8Array(5), 0, 5, startMs)
    assert.isTrue(last.hasNews)
    const parts = last.parts()
    assert.isFalse(last.hasNews)
    assert.deepStrictEqual(
      parts.map(({ part, bytes }) => [part, Frame.packetCount(bytes)]),
      [
        [0, Keyframe.instrumentsMax + 2],
        [1, 1]
      ]
    )
    const [first] = parts
    const seen: Array<readonly [number, number]> = []
    assert.strictEqual(
      Frame.forEachPacket(first?.bytes ?? new Uint8Array(), (offset) =>
        seen.push([Frame.tokenAt(first!.bytes, offset), Frame.lastPriceAt(first!.bytes, offset)])
      ),
      0
    )
    assert.deepStrictEqual(seen[0], [nfo(0), 0])
    assert.deepStrictEqual(seen.slice(-2), [
      [nfo(1), 9],
      [nfo(0), 8]
    ])
    const header: FrameHeader.FrameHeader = {
      account: "A1",
      epoch: 1,
      incarnation: 1,
      number: 0,
      baseReceivedMs: first?.baseReceivedMs ?? 0,
      source: "kite",
      runs: first?.runs ?? []
    }
    assert.strictEqual(FrameHeader.receivedAtMs(header, seen.length - 1), startMs + 9)
    last.forget(nfo(0))
    assert.strictEqual(last.size, Keyframe.instrumentsMax)
  })

  it("the base of open interest survives a restart of the publisher, but not for an instrument that is no longer streamed", () => {
    const full = (token: number, oi: number) =>
      Frame.frameOf([Packets.encodeLtp({ token, lastPrice: oi })]).subarray(Frame.headerBytes + Frame.headerBytes)
    const oisOf = (last: LastPackets) =>
      last.parts().flatMap(({ bytes }) => {
        const found: Array<number> = []
        Frame.forEachPacket(bytes, (offset) => found.push(Frame.lastPriceAt(bytes, offset)))
        return found
      })
    const restarted = (from: LastPackets) => {
      const next = new LastPackets()
      for (const { bytes, baseReceivedMs, runs } of from.parts())
        next.restore({ account: "A1", epoch: 1, incarnation: 1, number: 0, baseReceivedMs, source: "kite", runs }, bytes)
      return next
    }
    const first = new LastPackets()
    const note = (last: LastPackets, token: number, oi: number, atMs: number) => {
      const bytes = full(token, oi)
      last.note(bytes, 0, bytes.length, atMs)
    }
    note(first, nfo(1), 10, startMs)
    note(first, nfo(1), 11, startMs + 1_000)
    note(first, nfo(2), 20, startMs + 1_000)
    const sameDay = restarted(first)
    note(sameDay, nfo(1), 12, startMs + 2_000)
    assert.deepStrictEqual(oisOf(sameDay), [10, 12], "the first of the day stays")
    const nextDay = restarted(sameDay)
    note(nextDay, nfo(1), 13, startMs + IndiaTime.dayMs)
    note(nextDay, nfo(1), 14, startMs + IndiaTime.dayMs + 1)
    assert.deepStrictEqual(oisOf(nextDay), [12, 14], "the last of the day before")
    note(nextDay, nfo(1), 15, startMs + 3 * IndiaTime.dayMs)
    assert.deepStrictEqual(oisOf(nextDay), [14, 15], "after two days of silence too")
  })

  it("open interest is compared with the first packet that has one: the broker may send smaller packets before", () => {
    const last = new LastPackets()
    const fields = { lastPrice: 100, open: 1, high: 1, low: 1, close: 1, lastQuantity: 1, averagePrice: 1, volume: 1 }
    const more = { buyQuantity: 1, sellQuantity: 1, lastTradeTime: 0, oiDayHigh: 0, oiDayLow: 0, exchangeTime: 0, bids: [], asks: [] }
    const note = (bytes: Uint8Array, atMs: number) => last.note(bytes, 0, bytes.length, atMs)
    note(Packets.encodeLtp({ token: nfo(1), lastPrice: 100 }), startMs)
    note(Packets.encodeLtp({ token: nfo(1), lastPrice: 101 }), startMs + 1)
    for (const oi of [500, 510, 525]) note(Packets.encodeFull({ ...fields, ...more, token: nfo(1), oi }), startMs + oi)
    const [part] = last.parts()
    const found: Array<number> = []
    Frame.forEachPacket(part!.bytes, (offset, length) => found.push(Frame.openInterestAt(part!.bytes, offset, length)))
    assert.deepStrictEqual(found, [500, 525])
  })

  it("is due two seconds before each minute of market time, and needs its time", () => {
    const minute = Math.floor(startMs / 60_000) * 60_000
    assert.strictEqual(Keyframe.numberAt(minute + 57_999), Keyframe.numberAt(minute))
    assert.strictEqual(Keyframe.numberAt(minute + 58_000), Keyframe.numberAt(minute) + 1)
    const header = "A1 1 1 5 1000 kite 1,0"
    const bytes = Frame.frameOf([Packets.encodeLtp({ token: 1, lastPrice: 2 })])
    const subject = { ...names, account: "A1" }
    const keyframe = RecordInput.keyframe(9, subject, { frame: header, time: "60000" }, bytes)
    assert.deepInclude(keyframe, { _tag: "Keyframe", seq: 9, atMs: 60_000 })
    assert.strictEqual(RecordInput.keyframe(9, subject, { frame: header, time: "-1" }, bytes), "keyframe time")
    assert.strictEqual(RecordInput.keyframe(9, subject, { frame: "", time: "60000" }, bytes), "frame header")
  })
})
