import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Outbox } from "../../../src/store/orders/Outbox.ts"

/** Runs an effect `count` times at the same time. Exactly one run must have a result, which is returned. */
export const once = <A, E, R>(count: number, effect: Effect.Effect<A | undefined, E, R>) =>
  Effect.gen(function* () {
    const all = yield* Effect.all(
      Array.from({ length: count }, () => effect),
      { concurrency: "unbounded" }
    )
    const [made, ...more] = all.filter((it) => it !== undefined)
    assert.isDefined(made)
    assert.lengthOf(more, 0)
    return made as A
  })

/** The states that the waiting events of stops of one kind announce, in their order. */
export const announced = (accountId: string, kind: "account_stop" | "strategy_stop") =>
  Effect.map(
    Effect.flatMap(Outbox, (outbox) => outbox.waiting(accountId, 100)),
    (events) => events.filter((it) => it.kind === kind).map(({ body }) => (body as { detail: { state: string } }).detail.state)
  )
