import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { nextTurn } from "../../../src/loop/Turn.ts"
import * as RequestSlots from "../../../src/streams/budget/RequestSlots.ts"
import { stall } from "../../Stall.ts"
import { prefix } from "../../TestBackends.ts"
import { backend, until } from "../Nats.ts"

layer(backend, { excludeTestServices: true })("Request slots", (it) => {
  it.effect(
    "a process that stood still for longer than NATS may take has its slot, because NATS has answered",
    () =>
      Effect.gen(function* () {
        const slots = yield* RequestSlots.make
        const account = prefix()
        const take = (family: string) => slots.take({ of: [account, family], count: 1, kept: 0, waitMsMax: 10_000 })
        assert.strictEqual((yield* take("first"))._tag, "Slot")
        let stalls = 0
        // On a busy machine NATS may not have answered after one stall.
        yield* until("a slot after a stall", () =>
          Effect.gen(function* () {
            const taken = yield* Effect.fork(take(`family${++stalls}`))
            yield* Effect.zipRight(Effect.yieldNow(), nextTurn)
            stall(2_500)
            return (yield* Fiber.join(taken))._tag === "Slot"
          })
        )
      }),
    300_000
  )
})
