import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import * as RepeatedFailure from "../../../src/actors/orders/RepeatedFailure.ts"

/** The warnings of work with these outcomes, one after the other; null succeeds. */
const warnings = (outcomes: ReadonlyArray<string | null>) => {
  const said: Array<unknown> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel._tag === "Warning") said.push(message)
  })
  const logged = RepeatedFailure.logged("not read yet")
  const look = (outcome: string | null) => Effect.ignore(logged(outcome === null ? Effect.void : Effect.fail(new Error(outcome))))
  return Effect.as(Effect.forEach(outcomes, look), said).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
}
const warning = (reason: string) => ["not read yet", reason]

describe("the failures of work that is tried again and again", () => {
  it.effect("a reason is logged once, however often the work fails for it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warnings(["no login", "no login", "no login"]), [warning("no login")])
    })
  )
  it.effect("another reason is logged, and the same one again after the work has succeeded", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warnings(["no login", "no answer", "no answer", null, "no answer", "no login"]), [
        warning("no login"),
        warning("no answer"),
        warning("no answer"),
        warning("no login")
      ])
    })
  )
})
