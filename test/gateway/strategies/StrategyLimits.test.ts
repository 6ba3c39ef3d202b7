import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { StrategyLimitRepo } from "../../../src/store/orders/StrategyLimitRepo.ts"
import { ask, world } from "../GatewayWorld.ts"
import * as NoLimits from "../NoLimits.ts"

const wanted = { max_position_lots: 5, max_total_lots: 12, max_loss: "1500.50", max_orders_per_day: null, action: "square_off" }
const create = Effect.map(ask("/strategies", { method: "POST", body: { name: "s" } }), ({ body }) => Number(body.strategy_id))
const put = (id: number, body: object, as = "u1") => ask(`/strategies/${id}/limits`, { method: "PUT", as, body })

layer(world({ hasStoredKeys: true }), { excludeTestServices: true })("Limits of a strategy", (it) => {
  it.effect("belong to its owner, and are replaced as a whole", () =>
    Effect.gen(function* () {
      const id = yield* create
      const none = { strategy_id: id, max_total_lots: null, ...NoLimits.ofStrategy }
      assert.deepStrictEqual((yield* ask(`/strategies/${id}/limits`)).body, { ...none, state: "open", stop: null })
      const set = yield* put(id, wanted)
      assert.deepStrictEqual([set.status, set.body], [200, { strategy_id: id, ...wanted, max_loss: "1500.5", state: "open", stop: null }])
      assert.deepStrictEqual((yield* ask(`/strategies/${id}/limits`)).body, set.body)
      for (const method of ["GET", "PUT", "DELETE"])
        assert.strictEqual(
          (yield* ask(`/strategies/${id}/limits`, { method, as: "u2", body: method === "PUT" ? wanted : undefined })).status,
          404
        )
      assert.strictEqual((yield* ask(`/strategies/${id}/limits/release`, { method: "POST", as: "u2" })).status, 404)
      const odd = yield* put(id, { ...wanted, max_position_lots: 0, max_loss: "-1", action: "sell" })
      assert.deepStrictEqual([odd.status, odd.body.errors.length > 0], [422, true])
      assert.strictEqual((yield* ask(`/strategies/${id}/limits`, { method: "DELETE" })).status, 200)
      assert.deepStrictEqual((yield* ask(`/strategies/${id}/limits`)).body, { ...none, state: "open", stop: null })
    })
  )

  it.effect("a stop is shown with its reason until the owner releases it", () =>
    Effect.gen(function* () {
      const id = yield* create
      yield* put(id, { ...wanted, action: "block" })
      const repo = yield* StrategyLimitRepo
      yield* repo.stop({ strategyId: id, owner: "u1" }, new Money.Decimal("-1500.50"), "test")
      const { body } = yield* ask(`/strategies/${id}/limits`)
      assert.strictEqual(body.state, "stopped")
      assert.deepInclude(body.stop, {
        action: "block",
        reason: "its profit of -1500.5 has reached the limit of its loss, 1500.5",
        profit: "-1500.5",
        max_loss: "1500.5",
        square_offs: []
      })
      assert.strictEqual((yield* ask(`/strategies/${id}/limits`, { method: "DELETE" })).status, 409)
      const released = yield* ask(`/strategies/${id}/limits/release`, { method: "POST" })
      assert.deepStrictEqual([released.status, released.body.state], [200, "open"])
      assert.strictEqual((yield* ask(`/strategies/${id}/limits/release`, { method: "POST" })).status, 409)
    })
  )

  it.effect("a key needs the scope of orders, and one for strategies alone lifts no limit", () =>
    Effect.gen(function* () {
      const id = yield* create
      const keyOf = (scopes: ReadonlyArray<string>) =>
        Effect.map(ask("/api-keys", { method: "POST", body: { name: "k", scopes } }), ({ body }) => String(body.key))
      const withKey = (key: string, method: string) =>
        ask(`/strategies/${id}/limits`, { method, as: null, headers: { "x-api-key": key }, ...(method === "PUT" ? { body: wanted } : {}) })
      const strategies = yield* keyOf(["strategies:read", "strategies:write"])
      const orders = yield* keyOf(["orders:read", "orders:write"])
      for (const method of ["GET", "PUT", "DELETE"]) {
        assert.strictEqual((yield* withKey(strategies, method)).status, 403, method)
        assert.strictEqual((yield* withKey(orders, method)).status, 200, method)
      }
    })
  )
})
