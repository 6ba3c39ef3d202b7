import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schema, Tracer } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Gate from "../../../src/domain/orders/Gate.ts"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import * as OrderMessage from "../../../src/domain/orders/OrderMessage.ts"
import { everyAccount, OrderAccounts } from "../../../src/store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../../src/store/orders/OrderRepo.ts"
import * as OrderRows from "../../../src/store/orders/OrderRows.ts"
import { Outbox } from "../../../src/store/orders/Outbox.ts"
import type { NewTask } from "../../../src/store/orders/TaskWrites.ts"
import { aPlace } from "../../domain/orders/APlace.ts"
import { fresh } from "../Stores.ts"
import { newTask } from "./NewTask.ts"

const price = new Money.Decimal("101.05")
const task = ({ idempotencyKey = "k1", ...more }: Partial<NewTask> = {}) =>
  newTask(idempotencyKey, {
    tag: `${more.owner ?? "u1"}${idempotencyKey}`,
    mode: "live",
    request: aPlace({ tradingsymbol: "NIFTY26NOVFUT", quantity: 65, price }),
    referencePrice: price,
    intent: { kind: "place", isLimit: true, unknown: "park", deadlineAtMs: 2_000_000_000_123 },
    ...more
  })

const encodeTask = Schema.encodeSync(OrderMessage.OrderTask)
const decide = OrderDecider.decide(OrderDecider.defaults)
const nowMs = 1_900_000_000_001
const wake = (epoch: number) => OrderDecider.Input.Wake({ nowMs, epoch, blockedUntilMs: null })

describe("OrderRepo", () => {
  it.scoped("TC-ORD-004 inserts a key once, also when many ask at the same time, and keeps every digit", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      // Many keys, because two requests of one key meet only now and then between the two indexes.
      for (const idempotencyKey of ["k1", ...Array.from({ length: 50 }, (_, at) => `same ${at}`)]) {
        const all = yield* Effect.forEach(
          Array.from({ length: 10 }, () => task({ idempotencyKey, accountId: idempotencyKey === "k1" ? "a1" : "a2" })),
          (it) => repo.submit([it]),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(all.filter(({ isNew }) => isNew).length, 1)
        assert.strictEqual(new Set(all.flatMap(({ stored }) => stored.map(({ taskId }) => taskId))).size, 1)
      }
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

  it.scoped("inserts no task of several, if a later one has another task's tag", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      yield* repo.submit([task({ tag: "taken" })])
      const parts = [task({ idempotencyKey: "k2" }), task({ idempotencyKey: "k3", tag: "taken" })]
      assert.isTrue(Exit.isFailure(yield* Effect.exit(repo.submit(parts))))
      assert.isUndefined(yield* repo.byKey("u1", "a1", "k2"))
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

describe("A task that was written", () => {
  it.scoped("is what a reading of its row gives, and what its event says", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      const outbox = yield* Outbox
      const request = aPlace({
        quantity: 65,
        price: new Money.Decimal("101.10"),
        trigger_price: new Money.Decimal("99.5"),
        order_type: "SL"
      })
      const given = task({ request, strategyId: 3, basketId: "b1", basketPlace: 0, retries: 4, undoes: 5 })
      const [accepted] = (yield* repo.submit([given])).stored
      assert.deepStrictEqual(accepted, yield* repo.byId(accepted!.taskId))
      const [running] = decide(accepted!.task, wake(7))
      const sent = yield* repo.save(accepted!, running, { who: "executor", epoch: 7 })
      assert.deepStrictEqual(sent, yield* repo.byId(accepted!.taskId))
      const outcome = {
        _tag: "Refused",
        isTransient: true,
        httpStatus: 503,
        errorType: "NetworkException",
        message: 'it\'s "away"'
      } as const
      const [refused] = decide(running, OrderDecider.Input.Answered({ nowMs: nowMs + 5, epoch: 7, attempt: 1, outcome, jitter: 1 }))
      const retrying = yield* repo.save(sent!, refused, { who: "executor", epoch: 7 })
      assert.strictEqual(retrying?.task.status, "RETRYING")
      assert.deepStrictEqual(retrying, yield* repo.byId(accepted!.taskId))
      const events = yield* outbox.waiting("a1", 10)
      const told = [accepted, sent, retrying].map((it) => JSON.parse(JSON.stringify(encodeTask(OrderRows.messageOf(it!)))))
      assert.deepStrictEqual(
        events.map(({ body }) => body),
        told
      )
    }).pipe(Effect.provide(fresh()))
  )
})

/** How many statements an effect sends to Postgres, and how many transactions it opens around them. */
const roundTrips = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const names: Array<string> = []
    const tracer = yield* Effect.tracer
    const counting = Tracer.make({
      context: tracer.context,
      span: (name, ...rest) => {
        names.push(name)
        return tracer.span(name, ...rest)
      }
    })
    const result = yield* Effect.withTracer(self, counting)
    const count = (name: string) => names.filter((it) => it === name).length
    return [result, { statements: count("sql.execute"), transactions: count("sql.transaction") }] as const
  })

describe("A step of an order", () => {
  it.scoped("is one statement, because each waits for its turn at a busy processor", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      const accounts = yield* OrderAccounts
      const one = { statements: 1, transactions: 0 }
      const [accepted, accepting] = yield* roundTrips(repo.submit([task()]))
      assert.deepStrictEqual(accepting, one)
      const [before] = accepted.stored
      const taken = { accountId: "a1", mode: "live", kind: "place", termsHash: "t1", modifiedId: null, madeBy: null } as const
      const [, asking] = yield* roundTrips(repo.ahead({ ...taken, taskId: before!.taskId, basketId: null, nowMs, dayStartMs: nowMs }))
      assert.deepStrictEqual(asking, one)
      const [, saving] = yield* roundTrips(repo.save(before!, decide(before!.task, wake(7))[0], { who: "executor", epoch: 7 }))
      assert.deepStrictEqual(saving, one)
      const [, reading] = yield* roundTrips(accounts.settings("a1"))
      assert.deepStrictEqual(reading, one)
      const [, together] = yield* roundTrips(
        repo.submit([task({ idempotencyKey: "k2", tag: "x" }), task({ idempotencyKey: "k3", tag: "y" })])
      )
      assert.deepStrictEqual(together, { statements: 2, transactions: 1 }, "a basket is all or nothing")
    }).pipe(Effect.provide(fresh()))
  )
})

describe("What the gate asks about a task", () => {
  const ask = (taskId: number) =>
    ({
      accountId: "a1",
      mode: "live",
      kind: "place",
      termsHash: "t1",
      modifiedId: null,
      madeBy: null,
      taskId,
      basketId: null,
      nowMs,
      dayStartMs: nowMs - 1_000
    }) as const

  it.scoped("is one answer: the limits, the stop, and the counts", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      const accounts = yield* OrderAccounts
      const [first] = (yield* repo.submit([task()])).stored
      yield* repo.save(first!, decide(first!.task, wake(7))[0], { who: "executor", epoch: 7 })
      const [second] = (yield* repo.submit([task({ idempotencyKey: "k2" })])).stored
      const unset = yield* repo.ahead(ask(second!.taskId))
      assert.deepStrictEqual(unset, {
        limits: { ...Gate.unlimited, lossAction: null },
        stopped: null,
        lossStop: null,
        sent: { second: 1, minute: 1, day: 1 },
        sameTermsAtMs: null,
        modifications: 0,
        isSuperseded: false,
        isTwin: false,
        isReleased: false
      })

      const limits = {
        ...Gate.unlimited,
        maxTotalLots: 40,
        lossAction: "block" as const,
        maxOrderValue: new Money.Decimal("100000.05"),
        duplicateWindowMs: 1_500
      }
      yield* accounts.setLimits("a1", limits, "u1")
      yield* accounts.stop("a1", ["a1"], "drill", "admin")
      const set = yield* repo.ahead(ask(second!.taskId))
      assert.deepStrictEqual([set.limits, set.stopped], [limits, "drill"])
      assert.strictEqual(set.sameTermsAtMs, first!.createdAt.getTime())
      assert.isNull((yield* repo.ahead(ask(first!.taskId))).sameTermsAtMs, "the first of its terms")
      const paper = yield* repo.ahead({ ...ask(second!.taskId), mode: "paper" })
      assert.deepStrictEqual(paper.sent, { second: 0, minute: 0, day: 0 })
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("counts an order's modifications and finds another trigger of the same terms", () =>
    Effect.gen(function* () {
      const repo = yield* OrderRepo
      const modify = { kind: "modify", variety: "regular", order_id: "9", quantity: 65 } as const
      const [changed] = (yield* repo.submit([task({ request: modify })])).stored
      const done = { ...changed!.task, status: "COMPLETED", revision: 1 } as const
      yield* repo.save(changed!, done, { who: "executor", epoch: 7 })
      const { modifications } = yield* repo.ahead({ ...ask(0), kind: "modify", modifiedId: "9" })
      assert.strictEqual(modifications, 1)

      const sql = yield* SqlClient.SqlClient
      const [one] = (yield* repo.submit([task({ idempotencyKey: "k2" })])).stored
      yield* sql`UPDATE order_tasks SET kind = 'gtt_place' WHERE task_id = ${one!.taskId}`
      const gtt = { ...ask(one!.taskId + 1), kind: "gtt_place" } as const
      assert.isTrue((yield* repo.ahead(gtt)).isTwin)
      assert.isFalse((yield* repo.ahead({ ...gtt, termsHash: "t2" })).isTwin)
      assert.isFalse((yield* repo.ahead({ ...gtt, taskId: one!.taskId })).isTwin, "not its own twin")
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
