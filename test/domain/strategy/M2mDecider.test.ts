import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck, Schema } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Money from "../../../src/domain/Money.ts"
import type * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import type { Contract } from "../../../src/domain/record/Reference.ts"
import * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import * as Holdings from "../../../src/domain/strategy/Holdings.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as StrategyMessage from "../../../src/domain/strategy/StrategyMessage.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import {
  chain,
  chainPackets,
  contract,
  future,
  futureToken,
  leg,
  nfo,
  option,
  optionToken,
  type Packet,
  Recorder,
  settings,
  spot,
  spotToken,
  startMs
} from "../record/Recorder.ts"

const decider = M2mDecider.make({ settings })
const run = (recorder: Recorder) => Deciding.fold(decider, decider.initial, recorder.inputs)
/** A mark as its readers decode it. */
const decodeMark = Schema.decodeSync(StrategyMessage.Mark)
const marksOf = (outputs: ReadonlyArray<M2mDecider.Output>) =>
  outputs.flatMap((output) => (output.kind === "mark" ? [decodeMark(output.message)] : []))
const marks = (recorder: Recorder) => marksOf(run(recorder)[1])
const candles = (recorder: Recorder) => run(recorder)[1].flatMap((output) => (output.kind === "candle" ? [output.message] : []))
const last = <A>(items: ReadonlyArray<A>): A => items[items.length - 1]!
const text = (money: Money.Decimal | null | undefined) => (money == null ? null : Money.format(money))

const buyLow = option(24_500, "CE")
const sellMiddle = option(24_600, "CE")
const buyHigh = option(24_800, "CE")
const instruments = [spot, future, ...chain()]
const price = (of: Contract, rupees: number, atMs?: number): Packet => ({
  token: of.instrument_token,
  price: rupees,
  ...(atMs === undefined ? {} : { atMs })
})

const condor = [leg(1, "BUY", buyLow, 50, "100"), leg(2, "SELL", sellMiddle, 50, "140.5"), leg(3, "BUY", buyHigh, 50, "35.25")]
const condorPackets = [price(buyLow, 120), price(sellMiddle, 130), price(buyHigh, 40)]
const started = (legs = condor) => new Recorder().reference(instruments).definition(legs)

describe("M2mDecider: value", () => {
  it("BE-FIN-01 the iron condor is worth -1500 exactly, and its profit is reported beside it", () => {
    const mark = last(
      marks(
        started()
          .frame(startMs, condorPackets)
          .clock(startMs + 250)
      )
    )
    assert.strictEqual(text(mark.m2m), "-1500")
    assert.strictEqual(text(mark.unrealised_pnl), "1762.5")
    assert.strictEqual(text(mark.realised_pnl), "0")
    assert.strictEqual(text(mark.total_pnl), "1762.5")
    assert.isTrue(mark.complete)
    assert.deepStrictEqual(mark.missing, [])
  })

  it("BE-ISO-02 a keyframe that names another source than its account's start changes nothing", () => {
    const keyframe = (atMs: number, rupees: number, source: FrameHeader.Source) =>
      new Recorder()
        .frame(atMs, [price(buyLow, rupees)])
        .keyframe(atMs + 1)
        .inputs.flatMap((input) => (input._tag === "Keyframe" ? [{ ...input, header: { ...input.header, source } }] : []))
    const valueAfter = (source: FrameHeader.Source) => {
      const recorder = started([leg(1, "BUY", buyLow, 50, "100")])
      recorder.inputs.push(...keyframe(startMs, 120, "simulator"), ...keyframe(startMs + 10, 999, source))
      return text(last(marks(recorder.clock(startMs + 250))).m2m)
    }
    assert.strictEqual(valueAfter("simulator"), "-49950")
    assert.strictEqual(valueAfter("kite"), "-6000")
  })

  it("BE-REC-01 a keyframe of an underlying that the strategy does not hold changes nothing", () => {
    const of = (recorder: Recorder) => marks(recorder.frame(startMs, condorPackets).clock(startMs + 250)).map(({ m2m }) => text(m2m))
    const other = started().frame(startMs, condorPackets, { underlying: "BANKNIFTY" }).keyframe(startMs, "ACC1", "BANKNIFTY")
    assert.deepStrictEqual(of(other), of(started()))
    assert.deepStrictEqual(
      of(started().interruption(startMs - 9, startMs)),
      of(started()),
      "nor does an interruption: prices age by themselves"
    )
  })

  it("BE-FIN-02 legs of quantity zero are ignored and need no price; long calls and short puts add up", () => {
    const put = option(24_400, "PE")
    const legs = [leg(1, "BUY", buyLow, 50, "100"), leg(2, "SELL", put, 75, "80"), leg(3, "SELL", buyHigh, 0, "1")]
    const mark = last(
      marks(
        started(legs)
          .frame(startMs, [price(buyLow, 120), price(put, 60.05)])
          .clock(startMs + 250)
      )
    )
    assert.strictEqual(text(mark.m2m), "-1496.25")
    assert.strictEqual(text(mark.unrealised_pnl), "2496.25")
    assert.isTrue(mark.complete)
  })

  it("BE-FIN-03 m2m is null while a leg never had a price; `missing` names it, and also a stale leg", () => {
    const recorder = started()
      .frame(startMs, condorPackets.slice(0, 2))
      .clock(startMs + 250)
    const without = last(marks(recorder))
    assert.deepStrictEqual([without.m2m, without.unrealised_pnl, without.total_pnl], [null, null, null])
    assert.isFalse(without.complete)
    assert.deepStrictEqual(without.missing, [3])
    const lateMs = startMs + 400
    recorder.frame(lateMs, [price(buyHigh, 40)]).clock(startMs + 500)
    assert.isTrue(last(marks(recorder)).complete)
    recorder.clock(startMs + settings.staleAfterMs + 1)
    const stale = last(marks(recorder))
    assert.strictEqual(text(stale.m2m), "-1500")
    assert.isFalse(stale.complete)
    assert.deepStrictEqual(stale.missing, [1, 2])
    recorder.frame(startMs + settings.staleAfterMs + 100, [price(buyHigh, 0)]).clock(startMs + settings.staleAfterMs + 250)
    assert.isNull(last(marks(recorder)).m2m, "a price of zero is none")
    assert.deepStrictEqual(last(marks(recorder)).missing, [1, 2, 3])
  })

  it("BE-FIN-03 BE-REC-04 a new packet with an old trade, or with none, leaves the strategy incomplete and names the legs", () => {
    for (const tradeMs of [startMs - 7_200_000, 0]) {
      const [low, ...others] = condorPackets.map((packet) => ({ ...packet, exchangeMs: startMs, tradeMs: startMs }))
      const untraded = others.map((packet) => ({ ...packet, tradeMs }))
      const recorder = started()
        .frame(startMs, [low!, ...untraded])
        .clock(startMs + 250)
      const { complete, missing } = last(marks(recorder))
      assert.deepStrictEqual([complete, missing], [false, [2, 3]], `the trade's time is ${tradeMs}`)
    }
  })

  it("BE-FIN-05 a million additions do not drift: the millionth value is the exact one", () => {
    const legs = [leg(1, "BUY", buyLow, 50, "12345.67")]
    const recorder = new Recorder().reference(instruments).definition(legs)
    const prices = Array.from({ length: 100 }, (_, at) => price(buyLow, at === 99 ? 12_450.89 : 0.05 + at / 100, startMs + at))
    const [frame] = new Recorder().frame(startMs, prices).inputs
    assert(frame?._tag === "Frame")
    let [state] = run(recorder)
    // 10,000 frames of 100 ticks; every tick has a separate instant and is valued.
    for (let number = 0; number < 10_000; number++) {
      const baseReceivedMs = startMs + number * 100
      const header = { ...frame.header, number, baseReceivedMs }
      state = decider.decide(state, { ...frame, header })[0]
      state = decider.decide(state, { _tag: "Clock", seq: number, account: "ACC1", atMs: baseReceivedMs + 100 })[0]
    }
    const outputs = decider.decide(state, { _tag: "Clock", seq: 10_000, account: "ACC1", atMs: startMs + 1_100_000 })[1]
    const mark = marksOf(outputs)[0]!
    assert.strictEqual(text(mark.unrealised_pnl), "5261")
    assert.strictEqual(text(mark.m2m), "-622544.5")
    const candle = outputs.find(({ kind }) => kind === "candle")?.message as StrategyMessage.Candle
    assert.strictEqual(text(candle.close), "-622544.5")
    assert.strictEqual(text(candle.high), "-2.5")
  })

  it("values beyond 2^53 stay exact, and so do entry prices of ten places", () => {
    const recorder = started([leg(1, "BUY", buyLow, Number.MAX_SAFE_INTEGER, "0.0000000001"), leg(2, "SELL", sellMiddle, 3, "0")])
    const mark = last(marks(recorder.frame(startMs, [price(buyLow, 24_500.05), price(sellMiddle, 0.05)]).clock(startMs + 250)))
    const long = new Money.Decimal("9007199254740991").times("24500.05")
    assert.strictEqual(text(mark.m2m), Money.format(long.negated().plus("0.15")))
    assert.strictEqual(text(mark.unrealised_pnl), Money.format(long.minus("0.15").minus("900719.9254740991")))
    const partly = started([leg(1, "BUY", buyLow, Number.MAX_SAFE_INTEGER, "0"), leg(2, "SELL", sellMiddle, 3, "0")])
    assert.isNull(last(marks(partly.frame(startMs, [price(buyLow, 24_500)]).clock(startMs + 250))).m2m)
  })

  it("prices of different scales add up: paise and the currency segment's 1e-7", () => {
    const dollar = contract({ instrument_token: 77 * 256 + 3, kind: "FUT", segment: "CDS-FUT", tick_size: 0.0025, tradingsymbol: "USDINR" })
    const recorder = new Recorder().reference(instruments).reference([dollar], "USDINR")
    recorder.definition([leg(1, "SELL", dollar, 1_000, "84.1", "USDINR"), leg(2, "BUY", buyLow, 50, "120")])
    recorder.frame(startMs, [price(dollar, 84.1234567)], { underlying: "USDINR" }).frame(startMs, [price(buyLow, 120.05)])
    const mark = last(marks(recorder.clock(startMs + 250)))
    assert.strictEqual(text(mark.m2m), "78120.9567")
    assert.strictEqual(text(mark.unrealised_pnl), "-20.9567")
  })

  it("a strategy without legs is worth zero and is complete", () => {
    const mark = last(marks(new Recorder().definition([]).clock(startMs)))
    assert.deepStrictEqual([text(mark.m2m), text(mark.unrealised_pnl), mark.complete], ["0", "0", true])
    assert.deepStrictEqual([mark.net_delta, mark.net_gamma, mark.net_theta, mark.net_vega], [0, 0, 0, 0])
    assert.deepStrictEqual(Schema.encodeSync(StrategyMessage.Mark)(mark), {
      v: 1,
      as_of: IndiaTime.isoTime(startMs),
      seq: 2,
      strategy_id: 7,
      m2m: "0",
      unrealised_pnl: "0",
      realised_pnl: "0",
      total_pnl: "0",
      net_delta: 0,
      net_gamma: 0,
      net_theta: 0,
      net_vega: 0,
      complete: true,
      missing: []
    })
  })

  it("a leg's price from before it was added counts", () => {
    const recorder = new Recorder()
      .reference(instruments)
      .frame(startMs, condorPackets)
      .definition(condor)
      .clock(startMs + 10)
    assert.strictEqual(text(last(marks(recorder)).m2m), "-1500")
  })

  it("a leg that no reference names is priced by the contract of its definition", () => {
    const recorder = new Recorder().definition([leg(1, "SELL", buyLow, 50, "100")]).frame(startMs, [price(buyLow, 120)])
    assert.strictEqual(text(last(marks(recorder.clock(startMs + 250))).m2m), "6000")
  })

  it("a definition replaces the legs; that of another owner's strategy of the same number does not", () => {
    const recorder = started()
      .frame(startMs, condorPackets)
      .clock(startMs + 250)
    recorder.definition([], { owner: "u2" }).clock(startMs + 500)
    assert.deepStrictEqual(
      run(recorder)[1].map(({ owner, strategyId }) => [owner, strategyId]),
      [
        ["u1", 7],
        ["u2", 7]
      ]
    )
    recorder.definition([leg(4, "SELL", sellMiddle, 10, "131")]).clock(startMs + 510)
    const mark = last(marks(recorder))
    assert.strictEqual(text(mark.m2m), "1300")
    assert.strictEqual(text(mark.unrealised_pnl), "10")
    assert.strictEqual(mark.seq, recorder.inputs.length - 1)
  })

  it("BE-REC-01 a strategy that is created after the last clock is valued at its definition (case 12 of the public bug reports)", () => {
    const recorder = new Recorder()
      .reference(instruments)
      .frame(startMs, condorPackets)
      .clock(startMs + 250)
      .definition(condor)
    const [mark, ...more] = marks(recorder)
    assert.deepStrictEqual([text(mark?.m2m ?? null), mark?.missing, more.length], ["-1500", [], 0])
  })

  it("ignores frames of underlyings that the strategy does not hold", () => {
    const recorder = started().frame(startMs, condorPackets)
    recorder.frame(startMs, [price(buyLow, 1)], { underlying: "BANKNIFTY" }).clock(startMs + 250)
    assert.strictEqual(text(last(marks(recorder)).m2m), "-1500")
  })
})

const fill = (of: Contract, direction: StrategyDefinition.Direction, quantity: number, rupees: string): Holdings.Fill => ({
  instrumentToken: of.instrument_token,
  tradingsymbol: of.tradingsymbol,
  exchange: "NFO",
  direction,
  quantity,
  price: new Money.Decimal(rupees)
})
/** The legs and fills as the director writes them. Instruments in `unknown` are not in its master. */
const tradedBy = (
  legs: ReadonlyArray<StrategyDefinition.Leg>,
  fills: ReadonlyArray<Holdings.Fill>,
  unknown: ReadonlyArray<Contract> = []
) => {
  const all = [...legs.map(({ contract: of }) => of), ...instruments]
  const traded = Holdings.inDefinition(
    legs.map(({ leg_id, contract: of, direction, quantity, entry_price }) => ({
      ...fill(of, direction, quantity, "0"),
      legId: leg_id,
      entryPrice: entry_price
    })),
    Holdings.traded(fills),
    ({ instrumentToken }) => {
      const of = all.find(({ instrument_token }) => instrument_token === instrumentToken)
      return of === undefined || unknown.some(({ instrument_token }) => instrument_token === instrumentToken)
        ? null
        : { exchange: "NSE", underlying: "NIFTY", contract: of }
    }
  )
  return traded === undefined ? {} : { traded }
}
const pnl = ({ m2m, realised_pnl, unrealised_pnl, total_pnl }: StrategyMessage.Mark) =>
  [m2m, realised_pnl, unrealised_pnl, total_pnl].map(text)

describe("M2mDecider: fills", () => {
  const valued = (fills: ReadonlyArray<Holdings.Fill>, legs = condor, packets = condorPackets) =>
    last(
      marks(
        new Recorder()
          .reference(instruments)
          .definition(legs, tradedBy(legs, fills))
          .frame(startMs, packets)
          .clock(startMs + 250)
      )
    )

  it("BE-FIN-04 an instrument with fills counts by its fills, first in first out; other legs count at entry prices; m2m covers the legs", () => {
    const fills = [fill(buyLow, "BUY", 50, "100"), fill(buyLow, "BUY", 25, "110"), fill(buyLow, "SELL", 60, "130")]
    // Realised: 50 x 30 + 10 x 20. Open: 15 at 110, now 120. Legs 2 and 3: 525 + 237.5.
    assert.deepStrictEqual(pnl(valued(fills)), ["-1500", "1700", "912.5", "2612.5"])
    assert.deepStrictEqual(pnl(valued([])), ["-1500", "0", "1762.5", "1762.5"])
  })

  it("BE-FIN-04 a closed instrument keeps its realised profit and needs no price; a flip opens the other side", () => {
    const legs = [leg(1, "BUY", buyLow, 50, "100")]
    const closed = valued([fill(buyLow, "BUY", 50, "100.05"), fill(buyLow, "SELL", 50, "99")], legs, [])
    assert.deepStrictEqual(pnl(closed), [null, "-52.5", "0", "-52.5"])
    assert.deepStrictEqual([closed.net_delta, closed.complete, closed.missing], [0, false, [1]])
    const flipped = valued([fill(buyLow, "BUY", 50, "100"), fill(buyLow, "SELL", 80, "104")], legs)
    assert.deepStrictEqual(pnl(flipped), ["-6000", "200", "-480", "-280"])
  })

  it("net Greeks cover the holdings, not the planned legs", () => {
    const packets = [{ token: spotToken, price: 24_530 }, ...chainPackets(24_550, 0.14, startMs)]
    const planned = [leg(1, "BUY", buyLow, 50, "100")]
    const half = valued([fill(buyLow, "BUY", 50, "100"), fill(buyLow, "SELL", 25, "101")], planned, packets)
    const whole = valued([], planned, packets)
    assert.approximately(half.net_delta ?? 0, (whole.net_delta ?? 0) / 2, 1e-4)
    assert.approximately(half.net_vega ?? 0, (whole.net_vega ?? 0) / 2, 1e-4)
  })

  it("a position without a leg is priced and ages like any other, and makes no candle", () => {
    const options = tradedBy([], [fill(future, "SELL", 10, "24600")])
    const recorder = new Recorder().definition([], options).clock(startMs)
    const first = last(marks(recorder))
    assert.deepStrictEqual([...pnl(first), first.complete], ["0", "0", null, null, false])
    recorder.frame(startMs + 10, [{ token: futureToken, price: 24_500 }]).clock(startMs + 250)
    const priced = last(marks(recorder))
    assert.deepStrictEqual([...pnl(priced), priced.net_delta, priced.complete], ["0", "0", "1000", "1000", -10, true])
    // Behind the clock: the next clock publishes it.
    recorder.frame(startMs + 100, [{ token: futureToken, price: 24_400 }], { account: "ACC2" }).clock(startMs + 260)
    assert.strictEqual(text(last(marks(recorder)).unrealised_pnl), "2000")
    recorder.clock(startMs + settings.staleAfterMs + 1_000)
    const stale = last(marks(recorder))
    assert.deepStrictEqual([text(stale.unrealised_pnl), stale.complete, stale.missing], ["2000", false, []])
    assert.deepStrictEqual(candles(recorder.clock(startMs + 120_000)), [])
  })

  it("an instrument missing from the day's master is held without a value and named", () => {
    const gone = option(24_300, "CE")
    const legs = [leg(1, "BUY", buyLow, 50, "100")]
    const run = (options: Parameters<Recorder["definition"]>[1]) =>
      last(
        marks(
          new Recorder()
            .definition(legs, options)
            .frame(startMs, [price(buyLow, 120), price(gone, 9)])
            .clock(startMs + 60_000)
        )
      )
    const position = run(tradedBy(legs, [fill(gone, "BUY", 50, "10"), fill(gone, "SELL", 10, "12")], [gone]))
    assert.deepStrictEqual([...pnl(position), position.net_delta, position.complete], ["-6000", "20", null, null, null, false])
    const unpriced = run({ unpriced: [9] })
    assert.deepStrictEqual([...pnl(unpriced), unpriced.missing], [null, "0", null, null, [1, 9]])
    const closed = run({ unpriced: [9], traded: { realised: new Money.Decimal("20"), leg_ids: [9], positions: [] } })
    assert.deepStrictEqual(pnl(closed), [null, "20", "1000", "1020"])
  })

  it("a candle needs every leg to have an instrument", () => {
    const recorder = started().definition(condor, { unpriced: [9] })
    recorder.frame(startMs, condorPackets).clock(startMs + 60_000)
    assert.deepStrictEqual(candles(recorder), [])
  })

  it("fills and definitions without fills can be stored in the record and read back", () => {
    for (const options of [
      {},
      { unpriced: [4] },
      tradedBy(condor, [fill(buyLow, "BUY", 3, "0.0000000001"), fill(future, "SELL", 1, "7")])
    ]) {
      const definition: StrategyDefinition.Definition = { v: 1, strategy_id: 7, owner: "u1", legs: condor, ...options }
      const wire = JSON.parse(JSON.stringify(Schema.encodeSync(StrategyDefinition.Definition)(definition)))
      assert.deepStrictEqual(Schema.decodeUnknownSync(StrategyDefinition.Definition)(wire), definition)
    }
  })
})

describe("M2mDecider: marks", () => {
  it("publishes nothing before the strategy is known, then the first mark at the next clock, even within a window", () => {
    const recorder = new Recorder()
      .reference(instruments)
      .frame(startMs, condorPackets)
      .clock(startMs + 250)
    assert.deepStrictEqual(marks(recorder), [])
    recorder.definition(condor).clock(startMs + 260)
    assert.strictEqual(marks(recorder).length, 1)
  })

  it("publishes a mark only on a change, when a window closes", () => {
    const recorder = started()
      .frame(startMs, condorPackets)
      .clock(startMs + 250)
      .clock(startMs + 500)
      .clock(startMs + 750)
    assert.strictEqual(marks(recorder).length, 1)
    recorder.frame(startMs + 760, [price(buyLow, 121)]).clock(startMs + 800)
    assert.strictEqual(marks(recorder).length, 1)
    recorder.clock(startMs + 1_000)
    assert.deepStrictEqual(
      marks(recorder).map(({ m2m }) => text(m2m)),
      ["-1500", "-1550"]
    )
  })

  it("publishes at most four marks a second, and never loses the newest value", () => {
    const recorder = started().frame(startMs, condorPackets)
    for (let step = 1; step <= 40; step++) {
      const atMs = startMs + step * 50
      recorder.frame(atMs - 1, [price(buyLow, 120 + step)]).clock(atMs)
      // Another account, always behind the clock: its rows are late.
      recorder.frame(atMs - 300, [price(sellMiddle, 130 + step)], { account: "ACC2" }).clock(atMs, "ACC2")
    }
    const at = marks(recorder).map(({ as_of }) => Date.parse(as_of))
    for (let from = startMs; from < startMs + 2_000; from += 250)
      assert.isAtMost(at.filter((ms) => ms >= from && ms < from + 1_000).length, M2mDecider.marksMax)
    recorder.clock(startMs + 3_000)
    assert.strictEqual(text(last(marks(recorder)).m2m), "-1500")
  })

  it("publishes rows that come after their window with the next clock", () => {
    const recorder = started()
      .frame(startMs, condorPackets)
      .clock(startMs + 500)
    recorder.frame(startMs + 100, [price(buyLow, 121)], { account: "ACC2" }).clock(startMs + 400, "ACC2")
    assert.strictEqual(text(last(marks(recorder)).m2m), "-1550")
    assert.strictEqual(last(marks(recorder)).as_of, IndiaTime.isoTime(startMs + 500))
  })

  it("net Greeks are the position's, from the same chain as the underlying's own actor", () => {
    const packets = [{ token: spotToken, price: 24_530 }, { token: futureToken, price: 24_551 }, ...chainPackets(24_550, 0.14, startMs)]
    const legs = [leg(1, "BUY", buyLow, 50, "1"), leg(2, "SELL", option(24_400, "PE"), 75, "1"), leg(3, "SELL", future, 25, "24500")]
    const recorder = started(legs)
      .frame(startMs, packets)
      .clock(startMs + 250)
    const mark = last(marks(recorder))
    const underlying = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
    const keyframe = Deciding.fold(underlying, underlying.initial, recorder.inputs)[1].find(({ kind }) => kind === "chain")
    assert(keyframe?.kind === "chain")
    const { columns } = keyframe.message
    const at = (strike: number, side: string) => columns.strike.findIndex((value, row) => value === strike && columns.side[row] === side)
    const net = (of: "delta" | "gamma" | "theta" | "vega") => 50 * columns[of][at(24_500, "CE")]! - 75 * columns[of][at(24_400, "PE")]!
    assert.approximately(mark.net_delta ?? 0, net("delta") - 25, 0.01)
    assert.approximately(mark.net_gamma ?? 0, net("gamma"), 1e-5)
    assert.approximately(mark.net_theta ?? 0, net("theta"), 0.01)
    assert.approximately(mark.net_vega ?? 0, net("vega"), 0.01)
  })

  it("spot and futures have delta 1; one option without Greeks makes the strategy's Greeks null", () => {
    const held = [leg(1, "BUY", spot, 10, "24500"), leg(2, "SELL", future, 4, "24500")]
    const recorder = started(held).frame(startMs, [
      { token: spotToken, price: 24_530 },
      { token: futureToken, price: 24_551 }
    ])
    const mark = last(marks(recorder.clock(startMs + 250)))
    assert.deepStrictEqual([mark.net_delta, mark.net_gamma, mark.net_theta, mark.net_vega], [6, 0, 0, 0])
    const unpriced = last(marks(started([...held, leg(3, "BUY", buyLow, 1, "1")]).clock(startMs + 250)))
    assert.deepStrictEqual([unpriced.net_delta, unpriced.net_gamma, unpriced.net_theta, unpriced.net_vega], [null, null, null, null])
    const odd = contract({ instrument_token: nfo(4), kind: "CE", strike: 24_500, expiry: null })
    const withoutExpiry = last(
      marks(
        started([leg(3, "BUY", odd, 1, "1")])
          .frame(startMs, [price(odd, 5)])
          .clock(startMs + 250)
      )
    )
    assert.strictEqual(text(withoutExpiry.m2m), "-5")
    assert.isNull(withoutExpiry.net_delta)
  })
})

describe("M2mDecider: candles", () => {
  const minute = (message: StrategyMessage.Candle) => [
    message.timestamp,
    ...[message.open, message.high, message.low, message.close].map((money) => Money.format(money))
  ]

  it("BE-FIN-08 publishes a minute's open, high, low and close once, when market time has left it", () => {
    const recorder = started([leg(1, "SELL", buyLow, 10, "100")])
    for (const [second, rupees] of [
      [1, 100],
      [20, 104],
      [40, 97.5],
      [59, 101]
    ] as const)
      recorder.frame(startMs + second * 1_000, [price(buyLow, rupees)]).clock(startMs + second * 1_000 + 100)
    assert.deepStrictEqual(candles(recorder), [])
    recorder
      .clock(startMs + 60_000)
      .clock(startMs + 60_100)
      .clock(startMs + 180_000)
    const [candle] = candles(recorder)
    assert.deepStrictEqual(candles(recorder).map(minute), [[IndiaTime.isoTime(startMs), "1000", "1040", "975", "1010"]])
    assert.deepStrictEqual(Schema.encodeSync(StrategyMessage.Candle)(candle!).high, "1040")
    assert.strictEqual(candle?.as_of, IndiaTime.isoTime(startMs + 60_000))
  })

  it("a candle has the total P&L of the last mark before its minute ended, or null while that is unknown", () => {
    const recorder = started([leg(1, "BUY", buyLow, 10, "100"), leg(2, "SELL", sellMiddle, 10, "50")])
    recorder.frame(startMs + 1_000, [price(buyLow, 104)]).clock(startMs + 1_250)
    recorder.frame(startMs + 61_000, [price(sellMiddle, 48)]).clock(startMs + 61_250)
    recorder.frame(startMs + 90_000, [price(buyLow, 103)]).clock(startMs + 90_250)
    recorder.clock(startMs + 120_000)
    assert.deepStrictEqual(
      candles(recorder).map(({ timestamp, total_pnl }) => [timestamp, total_pnl?.toString()]),
      [[IndiaTime.isoTime(startMs + 60_000), "50"]]
    )
    const partly = started([leg(1, "BUY", buyLow, 10, "100")])
    partly.frame(startMs + 1_000, [price(buyLow, 99.5)]).clock(startMs + 60_000)
    assert.deepStrictEqual(
      candles(partly).map(({ total_pnl }) => total_pnl),
      [null]
    )
  })

  it("BE-FIN-08 a late tick corrects the open minute and never a closed one", () => {
    const recorder = started([leg(1, "SELL", buyLow, 10, "100"), leg(2, "SELL", sellMiddle, 10, "100")])
    recorder.frame(startMs + 1_000, [price(buyLow, 100), price(sellMiddle, 50)]).clock(startMs + 2_000)
    // Behind the clock, in the open minute.
    recorder.frame(startMs + 1_500, [price(buyLow, 120)], { account: "ACC2" }).clock(startMs + 2_000, "ACC2")
    recorder.clock(startMs + 60_000)
    // Behind the clock, in the closed minute. The price still counts for later values.
    recorder.frame(startMs + 59_000, [price(buyLow, 300)], { account: "ACC2" }).clock(startMs + 60_100, "ACC2")
    recorder.frame(startMs + 61_000, [price(sellMiddle, 40)]).clock(startMs + 120_000)
    assert.deepStrictEqual(candles(recorder).map(minute), [
      [IndiaTime.isoTime(startMs), "1500", "1700", "1500", "1700"],
      [IndiaTime.isoTime(startMs + 60_000), "3400", "3400", "3400", "3400"]
    ])
    assert.strictEqual(run(recorder)[0].lateTicks, 1)
  })

  it("packets of one instant are one event, across frames, accounts and underlyings", () => {
    const bank = contract({ instrument_token: nfo(77), kind: "FUT", tradingsymbol: "BANKNIFTYFUT" })
    const recorder = new Recorder().reference(instruments).reference([bank], "BANKNIFTY")
    recorder.definition([leg(1, "BUY", buyLow, 1, "0"), leg(2, "SELL", sellMiddle, 1, "0"), leg(3, "SELL", bank, 1, "0", "BANKNIFTY")])
    const at = (offset: number, rupees: number) => {
      const atMs = startMs + offset
      // A hedge: the three together always have the same value, so a half-updated instant would show.
      recorder.frame(atMs, [price(buyLow, 2 * rupees), price(sellMiddle, rupees)])
      recorder.frame(atMs, [price(bank, rupees)], { underlying: "BANKNIFTY", account: "ACC2" })
    }
    at(100, 1_000)
    at(200, 500)
    recorder.frame(startMs + 300, [price(buyLow, 4_000)])
    recorder.clock(startMs + 300)
    recorder.frame(startMs + 300, [price(sellMiddle, 2_000)])
    recorder.frame(startMs + 300, [price(bank, 2_000)], { underlying: "BANKNIFTY", account: "ACC2" })
    recorder.clock(startMs + 60_000)
    assert.deepStrictEqual(candles(recorder).map(minute), [[IndiaTime.isoTime(startMs), "0", "0", "0", "0"]])
  })

  it("instants are valued in order of time, in any order of the underlyings' frames", () => {
    const bank = contract({ instrument_token: nfo(77), kind: "FUT", tradingsymbol: "BANKNIFTYFUT" })
    const recorder = new Recorder().reference(instruments).reference([bank], "BANKNIFTY")
    recorder.definition([leg(1, "SELL", buyLow, 1, "0"), leg(2, "SELL", bank, 1, "0", "BANKNIFTY")])
    recorder.frame(startMs, [price(buyLow, 100, startMs), price(buyLow, 200, startMs + 20)])
    recorder.frame(startMs, [price(bank, 1_000, startMs), price(bank, 900, startMs + 10)], { underlying: "BANKNIFTY" })
    recorder.clock(startMs + 60_000)
    assert.deepStrictEqual(candles(recorder).map(minute), [[IndiaTime.isoTime(startMs), "1100", "1100", "1000", "1100"]])
  })

  it("no candle while a leg has no price, nor for a minute without a tick", () => {
    const recorder = started()
      .frame(startMs, condorPackets.slice(0, 2))
      .clock(startMs + 60_000)
    recorder
      .clock(startMs + 120_000)
      .frame(startMs + 130_000, [price(buyHigh, 40)])
      .clock(startMs + 180_000)
      .clock(startMs + 600_000)
    assert.deepStrictEqual(candles(recorder).map(minute), [[IndiaTime.isoTime(startMs + 120_000), "-1500", "-1500", "-1500", "-1500"]])
  })

  it("a jump of the clock over several minutes closes each minute that had ticks", () => {
    const recorder = started([leg(1, "SELL", buyLow, 1, "0")])
    for (const at of [0, 1, 3]) recorder.frame(startMs + at * 60_000, [price(buyLow, 100 + at)])
    recorder.clock(startMs + 600_000)
    assert.deepStrictEqual(
      candles(recorder).map((candle) => (Date.parse(candle.timestamp) - startMs) / 60_000),
      [0, 1, 3]
    )
  })

  it("the prices that wait for a clock are bounded: beyond the limit they are valued without one", () => {
    const recorder = started([leg(1, "SELL", buyLow, 1, "0")])
    const perFrame = 1_000
    for (let frame = 0; frame * perFrame <= M2mDecider.pendingMax; frame++) {
      const baseMs = startMs + frame * perFrame
      recorder.frame(
        baseMs,
        Array.from({ length: perFrame }, (_, at) => price(buyLow, 100, baseMs + at))
      )
    }
    const [state, outputs] = run(recorder)
    assert.deepStrictEqual([state.waiting, ...[...state.strategies.values()].map(({ pending }) => pending.length)], [0, 0])
    assert.strictEqual(outputs.filter(({ kind }) => kind === "candle").length, 1, "the minutes that ended in it")
    assert.strictEqual(
      outputs.flatMap(({ message }) => ("as_of" in message ? [message.as_of] : []))[0],
      IndiaTime.isoTime(startMs + 60_000)
    )
  })

  it.prop(
    "BE-FIN-09 with ticks of two accounts and new legs in any interleaving, the last prices and legs decide, and none is lost",
    [
      FastCheck.array(
        FastCheck.record({
          at: FastCheck.nat(500),
          which: FastCheck.nat(2),
          rupees: FastCheck.integer({ min: 1, max: 500 }),
          account: FastCheck.constantFrom("ACC1", "ACC2"),
          quantity: FastCheck.integer({ min: 0, max: 9 })
        }),
        { minLength: 1, maxLength: 40 }
      ),
      FastCheck.nat(40)
    ],
    ([events, cut]) => {
      const contracts = [buyLow, sellMiddle, buyHigh] as const
      const recorder = started().frame(startMs, condorPackets)
      const prices = new Map(condorPackets.map(({ token, price: rupees }) => [token, { rupees, atMs: startMs }]))
      let quantities: ReadonlyArray<number> = [50, 50, 50]
      for (const { account, at, quantity, rupees, which } of events) {
        const token = contracts[which]!.instrument_token
        recorder.frame(startMs + at, [{ token, price: rupees }], { account })
        if (startMs + at >= prices.get(token)!.atMs) prices.set(token, { rupees, atMs: startMs + at })
        recorder.clock(startMs + at, account)
        if (quantity < 3) {
          quantities = quantities.map((before, index) => (index === which ? quantity : before))
          recorder.definition(condor.map((of, index) => ({ ...of, quantity: quantities[index]! })))
        }
      }
      for (const account of ["ACC1", "ACC2"]) recorder.clock(startMs + 2_000, account)
      const expected = contracts.reduce((sum, { instrument_token: token }, index) => {
        const sign = index === 1 ? 1 : -1
        return sum + sign * quantities[index]! * prices.get(token)!.rupees
      }, 0)
      let [state, outputs] = Deciding.fold(decider, decider.initial, recorder.inputs.slice(0, cut))
      state = deserialize(serialize(state))
      outputs = [...outputs, ...Deciding.fold(decider, state, recorder.inputs.slice(cut))[1]]
      const messages = marksOf(outputs)
      assert.strictEqual(text(last(messages).m2m), String(expected === 0 ? 0 : expected))
    }
  )

  it("each first state of the decider is a new object", () => {
    decider.decide(decider.initial, started().inputs[1]!)
    assert.strictEqual(decider.initial.strategies.size, 0)
    assert.strictEqual(optionToken(24_500, "CE"), buyLow.instrument_token)
  })
})
