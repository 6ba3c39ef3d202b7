import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import { endsMs } from "../../Ends.ts"
import * as Deciding from "../Deciding.ts"
import {
  chain,
  chainPackets,
  contract,
  expiry,
  future,
  futureToken,
  modelPrice,
  nfo,
  option,
  optionToken,
  type Packet,
  Recorder,
  settings,
  spot,
  spotToken,
  startMs,
  strikes
} from "../record/Recorder.ts"

const decider = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
const run = (recorder: Recorder) => Deciding.fold(decider, decider.initial, recorder.inputs)
const outputsOf = (recorder: Recorder) => run(recorder)[1]

const chains = (outputs: ReadonlyArray<UnderlyingDecider.Output>, kind: "delta" | "chain") =>
  outputs.flatMap((output) => (output.kind === kind ? [output.message as ChainMessage.Chain] : []))
const ticks = (outputs: ReadonlyArray<UnderlyingDecider.Output>) =>
  outputs.flatMap((output) => (output.kind === "tick" ? [output.message] : []))
const states = (outputs: ReadonlyArray<UnderlyingDecider.Output>) =>
  outputs.flatMap((output) => (output.kind === "state" ? [output.message] : []))
const kinds = (outputs: ReadonlyArray<UnderlyingDecider.Output>) => outputs.map(({ kind }) => kind)
const last = <A>(items: ReadonlyArray<A>): A => items[items.length - 1]!

/** One row of a message as an object. */
const row = (message: ChainMessage.Chain, strike: number, side: "CE" | "PE") => {
  const at = message.columns.strike.findIndex((value, index) => value === strike && message.columns.side[index] === side)
  assert.isAtLeast(at, 0, `${strike} ${side} is in the message`)
  return Object.fromEntries(Object.entries(message.columns).map(([name, column]) => [name, column?.[at]])) as {
    [K in keyof ChainMessage.Columns]-?: NonNullable<ChainMessage.Columns[K]>[number]
  }
}

const instruments = [spot, future, ...chain()]
const forward = 24_550
const spotPacket: Packet = { token: spotToken, price: 24_530.05, close: 24_500 }
const futurePacket: Packet = { token: futureToken, price: 24_551, oi: 900, volume: 40 }
const market = (atMs: number, vol = 0.14, at = forward): ReadonlyArray<Packet> => [spotPacket, futurePacket, ...chainPackets(at, vol, atMs)]

/** A complete market; the first keyframe has been sent. */
const opened = () =>
  new Recorder()
    .reference(instruments)
    .frame(startMs, market(startMs))
    .clock(startMs + 250)

/** A put out of the money that last traded at 100, with a book, as the exchange describes it. */
const illiquid = (atMs: number, more: Partial<Packet> = {}): Packet => ({
  token: optionToken(24_300, "PE"),
  price: 100,
  volume: 75,
  oi: 75,
  atMs,
  exchangeMs: atMs,
  tradeMs: startMs - 7_200_000,
  ...more
})
/** Its row after packets at `atMs`, in a market whose other rows are fresh. */
const illiquidRow = (atMs: number, packet: Packet) => {
  const fresh = market(atMs).filter(({ token }) => token !== packet.token)
  const recorder = new Recorder()
    .reference(instruments)
    .frame(atMs, [...fresh, packet])
    .clock(atMs + 250)
  return row(last(chains(outputsOf(recorder), "chain")), 24_300, "PE")
}
const volOf = (price: number, atMs: number) => {
  const recorder = new Recorder()
    .reference(instruments)
    .frame(atMs, [
      ...market(atMs).filter(({ token }) => token !== optionToken(24_300, "PE")),
      { token: optionToken(24_300, "PE"), price, volume: 75 }
    ])
    .clock(atMs + 250)
  return row(last(chains(outputsOf(recorder), "chain")), 24_300, "PE").iv
}

describe("UnderlyingDecider: fresh prices", () => {
  it("BE-REC-04 an old trade is stale and shows its time, however new its packet is", () => {
    const found = illiquidRow(startMs, illiquid(startMs))
    assert.deepStrictEqual([found.quality, found.priced_at], ["stale", IndiaTime.isoTime(startMs - 7_200_000)])
    assert.strictEqual(found.iv, volOf(100, startMs), "an old price still gives a volatility")
    assert.strictEqual(illiquidRow(startMs, illiquid(startMs, { tradeMs: startMs - 9_000 })).quality, "live")
  })

  it("BE-REC-04 the middle of a good book replaces an old trade, and is as fresh as the book", () => {
    const found = illiquidRow(startMs, illiquid(startMs, { bid: 78, ask: 82 }))
    assert.deepStrictEqual([found.quality, found.priced_at, found.last_price], ["live", IndiaTime.isoTime(startMs), 100])
    assert.strictEqual(found.iv, volOf(80, startMs))
  })

  const kept: ReadonlyArray<readonly [string, Partial<Packet>]> = [
    ["a book that is wider than a tenth of its middle", { bid: 70, ask: 90 }],
    ["a crossed book", { bid: 82, ask: 78 }],
    ["a locked book", { bid: 80, ask: 80 }],
    ["a book without buyers", { ask: 80 }],
    ["a trade that is ten seconds old", { bid: 78, ask: 82, tradeMs: startMs - 10_000 }]
  ]
  for (const [what, more] of kept) {
    it(`BE-REC-04 the last trade counts with ${what}`, () => {
      assert.strictEqual(illiquidRow(startMs, illiquid(startMs, more)).iv, volOf(100, startMs))
    })
  }

  it("BE-REC-04 a book of two ticks is good however cheap the option, and a contract that never traded has its middle", () => {
    const cheap = illiquidRow(startMs, illiquid(startMs, { bid: 0.5, ask: 0.6 }))
    assert.deepStrictEqual([cheap.quality, cheap.iv], ["live", volOf(0.55, startMs)])
    const never = illiquid(startMs, { price: 0, tradeMs: 0 })
    const quoted = illiquidRow(startMs, { ...never, bid: 78, ask: 82 })
    assert.deepStrictEqual([quoted.quality, quoted.last_price, quoted.iv], ["live", null, volOf(80, startMs)])
    const unquoted = illiquidRow(startMs, { ...never, price: 100 })
    assert.deepStrictEqual([unquoted.quality, unquoted.priced_at], ["stale", null])
  })

  it("BE-REC-04 a snapshot of last evening's prices, sent at a subscription, is stale from its first packet", () => {
    const evening = startMs - 18 * 3_600_000
    const packets = market(startMs).map((packet) => ({ ...packet, exchangeMs: evening, tradeMs: evening }))
    const recorder = new Recorder()
      .reference(instruments)
      .frame(startMs, packets)
      .clock(startMs + 250)
    const found = last(chains(outputsOf(recorder), "chain"))
    assert.deepStrictEqual([...new Set(found.columns.quality)], ["stale"])
    assert.deepStrictEqual([...new Set(found.columns.priced_at)], [IndiaTime.isoTime(evening)])
    const state = last(states(outputsOf(recorder)))
    assert.deepStrictEqual([state.spot_time, state.futures[0]?.time], [IndiaTime.isoTime(evening), IndiaTime.isoTime(evening)])
  })

  it("BE-REC-04 a feed that is connected but mute becomes stale, and its price's time stays", () => {
    const recorder = opened().clock(startMs + settings.staleAfterMs + 250)
    const found = last(chains(outputsOf(recorder), "delta"))
    assert.deepStrictEqual([...new Set(found.columns.quality)], ["stale"])
    assert.deepStrictEqual([...new Set(found.columns.priced_at)], [IndiaTime.isoTime(startMs)])
    assert.strictEqual(last(states(outputsOf(recorder))).spot_time, IndiaTime.isoTime(startMs))
  })

  it("BE-REC-04 a row whose forward comes from an old spot is stale", () => {
    const [call] = chainPackets(forward, 0.14, startMs)
    const recorder = new Recorder()
      .reference([spot, option(24_300, "CE")])
      .frame(startMs, [{ ...spotPacket, exchangeMs: startMs - 60_000 }, call as Packet])
      .clock(startMs + 250)
    const found = last(chains(outputsOf(recorder), "chain"))
    assert.deepStrictEqual([found.forward_source, found.columns.quality], ["spot", ["stale"]])
  })

  it("BE-REC-04 max pain and PCR say how many of the listed options they count", () => {
    const coverageOf = (recorder: Recorder) => last(chains(outputsOf(recorder), "chain")).oi_coverage
    assert.deepStrictEqual(coverageOf(opened()), { counted: 12, listed: null })
    const some = chainPackets(forward, 0.14, startMs).slice(0, 5)
    const recorder = new Recorder()
      .reference(instruments, "NIFTY", "NSE", { listed_options: { [expiry]: 214 } })
      .frame(startMs, some)
      .clock(startMs + 250)
    assert.deepStrictEqual(coverageOf(recorder), { counted: 5, listed: 214 })
  })
})

describe("UnderlyingDecider: windows", () => {
  it("publishes nothing without a clock, and nothing before the instruments are known", () => {
    assert.deepStrictEqual(outputsOf(new Recorder().clock(startMs)), [])
    assert.deepStrictEqual(outputsOf(new Recorder().reference(instruments).frame(startMs, market(startMs))), [])
  })

  it("publishes a chain when the clock passes 250 ms, und.state at 100 ms", () => {
    const recorder = opened()
    const before = outputsOf(recorder).length
    const changed = { ...futurePacket, price: 24_560 }
    recorder.frame(startMs + 260, [changed, { token: optionToken(24_500, "CE"), price: 170 }])
    const at = (atMs: number) => kinds(outputsOf(recorder.clock(atMs)).slice(before))
    assert.deepStrictEqual(at(startMs + 270), [], "neither window has ended")
    assert.deepStrictEqual(at(startMs + 300), ["state"])
    assert.deepStrictEqual(at(startMs + 499), ["state"], "a state without news stays")
    assert.deepStrictEqual(at(startMs + 500), ["state", "delta", "tick", "state"])
  })

  it("publishes the whole chain in the first window of each minute in which it traded, once", () => {
    const recorder = opened()
    const minutes = () => outputsOf(recorder).flatMap((output) => (output.kind === "minute" ? [output.message] : []))
    recorder.clock(startMs + 54_000)
    assert.deepStrictEqual(minutes(), [], "this state did not see how the minute began")
    const atMs = startMs + 60_000
    recorder
      .frame(atMs, market(atMs, 0.15, forward + 10))
      .clock(atMs)
      .clock(atMs + 10)
      .clock(atMs + 250)
    recorder.frame(atMs, [{ token: optionToken(24_500, "PE"), price: 99 }], { account: "ACC2" }).clock(atMs + 300)
    const [first, ...more] = minutes()
    assert.deepStrictEqual(more, [])
    const keyframe = last(chains(outputsOf(recorder), "chain"))
    assert.deepInclude(first, { minute: IndiaTime.isoTime(atMs), window: IndiaTime.isoTime(atMs), as_of: IndiaTime.isoTime(atMs) })
    assert(first !== undefined)
    const { minute: _minute, atm_iv, columns, ...head } = first
    const { kind: _kind, atm_iv: keyframeIv, columns: keyframeColumns, ...keyframeHead } = keyframe
    assert.deepStrictEqual(head, keyframeHead)
    const { tradingsymbol, ...rest } = columns
    assert.deepStrictEqual(rest, keyframeColumns)
    assert.deepStrictEqual(
      tradingsymbol,
      chain().map((one) => one.tradingsymbol)
    )
    const { iv } = row(keyframe, first.atm_strike ?? 0, "CE")
    assert.deepStrictEqual([atm_iv, keyframeIv], [iv, iv])
    assert.deepStrictEqual(Schema.decodeUnknownSync(ChainMessage.ChainMinute)(JSON.parse(JSON.stringify(first))), first)
    // A night without packets has no minutes, and neither has a chain whose options did not move.
    recorder.clock(atMs + 3 * 60_000)
    recorder.frame(atMs + 10 * 60_000, [spotPacket]).clock(atMs + 10 * 60_000)
    assert.strictEqual(minutes().length, 1)
    recorder.frame(atMs + 10 * 60_000 + 59_000, [{ token: optionToken(24_500, "PE"), price: 98, exchangeMs: atMs + 10 * 60_000 + 59_000 }])
    recorder.clock(atMs + 12 * 60_000 - 1)
    assert.deepStrictEqual(
      minutes().map(({ minute }) => minute),
      [IndiaTime.isoTime(atMs), IndiaTime.isoTime(atMs + 11 * 60_000)]
    )
  })

  it("a clock of another account that is behind changes nothing", () => {
    const recorder = opened()
    const before = outputsOf(recorder).length
    recorder.frame(startMs + 300, [futurePacket]).clock(startMs + 100, "ACC2")
    assert.strictEqual(outputsOf(recorder).length, before)
  })

  it("a jump over thousands of windows closes one, the last that ended", () => {
    const recorder = opened()
    const before = outputsOf(recorder).length
    const jumpMs = startMs + 3_600_111
    recorder.frame(jumpMs - 100, market(jumpMs - 100, 0.15)).clock(jumpMs)
    const outputs = outputsOf(recorder).slice(before)
    assert.deepStrictEqual(kinds(outputs), ["delta", "minute", "chain", "tick", "state"])
    const [delta] = chains(outputs, "delta")
    assert.strictEqual(delta?.window, IndiaTime.isoTime(startMs + 3_600_000))
    assert.strictEqual(delta?.as_of, IndiaTime.isoTime(jumpMs))
    assert.strictEqual(delta?.seq, recorder.inputs.length)
  })

  it("rows that come after their window closed make the next clock close it again", () => {
    const recorder = opened()
    const before = outputsOf(recorder).length
    recorder.frame(startMs + 10, [{ token: optionToken(24_500, "PE"), price: 99 }], { account: "ACC2" }).clock(startMs + 250, "ACC2")
    const outputs = outputsOf(recorder).slice(before)
    assert.deepStrictEqual(kinds(outputs), ["delta", "tick", "state"])
    assert.strictEqual(row(chains(outputs, "delta")[0]!, 24_500, "PE").last_price, 99)
    assert.strictEqual(run(recorder)[0].lateRows, 1)
    assert.strictEqual(outputsOf(recorder.clock(startMs + 250)).length, before + 3, "once")
  })

  it("a keyframe names every row; one comes first and then every 5 s of event time, with or without packets", () => {
    const recorder = new Recorder().reference(instruments).clock(startMs)
    for (let atMs = startMs + 100; atMs <= startMs + 11_000; atMs += 100) recorder.clock(atMs)
    const keyframes = chains(outputsOf(recorder), "chain")
    assert.deepStrictEqual(
      keyframes.map(({ as_of }) => Date.parse(as_of) - startMs),
      [0, 5_000, 10_000]
    )
    for (const { columns } of keyframes) {
      assert.strictEqual(columns.strike.length, 2 * strikes.length)
      assert.deepStrictEqual(new Set(columns.quality), new Set(["no_price"]))
    }
    assert.strictEqual(states(outputsOf(recorder)).length, 3)
  })

  it("ignores frames, references and definitions of other underlyings", () => {
    const outputs = outputsOf(opened())
    const mixed = new Recorder()
    for (const input of opened().inputs) {
      mixed.inputs.push(input)
      mixed.inputs.push({ ...input, seq: 0, ...(input._tag === "Frame" ? { underlying: "BANKNIFTY" } : {}) } as typeof input)
      if (input._tag !== "Frame") mixed.inputs.pop()
    }
    mixed.inputs.unshift(...new Recorder().reference(chain("2026-12-29"), "BANKNIFTY").definition([]).inputs)
    assert.deepStrictEqual(outputsOf(mixed), outputs)
  })
})

describe("UnderlyingDecider: numbers", () => {
  it("TC-GRK-010 the chain's volatility reprices its out-of-the-money prices, and Greeks are Black-76 in published units", () => {
    const message = last(chains(outputsOf(opened()), "chain"))
    assert.strictEqual(message.forward_source, "parity")
    assert.approximately(message.forward ?? 0, forward, 0.2)
    assert.strictEqual(message.atm_strike, 24_500)
    const t = IndiaTime.yearsTo(endsMs(expiry), startMs + 250)
    for (const strike of strikes) {
      const call = row(message, strike, "CE")
      const put = row(message, strike, "PE")
      assert.strictEqual(call.quality, "live")
      assert.strictEqual(call.iv, put.iv, "one volatility a strike")
      assert.approximately(call.iv ?? 0, 0.14, 0.0005)
      for (const [side, found] of [["CE", call] as const, ["PE", put] as const]) {
        const w = side === "CE" ? 1 : -1
        const f = message.forward ?? 0
        assert.approximately(Black76.priceOf(w, f, strike, t, settings.rate, found.iv ?? 0), found.last_price ?? 0, 0.2)
        const row12 = new Float64Array(12)
        Black76.evaluate(row12, 0, w, f, strike, t, settings.rate, found.iv ?? 0)
        const [, delta = 0, gamma = 0, theta = 0, vega = 0, rho = 0] = row12
        assert.approximately(found.delta ?? 9, delta, 2e-4)
        assert.approximately(found.gamma ?? 9, gamma, 2e-7)
        assert.approximately(found.theta ?? 9, theta / 365, 0.01, "per calendar day")
        assert.approximately(found.vega ?? 9, vega / 100, 0.01, "per volatility point")
        assert.approximately(found.rho ?? 9, rho / 100, 0.01, "per rate point")
      }
    }
  })

  it("the catalogue's schemas encode the messages, rounded to exact decimals", () => {
    const outputs = outputsOf(opened())
    assert.deepStrictEqual(kinds(outputs), ["delta", "chain", "tick", "state"])
    for (const message of [...chains(outputs, "delta"), ...chains(outputs, "chain")]) {
      assert.deepStrictEqual(
        JSON.parse(JSON.stringify(Schema.encodeSync(ChainMessage.Chain)(message))),
        JSON.parse(JSON.stringify(message))
      )
      for (const iv of message.columns.iv) assert.match(String(iv), /^0\.\d{1,5}$/)
      for (const delta of message.columns.delta) assert.match(String(delta), /^-?[01](\.\d{1,4})?$/)
    }
    for (const message of ticks(outputs)) Schema.encodeSync(ChainMessage.Ticks)(message)
    for (const message of states(outputs)) Schema.encodeSync(ChainMessage.UnderlyingState)(message)
  })

  it("deltas too carry the open interest, put-call ratios and max pain of the whole chain", () => {
    const recorder = opened()
    recorder.frame(startMs + 300, [{ token: optionToken(24_300, "PE"), price: 50, oi: 3_500, volume: 4_000 }]).clock(startMs + 500)
    const delta = last(chains(outputsOf(recorder), "delta"))
    assert.strictEqual(delta.call_oi, 6 * 500)
    assert.strictEqual(delta.put_oi, 5 * 500 + 3_500)
    assert.strictEqual(delta.pcr_oi, 2)
    assert.strictEqual(delta.pcr_volume, 1.5)
    assert.strictEqual(delta.max_pain, 24_500)
    assert.strictEqual(delta.spot, 24_530.05)
  })

  it("BE-FIN-10 each expiry has the open interest, put-call ratio and max pain of its own options", () => {
    const far = "2026-09-01"
    // Every other option has an open interest of 500.
    const packets = (at: string, heavy: number, call: number, put: number) =>
      chainPackets(forward, 0.14, startMs, at).map((packet) => {
        const oi = packet.token === optionToken(heavy, "CE", at) ? call : packet.token === optionToken(heavy, "PE", at) ? put : 500
        return { ...packet, oi }
      })
    const recorder = new Recorder()
      .reference([...instruments, ...chain(far)])
      .frame(startMs, [spotPacket, ...packets(expiry, 24_400, 9_500, 3_500), ...packets(far, 24_700, 2_500, 12_500)])
      .clock(startMs + 250)
    assert.deepStrictEqual(
      chains(outputsOf(recorder), "chain").map((of) => [of.expiry, of.max_pain, of.pcr_oi, of.call_oi, of.put_oi]),
      [
        [expiry, 24_400, 0.5, 12_000, 6_000],
        [far, 24_700, 3, 5_000, 15_000]
      ]
    )
  })

  it("each message of a chain has the straddle and the volatility at the money", () => {
    const recorder = opened()
    const keyframe = last(chains(outputsOf(recorder), "chain"))
    const atm = keyframe.atm_strike ?? 0
    const [call, put] = [row(keyframe, atm, "CE"), row(keyframe, atm, "PE")]
    assert.strictEqual(keyframe.straddle, Math.round(((call.last_price ?? 0) + (put.last_price ?? 0)) * 100) / 100)
    assert.strictEqual(keyframe.atm_iv, call.iv)
    assert.isNumber(keyframe.atm_iv)
    recorder.frame(startMs + 300, [{ token: optionToken(atm, "CE"), price: 130.05 }]).clock(startMs + 500)
    const delta = last(chains(outputsOf(recorder), "delta"))
    assert.deepStrictEqual([delta.atm_strike, delta.straddle], [atm, Math.round((130.05 + (put.last_price ?? 0)) * 100) / 100])
    assert.strictEqual(delta.atm_iv, row(delta, atm, "CE").iv)
    recorder.frame(startMs + 600, [{ token: optionToken(atm, "CE"), price: 0 }]).clock(startMs + 750)
    assert.isNull(last(chains(outputsOf(recorder), "delta")).straddle, "a call without a price")
  })

  it("a delta holds exactly the rows whose published numbers changed; a keyframe and its deltas give the next keyframe", () => {
    const recorder = opened()
    for (let step = 1; step <= 24; step++) {
      const atMs = startMs + step * 250
      const strike = strikes[step % strikes.length]!
      recorder.frame(atMs, [{ token: optionToken(strike, "PE"), price: 100 + step, oi: 500, bid: 99, ask: 101 }]).clock(atMs + 250)
    }
    const followed = new Map<number, string>()
    let rowsSent = 0
    const contentOf = ({ columns: { time: _time, ...columns } }: ChainMessage.Chain, at: number) =>
      JSON.stringify(Object.values(columns).map((column) => column?.[at]))
    for (const output of outputsOf(recorder)) {
      if (output.kind !== "delta" && output.kind !== "chain") continue
      for (const [at, token] of output.message.columns.instrument_token.entries()) {
        const content = contentOf(output.message, at)
        if (output.kind === "chain") assert.strictEqual(content, followed.get(token), "the keyframe says what the deltas said")
        else assert.notStrictEqual(content, followed.get(token), "a row without news is not sent")
        followed.set(token, content)
        rowsSent++
      }
    }
    assert.strictEqual(chains(outputsOf(recorder), "chain").length, 2)
    assert.isAbove(rowsSent, 4 * strikes.length)
    const before = outputsOf(recorder).length
    recorder.frame(startMs + 6_260, [{ token: optionToken(24_300, "CE"), price: 290, bid: 289.95 }]).clock(startMs + 6_500)
    const [delta] = chains(outputsOf(recorder).slice(before), "delta")
    assert.strictEqual(row(delta!, 24_300, "CE").bid, 289.95)
  })

  it("a price on one side gives both sides a volatility; a book without depth is unknown", () => {
    const recorder = new Recorder().reference(instruments)
    const packets = market(startMs).filter(({ token }) => token !== optionToken(24_700, "CE"))
    recorder.frame(startMs, packets).clock(startMs + 250)
    const message = last(chains(outputsOf(recorder), "chain"))
    const call = row(message, 24_700, "CE")
    assert.strictEqual(call.last_price, null)
    assert.approximately(call.iv ?? 0, 0.14, 0.002, "from the in-the-money put")
    assert.strictEqual(call.bid, null)
    assert.strictEqual(call.quality, "live")
    recorder
      .frame(startMs + 300, [{ token: optionToken(24_700, "PE"), price: 200, bid: 199, ask: 201 }])
      .frame(startMs + 310, [{ token: optionToken(24_700, "PE"), price: 200, kind: Frame.Kind.quote }])
      .clock(startMs + 500)
    assert.strictEqual(row(last(chains(outputsOf(recorder), "delta")), 24_700, "PE").bid, null)
  })

  it("TC-GRK-011 a premium without a volatility has a reason, never a number", () => {
    const quality = (packets: ReadonlyArray<Packet>, strike: number, side: "CE" | "PE") => {
      const recorder = new Recorder()
        .reference([spot, ...chain()])
        .frame(startMs, packets)
        .clock(startMs + 250)
      const found = row(last(chains(outputsOf(recorder), "chain")), strike, side)
      assert.strictEqual(found.iv, null)
      assert.strictEqual(found.delta, null)
      return found.quality
    }
    const spotAt = { token: spotToken, price: 24_550 }
    const only = (strike: number, side: "CE" | "PE", price: number) => [spotAt, { token: optionToken(strike, side), price }]
    assert.strictEqual(quality(only(24_300, "PE", 0.04), 24_300, "PE"), "no_time_value", "below one tick")
    assert.strictEqual(quality(only(24_300, "CE", 100), 24_300, "CE"), "below_intrinsic")
    assert.strictEqual(quality(only(24_800, "CE", 30_000), 24_800, "CE"), "above_bound")
    assert.strictEqual(quality(only(24_800, "CE", 0), 24_800, "CE"), "no_price", "a price of zero is none")
  })

  it("an expiry without spot, future or two-sided prices has no forward and rows with that quality", () => {
    const recorder = new Recorder().reference(chain())
    recorder.frame(startMs, [{ token: optionToken(24_800, "CE"), price: 30 }]).clock(startMs + 250)
    const message = last(chains(outputsOf(recorder), "chain"))
    assert.strictEqual(message.forward, null)
    assert.strictEqual(message.forward_source, null)
    assert.strictEqual(message.atm_strike, null)
    assert.strictEqual(message.max_pain, null)
    assert.strictEqual(row(message, 24_800, "CE").quality, "no_forward")
    assert.strictEqual(row(message, 24_800, "PE").quality, "no_price")
  })

  it("TC-GRK-020 at expiry a call's delta is 0 or 1, a put's -1 or 0, and every other Greek 0", () => {
    const atMs = endsMs(expiry)
    const recorder = new Recorder()
      .reference(instruments)
      .frame(atMs - 1_000, market(atMs - 1_000))
      .clock(atMs - 250)
    assert.strictEqual(row(last(chains(outputsOf(recorder), "chain")), 24_500, "PE").quality, "live")
    const message = last(chains(outputsOf(recorder.clock(atMs)), "delta"))
    assert.strictEqual(message.forward, 24_530.05)
    assert.strictEqual(message.forward_source, "spot")
    for (const strike of strikes) {
      for (const side of ["CE", "PE"] as const) {
        const { delta, gamma, iv, quality, rho, theta, vega } = row(message, strike, side)
        const inTheMoney = side === "CE" ? strike < 24_530 : strike > 24_530
        assert.deepStrictEqual(
          { delta, gamma, theta, vega, rho, iv, quality },
          { delta: inTheMoney ? (side === "CE" ? 1 : -1) : 0, gamma: 0, theta: 0, vega: 0, rho: 0, iv: null, quality: "expired" }
        )
      }
    }
    assert.isNotEmpty(chains(outputsOf(recorder.clock(atMs + 60_000)), "chain"))
  })

  it("an expiry that had ended before the start and has no spot stays expired without Greeks", () => {
    const atMs = endsMs(expiry) + 1_000
    const recorder = new Recorder()
      .reference(chain())
      .frame(atMs, chainPackets(forward, 0.14, startMs))
      .clock(atMs + 250)
    const found = row(last(chains(outputsOf(recorder), "chain")), 24_500, "CE")
    assert.strictEqual(found.quality, "expired")
    assert.strictEqual(found.delta, null)
  })

  it("a row becomes stale by event time alone, keeps its price, and a new packet makes it live again", () => {
    const recorder = opened()
    const atMs = startMs + settings.staleAfterMs
    recorder.frame(atMs - 100, [spotPacket]).clock(atMs)
    const keyframe = last(chains(outputsOf(recorder), "chain"))
    assert.strictEqual(row(keyframe, 24_500, "CE").quality, "live", "exactly as old as allowed")
    recorder.clock(atMs + 250)
    const delta = last(chains(outputsOf(recorder), "delta"))
    assert.strictEqual(delta.as_of, IndiaTime.isoTime(atMs + 250))
    const found = row(delta, 24_500, "CE")
    assert.strictEqual(found.quality, "stale")
    assert.isNumber(found.iv)
    recorder.frame(atMs + 300, [{ token: optionToken(24_800, "CE"), price: 60 }]).clock(atMs + 500)
    const after = last(chains(outputsOf(recorder), "delta"))
    assert.strictEqual(row(after, 24_800, "CE").quality, "live")
    recorder.frame(atMs + 600, [{ token: optionToken(24_300, "CE"), price: 280 }]).clock(atMs + 750)
    assert.strictEqual(
      row(last(chains(outputsOf(recorder), "delta")), 24_300, "CE").quality,
      "stale",
      "its volatility comes from an old put"
    )
  })

  it("open interest changes against the previous session that a contract names, and its price then is not known", () => {
    const token = optionToken(24_500, "CE")
    const named = instruments.map((one) => ("strike" in one && one.expiry !== null ? { ...one, previous_oi: 450 } : one))
    const recorder = opened()
      .frame(startMs + 300, [{ token, price: 170, oi: 700 }])
      .reference(named)
      .clock(startMs + 500)
    const found = () => {
      const message = last(chains(outputsOf(recorder), "delta"))
      const { oi_change, price_change } = row(message, 24_500, "CE")
      return [message.oi_change_from, oi_change, price_change]
    }
    assert.deepStrictEqual(found(), ["previous_session", 250, null])
    const nextDay = startMs + IndiaTime.dayMs
    recorder
      .reference(named)
      .frame(nextDay, [{ token, price: 171, oi: 1_000 }])
      .clock(nextDay + 250)
    assert.deepStrictEqual(found(), ["previous_session", 300, 1], "the session that the record has seen goes first")
  })

  it("open interest changes relative to the first seen value, and from the next day relative to the last session", () => {
    const token = optionToken(24_500, "CE")
    const at = (recorder: Recorder) => {
      const message = last(chains(outputsOf(recorder), "delta"))
      return [message.oi_change_from, row(message, 24_500, "CE").oi_change]
    }
    const recorder = opened()
      .frame(startMs + 300, [{ token, price: 170, oi: 700 }])
      .clock(startMs + 500)
    assert.deepStrictEqual(at(recorder), ["first_seen", 200])
    const nextDay = startMs + IndiaTime.dayMs
    recorder.frame(nextDay, [{ token, price: 171, oi: 1_000 }]).clock(nextDay + 250)
    assert.deepStrictEqual(at(recorder), ["previous_session", 300])
    recorder.frame(nextDay + 300, [{ token, price: 171, kind: Frame.Kind.ltp }]).clock(nextDay + 500)
    assert.strictEqual(last(ticks(outputsOf(recorder))).columns.oi[0], 1_000, "a packet without open interest leaves it")
    recorder
      .reference([...instruments, option(24_900, "CE")])
      .frame(nextDay + 600, [{ token: optionToken(24_900, "CE"), price: 20, oi: 5 }])
    recorder.clock(nextDay + 750)
    assert.strictEqual(last(chains(outputsOf(recorder), "delta")).oi_change_from, "first_seen", "one row has no previous session")
  })

  it("BE-FIN-11 price changes refer to the same moment as open interest: first seen, then the previous close", () => {
    const token = optionToken(24_900, "CE")
    const changes = (recorder: Recorder) => {
      const { columns } = last(chains(outputsOf(recorder), "delta"))
      const at = columns.instrument_token.indexOf(token)
      return [columns.price_change?.[at], columns.oi_change[at]]
    }
    const recorder = new Recorder().reference([...instruments, option(24_900, "CE")])
    recorder.frame(startMs, [{ token, price: 0, oi: 500 }]).clock(startMs + 250)
    assert.deepStrictEqual(changes(recorder), [null, 0], "quoted before it is traded")
    recorder.frame(startMs + 300, [{ token, price: 20, oi: 500 }]).clock(startMs + 500)
    assert.deepStrictEqual(changes(recorder), [0, 0])
    recorder.frame(startMs + 600, [{ token, price: 21.35, oi: 700 }]).clock(startMs + 750)
    assert.deepStrictEqual(changes(recorder), [1.35, 200])
    const nextDay = startMs + IndiaTime.dayMs
    recorder.frame(nextDay, [{ token, price: 21, oi: 650 }]).clock(nextDay + 250)
    assert.deepStrictEqual(changes(recorder), [-0.35, -50], "without a previous close the last price seen stands for it")
    recorder.frame(nextDay + 300, [{ token, price: 21, oi: 650, close: 22.05 }]).clock(nextDay + 500)
    assert.deepStrictEqual(changes(recorder), [-1.05, -50])
    // After a contract is added, the others keep their values.
    recorder.reference([...instruments, option(24_900, "CE"), option(25_000, "CE")])
    recorder.frame(nextDay + 600, [{ token, price: 23, oi: 660, kind: Frame.Kind.full, close: 22.05 }]).clock(nextDay + 750)
    assert.deepStrictEqual(changes(recorder), [0.95, -40])
  })
})

describe("UnderlyingDecider: instruments", () => {
  it("a new reference keeps known values, drops removed contracts, adds new ones, and sends a keyframe when a window closes", () => {
    const recorder = opened()
    const now = outputsOf(recorder).length
    recorder.reference([...instruments, option(24_900, "CE"), ...chain("2026-09-01", [24_500])])
    assert.deepStrictEqual(
      outputsOf(recorder)
        .slice(now)
        .map(({ kind }) => kind),
      ["life"]
    )
    const before = now + 1
    const outputs = outputsOf(recorder.clock(startMs + 500)).slice(before)
    const keyframes = chains(outputs, "chain")
    assert.deepStrictEqual(
      keyframes.map(({ expiry: at }) => at),
      [expiry, "2026-09-01"]
    )
    const [near] = keyframes
    assert.strictEqual(row(near!, 24_900, "CE").quality, "no_price")
    assert.approximately(row(near!, 24_500, "CE").iv ?? 0, 0.14, 0.0005)
    const [delta] = chains(outputs, "delta")
    assert.include(delta!.columns.strike, 24_900)
    assert.notInclude(delta!.columns.strike, 24_500, "a row that stays is not sent again")
    recorder.reference(instruments.filter(({ strike }) => strike !== 24_300)).clock(startMs + 750)
    const fewer = last(chains(outputsOf(recorder), "chain"))
    assert.notInclude(fewer.columns.strike, 24_300)
    assert.strictEqual(fewer.columns.strike.length, 2 * strikes.length - 2)
    const sent = outputsOf(recorder).length
    recorder.reference([spot]).clock(startMs + 1_000)
    assert.deepStrictEqual(kinds(outputsOf(recorder).slice(sent)), ["state"])
  })

  it("a token that now names another contract starts without the old one's values", () => {
    const recorder = opened()
    const reused = contract({ ...option(24_500, "CE"), tradingsymbol: "another", instrument_token: optionToken(24_500, "CE") })
    recorder.reference([...instruments.filter(({ instrument_token }) => instrument_token !== reused.instrument_token), reused])
    assert.strictEqual(row(last(chains(outputsOf(recorder.clock(startMs + 500)), "chain")), 24_500, "CE").last_price, null)
  })

  it("two contracts of one strike and side: the lower token is in the chain, both are in md.tick", () => {
    const twin = contract({ instrument_token: nfo(999_999), kind: "CE", strike: 24_500, tradingsymbol: "TWIN" })
    const recorder = new Recorder().reference([...instruments, twin, twin])
    recorder.frame(startMs, [...market(startMs), { token: twin.instrument_token, price: 1 }]).clock(startMs + 250)
    const outputs = outputsOf(recorder)
    assert.strictEqual(row(last(chains(outputs, "chain")), 24_500, "CE").instrument_token, optionToken(24_500, "CE"))
    assert.include(last(ticks(outputs)).columns.instrument_token, twin.instrument_token)
  })

  it("unknown tokens, bad packets and heartbeats are counted or skipped and affect nothing else", () => {
    const recorder = opened()
    recorder.frame(startMs + 300, [
      { token: nfo(5), price: 3 },
      { token: optionToken(24_500, "CE"), price: 172 }
    ])
    recorder.bytes(startMs + 310, Uint8Array.of(0, 2, 0, 3, 1, 2, 3, 0)).bytes(startMs + 320, Uint8Array.of(0))
    const [state, outputs] = run(recorder.clock(startMs + 500))
    assert.strictEqual(state.quotes.unknown, 1)
    assert.strictEqual(state.quotes.bad, 2)
    assert.deepStrictEqual(last(ticks(outputs)).columns.instrument_token, [optionToken(24_500, "CE")])
  })

  it("an underlying without options still has its state and its ticks, a share as well as an index", () => {
    const share = contract({ instrument_token: 738_561, kind: "EQ", tradingsymbol: "NIFTY", segment: "NSE" })
    const recorder = new Recorder().reference([share, future])
    recorder.frame(startMs, [{ token: 738_561, price: 1_434.5, close: 1_430, volume: 9 }, futurePacket]).clock(startMs + 250)
    const outputs = outputsOf(recorder)
    assert.deepStrictEqual(kinds(outputs), ["tick", "state"])
    const { as_of: _asOf, seq: _seq, ...state } = last(states(outputs))
    assert.deepStrictEqual(state, {
      v: 1,
      exchange: "NSE",
      underlying: "NIFTY",
      instrument_token: 738_561,
      spot: 1_434.5,
      spot_time: IndiaTime.isoTime(startMs),
      spot_change: 4.5,
      futures: [
        {
          expiry,
          instrument_token: futureToken,
          last_price: 24_551,
          time: IndiaTime.isoTime(startMs),
          oi: 900,
          basis: 23_116.5,
          price_change: 0,
          oi_change: 0,
          change_from: "first_seen"
        }
      ],
      expiries: []
    })
    assert.deepStrictEqual(last(ticks(outputs)).columns, {
      instrument_token: [738_561, futureToken],
      last_price: [1_434.5, 24_551],
      volume: [9, 40],
      oi: [0, 900],
      iv: [null, null],
      delta: [null, null],
      gamma: [null, null],
      theta: [null, null],
      vega: [null, null]
    })
  })

  it("und.state carries spot, its change, futures with their basis, and each expiry's forward and volatility", () => {
    const state = last(states(outputsOf(opened())))
    assert.strictEqual(state.spot, 24_530.05)
    assert.strictEqual(state.spot_change, 30.05)
    assert.strictEqual(state.futures[0]?.basis, 20.95)
    assert.approximately(state.expiries[0]?.atm_iv ?? 0, 0.14, 0.001)
    const unknown = last(states(outputsOf(new Recorder().reference([future]).clock(startMs))))
    assert.deepStrictEqual(
      [unknown.instrument_token, unknown.spot, unknown.spot_change, unknown.futures[0]?.basis],
      [null, null, null, null]
    )
  })

  it("md.tick names the instruments with a packet in the window, options with their Greeks", () => {
    const recorder = opened()
    recorder.frame(startMs + 300, [{ token: optionToken(24_600, "PE"), price: 150, volume: 12, oi: 500 }, spotPacket]).clock(startMs + 500)
    const { columns } = last(ticks(outputsOf(recorder)))
    assert.deepStrictEqual(columns.instrument_token, [spotToken, optionToken(24_600, "PE")])
    assert.deepStrictEqual(columns.volume, [null, 12])
    assert.isNull(columns.delta[0])
    assert.isBelow(columns.delta[1] ?? 0, 0)
  })

  it("a forward computed from the spot moves the chain", () => {
    const recorder = new Recorder().reference([spot, ...chain()])
    recorder.frame(startMs, [spotPacket, { token: optionToken(24_600, "CE"), price: 90 }]).clock(startMs + 250)
    assert.strictEqual(last(chains(outputsOf(recorder), "chain")).forward_source, "spot")
    recorder.frame(startMs + 300, [{ ...spotPacket, price: 24_540 }]).clock(startMs + 500)
    const moved = last(chains(outputsOf(recorder), "delta"))
    assert.strictEqual(moved.spot, 24_540)
    assert.strictEqual(row(moved, 24_600, "CE").last_price, 90)
  })
})

describe("UnderlyingDecider: frames", () => {
  it("a repeated frame counts once, and a resend never overwrites a newer value", () => {
    const recorder = new Recorder().reference(instruments).frame(startMs, market(startMs))
    const lost = recorder.number()
    const token = optionToken(24_500, "CE")
    recorder.frame(startMs + 50, [{ token, price: 180 }])
    recorder.frame(
      startMs + 20,
      [
        { token, price: 10 },
        { token: optionToken(24_600, "CE"), price: 133 }
      ],
      { number: lost }
    )
    recorder.frame(startMs + 90, [{ token, price: 11 }], { number: lost })
    const [state, outputs] = run(recorder.clock(startMs + 250))
    const message = last(chains(outputs, "chain"))
    assert.strictEqual(row(message, 24_500, "CE").last_price, 180)
    assert.strictEqual(row(message, 24_600, "CE").last_price, 133)
    assert.strictEqual(state.quotes.outdated, 1)
    assert.strictEqual(state.guard.duplicates, 1)
    assert.strictEqual(state.guard.open, 0)
  })

  it("reports a missing frame at once, with its numbers", () => {
    const recorder = opened()
    recorder.number()
    recorder.number()
    const outputs = outputsOf(recorder.frame(startMs + 300, [futurePacket]))
    const gap = last(outputs)
    assert.strictEqual(gap.kind, "gap")
    assert.strictEqual(gap.seq, recorder.inputs.length)
    assert.deepStrictEqual(gap.message, { account: "ACC1", incarnation: 1, from: 1, to: 2 })
  })

  it("a row's time is the exchange's, or the receive time if the exchange sends none", () => {
    const recorder = new Recorder().reference(instruments)
    recorder
      .frame(startMs + 7, [
        { token: optionToken(24_500, "CE"), price: 170, exchangeMs: startMs - 3_000 },
        { token: optionToken(24_500, "PE"), price: 120 }
      ])
      .clock(startMs + 250)
    const message = last(chains(outputsOf(recorder), "chain"))
    assert.strictEqual(row(message, 24_500, "CE").time, IndiaTime.isoTime(startMs - 3_000))
    assert.strictEqual(row(message, 24_500, "PE").time, IndiaTime.isoTime(startMs + 7))
    assert.strictEqual(row(message, 24_600, "PE").time, null)
  })

  it("the convention names the settings that decide the numbers", () => {
    assert.strictEqual(last(chains(outputsOf(opened()), "chain")).convention, "b76-parity-otm-last10s-mid-act365-close-rulebook-r0.065-q0")
    assert.isAbove(modelPrice(24_500, "CE", forward, 0.14, startMs), 50)
  })
})
