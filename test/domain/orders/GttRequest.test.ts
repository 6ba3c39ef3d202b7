import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Triggers from "../../../src/domain/accounts/Triggers.ts"
import * as GttRequest from "../../../src/domain/orders/GttRequest.ts"

const leg = { transaction_type: "SELL", quantity: 65, product: "NRML", order_type: "LIMIT", price: "90.05" } as const
const terms = {
  type: "single",
  condition: { exchange: "NFO", tradingsymbol: "OPT", trigger_values: ["90"], last_price: "100" },
  orders: [leg]
} as const
const request = Schema.decodeUnknownSync(GttRequest.GttRequest)
const place = request({ kind: "gtt_place", ...terms })
const modify = request({ kind: "gtt_modify", trigger_id: "7", ...terms })
const remove = request({ kind: "gtt_delete", trigger_id: "7" })

const row = {
  id: 7,
  user_id: "XX0000",
  type: "single",
  status: "active",
  created_at: "2026-08-18 11:00:00",
  updated_at: "2026-08-18 11:00:00",
  expires_at: "2027-08-18 11:00:00",
  condition: { exchange: "NFO", tradingsymbol: "OPT", trigger_values: [90], last_price: 101, instrument_token: 1 },
  orders: [{ ...leg, exchange: "NFO", tradingsymbol: "OPT", price: 90.05, result: null }],
  meta: {}
}
const listed = (change: object = {}) => Schema.decodeUnknownSync(Triggers.KiteTrigger)({ ...row, ...change })
const sinceMs = Date.parse("2026-08-18T11:00:00+05:30")
const shown = (wanted: GttRequest.GttRequest, triggers: ReadonlyArray<object>, known: Partial<GttRequest.Listed> = {}) =>
  GttRequest.shown(wanted, { triggers: triggers.map(listed), sinceMs, taken: new Set(), ...known })

describe("a good-till-triggered order in the broker's list", () => {
  it("belongs to a request if it has the same terms, was made after the request, and belongs to no other request", () => {
    assert.strictEqual(shown(place, [{}]), "7")
    assert.isNull(shown(place, []))
    assert.isNull(shown(place, [{}], { sinceMs: sinceMs + 1_000 }))
    assert.isNull(shown(place, [{}], { taken: new Set(["7"]) }))
    assert.strictEqual(shown(place, [{}, { id: 8 }], { taken: new Set(["7"]) }), "8")
  })

  it("does not belong to the request if any term differs", () => {
    const order = row.orders[0]
    const others: ReadonlyArray<object> = [
      { type: "two-leg" },
      { condition: { ...row.condition, exchange: "BFO" } },
      { condition: { ...row.condition, tradingsymbol: "OTHER" } },
      { condition: { ...row.condition, trigger_values: [90.05] } },
      { condition: { ...row.condition, trigger_values: [90, 110] } },
      { orders: [] },
      ...[{ transaction_type: "BUY" }, { quantity: 130 }, { product: "MIS" }, { order_type: "MARKET" }, { price: 90 }].map((change) => ({
        orders: [{ ...order, ...change }]
      }))
    ]
    for (const other of others) assert.isNull(shown(place, [other]), JSON.stringify(other))
  })

  it("a change is shown by the new terms, and a deletion by a trigger that is gone", () => {
    assert.strictEqual(shown(modify, [{}]), "7")
    assert.isNull(shown(modify, [{ id: 8 }]))
    assert.isNull(shown(modify, [{ condition: { ...row.condition, trigger_values: [80] } }]))
    assert.strictEqual(shown(remove, []), "7")
    assert.strictEqual(shown(remove, [{ status: "deleted" }]), "7")
    assert.isNull(shown(remove, [{}]))
  })

  it("keeps the result of its order", () => {
    const result = {
      timestamp: "2026-08-18 11:05:00",
      triggered_at: 90,
      order_result: { status: "failed", order_id: "", rejection_reason: "No funds." }
    }
    const triggered = listed({ status: "triggered", orders: [{ ...row.orders[0], result }] })
    const text = Schema.encodeSync(Triggers.Trigger)(triggered)
    assert.deepStrictEqual(text.orders[0]?.result, { ...result, timestamp: "2026-08-18T05:35:00.000Z", triggered_at: "90" })
    assert.deepStrictEqual(Schema.decodeSync(Triggers.Trigger)(text), triggered)
    assert.strictEqual(Schema.encodeSync(Triggers.KiteTrigger)(triggered).created_at.slice(0, 10), "2026-08-18")
  })

  it("is gated as the orders that the broker will place", () => {
    const wanted = Schema.decodeUnknownSync(GttRequest.GttPlace)({
      kind: "gtt_place",
      ...terms,
      orders: [leg, { ...leg, transaction_type: "BUY" }]
    })
    const orders = GttRequest.gated(wanted)
    assert.deepStrictEqual(
      orders.map(({ side, triggerPrice }) => [side, triggerPrice?.toString() ?? null]),
      [
        ["SELL", "90"],
        ["BUY", null]
      ]
    )
  })
})
