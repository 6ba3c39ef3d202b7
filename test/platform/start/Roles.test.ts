import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either } from "effect"
import * as Platform from "../../../src/Platform.ts"

const rolesOf = (config: Readonly<Record<string, string>>) =>
  Effect.either(Effect.withConfigProvider(Platform.roles, ConfigProvider.fromMap(new Map(Object.entries(config)))))

describe("ROLES", () => {
  it.effect("selects any of the platform's parts, or only the simulator; both together are refused with an explanation", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* rolesOf({}), Either.right(["actors", "gateway"]))
      assert.deepStrictEqual(yield* rolesOf({ ROLES: "gateway" }), Either.right(["gateway"]))
      assert.deepStrictEqual(yield* rolesOf({ ROLES: "simulator" }), Either.right(["simulator"]))
      for (const both of ["simulator,gateway", "actors, simulator"]) {
        const refused = yield* rolesOf({ ROLES: both })
        assert.include(String(Either.getLeft(refused)), "the simulator runs in a process of its own")
      }
      assert.isTrue(Either.isLeft(yield* rolesOf({ ROLES: "gatway" })))
    })
  )
})
