import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, ready, World, world } from "../GatewayWorld.ts"

const owner = "leaving"

layer(world(), { excludeTestServices: true })("Ends of strategies", (it) => {
  it.scoped("BE-ISO-05 a strategy that ended has no mark, a mark from before its end is ignored, and a later one counts", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      const { body } = yield* ask("/strategies", { method: "POST", as: owner, body: { name: "s" } })
      const id: number = body.strategy_id
      const names = { owner, strategy: String(id) }
      const publishMark = (seq: number, m2m: string) =>
        engine.publish(
          Subjects.Mark.at(names),
          Subjects.Mark.encode({
            v: 1,
            as_of: "2026-11-24T09:30:00.000Z",
            seq,
            strategy_id: id,
            m2m: new Money.Decimal(m2m),
            unrealised_pnl: null,
            realised_pnl: Money.zero,
            total_pnl: null,
            net_delta: null,
            net_gamma: null,
            net_theta: null,
            net_vega: null,
            complete: false,
            missing: []
          })
        )
      const shown = Effect.map(ask(`/strategies/${id}`, { as: owner }), ({ body }) => (body.latest?.m2m ?? null) as string | null)
      const shows = (what: string, m2m: string | null) =>
        eventually(
          what,
          Effect.map(shown, (now) => (now === m2m ? { now } : undefined))
        )
      yield* publishMark(1, "100")
      yield* shows("its mark", "100")
      const definition = { v: 1, strategy_id: id, owner, legs: [], ended: true } as const
      const { seq } = yield* engine.publish(Subjects.StrategyDefinition.at(names), Subjects.StrategyDefinition.encode(definition))
      yield* shows("no mark", null)
      yield* publishMark(seq - 1, "200")
      yield* publishMark(seq + 1, "300")
      const found = yield* eventually(
        "a later mark",
        Effect.map(shown, (now) => (now === null ? undefined : { now }))
      )
      assert.strictEqual(found.now, "300")
    })
  )
})
