import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ask, ready, world } from "../GatewayWorld.ts"

const span = { timeframe: "5m", from: "2026-08-17", to: "2026-08-21" }
const post = (body: object, as = "u1", role?: string) => ask("/backfills", { method: "POST", as, body, ...(role && { role }) })
const cancel = (id: number, as: string, role?: string) => ask(`/backfills/${id}`, { method: "DELETE", as, ...(role && { role }) })

layer(world(), { excludeTestServices: true })("/backfills", (it) => {
  it.effect("takes named instruments, lists them in their order, and shows everybody their progress", () =>
    Effect.gen(function* () {
      yield* ready
      const made = yield* post({ ...span, symbols: ["nifty", "INFY", "NSE:INFY"] })
      assert.strictEqual(made.status, 202)
      const { backfill_id: id, created_at, ...view } = made.body
      assert.deepStrictEqual(view, {
        created_by: "u1",
        timeframe: "5minute",
        from: "2026-08-17",
        to: "2026-08-21",
        state: "waiting",
        problem: null,
        instruments: 2,
        done: 0,
        errors: 0,
        days_missing: 0,
        requests: 0,
        rows: 0,
        ended_at: null
      })
      assert.isFalse(Number.isNaN(Date.parse(created_at)))
      assert.strictEqual(
        (yield* post({ ...span, symbols: ["NIFTY", "INFY"] })).body.backfill_id,
        id,
        "the same request is the same backfill"
      )
      const parts = yield* ask(`/backfills/${id}/instruments?limit=1&offset=1`, { as: "u2" })
      assert.deepStrictEqual(
        [parts.body.total, parts.body.instruments[0].tradingsymbol, parts.body.instruments[0].state],
        [2, "INFY", "waiting"]
      )
      assert.strictEqual((yield* ask("/backfills", { as: "u2" })).body.backfills[0].backfill_id, id)
    })
  )

  it.effect("only its creator or an administrator cancels a backfill, and only once", () =>
    Effect.gen(function* () {
      yield* ready
      const { backfill_id: id } = (yield* post({ ...span, symbols: ["INFY"] }, "owner")).body
      assert.strictEqual((yield* cancel(id, "thief")).status, 403)
      const done = yield* cancel(id, "owner")
      assert.deepStrictEqual([done.status, done.body.state, done.body.ended_at !== null], [200, "cancelled", true])
      assert.strictEqual((yield* cancel(id, "owner")).status, 409)
      const { backfill_id: other } = (yield* post({ ...span, symbols: ["INFY"] }, "owner")).body
      assert.strictEqual((yield* cancel(other, "boss", "admin")).status, 200)
      assert.strictEqual((yield* post({ ...span, symbols: ["INFY"] }, "reader", "viewer")).status, 403)
    })
  )

  it.effect("refuses unknown symbols, spans that are reversed or too long, and ids that do not exist", () =>
    Effect.gen(function* () {
      yield* ready
      assert.deepStrictEqual((yield* post({ ...span, symbols: ["NOSUCH"] })).body.detail, "Symbol not found")
      const field = (body: object) => Effect.map(post({ ...span, symbols: ["INFY"], ...body }), ({ body }) => body.errors[0].field)
      assert.strictEqual(yield* field({ from: "2026-08-22" }), "from")
      assert.strictEqual(yield* field({ from: "2020-01-01" }), "from")
      assert.strictEqual(yield* field({ timeframe: "7m" }), "timeframe")
      assert.strictEqual(yield* field({ symbols: [] }), "symbols")
      assert.strictEqual((yield* post(span)).body.errors[0].field, "symbols", "nothing is subscribed here")
      for (const id of [0, 999_999]) assert.strictEqual((yield* ask(`/backfills/${id}`)).status, 404)
      assert.strictEqual((yield* ask("/backfills/0/instruments")).status, 404)
      assert.strictEqual((yield* cancel(0, "u1")).status, 404)
    })
  )
})
