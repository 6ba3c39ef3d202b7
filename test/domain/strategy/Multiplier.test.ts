import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Holdings from "../../../src/domain/strategy/Holdings.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as Multiplier from "../../../src/domain/strategy/Multiplier.ts"
import * as Deciding from "../Deciding.ts"
import { contract, leg, Recorder, settings } from "../record/Recorder.ts"

const atMs = Date.parse("2026-07-28T10:00:00+05:30")
const gas = { exchange: "MCX", tradingsymbol: "NATURALGAS26AUGFUT" }
const multiplierOf = Multiplier.lookup(shipped.segments, atMs)
const of = (exchange: string, tradingsymbol: string) => Multiplier.of(shipped.segments, { exchange, tradingsymbol }, atMs)

describe("multipliers", () => {
  it("BE-DAY-08 the rulebook gives the units of a quantity of one, and an unknown instrument is rejected by name", () => {
    const known = [
      ["MCX", "NATURALGAS26AUGFUT", 1_250],
      ["MCX", "CRUDEOIL26AUG5700CE", 100],
      ["MCX", "CRUDEOILM26AUGFUT", 10],
      ["NFO", "NIFTY26AUG24500CE", 1],
      ["NSE", "BAJAJ-AUTO", 1],
      ["NFO", "a symbol of no known form 5CE", 1]
    ] as const
    for (const [exchange, symbol, units] of known) assert.deepStrictEqual(of(exchange, symbol), Either.right(units), symbol)
    const unknown = of("MCX", "UNOBTAINIUM26AUGFUT")
    assert(Either.isLeft(unknown))
    assert.include(unknown.left.message, "multiplier of MCX UNOBTAINIUM")
    assert.strictEqual(multiplierOf({ exchange: "MCX", tradingsymbol: "UNOBTAINIUM26AUGFUT" }), 1)
  })

  it("BE-DAY-08 one contract of 1250 that falls by 6.70 has lost 8,375", () => {
    const fills = Holdings.traded(
      [{ ...gas, instrumentToken: 7, direction: "BUY", quantity: 1, price: new Money.Decimal("290.5") }],
      multiplierOf
    )
    const [held] = Holdings.holdings([], fills, Holdings.nothingSettled, multiplierOf)
    assert(held !== undefined)
    const { report } = Holdings.value(held, new Money.Decimal("283.8"))
    assert.deepStrictEqual([report.fifo.unrealised.toFixed(), Holdings.quantityOf(held)], ["-8375", 1])
  })

  it("BE-DAY-08 the mark of a leg and of a filled position counts each contract's units, and so do its Greeks", () => {
    const future = contract({
      instrument_token: 4_001 * 256 + 7,
      kind: "FUT",
      tradingsymbol: gas.tradingsymbol,
      lot_size: 1,
      multiplier: 1_250
    })
    const priced = { exchange: "MCX", underlying: "NATURALGAS", contract: future }
    const markOf = (recorder: Recorder) => {
      const decider = M2mDecider.make({ settings })
      recorder.reference([future], "NATURALGAS", "MCX")
      recorder
        .frame(atMs, [{ token: future.instrument_token, price: 283.8 }], { exchange: "MCX", underlying: "NATURALGAS" })
        .clock(atMs + 1_000)
      const [mark] = Deciding.fold(decider, decider.initial, recorder.inputs)[1].flatMap((one) =>
        one.kind === "mark" ? [one.message] : []
      )
      return [mark?.unrealised_pnl, mark?.total_pnl, mark?.net_delta]
    }
    const bought = { ...leg(1, "BUY", future, 1, "290.5", "NATURALGAS"), exchange: "MCX" }
    assert.deepStrictEqual(markOf(new Recorder().definition([bought])), ["-8375", "-8375", 1_250])
    const traded = {
      realised: Money.zero,
      leg_ids: [],
      positions: [{ instrument_token: 7, tradingsymbol: gas.tradingsymbol, quantity: 1, open_cost: new Money.Decimal("363125"), priced }]
    }
    assert.deepStrictEqual(markOf(new Recorder().definition([], { traded })), ["-8375", "-8375", 1_250])
  })
})
