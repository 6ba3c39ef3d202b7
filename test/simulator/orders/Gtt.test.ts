import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Logger, LogLevel } from "effect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { GttDesk } from "../../../src/simulator/orders/GttDesk.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { compareShapes, recordedAnswer, whereRecorded } from "../RecordedShape.ts"
import { first, login, second } from "../SimulatorWorld.ts"
import { stillMarket } from "../StillMarket.ts"

const startMs = Date.parse("2026-11-23T04:00:00Z")
const start = Simulator.make({
  accounts: [first, second],
  market: { mode: "synthetic", startMs, rate: 0, strikesEachSide: 3 }
}).pipe(Logger.withMinimumLogLevel(LogLevel.Warning))
const call = (run: () => Promise<unknown>) => Effect.tryPromise({ try: run, catch: (error) => error as Record<string, unknown> })
const order = { transaction_type: "SELL", order_type: "LIMIT", product: "CNC", quantity: 1, price: 1_300 }
const params = (trigger_values: ReadonlyArray<number>) =>
  ({
    trigger_type: trigger_values.length === 1 ? "single" : "two-leg",
    exchange: "NSE",
    tradingsymbol: "RELIANCE",
    trigger_values,
    last_price: 1_310,
    orders: trigger_values.map(() => order)
  }) as never

describe("triggers at the simulator, by Kite's own client", () => {
  it.scopedLive("are placed, listed, modified and deleted by their account", () =>
    Effect.gen(function* () {
      const simulator = yield* start
      const { kite: client } = yield* login(simulator.url)
      const { kite: other } = yield* login(simulator.url, second)
      expect(yield* call(() => client.placeGTT(params([1_290])))).toEqual({ trigger_id: 1 })
      expect(yield* call(() => client.modifyGTT(1, params([1_280, 1_350])))).toEqual({ trigger_id: 1 })
      const one = yield* call(() => client.getGTT(1))
      expect(one).toMatchObject({
        id: 1,
        type: "two-leg",
        status: "active",
        condition: { last_price: 1_310, trigger_values: [1_280, 1_350] },
        orders: [{ ...order, exchange: "NSE", tradingsymbol: "RELIANCE", result: null }, {}]
      })
      expect(yield* call(() => client.getGTTs())).toEqual([one])
      expect(yield* Effect.flip(call(() => other.getGTT(1)))).toMatchObject({ error_type: "DataException" })
      for (const values of [[1_310], [1_320, 1_350], [1_200, 1_300]])
        expect(yield* Effect.flip(call(() => client.placeGTT(params(values))))).toMatchObject({ message: "Trigger already met." })
      expect(yield* call(() => client.deleteGTT(1))).toEqual({ trigger_id: 1 })
      expect(yield* call(() => client.getGTTs())).toEqual([])
      expect(yield* Effect.flip(call(() => client.deleteGTT(1)))).toMatchObject({ error_type: "InputException" })
    })
  )

  it.scopedLive("answer with the recorded keys and types", (context) =>
    Effect.gen(function* () {
      const recorded = recordedAnswer("gtt_get_order.json")
      if (recorded === undefined) return context.skip(`no recorded answers in ${whereRecorded}`)
      const simulator = yield* start
      const { kite: client } = yield* login(simulator.url)
      yield* call(() => client.placeGTT(params([1_280, 1_350])))
      compareShapes({ status: "success", data: yield* call(() => client.getGTT(1)) }, recorded)
    })
  )
})

describe("the desk of triggers", () => {
  const instrument = anInstrument(0x101, { instrumentType: "EQ", exchange: "NSE", tradingsymbol: "SHARE", lotSize: 1 })
  const market = stillMarket("synthetic", [instrument], () => startMs)
  const rows = Uint32Array.of(0)
  const packet = (lastPrice: number) =>
    Packets.setRow(market.columns, 0, Frame.Kind.full, { token: instrument.token, lastPrice, close: 10_000 })
  const form = (values: ReadonlyArray<number>) =>
    new URLSearchParams({
      type: values.length === 1 ? "single" : "two-leg",
      condition: JSON.stringify({ exchange: "NSE", tradingsymbol: "SHARE", trigger_values: values, last_price: 100 }),
      orders: JSON.stringify(values.map((price) => ({ ...order, exchange: "NSE", tradingsymbol: "SHARE", price })))
    })

  /** Places three triggers, and returns what was placed while prices move. */
  const play = () => {
    packet(10_000)
    const placed: Array<string | null> = []
    const desk = new GttDesk(market, (_account, terms) => {
      placed.push(terms.get("price"))
      return terms.get("price") === "104"
        ? Either.left({ status: 400, type: "InputException", message: "not today" })
        : Either.right(`id${placed.length}`)
    })
    for (const values of [[95], [104], [94, 110]]) Either.getOrThrow(desk.place(first, form(values)))
    const seen = [9_600, 9_500, 9_400, 10_400, 12_000].map((price) => {
      packet(price)
      desk.onRows(rows, 1)
      return [...placed]
    })
    return { seen, all: desk.all(first) }
  }

  it("places the order of the reached trigger once, and records what became of it", () => {
    const { all, seen } = play()
    expect(seen).toEqual([[], ["95"], ["95", "94"], ["95", "94", "104"], ["95", "94", "104"]])
    expect(all).toMatchObject([
      { status: "triggered", orders: [{ result: { triggered_at: 95, order_result: { status: "success", order_id: "id1" } } }] },
      { status: "triggered", orders: [{ result: { order_result: { status: "failed", rejection_reason: "not today" } } }] },
      { status: "triggered", orders: [{ result: { price: 94 } }, { result: null }] }
    ])
  })

  it("a result has the recorded keys and types", (context) => {
    const recorded = recordedAnswer("gtt_get_order.json")
    if (recorded === undefined) return context.skip(`no recorded answers in ${whereRecorded}`)
    const result = (one: unknown, leg: number) =>
      (one as { readonly orders: ReadonlyArray<{ readonly result: unknown }> }).orders[leg]?.result
    compareShapes(result(play().all[1], 0), result(recorded.data, 1))
  })
})
