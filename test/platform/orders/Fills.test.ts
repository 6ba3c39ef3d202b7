import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, start, world } from "../PlatformWorld.ts"

interface Leg {
  readonly leg_id: number
  readonly tradingsymbol: string
  readonly exchange: string
  readonly direction: "BUY" | "SELL"
  readonly quantity: number
}

describe("Fills through the platform", () => {
  it.live(
    "BE-FIN-04 traded legs are realised in the M2M stream, also after a restart, and REST agrees",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world()
        const settings = { ...config, SEED_USER: "demo" }
        const first = yield* start(settings)
        const latest = (running: typeof first) => Effect.map(ask(running, "/strategies/1"), ({ body }) => body.latest)
        yield* eventually("a complete mark", latest(first), (mark) => mark?.complete === true && mark.realised_pnl === "0")
        const { instruments } = (yield* ask(first, "/strategies/1")).body
        const [leg] = instruments as ReadonlyArray<Leg>
        assert(leg !== undefined)
        const { tradingsymbol, exchange, quantity } = leg
        const fills = [
          { tradingsymbol, exchange, side: "BUY", quantity: 2 * quantity, price: "100.05", external_id: "in" },
          { tradingsymbol, exchange, side: "SELL", quantity, price: "101.1", external_id: "out" }
        ]
        const recorded = yield* ask(first, "/strategies/1/fills", { method: "POST", body: { fills } })
        assert.deepStrictEqual([recorded.status, recorded.body], [201, { recorded: 2, duplicates: 0 }])
        const realised = String((105 * quantity) / 100)
        const mark = yield* eventually("the fills are in the mark", latest(first), (one) => one?.realised_pnl === realised)
        assert.strictEqual(Number(mark.total_pnl), Number(mark.realised_pnl) + Number(mark.unrealised_pnl))
        const { body } = yield* ask(first, "/strategies/1/pnl")
        assert.deepInclude(body, { strategy_id: 1, complete: true, missing: [] })
        assert.deepStrictEqual(body.realised, { fifo: realised, average: realised })
        assert.strictEqual(body.instruments.length, instruments.length)
        assert.deepInclude(
          body.instruments.find(({ source }: { source: string }) => source === "fills"),
          { leg_ids: [leg.leg_id], net_quantity: quantity, open_average: { fifo: "100.05", average: "100.05" } }
        )
        const payoff = (yield* ask(first, "/strategies/1/payoff?points=5")).body
        assert.deepInclude(payoff, { symbol: payoff.symbol, realised, complete: true })
        assert.strictEqual(payoff.legs.length, instruments.length)
        const oi = (yield* ask(first, `/fo/oi-analysis?symbol=${payoff.symbol}&expiry=${payoff.legs[0].expiry}`)).body
        assert.isTrue(
          oi.strikes.some(({ call }: { call: { price_change: number | null } | null }) => typeof call?.price_change === "number")
        )
        yield* first.stop

        const second = yield* start(settings)
        yield* eventually(
          "the mark goes on",
          latest(second),
          (one) => one?.realised_pnl === realised && one.complete && one.as_of > mark.as_of
        )
        const again = yield* ask(second, "/strategies/1/fills", { method: "POST", body: { fills } })
        assert.deepStrictEqual(again.body, { recorded: 0, duplicates: 2 })
      }).pipe(Effect.scoped),
    300_000
  )
})
