import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Option, Schedule } from "effect"
import { inject } from "vitest"
import { Redis } from "../../src/store/Redis.ts"
import { waitMsMax } from "../Patience.ts"
import { proxy } from "../Proxy.ts"
import { prefix } from "../TestBackends.ts"
import { config } from "./Stores.ts"

const at = (settings: Record<string, string>) =>
  Redis.Default.pipe(Layer.provide(config(settings)), Layer.provide(Logger.remove(Logger.defaultLogger)))
const server = inject("backends").redis
const until = (state: "up" | "down") =>
  Effect.flatMap(Redis, (redis) =>
    Effect.sync(() => redis.state()).pipe(
      Effect.repeat({ until: (now) => now === state, schedule: Schedule.spaced("20 millis") }),
      Effect.timeoutFail({ duration: waitMsMax, onTimeout: () => new Error(`Redis never became ${state}`) })
    )
  )

describe("Redis", () => {
  it.live("TC-MATL-005 is optional: without an address its state says so, and a use fails at once", () =>
    Effect.gen(function* () {
      const redis = yield* Redis
      assert.strictEqual(redis.state(), "not configured")
      assert.strictEqual((yield* Effect.flip(redis.use((client) => client.ping())))._tag, "RedisUnavailable")
    }).pipe(Effect.provide(at({})))
  )

  it.live("TC-MATL-005 if Redis is required and away, the start fails with an error that says what to do", () =>
    Effect.gen(function* () {
      const start = (settings: Record<string, string>) =>
        Effect.flip(Effect.scoped(Layer.build(at({ REDIS_REQUIRED: "true", ...settings }))))
      const unset = yield* start({})
      assert.include(String(unset), "Failed to connect to Redis")
      assert.include(String(unset), "REDIS_URL is not set")
      const door = yield* proxy("redis://127.0.0.1:1")
      yield* Effect.promise(door.stop)
      const refused = yield* start({ REDIS_URL: door.url })
      assert.include(String(refused), "Failed to connect to Redis")
      assert.include(String(refused), "ECONNREFUSED")
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(server === null)(
    "if Redis is required, the start waits for it and tries again (skipped when TARANG_REDIS=none asks for it)",
    () =>
      Effect.gen(function* () {
        const door = yield* proxy(server ?? "")
        yield* Effect.promise(door.stop)
        const settings = { REDIS_URL: door.url, REDIS_REQUIRED: "true", REDIS_START_WAIT: `${waitMsMax} millis` }
        const starting = yield* Effect.fork(Effect.scoped(Layer.build(at(settings))))
        yield* Effect.sleep("500 millis")
        assert.isTrue(Option.isNone(yield* Fiber.poll(starting)))
        yield* Effect.promise(() => door.start())
        yield* Fiber.join(starting)
      }).pipe(Effect.scoped)
  )

  it.live("if Redis is optional and away, the start succeeds and uses fail at once", () =>
    Effect.gen(function* () {
      const door = yield* proxy("redis://127.0.0.1:1")
      yield* Effect.promise(door.stop)
      yield* Effect.gen(function* () {
        const redis = yield* Redis
        assert.strictEqual(redis.state(), "down")
        assert.strictEqual((yield* Effect.flip(redis.use((client) => client.ping())))._tag, "RedisUnavailable")
      }).pipe(Effect.provide(at({ REDIS_URL: door.url })))
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(server === null)(
    "reads and writes, notices an outage, comes back by itself, closes with its scope (skipped when TARANG_REDIS=none asks for it)",
    () =>
      Effect.gen(function* () {
        const door = yield* proxy(server ?? "")
        const key = prefix()
        const clients = yield* Effect.gen(function* () {
          const redis = yield* Redis
          assert.strictEqual(redis.state(), "up")
          yield* redis.use((client) => client.set(key, "1", "EX", 60))
          yield* Effect.promise(door.stop)
          yield* until("down")
          assert.strictEqual((yield* Effect.flip(redis.use((client) => client.incr(key))))._tag, "RedisUnavailable")
          yield* Effect.promise(() => door.start())
          yield* until("up")
          assert.strictEqual(yield* redis.use((client) => client.get(key)), "1", "what failed was not sent later")
          yield* redis.use((client) => client.del(key))
          return yield* redis.use(async (client) => client)
        }).pipe(Effect.provide(at({ REDIS_URL: door.url, REDIS_REQUIRED: "true", REDIS_START_WAIT: "60 seconds" })))
        assert.strictEqual(clients.status, "end")
      }).pipe(Effect.scoped)
  )

  it.live.skipIf(server === null)("a use of a mute Redis fails after a second (skipped when TARANG_REDIS=none asks for it)", () =>
    Effect.gen(function* () {
      const door = yield* proxy(server ?? "")
      yield* Effect.gen(function* () {
        const redis = yield* Redis
        yield* until("up")
        yield* Effect.sync(door.freeze)
        const error = yield* Effect.flip(redis.use((client) => client.ping()))
        assert.include(String(error.cause), "Command timed out")
        yield* Effect.sync(door.thaw)
      }).pipe(Effect.provide(at({ REDIS_URL: door.url })))
    }).pipe(Effect.scoped)
  )
})
