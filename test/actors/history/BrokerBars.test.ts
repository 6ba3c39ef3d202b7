import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as BrokerBars from "../../../src/actors/history/BrokerBars.ts"
import * as KiteError from "../../../src/broker/KiteError.ts"
import * as KiteHistory from "../../../src/domain/market/KiteHistory.ts"
import { fresh } from "../../store/Stores.ts"
import * as BrokerStub from "../market/BrokerStub.ts"

const nowMs = Date.parse("2026-08-24T18:00:00+05:30")
const span = { fromMs: Date.parse("2026-08-24T00:00:00+05:30"), toMs: nowMs }
const series = { exchange: "NSE", instrumentToken: 408_065, tradingsymbol: "INFY" }
const candle = { atMs: span.fromMs + 10 * 3_600_000, open: 10, high: 12, low: 9, close: 11, volume: 5, oi: null }

const asked: Array<string> = []
let silent: ReadonlySet<string> = new Set()
const account = (name: string) => ({
  history: () => {
    asked.push(name)
    return silent.has(name)
      ? Effect.fail(new KiteError.KiteTimeout({ account: name, op: "history", afterMs: 10_000 }))
      : Effect.succeed([candle])
  }
})
const world = Layer.provideMerge(
  BrokerStub.layer({}, () => nowMs, { a1: account("a1"), a2: account("a2") }),
  fresh()
)

layer(world, { excludeTestServices: true })("BrokerBars", (it) => {
  it.effect("TC-ERR-021 a read that times out for one account is asked of the next one, and fails only when none has answered", () =>
    Effect.gen(function* () {
      const fetchBars = yield* BrokerBars.make
      const interval = KiteHistory.byMinutes(1)
      if (interval === undefined) return assert.fail("minutes are an interval")
      const fetch = Effect.suspend(() => {
        asked.length = 0
        return fetchBars(series, interval, span, "historical")
      })
      silent = new Set(["a1"])
      assert.strictEqual(yield* fetch, 1)
      assert.deepStrictEqual(asked, ["a1", "a2"])
      // The accounts take turns.
      yield* fetch
      assert.deepStrictEqual(asked, ["a2"])
      silent = new Set(["a1", "a2"])
      const refused = yield* Effect.flip(fetch)
      assert.deepInclude(refused, { _tag: "NoHistory", detail: "the broker's history is unavailable", isFinal: false })
      assert.deepStrictEqual(asked, ["a1", "a2"])
    })
  )
})
