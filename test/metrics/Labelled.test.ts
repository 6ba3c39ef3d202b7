import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Metrics from "../../src/actors/runtime/Metrics.ts"
import * as Prometheus from "../../src/gateway/serve/Prometheus.ts"

describe("Metrics", () => {
  it.effect("the gauge of an actor that ended is not exported until an actor with the same key runs", () =>
    Effect.gen(function* () {
      const line = Effect.map(Prometheus.text, (text) => text.split("\n").find((one) => one.includes('actor="m2m.gone.1"')))
      Metrics.lag.set("m2m.gone.1", 3)
      assert.strictEqual(yield* line, 'actor_lag_messages{actor="m2m.gone.1"} 3')
      Metrics.lag.forget("m2m.gone.1")
      assert.isUndefined(yield* line)
      Metrics.lag.set("m2m.gone.1", 0)
      assert.strictEqual(yield* line, 'actor_lag_messages{actor="m2m.gone.1"} 0')
    })
  )
})
