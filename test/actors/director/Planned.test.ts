import { assert, describe, it } from "@effect/vitest"
import * as Plan from "../../../src/actors/director/Plan.ts"
import * as Money from "../../../src/domain/Money.ts"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as Holdings from "../../../src/domain/strategy/Holdings.ts"
import * as Multiplier from "../../../src/domain/strategy/Multiplier.ts"
import type { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"

const share: Instrument.Instrument = {
  token: 2_000 * 256 + 1,
  exchangeToken: 2_000,
  tradingsymbol: "INFY",
  name: "INFOSYS",
  exchange: "NSE",
  segment: "NSE",
  instrumentType: "EQ",
  strike: 0,
  expiry: null,
  lotSize: 1,
  tickSize: 5
}
const at = new Date("2026-08-19T04:30:00Z")
const strategy = (strategyId: number, tradingsymbol: string): StrategyRepo.StrategyWithLegs => ({
  strategy: { strategyId, owner: "u1", name: "s", description: null, tags: [], status: "active", createdAt: at, updatedAt: at },
  legs: [
    {
      legId: strategyId * 10,
      strategyId,
      instrumentToken: share.token,
      tradingsymbol,
      exchange: "NSE",
      direction: "BUY",
      quantity: 3,
      entryPrice: new Money.Decimal("1500")
    }
  ]
})

/** Plans strategies, and counts the look-ups of instruments. */
const planning = (before: Plan.Before) => {
  const looked = { count: 0 }
  const make = (strategies: ReadonlyArray<StrategyRepo.StrategyWithLegs>, fills: (strategyId: number) => Plan.Fills = () => Plan.noFills) =>
    Plan.make({
      accounts: [],
      subscriptions: [],
      strategies,
      fills,
      indicators: [],
      instrument: () => share,
      bySymbol: (_, tradingsymbol) => {
        looked.count++
        return tradingsymbol === share.tradingsymbol ? share : undefined
      },
      ofUnderlying: () => [share],
      settlements: Holdings.nothingSettled,
      multiplierOf: Multiplier.single,
      previousOi: new Map(),
      tradeDate: "2026-08-19",
      before
    })
  return { make, looked }
}

describe("A plan of strategies that were planned before", () => {
  it("keeps the definition of a strategy that has not changed, and is equal to a plan without memory", () => {
    const { looked, make } = planning(new WeakMap())
    const all = [strategy(1, "INFY"), strategy(2, "GONE")]
    const first = make(all)
    const lookedFirst = looked.count
    const second = make([all[0]!, strategy(2, "INFY")])
    assert.isBelow(looked.count - lookedFirst, lookedFirst)
    const subject = Subjects.StrategyDefinition.at({ owner: "u1", strategy: "1" })
    assert.strictEqual(second.definitions.get(subject), first.definitions.get(subject))
    assert.deepStrictEqual([first.unknown, second.unknown], [[share.token], []])
    assert.deepStrictEqual(make(all), planning(new WeakMap()).make(all))
  })

  it("plans a strategy again when it has other fills", () => {
    const { looked, make } = planning(new WeakMap())
    const all = [strategy(1, "INFY")]
    make(all)
    const before = looked.count
    make(all)
    assert.strictEqual(looked.count, before)
    make(all, () => new Map())
    assert.isAbove(looked.count, before)
  })
})
