import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import { everyAccount, OrderAccounts } from "../../../src/store/orders/OrderAccounts.ts"
import { type NewTask, OrderRepo } from "../../../src/store/orders/OrderRepo.ts"
import { Outbox } from "../../../src/store/orders/Outbox.ts"
import { aPlace } from "../../domain/orders/APlace.ts"
import { fresh } from "../Stores.ts"

const price = new Money.Decimal("101.05")
const task = (over: Partial<NewTask> = {}): NewTask => ({
  owner: "u1",
  accountId: "a1",
  idempotencyKey: "k1",
  bodyHash: "h1",
  tag: `${over.owner ?? "u1"}${over.idempotencyKey ?? "k1"}`,
  mode: "live",
  request: aPlace({ tradingsymbol: "NIFTY26NOVFUT", quantity: 65, price }),
  termsHash: "t1",
  referencePrice: price,
  intent: { kind: "place", isLimit: true, unknown: "park", deadlineAtMs: 2_000_000_000_123 },
  strategyId: null,
  basketId: null,
  basketPlace: null,
  retries: null,
  undoes: null,
  ...over
})

const decide = OrderDecider.decide(OrderDecider.defaults)
const nowMs = 1_900_000_000_001
const wake = (epoch: number) => OrderDecider.Input.Wake({ nowMs, epoch, blockedUntilMs: null })

describe("OrderRepo", () => {
  it.scoped("TC-ORD-004 inserts a key once, also when many ask at the same time, and keeps every digit", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      const all = yield* Effect.forEach(
        Array.from({ length: 20 }, () => task()),
        (it) => repo.submit([it]),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(all.filter(({ isNew }) => isNew).length, 1)
      assert.strictEqual(new Set(all.flatMap(({ stored }) => stored.map(({ taskId }) => taskId))).size, 1)
      const stored = yield* repo.byKey("u1", "a1", "k1")
      assert.strictEqual(stored?.task.status, "PENDING")
      assert.strictEqual(stored?.task.intent.deadlineAtMs, 2_000_000_000_123)
      assert.strictEqual(stored?.request.kind === "place" ? stored.request.price?.toFixed() : null, "101.05")
      const other = yield* repo.submit([task({ owner: "u2" }), task({ owner: "u2", idempotencyKey: "k2", tag: "x" })])
      assert.strictEqual(other.stored.length, 2, "another user's key is another key")
      const { total } = yield* repo.list({ accounts: ["a1"], statuses: ["PENDING"], error: null, limit: 10, offset: 0 })
      assert.strictEqual(total, 3)
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("saves a decision once, and an owner with an older epoch changes nothing", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      const [read] = (yield* repo.submit([task()])).stored
      const before = read!
      const [running] = decide(before.task, wake(7))
      const saved = yield* repo.save(before, running, { who: "executor", epoch: 7 })
      assert.strictEqual(saved?.task.status, "RUNNING")
      assert.deepStrictEqual(saved?.task, running)
      assert.isUndefined(yield* repo.save(before, running, { who: "executor", epoch: 7 }), "the revision has moved on")

      const [late] = decide(
        saved!.task,
        OrderDecider.Input.Answered({ nowMs, epoch: 7, attempt: 1, outcome: { _tag: "Done", orderId: "1" }, jitter: 1 })
      )
      assert.isUndefined(yield* repo.save(saved!, late, { who: "executor", epoch: 6 }), "epoch 6 was replaced by epoch 7")
      assert.strictEqual((yield* repo.byId(before.taskId))?.task.status, "RUNNING")
      assert.deepStrictEqual(yield* repo.sent("a1", "live", nowMs + 500, nowMs - 1), { second: 1, minute: 1, day: 1 })
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("writes an event and a line of the audit with each change, and the audit cannot be changed", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      const outbox = yield* Outbox
      const sql = yield* SqlClient.SqlClient
      const [before] = (yield* repo.submit([task()])).stored
      yield* repo.save(before!, decide(before!.task, OrderDecider.Input.Cancel({ nowMs }))[0], { who: "u1", epoch: null })
      const events = yield* outbox.waiting("a1", 10)
      assert.deepStrictEqual(
        events.map(({ body }) => (body as { readonly status: string }).status),
        ["PENDING", "CANCELLED"]
      )
      yield* outbox.published(events.map(({ eventId }) => eventId))
      assert.deepStrictEqual(yield* outbox.waiting("a1", 10), [])
      for (const statement of [sql`UPDATE order_audit SET who = 'x'`, sql`DELETE FROM order_audit`, sql`TRUNCATE order_audit`]) {
        assert.isTrue((yield* Effect.exit(statement))._tag === "Failure")
      }
      const lines = yield* sql<{ readonly what: string; readonly who: string }>`SELECT what, who FROM order_audit ORDER BY audit_id`
      assert.deepStrictEqual(
        lines.map(({ what, who }) => [what, who]),
        [
          ["accepted", "u1"],
          ["CANCELLED", "u1"]
        ]
      )
    }).pipe(Effect.provide(fresh()))
  )
})

describe("OrderAccounts", () => {
  it.scoped("a new account is in paper mode, and a stop of all accounts stops each", () =>
    Effect.gen(function* () {
      const accounts = yield* OrderAccounts
      assert.strictEqual((yield* accounts.settings("a1")).mode, "paper")
      yield* accounts.setMode("a1", "live", "u1")
      const limits = { ...(yield* accounts.settings("a1")).limits, maxOrderValue: new Money.Decimal("100000.05"), duplicateWindowMs: 1_500 }
      yield* accounts.setLimits("a1", limits, "u1")
      const set = yield* accounts.settings("a1")
      assert.strictEqual(set.mode, "live")
      assert.strictEqual(set.limits.maxOrderValue?.toFixed(), "100000.05")

      yield* accounts.stop(everyAccount, ["a1", "a2"], "drill", "admin")
      assert.strictEqual((yield* accounts.settings("a2")).stop?.reason, "drill")
      assert.isFalse(yield* accounts.release(everyAccount, ["a1", "a2"], "guess", nowMs, "admin"), "nobody asked for a release")
      assert.isTrue(yield* accounts.askRelease(everyAccount, "right", nowMs + 1_000, "admin"))
      assert.isFalse(yield* accounts.release(everyAccount, ["a1", "a2"], "wrong", nowMs, "admin"))
      assert.isFalse(yield* accounts.release(everyAccount, ["a1", "a2"], "right", nowMs + 1_000, "admin"), "too late")
      assert.isTrue(yield* accounts.release(everyAccount, ["a1", "a2"], "right", nowMs, "admin"))
      assert.isNull((yield* accounts.settings("a1")).stop)
    }).pipe(Effect.provide(fresh()))
  )
})
