import { readdirSync } from "node:fs"
import { getPriority } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either } from "effect"
import * as Priority from "../../../src/Priority.ts"

const niceOf = (roles: ReadonlyArray<string>, config: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(Priority.nice(roles), ConfigProvider.fromMap(new Map(Object.entries(config))))

const threads = () => (process.platform === "linux" ? readdirSync("/proc/self/task").map(Number) : [0])

describe("The priority of a process", () => {
  it.effect("is lower only where market data runs without orders and gateway, unless PROCESS_NICE sets it", () =>
    Effect.gen(function* () {
      assert.isAbove(yield* niceOf(["actors"], { ACTOR_GROUPS: "market" }), 0)
      for (const groups of ["orders", "market,orders"]) assert.strictEqual(yield* niceOf(["actors"], { ACTOR_GROUPS: groups }), 0)
      for (const groups of ["market", "market,orders"])
        assert.strictEqual(yield* niceOf(["actors", "gateway"], { ACTOR_GROUPS: groups }), 0)
      assert.strictEqual(yield* niceOf(["gateway"], { ACTOR_GROUPS: "market" }), 0)
      assert.strictEqual(yield* niceOf(["actors"], { ACTOR_GROUPS: "market", PROCESS_NICE: "0" }), 0)
      assert.strictEqual(yield* niceOf(["gateway"], { PROCESS_NICE: "7" }), 7)
      for (const wrong of ["-1", "20"]) {
        const refused = yield* Effect.either(niceOf([], { PROCESS_NICE: wrong }))
        assert.include(String(Either.getLeft(refused)), "PROCESS_NICE is 0 to 19")
      }
    })
  )

  it.effect("is lowered for every thread that the process has", () =>
    Effect.gen(function* () {
      const before = new Map(threads().map((thread) => [thread, getPriority(thread)]))
      yield* Priority.lower(1)
      const lowered = threads().filter((thread) => before.has(thread))
      assert.isNotEmpty(lowered)
      for (const thread of lowered) assert.strictEqual(getPriority(thread), Math.min(19, (before.get(thread) ?? 0) + 1))
    })
  )
})
