import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Fault } from "../../../src/simulator/orders/Faults.ts"
import * as Runner from "../../actors/placement/Runner.ts"
import { platformProgram } from "../../BuiltProgram.ts"
import { freePort } from "../../FreePort.ts"
import { observer } from "../../store/Stores.ts"
import { future, order } from "../accounts/LiveAccount.ts"
import { atBroker } from "../orders/PaperWorld.ts"
import { ask, eventually, start, type World, world } from "../PlatformWorld.ts"

const executor = "executor.sim1"
/** The horizon exceeds all delays of a busy machine together. */
const config = {
  ORDER_ANSWER_TIMEOUT: "2 seconds",
  ORDER_SEND_DELAY_MAX: "2 seconds",
  ORDER_HORIZON: "8 seconds",
  ORDER_BOOK_EVERY: "500 millis",
  ORDER_BREAKER_OPEN: "1 second",
  PLACEMENT: "cluster",
  PLACEMENT_TTL: "10 seconds"
}
/** Slow answers keep orders on their way, so that a kill meets some. */
const among: ReadonlyArray<Fault> = [
  { kind: "slow", afterMs: 600 },
  { kind: "slow", afterMs: 600 },
  { kind: "slow", afterMs: 600 },
  { kind: "drop_reply" },
  { kind: "gateway_timeout", isCarriedOut: true },
  { kind: "lose" },
  { kind: "too_many" }
]
const scatter = { seed: 11, share: 0.6, among }
const ended: ReadonlySet<string> = new Set(["COMPLETED", "UNKNOWN", "DEAD_LETTER", "CANCELLED"])
/** Orders that must be accepted while nothing happens to the executor, before and after each trouble. */
const between = 5

/** Tasks that two owners have changed, by the audit. */
const ofTwoOwners = `SELECT count(*)::int AS count FROM (
  SELECT task_id FROM order_audit WHERE detail->>'epoch' IS NOT NULL GROUP BY task_id HAVING count(DISTINCT detail->>'epoch') > 1) tasks`

/** Far below the market, so that no order is filled. */
const restingPrice = (it: World): string => {
  const { bid, instrument } = future(it)
  return ((Math.floor((Number(bid) * 97) / instrument.tickSize) * instrument.tickSize) / 100).toFixed(2)
}

describe("The executor's process is killed and frozen while orders come by REST", () => {
  it.scopedLive(
    "TC-ORD-004 each key has at most one order at the broker, and each result is the broker's truth",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 1, strikesEachSide: 1 }, config)
        const file = yield* platformProgram
        const runners: Array<Runner.Runner> = []
        yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(runners.map((one) => one.end("SIGKILL")))))
        const launch = Effect.map(freePort, (port) => {
          runners.push(new Runner.Runner(file, { ...built.config, ROLES: "actors", RUNNER_HOST: "127.0.0.1", RUNNER_PORT: String(port) }))
        })
        const holder = (what: string) =>
          Effect.map(
            eventually(
              what,
              Effect.sync(() => runners.find(({ keys }) => keys.includes(executor))),
              (one) => one !== undefined
            ),
            (one) => one as Runner.Runner
          )
        yield* launch
        yield* holder("the first process runs the executor")
        yield* launch
        const running = yield* start(built.config, ["gateway"])
        const mode = ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
        yield* eventually("the account is live", mode, ({ status }) => status === 200)
        built.simulator.faults.scatter(scatter)

        const body = { ...order(built, "BUY", restingPrice(built)), deadline_s: 900 }
        const post = (key: string, query: string) =>
          ask(running, `/orders${query}`, { method: "POST", body, headers: { "idempotency-key": key } })
        const accepted: Array<string> = []
        const flow = Effect.gen(function* () {
          for (let at = 0; ; at++) {
            const key = `flow${at}`
            // Each is awaited for a moment, so that orders come no faster than they are placed.
            yield* eventually(`${key} is accepted`, post(key, "?wait_ms=500"), ({ status }) => status === 200 || status === 202)
            accepted.push(key)
          }
        })
        const flowing = yield* Effect.fork(flow)
        const more = (what: string) =>
          Effect.suspend(() => {
            const before = accepted.length
            return eventually(
              what,
              Effect.sync(() => accepted.length),
              (now) => now >= before + between
            )
          })
        const completed = Effect.map(ask(running, "/orders/tasks?status=COMPLETED&limit=1"), ({ body }) => Number(body.total))
        const goesOn = (what: string) =>
          Effect.flatMap(completed, (before) => eventually(what, completed, (now) => now >= before + between))

        yield* goesOn("orders are placed")
        const killed = yield* holder("a process runs the executor")
        yield* Effect.promise(() => killed.end("SIGKILL"))
        yield* more("orders are accepted while nobody executes them")
        yield* launch
        yield* goesOn("another process places them")
        const frozen = yield* holder("a process runs the executor again")
        frozen.freeze()
        yield* more("orders are accepted while the executor is frozen")
        yield* goesOn("another process has taken over")
        const successor = yield* holder("the successor")
        assert.notStrictEqual(successor, frozen)
        frozen.thaw()
        yield* goesOn("orders are placed after the thaw")
        const last = yield* holder("a process runs the executor at last")
        yield* Effect.promise(() => last.end("SIGKILL"))
        yield* goesOn("orders are placed after the second kill")
        yield* Fiber.interrupt(flowing)
        built.simulator.faults.clear()

        const results = yield* Effect.forEach(accepted, (key) =>
          eventually(`${key} has ended`, post(key, "?wait_ms=20000"), ({ body, status }) => status === 200 && ended.has(body.status))
        )
        const data = yield* atBroker(built)
        const tags = data.map(({ tag }) => tag)
        assert.lengthOf(data, new Set(tags).size, "two orders have one tag")
        for (const [at, { body }] of results.entries()) {
          const orders = data.filter(({ tag }) => tag === body.tag).map(({ order_id }) => order_id)
          if (body.status === "COMPLETED") assert.deepStrictEqual([body.order_id], orders, accepted[at])
          else if (body.status !== "UNKNOWN") assert.deepStrictEqual(orders, [], JSON.stringify(body))
        }
        const tagsOfTasks = new Set(results.map(({ body }) => body.tag))
        // An order of the flow that was being posted when it ended may have been accepted as well.
        assert.isAtMost(tags.filter((tag) => !tagsOfTasks.has(tag)).length, 1)
        const [takenOver] = yield* Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe<{ readonly count: number }>(ofTwoOwners)).pipe(
          Effect.provide(observer(built.databaseUrl))
        )
        assert.isAbove(takenOver?.count ?? 0, 0, "a kill or a freeze met an order on its way")
        assert.isAbove(results.filter(({ body }) => body.status === "COMPLETED").length, accepted.length / 2)
      }).pipe(Effect.orDie),
    900_000
  )
})
