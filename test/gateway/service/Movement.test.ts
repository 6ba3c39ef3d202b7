import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ask, eventually, fullPacket, publishFrame, publishState, ready, tokens, world } from "../GatewayWorld.ts"

const health = ask("/health", { as: null })
/** Publishes a state that is `behindMs` old at that moment. */
const publishLate = (behindMs: number) => publishState({ as_of: new Date(Date.now() - behindMs).toISOString() })

describe("Movement", () => {
  it.scopedLive("BE-ISO-05 BE-ISO-03 an output that stopped while frames come, or is late, degrades /health by name", () =>
    Effect.flatMap(Layer.build(world({ config: { MARKET_MODE: "live" } })), (context) =>
      Effect.gen(function* () {
        yield* ready
        const reasonWhile = <E, R>(traffic: Effect.Effect<unknown, E, R>) =>
          Effect.map(Effect.zipRight(traffic, health), ({ body }) => String(body.reason))
        const frame = publishFrame([fullPacket(tokens.nifty, 2_450_000)])
        const still = /NSE\.NIFTY stands still: frames came for \d+ s without a new state/
        const found = yield* eventually(
          "it stands still",
          Effect.map(reasonWhile(frame), (reason) => (still.test(reason) ? reason : undefined))
        )
        assert.match(found, /MD_TICK stands still: frames came for \d+ s and nothing new is in it/)
        yield* eventually(
          "it moves",
          Effect.map(reasonWhile(Effect.zipRight(frame, publishLate(0))), (reason) => !still.test(reason))
        )
        yield* eventually(
          "it is late",
          Effect.map(reasonWhile(publishLate(60_000)), (reason) => /values of NSE\.NIFTY are 6\d s behind/.test(reason))
        )
        yield* eventually(
          "it is in time",
          Effect.map(reasonWhile(publishLate(0)), (reason) => !/behind/.test(reason))
        )
      }).pipe(Effect.provide(context))
    )
  )
})
