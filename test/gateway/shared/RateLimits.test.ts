import { assert, it as effect, layer } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer } from "effect"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { settings } from "../../../src/gateway/shared/RateLimits.ts"
import { migratedDatabase, natsServer } from "../../TestBackends.ts"
import { type Answer, ask, eventually, metric, ready, World, world } from "../GatewayWorld.ts"

const change = (as: string, id = 1) => ask(`/labels/${id}`, { method: "PATCH", as, body: { text: "x" } })
/** Requests one after the other; their answers. */
const times = <E, R>(count: number, request: Effect.Effect<Answer, E, R>) => Effect.all(Array.from({ length: count }, () => request))
/** Most of an hour's window is left: no test lasts ten minutes. */
const assertSecondsOfHour = (retryAfter: string | null | undefined) => {
  const seconds = Number(retryAfter)
  assert.isTrue(Number.isInteger(seconds) && seconds > 3_000 && seconds <= 3_600, `retry-after: ${retryAfter}`)
}
const limited = { RATE_LIMIT_WRITES: "100", RATE_LIMIT_READS: "120", RATE_LIMIT_WINDOW: "1 hour" }

layer(world({ config: limited }), { excludeTestServices: true })("Rate limits", (it) => {
  it.effect("BE-SEC-05 of 101 requests in a window the last gets 429 with Retry-After; other users and endpoints are not affected", () =>
    Effect.gen(function* () {
      yield* ready
      const refused = 'rate_limited_total{group="labels"}'
      const before = yield* metric(refused)
      // The number in the path is not another endpoint.
      const answers = yield* Effect.forEach(
        Array.from({ length: 101 }, (_, n) => n + 1),
        (id) => change("busy", id)
      )
      assert.deepStrictEqual([...new Set(answers.slice(0, 100).map(({ status }) => status))], [404])
      const { status, headers, body } = answers[100] as Answer
      assert.deepStrictEqual([status, body.code, body.detail], [429, "rate_limited", "Rate limit exceeded"])
      assertSecondsOfHour(headers.get("retry-after"))
      assert.strictEqual((yield* change("calm")).status, 404)
      assert.strictEqual((yield* ask("/labels/1", { method: "DELETE", as: "busy" })).status, 404)
      assert.strictEqual((yield* ask("/labels", { as: "busy" })).status, 200)
      assert.strictEqual(yield* metric(refused), before + 1)
    })
  )

  it.effect("reads have their own limit, and requests without a sign-in are not counted", () =>
    Effect.gen(function* () {
      yield* ready
      const answers = yield* times(121, ask("/auth/test", { as: "reader" }))
      assert.deepStrictEqual([answers[119]?.status, answers[120]?.status], [200, 429])
      const open = yield* times(130, ask("/health/live", { as: null }))
      assert.deepStrictEqual([...new Set(open.map(({ status }) => status))], [200])
    })
  )

  it.effect("a stop of orders is never refused", () =>
    Effect.gen(function* () {
      yield* ready
      const answers = yield* times(101, ask("/accounts/none/kill", { method: "POST", as: "hasty", body: { reason: "stop" } }))
      assert.notInclude(
        answers.map(({ status }) => status),
        429
      )
    })
  )
})

const brief = { RATE_LIMIT_WRITES: "2", RATE_LIMIT_WINDOW: "15 seconds" }
const refusedAndAnsweredAgain = (as: string) =>
  Effect.gen(function* () {
    yield* ready
    yield* eventually(
      "a request is refused",
      Effect.map(change(as), ({ status }) => status === 429)
    )
    yield* eventually(
      "a request is answered",
      Effect.map(change(as), ({ status }) => status === 404)
    )
  })

layer(world({ config: brief }), { excludeTestServices: true })("A window", (it) => {
  it.effect("BE-SEC-05 ends, and requests are answered again", () => refusedAndAnsweredAgain("again"))
})

effect.effect("BE-SEC-05 are 6000 reads, 100 changes and 600 changes of orders a minute by default", () =>
  Effect.gen(function* () {
    const { orders, reads, windowMs, writes } = yield* Effect.withConfigProvider(settings, ConfigProvider.fromMap(new Map()))
    assert.deepStrictEqual([reads, writes, orders, windowMs], [6_000, 100, 600, 60_000])
  })
)

const redisUrl = inject("backends").redis
/** The time that Redis still keeps the only count of a user. */
const msLeft = (user: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Client(redisUrl ?? "")),
    (client) =>
      Effect.promise(async () => {
        const keys = await client.keys(`tarang:rate:*"${user}"*`)
        assert.lengthOf(keys, 1)
        return client.pttl(keys[0] ?? "")
      }),
    (client) => Effect.sync(() => client.disconnect())
  )
effect.scopedLive.skipIf(redisUrl === null)(
  "BE-SEC-05 gateways count together in Redis, which forgets a window at its end, and each by itself while Redis is away",
  () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      const database = yield* migratedDatabase
      const gateway = (redis: string, limits: Readonly<Record<string, string>> = limited) => {
        const options = {
          nats: Effect.succeed(nats),
          database: Effect.succeed(database),
          config: {
            ...limits,
            ...(redis === redisUrl ? { REDIS_REQUIRED: "true", REDIS_START_WAIT: "60 seconds" } : {}),
            RATE_LIMIT_REDIS_WAIT: "5 seconds",
            REDIS_URL: redis
          }
        }
        return Effect.map(Layer.build(world(options)), Context.get(World))
      }
      const at = <A, E, R>(of: Context.Tag.Service<typeof World>, self: Effect.Effect<A, E, R | World>) =>
        Effect.provideService(self, World, of)
      // Redis is shared by all tests: nobody else has this user.
      const user = `shared-${crypto.randomUUID()}`
      const [one, two] = [yield* gateway(redisUrl ?? ""), yield* gateway(redisUrl ?? "")]
      for (const it of [one, two]) yield* at(it, ready)
      yield* at(one, times(60, change(user)))
      const answers = yield* at(two, times(100, change(user)))
      const firstRefused = answers.findIndex(({ status }) => status === 429)
      // Alone it would have answered all of its 100. A hiccup of Redis may cost some counts, but not all.
      assert.isTrue(firstRefused >= 40, `refused after ${firstRefused}`)
      assertSecondsOfHour(answers[firstRefused]?.headers.get("retry-after"))
      assert.strictEqual((yield* at(two, change(user))).status, 429)
      const leftMs = yield* msLeft(user)
      assert.isTrue(leftMs > 0 && leftMs <= 3_600_000, `${leftMs} ms are left in Redis`)
      yield* at(yield* gateway(redisUrl ?? "", brief), refusedAndAnsweredAgain(`brief-${user}`))
      const alone = yield* gateway("redis://127.0.0.1:1")
      yield* at(alone, ready)
      const last = yield* at(alone, times(101, change(user)))
      assert.deepStrictEqual([last[99]?.status, last[100]?.status], [404, 429])
    })
)
