import { assert, describe, it } from "@effect/vitest"
import * as BrokerBars from "../../../src/actors/market/BrokerBars.ts"

describe("the broker's candles as rows", () => {
  const candle = { atMs: 0, open: 100.05, high: 101, low: 100, close: 100.5, volume: 7, oi: 0 }
  const row = (instrumentToken: number, changed: Partial<typeof candle> = {}) =>
    BrokerBars.rowOf({ exchange: "NSE", instrumentToken, tradingsymbol: "X", minutes: 1 }, { ...candle, ...changed })

  it("an index has no open interest, as in our own bars, although the broker says 0; a share keeps what the broker says", () => {
    assert.deepInclude(row(256_265), { oi: null, open: 10_005, close: 10_050, source: "broker", complete: true })
    assert.deepInclude(row(408_065), { oi: 0 })
  })

  it("a candle whose prices contradict each other is no row", () => {
    assert.isNull(row(408_065, { low: 100.2 }))
    assert.isNull(row(408_065, { high: 100.4 }))
  })
})
