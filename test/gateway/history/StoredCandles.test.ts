import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as KiteHistory from "../../../src/domain/market/KiteHistory.ts"
import * as StoredCandles from "../../../src/gateway/history/StoredCandles.ts"
import { Engine } from "../../../src/gateway/shared/Engine.ts"
import { Lifetimes } from "../../../src/gateway/shared/Lifetimes.ts"
import { CorporateActionRepo } from "../../../src/store/calendar/CorporateActionRepo.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import * as BrokerStub from "../../actors/market/BrokerStub.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { ist } from "../../domain/market/Ist.ts"
import { fresh } from "../../store/Stores.ts"

const infy = anInstrument(408065, { tradingsymbol: "INFY", name: "INFOSYS", segment: "NSE", exchange: "NSE", lotSize: 1 })
const [exDate, dayBefore] = ["2026-07-28", "2026-07-27"]
const split = { kind: "split", sharesBefore: 1, sharesAfter: 2, pricePaise: 0, closePaise: 0, source: ["circular 1"] } as const
const minute = KiteHistory.intervals.find(({ minutes }) => minutes === 1) as KiteHistory.Interval
const series = { exchange: infy.exchange, instrumentToken: infy.token, tradingsymbol: infy.tradingsymbol, minutes: 1 }
const bar = (time: string, price: number, source: NewBar["source"] = "broker"): NewBar => ({
  ...{ ...series, source, at: new Date(ist(`${dayBefore}T${time}`)), volume: 100, oi: null, complete: true },
  ...{ open: price, high: price, low: price, close: price }
})

const engine = Layer.succeed(Engine, Engine.make({ ask: () => Effect.dieMessage("the test fetches nothing") }))
// Each call is given its time.
const clock = BrokerStub.layer({}, () => 0)
const places = Layer.merge(engine, Lifetimes.Default).pipe(Layer.provideMerge(clock))

layer(places.pipe(Layer.provideMerge(fresh())), { excludeTestServices: true })("Stored candles", (it) => {
  it.effect("BE-SVC-04 the broker's bars are kept until the session of the ex-date opens, because the broker adjusts its own before", () =>
    Effect.gen(function* () {
      const [bars, actions, candles] = [yield* BarRepo, yield* CorporateActionRepo, yield* StoredCandles.make]
      yield* actions.save([{ ...split, exchange: infy.exchange, symbol: infy.tradingsymbol, exDate }], "root")
      yield* bars.save([bar("09:15:00", 150_000), bar("09:16:00", 150_000, "live")])
      yield* bars.markFetched(series, [dayBefore])

      const closesAt = (time: string, isAdjusted: boolean) =>
        Effect.gen(function* () {
          const nowMs = ist(`${exDate}T${time}`)
          const found = yield* candles.actionsOf(infy, nowMs)
          const span = { fromMs: ist(`${dayBefore}T09:15:00`), toMs: ist(`${dayBefore}T15:29:00`) }
          return (yield* candles.read(infy, minute, span, nowMs, found, isAdjusted)).map(({ source, close }) => [source, close])
        })
      const traded = [
        ["broker", 1_500],
        ["live", 1_500]
      ]
      for (const time of ["00:00:00", "07:59:59", "09:14:59.999"]) {
        assert.deepStrictEqual(yield* closesAt(time, true), traded, `adjusted at ${time}`)
        assert.deepStrictEqual(yield* closesAt(time, false), traded, `traded at ${time}`)
      }
      assert.deepStrictEqual(yield* closesAt("09:15:00", true), [["live", 750]])

      // What is fetched after the opening is in the newest shares, and is kept.
      yield* bars.save([bar("09:15:00", 75_000)])
      assert.deepStrictEqual(yield* closesAt("09:15:01", true), [
        ["broker", 750],
        ["live", 750]
      ])
      assert.deepStrictEqual(yield* closesAt("09:15:01", false), traded)
    })
  )
})
