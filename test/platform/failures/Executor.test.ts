import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { observer } from "../../store/Stores.ts"
import { accountIds, ask, eventually, type Running, socket, start, world } from "../PlatformWorld.ts"

const nifty = 256_265
const reason = "order_executor_unavailable"

const streams = (running: Running) =>
  Effect.gen(function* () {
    const client = yield* socket(running, "/ws/ticks")
    client.send({ action: "subscribe", tokens: [nifty] })
    const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
    return (what: string) =>
      Effect.flatMap(ticks, (before) =>
        Effect.map(
          eventually(what, ticks, (now) => now > before + 10),
          () =>
            assert.isUndefined(
              client.received.find(({ type }) => type === "gap" || type === "error"),
              what
            )
        )
      )
  })
const health = (running: Running, what: string, status: string, why: string | null) =>
  eventually(what, ask(running, "/health"), ({ body }) => body.status === status && body.reason === why)

describe("The executor of orders", () => {
  it.live(
    "TC-ERR-041 fails: streaming goes on untouched, /health is degraded with order_executor_unavailable, and is well when it runs again",
    () =>
      Effect.gen(function* () {
        const { config, databaseUrl } = yield* world()
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const goesOn = yield* streams(running)
        yield* eventually(
          "all is well, and both executors are ready",
          ask(running, "/health"),
          ({ body }) => body.status === "ok" && accountIds.every((id) => body.executors[id]?.state === "ready")
        )
        const rename = (from: string, to: string) =>
          Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(`ALTER TABLE ${from} RENAME TO ${to}`)).pipe(
            Effect.provide(observer(databaseUrl))
          )
        yield* rename("order_tasks", "order_tasks_gone")
        const broken = yield* health(running, "/health says it", "degraded", reason)
        assert.strictEqual(broken.status, 200)
        // The other account's executor may have failed first.
        yield* eventually(
          "it names the executor",
          ask(running, "/health"),
          ({ body }) => body.executors.sim1.state === "failed" && typeof body.executors.sim1.detail === "string"
        )
        yield* goesOn("ticks without an executor")
        assert.strictEqual((yield* ask(running, "/strategies", { method: "POST", body: { name: "meanwhile" } })).status, 201)
        yield* rename("order_tasks_gone", "order_tasks")
        yield* health(running, "all is well again", "ok", null)
        yield* goesOn("ticks afterwards")
      }).pipe(Effect.scoped, Effect.orDie),
    300_000
  )

  it.live(
    "TC-ERR-041 is switched off: streaming works, and /health says order_executor_unavailable from the start on",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world()
        const running = yield* start({ ...config, SEED_USER: "demo", ORDER_EXECUTOR: "off" })
        const goesOn = yield* streams(running)
        const { body } = yield* health(running, "/health says it", "degraded", reason)
        assert.deepInclude(body.executors.sim1, { state: "disabled", detail: "ORDER_EXECUTOR is off" })
        yield* goesOn("ticks")
      }).pipe(Effect.scoped),
    300_000
  )
})
