import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc, Option } from "effect"
import * as AlertDecider from "../../../src/domain/alerts/AlertDecider.ts"
import { type Condition, initialState, type Rule, type Standing } from "../../../src/domain/alerts/AlertRule.ts"
import * as Values from "../../../src/domain/alerts/Values.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import type * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import { futureToken, Recorder, spotToken, startMs } from "../record/Recorder.ts"

const of = (value: number | string) => new Money.Decimal(value)
const rule = (condition: Condition, more: Partial<Rule> = {}): Rule => ({
  condition,
  threshold: of(100),
  hysteresis: of(2),
  repeat: true,
  cooldownS: 0,
  ...more
})
/** The positions of the values that fire, one value a second. */
const fired = (it: Rule, values: ReadonlyArray<number | string>): ReadonlyArray<number> => {
  let standing: Standing = { state: initialState(it.condition), firedAtMs: null }
  return values.flatMap((value, at) => {
    const next = AlertDecider.decide(it, standing, of(value), at * 1_000)
    standing = next.standing
    return next.fires ? [at] : []
  })
}

describe("AlertDecider", () => {
  it("fires at the threshold, and again only after the value came back by more than the hysteresis", () => {
    assert.deepStrictEqual(fired(rule("above"), [99.99, 100, 101, 99, 100, 98, 100, 97.99, 100]), [1, 8])
    assert.deepStrictEqual(fired(rule("below"), [101, 100, 102, 100, 102.01, 99]), [1, 5])
    assert.deepStrictEqual(fired(rule("above", { hysteresis: of(0) }), [100, 100, 99.99, 100]), [0, 3])
  })

  it("a condition that crosses needs a value on the other side first", () => {
    assert.deepStrictEqual(fired(rule("crosses_above"), [120, 97, 100, 120]), [2])
    assert.deepStrictEqual(fired(rule("crosses_below"), [90, 103, 100, 90]), [2])
    assert.deepStrictEqual(fired(rule("above"), [120]), [0])
  })

  it("fires once, or again, as its owner wants", () => {
    assert.deepStrictEqual(fired(rule("above", { repeat: false }), [100, 90, 100, 90, 100]), [0])
  })

  it("waits for the cooldown, and fires then if the value is still beyond the threshold", () => {
    assert.deepStrictEqual(fired(rule("above", { cooldownS: 5 }), [100, 90, 100, 90, 100, 100, 100]), [0, 5])
  })

  it("money is compared exactly", () => {
    const it = rule("above", { threshold: of("0.3"), hysteresis: of("0.1") })
    assert.deepStrictEqual(fired(it, [of("0.1").plus("0.2").toString(), "0.2", "0.3", "0.1999999999999999999", "0.3"]), [0, 4])
  })

  it("the same values give the same events, wherever a run is cut", () => {
    const values = fc.array(fc.integer({ min: 90, max: 110 }), { maxLength: 60 })
    fc.assert(
      fc.property(values, fc.constantFrom("above", "below", "crosses_above", "crosses_below"), fc.nat(60), (all, condition, cut) => {
        const it = rule(condition as Condition, { cooldownS: 3 })
        let standing: Standing = { state: initialState(it.condition), firedAtMs: null }
        const events: Array<number> = []
        for (const [at, value] of all.entries()) {
          // A restart keeps only what is stored.
          if (at === cut) standing = JSON.parse(JSON.stringify(standing))
          const next = AlertDecider.decide(it, standing, of(value), at * 1_000)
          standing = next.standing
          if (next.fires) events.push(at)
        }
        assert.deepStrictEqual(events, fired(it, all))
        for (const at of events)
          assert.isTrue(condition.endsWith("above") ? (all[at] ?? 0) >= 100 : (all[at] ?? 0) <= 100, "only values beyond it fire")
      })
    )
  })
})

describe("values of alerts", () => {
  const text = (value: Option.Option<Money.Decimal>) => Option.getOrNull(Option.map(value, String))

  it("a chain's numbers are those of its message; a message of an older version has no straddle", () => {
    const watch = (field: "straddle" | "atm_iv" | "max_pain") =>
      ({ source: "chain", exchange: "NSE", symbol: "NIFTY", expiry: "2026-12-29", field }) as const
    const chain = { straddle: 220.05, atm_iv: 0.1325, max_pain: null } as ChainMessage.Chain
    assert.strictEqual(text(Values.ofChain(watch("straddle"), chain)), "220.05")
    assert.strictEqual(text(Values.ofChain(watch("atm_iv"), chain)), "0.1325")
    assert.isNull(text(Values.ofChain(watch("max_pain"), chain)))
    assert.isNull(text(Values.ofChain(watch("straddle"), {} as ChainMessage.Chain)))
  })

  it("a frame has every packet of a wanted instrument, with its own time; what the packet does not carry has no value", () => {
    const recorder = new Recorder().frame(startMs, [
      { token: futureToken, price: 100.05, volume: 75, oi: 0 },
      { token: spotToken, price: 24_500, volume: 75, oi: 0 },
      { token: futureToken, price: 100.1, volume: 150, oi: 0, atMs: startMs + 20 },
      { token: futureToken, price: 0, kind: Frame.Kind.ltp, atMs: startMs + 40 }
    ])
    const [frame] = recorder.inputs
    assert.ok(frame?._tag === "Frame")
    const packets = Values.packetsOf(frame.header, frame.bytes, (token) => token === futureToken)
    assert.deepStrictEqual([...packets.keys()], [futureToken])
    assert.deepStrictEqual(
      packets.get(futureToken)?.map(({ receivedMs, values }) => [receivedMs - startMs, ...Object.values(values).map(text)]),
      [
        [0, "100.05", "75", "0"],
        [20, "100.1", "150", "0"],
        [40, null, null, null]
      ]
    )
  })

  it("a feed has the seconds since its newest tick, and none before the first", () => {
    const of = (field: "is_streaming" | "silent_s" | "dropped", more: object = {}) =>
      text(
        Values.ofTicker({ source: "feed", account_id: "sim1", field }, {
          as_of: "2026-11-24T05:00:10.500Z",
          last_tick_at: "2026-11-24T05:00:00.000Z",
          state: "streaming",
          ...more
        } as never)
      )
    assert.deepStrictEqual([of("silent_s"), of("is_streaming"), of("dropped")], ["10.5", "1", null])
    assert.deepStrictEqual([of("silent_s", { last_tick_at: null }), of("is_streaming", { state: "mute" })], [null, "0"])
    assert.strictEqual(of("dropped", { backpressure: { level: "OVERLOAD", buffered_bytes: 1, dropped: 3 } }), "3")
  })
})
