import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { inTime } from "../../../src/gateway/service/Probes.ts"
import { stall } from "../../Stall.ts"

const answer = (prepare: () => void) =>
  Effect.async<string>((resume) => {
    setImmediate(() => resume(Effect.succeed("answer")))
    prepare()
  })

describe("a probe", () => {
  it.live("whose answer and whose end came while the process was busy has its answer", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 20; round++)
        assert.strictEqual(
          yield* inTime(
            answer(() => setTimeout(() => stall(5))),
            "1 milli"
          ),
          "answer"
        )
    })
  )

  it.live("without an answer fails when its time is over", () =>
    Effect.gen(function* () {
      assert.isTrue(Either.isLeft(yield* Effect.either(inTime(Effect.never, "1 milli"))))
    })
  )
})
