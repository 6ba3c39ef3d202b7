import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { make as plan } from "../../../src/actors/director/Plan.ts"
import { aroundTheMoney, ironCondor } from "../../../src/actors/director/Seed.ts"
import * as Money from "../../../src/domain/Money.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Holdings from "../../../src/domain/strategy/Holdings.ts"
import * as Multiplier from "../../../src/domain/strategy/Multiplier.ts"
import * as Subject from "../../../src/streams/Subject.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"

const index = anInstrument(256265, {
  tradingsymbol: "NIFTY 50",
  name: "NIFTY 50",
  segment: "INDICES",
  exchange: "NSE",
  tickSize: 0,
  lotSize: 0
})
const option = (n: number, strike: number, instrumentType: "CE" | "PE", expiry = "2026-11-24") =>
  anInstrument(n * 256 + 2, { expiry, strike: strike * 100, instrumentType })
const call = option(1, 24_500, "CE")
const master = new Map([index, call].map((one) => [one.token, one]))
const subscription = (instrumentToken: number, accountId: string | null, requestedMode = "FULL") => ({
  instrumentToken,
  tradingsymbol: instrumentToken === index.token ? index.tradingsymbol : `T${instrumentToken}`,
  accountId,
  requestedMode
})
const at = new Date("2026-11-22T00:00:00Z")
const strategy = {
  strategy: {
    strategyId: 7,
    owner: "a.b",
    name: "s",
    description: null,
    tags: [],
    status: "active" as const,
    createdAt: at,
    updatedAt: at
  },
  legs: [
    {
      legId: 1,
      strategyId: 7,
      instrumentToken: call.token,
      tradingsymbol: call.tradingsymbol,
      exchange: "NFO",
      direction: "SELL" as const,
      quantity: 75,
      entryPrice: new Money.Decimal("100.05")
    }
  ]
}

const today = {
  indicators: [],
  instrument: (token: number) => master.get(token),
  bySymbol: (exchange: string, tradingsymbol: string) =>
    [...master.values()].find((one) => one.exchange === exchange && one.tradingsymbol === tradingsymbol),
  ofUnderlying: () => [...master.values()],
  settlements: Holdings.nothingSettled,
  multiplierOf: Multiplier.single,
  previousOi: new Map([[call.token, 1_950]]),
  tradeDate: "2026-08-19"
}

describe("Director", () => {
  it("an actor for each instrument and timeframe whose indicators somebody wants, and none for an expired contract", () => {
    const of = (tradingsymbol: string, minutes: number, indicators: ReadonlyArray<string>) => ({
      exchange: tradingsymbol === index.tradingsymbol ? "NSE" : "NFO",
      tradingsymbol,
      minutes,
      indicators,
      holders: 2
    })
    const { actors } = plan({
      accounts: [],
      subscriptions: [],
      strategies: [],
      fills: () => new Map(),
      ...today,
      indicators: [of(index.tradingsymbol, 5, ["macd", "rsi"]), of(index.tradingsymbol, 1440, ["rsi"]), of("NIFTY20JAN24500CE", 5, ["rsi"])]
    })
    assert.deepStrictEqual(
      [...actors].map(([key, value]) => [key, JSON.parse(value)]),
      [
        [Subject.kvKey("indicators", "NSE", index.tradingsymbol, "5m"), { v: 1, indicators: ["macd", "rsi"] }],
        [Subject.kvKey("indicators", "NSE", index.tradingsymbol, "1d"), { v: 1, indicators: ["rsi"] }]
      ]
    )
  })

  const planned = plan({
    accounts: ["sim1", "sim2"],
    subscriptions: [subscription(index.token, "sim1"), subscription(call.token, "sim2", "QUOTE"), subscription(999_999, "sim1")],
    strategies: [strategy as never],
    fills: () => new Map(),
    ...today
  })
  const json = (subject: string) => JSON.parse(new TextDecoder().decode(planned.definitions.get(subject)))

  it("defines each underlying completely, and wants its actors, one ticker per account and one actor for the strategies over the same underlyings", () => {
    assert.deepStrictEqual([...planned.actors.keys()].sort(), [
      "bars.NSE.NIFTY",
      "executor.sim1",
      "executor.sim2",
      "greeks.NSE.NIFTY",
      "strategies.NSE.NIFTY",
      "ticker.sim1",
      "ticker.sim2"
    ])
    assert.deepStrictEqual([...planned.definitions.keys()].sort(), ["md.ref.NSE.NIFTY", "strat.def.a%2Eb.7"])
    const reference = json("md.ref.NSE.NIFTY")
    assert.deepStrictEqual(reference.listed_options, { "2026-11-24": 1 })
    assert.deepStrictEqual(
      reference.instruments.map((one: { instrument_token: number; previous_oi?: number }) => [one.instrument_token, one.previous_oi]),
      [
        [call.token, 1_950],
        [index.token, undefined]
      ]
    )
    assert.deepStrictEqual(
      reference.instruments.map((one: { instrument_token: number; kind: string; strike: number; tick_size: number }) => [
        one.instrument_token,
        one.kind,
        one.strike,
        one.tick_size
      ]),
      [
        [call.token, "CE", 24_500, 0.05],
        [index.token, "INDEX", 0, 0]
      ]
    )
    const definition = json("strat.def.a%2Eb.7")
    assert.deepStrictEqual(
      [definition.legs[0].direction, definition.legs[0].entry_price, definition.legs[0].underlying],
      ["SELL", "100.05", "NIFTY"]
    )
  })
  it("gives every account its own instruments in Kite's modes, and names tokens that are missing in the master", () => {
    assert.deepStrictEqual(
      planned.streamed.filter(({ home }) => home === "sim2"),
      [{ instrument_token: call.token, mode: "quote", exchange: "NSE", underlying: "NIFTY", home: "sim2" }]
    )
    assert.deepStrictEqual(planned.unknown, [999_999])
  })
  it("names tokens whose account is not configured: no account streams them", () => {
    const { actors, streamed, unassigned } = plan({
      accounts: ["sim1"],
      subscriptions: [subscription(index.token, "sim1"), subscription(call.token, "gone")],
      strategies: [],
      fills: () => new Map(),
      ...today
    })
    assert.deepStrictEqual(unassigned, [call.token])
    assert.isFalse(actors.has("ticker.gone"))
    assert.deepStrictEqual(
      streamed.map((one) => one.instrument_token),
      [index.token]
    )
  })
  it("an archived strategy has no actor", () => {
    const none = plan({
      accounts: [],
      subscriptions: [],
      strategies: [{ ...strategy, strategy: { ...strategy.strategy, status: "archived" } } as never],
      fills: () => new Map(),
      ...today
    })
    assert.strictEqual(none.actors.size + none.definitions.size, 0)
  })
  it.effect("actors can read what it writes", () =>
    Effect.gen(function* () {
      const bytes = planned.definitions.get("strat.def.a%2Eb.7") as Uint8Array
      const read = yield* Subjects.StrategyDefinition.decode("strat.def.a%2Eb.7", bytes)
      assert.isTrue(read.legs[0]?.entry_price.eq("100.05"))
      assert.isTrue(Either.isRight(Subjects.MarketReference.decodeEither(planned.definitions.get("md.ref.NSE.NIFTY") as Uint8Array)))
    })
  )
})

describe("Seed", () => {
  const strikes = Array.from({ length: 101 }, (_, n) => 22_000 + n * 50)
  const chain = (expiry: string, from: number) =>
    strikes.flatMap((strike, n) => [option(from + n * 2, strike, "CE", expiry), option(from + n * 2 + 1, strike, "PE", expiry)])
  const members = [
    index,
    ...["2026-11-17", "2026-11-24", "2026-12-01", "2026-12-08"].flatMap((expiry, n) => chain(expiry, 1_000 * (n + 1))),
    anInstrument(77, { instrumentType: "FUT", expiry: "2026-12-29" }),
    anInstrument(78, { instrumentType: "FUT", expiry: "2026-11-24" })
  ]
  const now = Date.parse("2026-11-22T00:00:00Z")

  it("takes the spot, the nearest future, and 20 strikes on either side of the money of the two nearest open expiries", () => {
    const wanted = aroundTheMoney(members, 24_510 * 100, shipped, now)
    assert.deepStrictEqual([...new Set(wanted.map(({ expiry }) => expiry))], [null, "2026-11-24", "2026-12-01"])
    assert.deepStrictEqual(
      wanted.filter(({ instrumentType }) => instrumentType === "FUT").map(({ token }) => token),
      [78]
    )
    const near = wanted
      .filter(({ expiry, instrumentType }) => expiry === "2026-11-24" && instrumentType === "CE")
      .map(({ strike }) => strike / 100)
    assert.deepStrictEqual([near.length, near[0], near[20], near[40]], [41, 23_500, 24_500, 25_500])
  })
  it("builds the iron condor of the nearest expiry around the money", () => {
    const wanted = aroundTheMoney(members, 24_510 * 100, shipped, now).filter(
      ({ instrumentType }) => instrumentType === "CE" || instrumentType === "PE"
    )
    const legs = ironCondor(wanted, 24_510 * 100).map(({ instrument: one, direction }) => [
      direction,
      one.strike / 100,
      one.instrumentType,
      one.expiry
    ])
    assert.deepStrictEqual(legs, [
      ["BUY", 24_300, "PE", "2026-11-24"],
      ["SELL", 24_400, "PE", "2026-11-24"],
      ["SELL", 24_600, "CE", "2026-11-24"],
      ["BUY", 24_700, "CE", "2026-11-24"]
    ])
  })
})
