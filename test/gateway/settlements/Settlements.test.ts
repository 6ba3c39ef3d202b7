import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { SettlementRepo } from "../../../src/store/settlements/SettlementRepo.ts"
import { ask, far, gone, World, world } from "../GatewayWorld.ts"

const contract = { exchange: "NFO", tradingsymbol: "NIFTY20JAN24500CE", expiry: gone }
const entry = { ...contract, price: "50.35", reference: "NSE circular of the expiry day" }
const enter = (body: object, role = "admin") => ask("/settlements", { method: "PUT", role, body })

layer(world(), { excludeTestServices: true })("Settlement prices", (it) => {
  it.effect(
    "an administrator enters a price with its source; it replaces the computed one and the broker's, and none of them replaces it",
    () =>
      Effect.gen(function* () {
        const repo = yield* SettlementRepo
        const computed = {
          ...contract,
          price: new Money.Decimal(49),
          source: "underlying_close",
          settledAt: new Date("2020-01-30T10:00:00Z")
        } as const
        assert.strictEqual(yield* repo.save([computed]), 1)
        const [before] = (yield* ask("/settlements")).body.settlements
        assert.deepInclude(before, { price: "49", source: "underlying_close", entered_by: null, reference: null })

        const at = new Date("2020-01-30T10:05:00Z")
        const confirmed = { ...contract, price: new Money.Decimal("49.5") }
        assert.strictEqual(yield* repo.confirm([confirmed], at), 1)
        const [broker] = (yield* ask("/settlements")).body.settlements
        assert.deepInclude(broker, { price: "49.5", source: "broker", entered_by: null })
        assert.strictEqual(yield* repo.save([computed]), 0)

        const { engine } = yield* World
        const heard: Array<string> = []
        const subscription = engine.nc.subscribe("ctl.changed.>", { callback: (_, message) => void heard.push(message.subject) })
        yield* Effect.promise(() => engine.nc.flush())
        const { status, body } = yield* enter(entry)
        assert.strictEqual(status, 200, JSON.stringify(body))
        assert.deepInclude(body, { ...entry, source: "by_hand", entered_by: "u1" })
        yield* Effect.promise(() => engine.nc.flush())
        subscription.unsubscribe()
        assert.deepStrictEqual(heard, ["ctl.changed.strategies"])

        assert.strictEqual(yield* repo.save([computed]), 0)
        assert.strictEqual(yield* repo.confirm([confirmed], at), 0)
        const after = (yield* ask(`/settlements?tradingsymbol=${contract.tradingsymbol}`)).body
        assert.deepStrictEqual([after.total, after.settlements], [1, [body]])
        assert.strictEqual((yield* ask("/settlements?tradingsymbol=NOSUCH")).body.total, 0)
      })
  )

  it.effect("BE-DAY-03 a sold option at 120 that expires worthless leaves +9,000 for 75, by an entered price too", () =>
    Effect.gen(function* () {
      const leg = { exchange: "NFO", tradingsymbol: "NIFTY20JAN24500CE" }
      const created = yield* ask("/strategies", { method: "POST", body: { name: "sold" } })
      const path = `/strategies/${created.body.strategy_id}`
      const fills = [{ ...leg, side: "SELL", quantity: 75, price: "120" }]
      assert.strictEqual((yield* ask(`${path}/fills`, { method: "POST", body: { fills } })).status, 201)
      yield* enter({ ...entry, price: 0 })
      const { body } = yield* ask(`${path}/pnl`)
      assert.deepInclude(body, { realised: { fifo: "9000", average: "9000" }, total: "9000", complete: true })
    })
  )

  it.effect("what has not expired, another expiry, a negative price and a price without a source are refused; others may not enter", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* enter(entry, "user")).status, 403)
      const cases: ReadonlyArray<readonly [object, string]> = [
        [{ ...entry, tradingsymbol: "NIFTY99DEC24500CE", expiry: far }, "expiry"],
        [{ ...entry, expiry: "2020-01-31" }, "expiry"],
        [{ ...entry, tradingsymbol: "NIFTY98DEC1CE", expiry: "2098-12-30" }, "expiry"],
        [{ ...entry, price: -1 }, "price"],
        [{ ...contract, price: 1 }, "reference"],
        [{ ...entry, colour: "red" }, "colour"]
      ]
      for (const [body, field] of cases) {
        const answer = yield* enter(body)
        assert.deepStrictEqual([answer.status, answer.body.errors?.[0]?.field], [422, field], JSON.stringify(answer.body))
      }
    })
  )
})
