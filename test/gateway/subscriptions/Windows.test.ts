import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { windowsPerUserMax } from "../../../src/store/subscriptions/WindowRepo.ts"
import { ask, world } from "../GatewayWorld.ts"

const create = (body: object, as = "u1") => ask("/subscriptions/windows", { method: "POST", as, body })

layer(world(), { excludeTestServices: true })("Subscription windows", (it) => {
  it.effect("are created with defaults, visible to all users, and deleted by their creator or an admin", () =>
    Effect.gen(function* () {
      const { status, body } = yield* create({ underlying: "nifty" })
      assert.strictEqual(status, 201)
      assert.deepStrictEqual(
        { ...body, window_id: 0, created_at: "" },
        { window_id: 0, exchange: "NSE", underlying: "NIFTY", expiries: 2, strikes: 20, requested_mode: "FULL", created_at: "" }
      )
      const listed = (yield* ask("/subscriptions/windows", { as: "u2" })).body
      assert.deepStrictEqual([listed.total, listed.windows], [1, [body]])
      const path = `/subscriptions/windows/${body.window_id}`
      assert.strictEqual((yield* ask(path, { method: "DELETE", as: "u2" })).status, 403)
      assert.deepStrictEqual((yield* ask(path, { method: "DELETE" })).body, { message: "Window deleted" })
      assert.strictEqual((yield* ask(path, { method: "DELETE" })).status, 404)
    })
  )

  it.effect("BE-DAT-05 refuse an underlying that they cannot follow, with the field named", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* create({ underlying: "NOSUCH" })).body.detail, "Underlying not found")
      assert.strictEqual((yield* create({ underlying: "NIFTY", exchange: "MCX" })).status, 404)
      for (const [field, value] of [
        ["expiries", 0],
        ["strikes", 201],
        ["requested_mode", "DEEP"]
      ] as const) {
        const { status, body } = yield* create({ underlying: "NIFTY", [field]: value })
        assert.deepStrictEqual([status, body.errors[0].field], [422, field])
      }
      for (const id of ["0", "-1", "99999999999999999999"]) {
        assert.strictEqual((yield* ask(`/subscriptions/windows/${id}`, { method: "DELETE" })).status, 404, id)
      }
      assert.strictEqual((yield* ask("/subscriptions/windows", { as: null })).status, 401)
    })
  )

  it.effect("BE-ISO-01 one user has a named maximum, and other users are not affected", () =>
    Effect.gen(function* () {
      for (let made = 0; made < windowsPerUserMax; made++) yield* create({ underlying: "NIFTY" }, "u3")
      const { status, body } = yield* create({ underlying: "NIFTY" }, "u3")
      assert.deepStrictEqual([status, body.detail], [409, `You have ${windowsPerUserMax} windows, the most one may have: delete one first`])
      assert.strictEqual((yield* create({ underlying: "NIFTY" }, "u4")).status, 201)
    })
  )
})
