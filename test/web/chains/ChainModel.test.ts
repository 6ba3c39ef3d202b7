import { assert, describe, it } from "@effect/vitest"
import * as ChainModel from "../../../web/src/chains/ChainModel.ts"
import type { ChainUpdate, OptionRow } from "../../../web/src/gateway/Contract.ts"

const option = (token: number, more: Partial<OptionRow> = {}): OptionRow => ({
  instrument_token: token,
  tradingsymbol: `X${token}`,
  last_price: 10,
  bid: 9.95,
  ask: 10.05,
  volume: 100,
  oi: 1_000,
  oi_change: 10,
  price_change: 1,
  iv: 0.14,
  delta: 0.5,
  gamma: 0.001,
  theta: -5,
  vega: 3,
  rho: 0,
  as_of: "2026-11-24T04:00:00.000Z",
  priced_at: "2026-11-24T04:00:00.000Z",
  age_ms: 1_000,
  quality: "live",
  ...more
})
const update = (kind: ChainUpdate["kind"], strikes: ChainUpdate["strikes"]): ChainUpdate => ({
  type: "update",
  symbol: "NIFTY",
  expiry: "2026-11-24",
  kind,
  epoch: 1,
  seq: 1,
  as_of: "2026-11-24T04:00:01.000Z",
  valued_at: "2026-11-24T04:00:00.000Z",
  spot: 24_500,
  spot_change: 12.5,
  forward: 24_510,
  atm_strike: 24_500,
  atm_iv: 0.14,
  oi_change_from: "previous_session",
  max_pain: 24_500,
  pcr: 1,
  oi_coverage: { counted: 2, listed: 4 },
  totals: { call_oi: 1, put_oi: 1, pcr_volume: 1 },
  strikes
})
const row = (strike: number, call: OptionRow | null = option(strike), put: OptionRow | null = null) => ({ strike, call, put })

describe("ChainModel", () => {
  it("a delta replaces whole strikes and marks only those for drawing", () => {
    const model = ChainModel.make()
    ChainModel.apply(model, update("chain", [row(24_400), row(24_500)]))
    model.dirty.clear()
    ChainModel.apply(model, update("delta", [row(24_500, option(24_500, { last_price: 11, as_of: "2026-11-24T04:00:05.000Z" }))]))
    assert.deepStrictEqual([...model.dirty], [24_500])
    assert.strictEqual(ChainModel.optionAt(model, 24_500, "call")?.last_price, 11)
    assert.strictEqual(ChainModel.optionAt(model, 24_500, "put"), undefined)
    assert.strictEqual(model.newest, "2026-11-24T04:00:05.000Z")
  })

  it("a whole chain removes missing strikes, which may return later", () => {
    const model = ChainModel.make()
    ChainModel.apply(model, update("chain", [row(24_500), row(24_400)]))
    ChainModel.apply(model, update("chain", [row(24_500)]))
    assert.deepStrictEqual([...model.gone], [24_400])
    ChainModel.apply(model, update("delta", [row(24_400)]))
    assert.deepStrictEqual([...model.gone], [])
    assert.deepStrictEqual(ChainModel.strikesOf(model), [24_400, 24_500])
  })

  it("bars change their scale only when the largest no longer fits, and then all are drawn again", () => {
    const model = ChainModel.make()
    ChainModel.apply(model, update("chain", [row(1, option(1, { oi: 900 })), row(2, option(2, { oi: 1_200, oi_change: -70 }))]))
    assert.deepStrictEqual([model.oiMax, model.changeMax], [1_250, 80])
    model.dirty.clear()
    ChainModel.apply(model, update("delta", [row(2, option(2, { oi: 1_240 }))]))
    assert.deepStrictEqual([...model.dirty], [2])
    ChainModel.apply(model, update("delta", [row(2, option(2, { oi: 1_260 }))]))
    assert.strictEqual(model.oiMax, 1_500)
    assert.deepStrictEqual([...model.dirty].sort(), [1, 2])
    assert.deepStrictEqual([0, 1, 9, 11, 99_999].map(ChainModel.scaleOf), [1, 1, 10, 12.5, 100_000])
  })
})
