import { deserialize, serialize } from "node:v8"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import type { Contract } from "../../../src/domain/record/Reference.ts"
import type * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as Strategy from "../../../src/domain/strategy/Strategy.ts"
import * as Deciding from "../Deciding.ts"
import { chain, chainPackets, future, futureToken, leg, option, Recorder, settings, spot, spotToken, startMs } from "../record/Recorder.ts"

const instruments = [spot, future, ...chain()]
const strikes = [24_300, 24_400, 24_500, 24_600, 24_700] as const
const decider = M2mDecider.make({ settings })
const fold = (recorder: Recorder, by = decider) => Deciding.fold(by, by.initial, recorder.inputs)

const legsOf = (at: number) => [
  leg(1, "BUY", option(strikes[at % 5]!, "CE"), 50, "100"),
  leg(2, "SELL", option(strikes[(at + 1) % 5]!, "PE"), 75, "80.05"),
  leg(3, at % 2 === 0 ? "SELL" : "BUY", future, 25, "24500")
]
/** A record with `count` strategies and a chain that moves in each window. */
const moving = (strategies: number, windows: number): Recorder => {
  const recorder = new Recorder().reference(instruments)
  for (let at = 0; at < strategies; at++) recorder.definition(legsOf(at), { strategyId: at })
  return move(recorder, 0, windows)
}
const move = (recorder: Recorder, from: number, to: number): Recorder => {
  for (let window = from; window < to; window++) {
    const atMs = startMs + window * 250
    recorder
      .frame(atMs, [
        { token: spotToken, price: 24_530 + (window % 7) },
        { token: futureToken, price: 24_551 + (window % 5), oi: 9, volume: 4 },
        ...chainPackets(24_550 + (window % 5), 0.14 + (window % 3) / 100, atMs)
      ])
      .clock(atMs + 250)
  }
  return recorder
}
const only = (strategyId: number) => M2mDecider.make({ settings, takes: ({ strategy_id }) => strategy_id === strategyId })
const ofStrategy = (outputs: ReadonlyArray<M2mDecider.Output>, id: number) => outputs.filter(({ strategyId }) => strategyId === id)
const deep = <A>(value: A): A => deserialize(serialize(value)) as A

describe("strategies that share a chain", () => {
  it("BE-FIN-09 each gets the marks and candles that it gets alone, to the bit", () => {
    const recorder = moving(12, 300)
    const together = fold(recorder)[1]
    for (let id = 0; id < 12; id++) {
      const alone = fold(recorder, only(id))[1]
      assert.isAbove(alone.length, 100)
      assert.deepStrictEqual(ofStrategy(together, id), alone)
    }
  })

  it("a state holds each instrument and chain once, so a snapshot grows little with another strategy", () => {
    const bytes = (strategies: number) => {
      const [state] = fold(moving(strategies, 8))
      const feed = [...state.feeds.values()][0]
      assert.deepStrictEqual([state.feeds.size, feed?.chains.length], [1, 1])
      return serialize(state).length
    }
    assert.isBelow((bytes(101) - bytes(1)) / 100, 1_500)
  })

  it.prop(
    "BE-REC-05 a run that continues from a snapshot anywhere gives the same outputs to the bit",
    [FastCheck.nat(120)],
    ([cut]) => {
      const recorder = move(moving(5, 20).definition(legsOf(9), { strategyId: 9 }), 20, 40).definition([], { strategyId: 3, ended: true })
      const { inputs } = move(recorder, 40, 60)
      const whole = Deciding.fold(decider, decider.initial, inputs)[1]
      const [before, first] = Deciding.fold(decider, decider.initial, inputs.slice(0, cut))
      const [, rest] = Deciding.fold(decider, deep(before), inputs.slice(cut))
      assert.deepStrictEqual([...first, ...rest], whole)
    },
    { fastCheck: { numRuns: 20 } }
  )

  it("a reference that moves an instrument to another row moves its strategies' prices with it", () => {
    const recorder = new Recorder()
      .reference([future])
      .definition([leg(1, "BUY", future, 25, "24500")])
      .frame(startMs, [{ token: futureToken, price: 24_550 }])
      .clock(startMs + 250)
      .reference([spot, future])
      .frame(startMs + 300, [
        { token: spotToken, price: 24_530 },
        { token: futureToken, price: 24_560 }
      ])
      .clock(startMs + 500)
    const values = fold(recorder)[1].flatMap((output) => (output.kind === "mark" ? [output.message.m2m] : []))
    assert.deepStrictEqual(values, ["-613750", "-614000"])
  })

  it("BE-REC-05 a candle after a snapshot counts the prices that legs had before it", () => {
    const [call, put] = [option(24_500, "CE"), option(24_500, "PE")]
    const recorder = new Recorder().reference(instruments).definition([leg(1, "BUY", call, 50, "100"), leg(2, "SELL", put, 50, "100")])
    for (const [minute, { price, token }] of [
      { token: call.instrument_token, price: 101 },
      { token: put.instrument_token, price: 102 },
      { token: call.instrument_token, price: 103 },
      { token: put.instrument_token, price: 104 }
    ].entries()) {
      const atMs = startMs + minute * 60_000
      recorder.frame(atMs, [{ token, price }]).clock(atMs + 250)
    }
    const { inputs } = recorder.clock(startMs + 240_000)
    const outputs: Array<M2mDecider.Output> = []
    let state = decider.initial
    for (const input of inputs) {
      const [next, more] = decider.decide(deep(state), input)
      state = next
      outputs.push(...more)
    }
    assert.deepStrictEqual(outputs, Deciding.fold(decider, decider.initial, inputs)[1])
    const candles = outputs.flatMap((output) => (output.kind === "candle" ? [Money.format(output.message.close)] : []))
    assert.deepStrictEqual(candles, ["50", "-50", "50"])
  })

  it("one that ended, and one whose new definition another actor takes, leave; the others go on", () => {
    const near = M2mDecider.make({ settings, takes: ({ legs }) => legs.every(({ underlying }) => underlying === "NIFTY") })
    const recorder = moving(3, 8)
    recorder.definition([], { strategyId: 0, ended: true }).definition([], { strategyId: 77, ended: true })
    recorder.definition(
      legsOf(1).map((one) => ({ ...one, underlying: "BANKNIFTY" })),
      { strategyId: 1 }
    )
    const from = recorder.inputs.length
    const [state, outputs] = fold(move(recorder, 8, 20), near)
    assert.deepStrictEqual(
      [...state.strategies.values()].map(({ strategyId }) => strategyId),
      [2]
    )
    const after = outputs.filter(({ seq }) => seq > from)
    assert.isAbove(after.length, 8)
    assert.deepStrictEqual(new Set(after.map(({ strategyId }) => strategyId)), new Set([2]))
    for (const { legHolders, otherHolders } of state.feeds.values())
      for (const holders of [...legHolders, ...otherHolders]) assert.isTrue(holders.every(({ strategyId }) => strategyId === 2))
  })

  it("an instrument or an expiry that only a new strategy needs joins the feed, and one of another underlying leaves it", () => {
    const later: Contract = {
      ...option(24_500, "CE"),
      instrument_token: option(24_500, "CE").instrument_token + 1_000 * 256,
      expiry: "2025-09-30"
    }
    const recorder = moving(2, 4).definition([leg(1, "BUY", { ...later, tradingsymbol: "LATER" }, 50, "1")], { strategyId: 5 })
    const [state] = fold(recorder)
    assert.deepStrictEqual(
      [...state.feeds.values()].map(({ chains }) => chains.length),
      [2]
    )
    recorder.definition(
      legsOf(0).map((one) => ({ ...one, underlying: "BANKNIFTY" })),
      { strategyId: 5 }
    )
    const [moved] = fold(recorder)
    assert.deepStrictEqual([...moved.feeds.keys()], ["NSE NIFTY", "NSE BANKNIFTY"])
    assert.isFalse(moved.feeds.get("NSE NIFTY")?.legHolders.some((holders) => holders.some(({ strategyId }) => strategyId === 5)))
  })

  it("BE-ISO-01 a strategy whose numbers cannot be computed leaves with its reason, and the others go on; a better definition brings it back", () => {
    const odd = { ...option(24_300, "PE"), multiplier: 1e-6 }
    const unknown = { ...option(24_300, "PE"), instrument_token: 255 }
    const recorder = moving(3, 4)
      .definition([leg(1, "BUY", odd, 1, "1")], { strategyId: 50 })
      .definition([leg(1, "BUY", unknown, 1, "1")], { strategyId: 51 })
    move(recorder, 4, 12)
    recorder.definition([leg(1, "BUY", option(24_300, "PE"), 1, "1")], { strategyId: 50 })
    const [state, outputs] = fold(move(recorder, 12, 16))
    const refused = outputs.flatMap((output) => (output.kind === "refused" ? [output.message] : []))
    assert.deepStrictEqual(refused.map(({ strategy_id }) => strategy_id).sort(), [50, 51])
    for (const { reason } of refused) assert.isNotEmpty(reason)
    const seqs = outputs.filter(({ kind }) => kind === "mark").map(({ seq, strategyId }) => [strategyId, seq] as const)
    for (const id of [0, 1, 2])
      assert.deepStrictEqual(
        seqs.filter(([of]) => of === id),
        fold(recorder, only(id))[1]
          .filter(({ kind }) => kind === "mark")
          .map(({ seq }) => [id, seq] as const)
      )
    assert.isAbove(seqs.filter(([of]) => of === 50).length, 0)
    assert.deepStrictEqual(
      [...state.strategies.values()].map(({ strategyId }) => strategyId),
      [0, 1, 2, 50]
    )
  })

  it("BE-ISO-01 beside the largest definition that the record can carry, a thousand others get the same marks at the same clocks", () => {
    const legsMax = 2_500
    const hostile = Array.from({ length: legsMax }, (_, at) =>
      leg(at + 1, at % 2 === 0 ? "BUY" : "SELL", option(strikes[at % 5]!, at % 3 === 0 ? "PE" : "CE"), 1 + at, "0.05")
    )
    const many = 1_000
    const without = moving(many, 6)
    const beside = new Recorder().reference(instruments)
    for (let at = 0; at < many; at++) beside.definition(legsOf(at), { strategyId: at })
    const { inputs } = move(beside, 0, 6)
    // Its definition takes the place of an interruption, so that every message has the same sequence in both records.
    const at = many + 1
    const definition = new Recorder().definition(hostile, { strategyId: many }).inputs[0] as RecordInput.Definition
    const shifted = (input: RecordInput.RecordInput, seq: number) => ({ ...input, seq }) as RecordInput.RecordInput
    const filler = new Recorder().interruption(startMs, startMs + 1).inputs[0] as RecordInput.RecordInput
    const fold = (extra: RecordInput.RecordInput, all: ReadonlyArray<RecordInput.RecordInput>) =>
      Deciding.fold(decider, decider.initial, [...all.slice(0, at), extra, ...all.slice(at)].map(shifted))[1]
    const ofOthers = fold(definition, inputs).filter(({ strategyId }) => strategyId !== many)
    assert.isAbove(ofOthers.length, many * 5)
    assert.deepStrictEqual(ofOthers, fold(filler, without.inputs))
  })

  it("the exact numbers can be left out; the messages stay the same", () => {
    const recorder = moving(2, 260)
    const short = fold(recorder, M2mDecider.make({ settings, isExact: false }))[1]
    assert.isTrue(short.every(({ exact }) => exact.length === 0))
    assert.isTrue(short.some(({ kind }) => kind === "candle"))
    assert.deepStrictEqual(
      short.map(({ message }) => message),
      fold(recorder)[1].map(({ message }) => message)
    )
  })

  it("the underlyings of a strategy are those of its legs and open positions, once each and in a fixed order", () => {
    const other = { ...leg(1, "BUY", future, 1, "1"), underlying: "BANKNIFTY" }
    const legs = [leg(2, "BUY", future, 1, "1"), other, leg(3, "SELL", spot, 1, "1")]
    const position = { instrument_token: 1, tradingsymbol: "A", quantity: 1, open_cost: Money.zero }
    const priced = { exchange: "NSE", underlying: "FINNIFTY", contract: future }
    const positions = [
      { ...position, priced },
      { ...position, priced: null }
    ]
    const names = (definition: Partial<StrategyDefinition.Definition>) =>
      Strategy.underlyingsOf({ v: 1, strategy_id: 1, owner: "u1", legs: [], ...definition }).map(({ name }) => name)
    assert.deepStrictEqual(names({ legs }), ["BANKNIFTY", "NIFTY"])
    assert.deepStrictEqual(names({ legs: legs.toReversed() }), ["BANKNIFTY", "NIFTY"])
    assert.deepStrictEqual(names({ legs, traded: { realised: Money.zero, leg_ids: [], positions } }), ["BANKNIFTY", "FINNIFTY", "NIFTY"])
    assert.deepStrictEqual(names({}), [])
  })
})
