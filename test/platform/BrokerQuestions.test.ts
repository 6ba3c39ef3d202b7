import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { live, order } from "./LiveAccount.ts"
import { ask, type Running } from "./PlatformWorld.ts"

const timeoutMs = 120_000

const margins = (running: Running, orders: ReadonlyArray<object>) =>
  ask(running, "/orders/margins", { method: "POST", body: { account_id: "sim1", orders } })

describe("questions to the account's broker, end to end", () => {
  it.live(
    "POST /orders/margins answers the broker's margins, also of what a paper account cannot know",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { account_id: _account, kind: _kind, ...future } = order(built, "BUY", "100")
        const hedge = { ...future, transaction_type: "SELL" }
        const found = yield* margins(running, [future, hedge])
        assert.strictEqual(found.status, 200, JSON.stringify(found.body))
        const { orders, source, total } = found.body
        assert.strictEqual(source, "broker")
        assert.lengthOf(orders, 2)
        for (const { margin } of orders) assert.isAbove(Number(margin.total), 0)
        assert.isAbove(Number(total.initial.total), Number(total.final.total))
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "paper" } })
        const onPaper = yield* margins(running, [future, hedge])
        assert.deepStrictEqual([onPaper.status, onPaper.body.mode, onPaper.body.source], [200, "paper", "broker"])
        assert.deepStrictEqual(onPaper.body.orders, orders)
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
