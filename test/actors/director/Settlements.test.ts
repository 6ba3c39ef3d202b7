import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { make as plan } from "../../../src/actors/director/Plan.ts"
import * as Money from "../../../src/domain/Money.ts"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import type * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Holdings from "../../../src/domain/strategy/Holdings.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as Multiplier from "../../../src/domain/strategy/Multiplier.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import * as Deciding from "../../domain/Deciding.ts"
import { ist } from "../../domain/market/Ist.ts"
import { Recorder, settings } from "../../domain/record/Recorder.ts"

const option = (token: number, tradingsymbol: string, expiry: string, kind: "CE" | "PE", strike: number): Instrument.Instrument => ({
  token,
  exchangeToken: token >>> 8,
  tradingsymbol,
  name: "NIFTY",
  expiry,
  strike: strike * 100,
  tickSize: 5,
  lotSize: 75,
  instrumentType: kind,
  segment: "NFO-OPT",
  exchange: "NFO"
})
const sold = option(1_282, "NIFTY2672824500CE", "2026-07-28", "CE", 24_500)
const kept = option(1_538, "NIFTY26AUG24500PE", "2026-08-25", "PE", 24_500)
/** A contract that has the sold option's token a day later. */
const other = option(1_282, "NIFTY2681125000CE", "2026-08-11", "CE", 25_000)

const leg = (legId: number, { token, tradingsymbol, exchange }: Instrument.Instrument, direction: "BUY" | "SELL", entryPrice: string) => ({
  legId,
  strategyId: 7,
  instrumentToken: token,
  tradingsymbol,
  exchange,
  direction,
  quantity: 75,
  entryPrice: new Money.Decimal(entryPrice)
})
const strategy = {
  strategy: { strategyId: 7, owner: "u1", status: "active" },
  legs: [leg(1, sold, "SELL", "120"), leg(2, kept, "BUY", "200")]
}
const expired = Holdings.settlementsOf([
  { exchange: "NFO", tradingsymbol: sold.tradingsymbol, price: new Money.Decimal(0), source: "underlying_close" }
])

const definitionOn = (
  instruments: ReadonlyArray<Instrument.Instrument>,
  settlements: Holdings.Settlements,
  fills: ReadonlyMap<string, Holdings.Traded> = new Map()
): StrategyDefinition.Definition => {
  const { definitions } = plan({
    accounts: [],
    subscriptions: [],
    strategies: [strategy as never],
    fills: () => fills,
    indicators: [],
    instrument: (token) => instruments.find((one) => one.token === token),
    bySymbol: (exchange, tradingsymbol) => instruments.find((one) => one.exchange === exchange && one.tradingsymbol === tradingsymbol),
    ofUnderlying: () => instruments,
    settlements,
    multiplierOf: Multiplier.lookup(shipped.segments, ist("2026-07-29T08:31:00")),
    previousOi: new Map(),
    tradeDate: "2026-07-29"
  })
  const subject = Subjects.StrategyDefinition.at({ owner: "u1", strategy: "7" })
  return Effect.runSync(Subjects.StrategyDefinition.decode(subject, definitions.get(subject) ?? new Uint8Array()))
}

/** The first mark of a day on which the kept put trades at 260, and the contract that has the old token at 999. */
const markOf = (definition: StrategyDefinition.Definition) => {
  const decider = M2mDecider.make({ settings })
  const at = ist("2026-07-29T10:00:00")
  const recorder = new Recorder().definition(definition.legs, definition)
  const contracts = [
    ...definition.legs.map(({ contract }) => contract),
    { ...(definition.legs[0]?.contract as never as object), instrument_token: other.token, tradingsymbol: other.tradingsymbol }
  ]
  recorder.reference(contracts as never)
  recorder.frame(at, [
    { token: kept.token, price: 260 },
    { token: other.token, price: 999 }
  ])
  const outputs = Deciding.fold(decider, decider.initial, recorder.clock(at + 1_000).clock(at + 61_000).inputs)[1]
  const marks = outputs.flatMap((output) => (output.kind === "mark" ? [output.message] : []))
  const candles = outputs.flatMap((output) => (output.kind === "candle" ? [output.message] : []))
  return { mark: marks[0], candles }
}

describe("settled legs", () => {
  it("BE-DAY-03 an option sold at 120 x 75 that expires worthless has realised +9,000 for good, and the other leg stays open", () => {
    const definition = definitionOn([kept, other], expired)
    assert.deepStrictEqual(
      definition.settled?.map(({ leg_id, price }) => [leg_id, price.toFixed()]),
      [[1, "0"]]
    )
    assert.strictEqual(definition.unpriced, undefined)
    const { mark, candles } = markOf(definition)
    assert.deepStrictEqual(
      [mark?.realised_pnl, mark?.unrealised_pnl, mark?.total_pnl, mark?.m2m, mark?.complete],
      ["9000", "4500", "13500", "-19500", true]
    )
    assert.deepStrictEqual(
      candles.map(({ close }) => close.toFixed()),
      ["-19500"]
    )
  })

  it("BE-DAY-04 a leg is never valued by the contract that now has its token: it has no price until it settles", () => {
    const definition = definitionOn([kept, other], Holdings.nothingSettled)
    assert.deepStrictEqual([definition.legs.map(({ leg_id }) => leg_id), definition.unpriced], [[2], [1]])
    const { mark } = markOf(definition)
    assert.deepStrictEqual([mark?.m2m, mark?.missing], [null, [1]])
  })

  it("BE-DAY-04 a contract that is listed under another token is found by its name", () => {
    const moved = { ...kept, token: 2_050 }
    assert.deepStrictEqual(
      definitionOn([moved, other], expired).legs.map(({ contract }) => [contract.tradingsymbol, contract.instrument_token]),
      [[kept.tradingsymbol, 2_050]]
    )
  })

  it("BE-DAY-03 a position that fills left open settles like a leg: bought at 40 and settled at 50.35 gives 10.35 a unit", () => {
    const fills = Holdings.traded([
      {
        instrumentToken: sold.token,
        tradingsymbol: sold.tradingsymbol,
        exchange: "NFO",
        direction: "BUY",
        quantity: 150,
        price: new Money.Decimal(40)
      }
    ])
    const settlements = Holdings.settlementsOf([
      { exchange: "NFO", tradingsymbol: sold.tradingsymbol, price: new Money.Decimal("50.35"), source: "underlying_close" }
    ])
    const { traded } = definitionOn([kept, other], settlements, fills)
    assert.deepStrictEqual([traded?.realised.toFixed(), traded?.positions, traded?.leg_ids], ["1552.5", [], [1]])
  })
})
