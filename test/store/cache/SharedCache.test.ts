import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Either, Layer, Logger, Schema } from "effect"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { redis as startRedis } from "../../../scripts/lib/backends.mjs"
import * as SharedCache from "../../../src/store/cache/SharedCache.ts"
import { Redis } from "../../../src/store/Redis.ts"
import { waitMsMax } from "../../Patience.ts"
import * as ProcessTime from "../../ProcessTime.ts"
import { proxy } from "../../Proxy.ts"
import { prefix } from "../../TestBackends.ts"
import { config } from "../Stores.ts"

const server = inject("backends").redis
const long = Duration.minutes(10)

/** One process with a cache of squares, which counts what it computes. */
const process = (
  redisUrl: string | null,
  settings: { readonly name: string; readonly capacity?: number; readonly ttl?: Duration.Duration }
) =>
  Effect.gen(function* () {
    const redis = Redis.Default.pipe(
      Layer.provide(config({ DATABASE_URL: "postgres://u:p@db:5432/tarang", ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }) })),
      Layer.provide(Logger.remove(Logger.defaultLogger))
    )
    const context = yield* Layer.build(redis)
    let computed = 0
    const compute = (n: number) =>
      Effect.sync(() => {
        computed++
        return { square: n * n }
      })
    const schema = Schema.Struct({ square: Schema.Number })
    const cache = yield* Effect.provide(SharedCache.make({ capacity: 100, ttl: long, ...settings, idOf: String, schema, compute }), context)
    return {
      get: (n: number) => Effect.map(cache.get(n), (found) => Either.merge(found).square),
      computed: () => computed,
      size: cache.size,
      clear: cache.clear,
      redis: Context.get(context, Redis)
    }
  })
type Process = Effect.Effect.Success<ReturnType<typeof process>>

/** Repeats the question until it is answered without a computation, or with one. */
const until = (what: string, holds: Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    for (const endMs = performance.now() + waitMsMax; performance.now() < endMs; ) {
      if (yield* holds) return
      yield* Effect.sleep("20 millis")
    }
    assert.fail(`never: ${what}`)
  })
/** A loaded machine may take longer than the cache waits for Redis, and then the process computes: so this is repeated. */
const isShared = (asker: Process, n: number) =>
  Effect.gen(function* () {
    const before = asker.computed()
    assert.strictEqual(yield* asker.get(n), n * n)
    return asker.computed() === before
  })

describe("SharedCache", () => {
  it.live("BE-DB-06 without Redis: hit, miss, life, clearing, and the bound of the process's own part", () =>
    Effect.gen(function* () {
      const one = yield* process(null, { name: prefix(), capacity: 3 })
      for (const n of [1, 2, 3, 1, 2, 3]) assert.strictEqual(yield* one.get(n), n * n)
      assert.strictEqual(one.computed(), 3) // three misses, three hits
      yield* one.get(4)
      assert.strictEqual(yield* one.size, 3)
      yield* one.get(1) // the one that was unused for longest had gone
      assert.strictEqual(one.computed(), 5)
      assert.strictEqual(yield* one.clear, 3)
      yield* one.get(4)
      assert.strictEqual(one.computed(), 6)
      const brief = yield* process(null, { name: prefix(), ttl: Duration.millis(20) })
      yield* until(
        "the value's life is over",
        Effect.map(brief.get(2), () => brief.computed() > 1)
      )
    }).pipe(Effect.scoped)
  )

  // The test's clock stands still: a question of the same millisecond does not get the failure either.
  it.effect("equal questions at once share one computation, and a failure is not kept", () =>
    Effect.gen(function* () {
      let tries = 0
      const cache = yield* SharedCache.make({
        name: prefix(),
        capacity: 10,
        ttl: long,
        idOf: String,
        schema: Schema.Number,
        compute: (n: number) =>
          Effect.yieldNow().pipe(Effect.flatMap(() => (++tries === 1 ? Effect.fail("first" as const) : Effect.succeed(n))))
      })
      const failed = yield* Effect.all(
        Array.from({ length: 5 }, () => Effect.either(cache.get(7))),
        { concurrency: "unbounded" }
      )
      assert.isTrue(failed.every(Either.isLeft))
      assert.strictEqual(tries, 1)
      assert.strictEqual(Either.merge(yield* cache.get(7)), 7)
      assert.strictEqual(tries, 2)
    }).pipe(Effect.provide(Redis.Default), Effect.provide(config({})))
  )

  it.live.skipIf(server === null)(
    "BE-DB-06 with Redis: another process finds the value, a clearing reaches it, a life ends there too, and Redis that is away leaves each its own (skipped when TARANG_REDIS=none asks for it)",
    () =>
      Effect.gen(function* () {
        const door = yield* proxy(server ?? "")
        const name = prefix()
        const [one, two] = yield* Effect.all([process(door.url, { name }), process(door.url, { name })])
        let n = 10
        yield* until(
          "another process finds the value",
          Effect.suspend(() => Effect.zipRight(one.get(++n), isShared(two, n)))
        )
        // A clearing by one process, here and on Redis: a third that begins afterwards has to compute.
        yield* one.clear
        const three = yield* process(door.url, { name })
        assert.strictEqual(yield* three.get(n), n * n)
        assert.strictEqual(three.computed(), 1)

        const brief = { name: prefix(), ttl: Duration.millis(1_500) }
        const [early, late] = yield* Effect.all([process(door.url, brief), process(door.url, brief)])
        yield* early.get(5)
        yield* until(
          "the value's life is over on Redis too",
          Effect.map(isShared(late, 5), (shared) => !shared)
        )

        yield* Effect.promise(door.stop)
        yield* until(
          "Redis is away",
          Effect.sync(() => one.redis.state() === "down")
        )
        const before = one.computed()
        for (const m of [501, 502, 501, 502]) assert.strictEqual(yield* one.get(m), m * m)
        assert.strictEqual(one.computed(), before + 2)
        // A clear that Redis missed is repeated before the first read afterwards.
        yield* one.clear
        yield* Effect.promise(() => door.start())
        yield* until(
          "Redis is used again",
          Effect.suspend(() => Effect.zipRight(one.get(++n), isShared(three, n)))
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live.skipIf(server === null)(
    "BE-DB-06 a mute Redis costs one short wait a second, not one for each question (skipped when TARANG_REDIS=none asks for it)",
    () =>
      Effect.gen(function* () {
        const door = yield* proxy(server ?? "")
        const one = yield* process(door.url, { name: prefix() })
        door.freeze()
        const questions = 200
        const [, ms] = yield* ProcessTime.timed(
          Effect.forEach(
            Array.from({ length: questions }, (_, n) => n),
            one.get,
            { discard: true }
          )
        )
        assert.strictEqual(one.computed(), questions)
        // Without the pause, 200 questions would wait 50 ms each.
        assert.isBelow(ms, (questions * 50) / 2)
      }).pipe(Effect.scoped)
  )

  it.live.skipIf(server === null || server === globalThis.process.env["REDIS_URL"])(
    "BE-RES-06 a Redis that is full and evicts nothing: each process uses its own part; one that evicts serves on within its memory (skipped when TARANG_REDIS=none or REDIS_URL gives no server of our own)",
    () =>
      Effect.gen(function* () {
        const own = yield* Effect.acquireRelease(
          Effect.promise(async () => {
            const home = await mkdtemp(join(tmpdir(), "tarang-redis-"))
            const { url, stop } = await startRedis(home)
            return { url: url ?? "", stop: () => stop().then(() => rm(home, { recursive: true, force: true })) }
          }),
          ({ stop }) => Effect.promise(stop)
        )
        const admin = yield* Effect.acquireRelease(
          Effect.sync(() => new Client(own.url)),
          (client) => Effect.sync(() => client.disconnect())
        )
        const info = (section: string, field: string) =>
          Effect.promise(async () => Number(new RegExp(`^${field}:(\\d+)`, "m").exec(await admin.info(section))?.[1] ?? Number.NaN))
        const used = yield* info("memory", "used_memory")
        const memoryMax = used + 2_000_000
        yield* Effect.promise(() => admin.config("SET", "maxmemory-policy", "noeviction"))
        yield* Effect.promise(() => admin.config("SET", "maxmemory", String(memoryMax)))
        const fill = async () => {
          for (let at = 0; at < 10_000; at++) {
            const refused = await admin.set(`filler:${at}`, "x".repeat(10_000)).then(
              () => undefined,
              (error: Error) => error.message
            )
            if (refused !== undefined) return refused
          }
          return "never full"
        }
        assert.match(yield* Effect.promise(fill), /^OOM /)

        const name = prefix()
        const [one, two] = yield* Effect.all([process(own.url, { name }), process(own.url, { name })])
        for (const n of [1, 2, 3, 1, 2, 3]) assert.strictEqual(yield* one.get(n), n * n)
        assert.strictEqual(one.computed(), 3)
        assert.isFalse(yield* isShared(two, 1)) // it stored nothing
        assert.strictEqual(one.redis.state(), "up")

        yield* Effect.promise(() => admin.config("SET", "maxmemory-policy", "allkeys-lru"))
        let n = 100
        yield* until(
          "values are shared again",
          Effect.suspend(() => Effect.zipRight(one.get(++n), isShared(two, n)))
        )
        yield* Effect.promise(fill)
        assert.isAbove(yield* info("stats", "evicted_keys"), 0)
        yield* until(
          "its memory is within the limit",
          Effect.map(info("memory", "used_memory"), (now) => now <= memoryMax + 500_000)
        )
        for (const m of [1, 2, 3]) assert.strictEqual(yield* two.get(m), m * m)
      }).pipe(Effect.scoped),
    300_000
  )
})
