import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as ExchangePhase from "../../../src/domain/orders/ExchangePhase.ts"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import * as PaperOrder from "../../../src/domain/orders/PaperOrder.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { OrderRepo } from "../../../src/store/orders/OrderRepo.ts"
import { Outbox } from "../../../src/store/orders/Outbox.ts"
import { PaperRepo } from "../../../src/store/orders/PaperRepo.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { aPlace } from "../../domain/orders/APlace.ts"
import { fresh } from "../Stores.ts"
import { newTask } from "./NewTask.ts"

const atMs = Date.parse("2026-08-18T11:00:00+05:30")
const matched = { seq: 10, createdMs: 1_700_000_000_123 }
const request = aPlace()
/** The order's task, which runs and belongs to the owner of an epoch. */
const running = (epoch: number) =>
  Effect.gen(function* () {
    const repo = yield* OrderRepo
    const intent = { kind: "place", isLimit: true, unknown: "park", deadlineAtMs: 2_000_000_000_000 } as const
    const { stored } = yield* repo.submit([newTask("k1", { tag: "t1", request, termsHash: "h1", intent })])
    for (const before of stored) {
      const input = OrderDecider.Input.Wake({ nowMs: 1_900_000_000_000, epoch, blockedUntilMs: null })
      yield* repo.save(before, OrderDecider.decide(OrderDecider.onPaper)(before.task, input)[0], { who: "executor", epoch })
    }
  })
const placed = Either.getOrThrow(
  PaperOrder.place(
    {
      tag: "t1",
      strategyId: null,
      hasDerivatives: true,
      instrument: anInstrument(0x10002, { instrumentType: "CE", expiry: "2026-08-25" }),
      request
    },
    { rules: shipped, atMs, neverCloses: true, lastPrice: 10_000 }
  )
)
const filledBy = (paper: PaperOrder.PaperOrder, quantity: number) =>
  PaperOrder.match(paper, { lastPrice: 10_000, bids: [], asks: [{ price: 10_005, quantity, orders: 1 }] }, ExchangePhase.always, atMs)
const tradesOf = (fills: ReturnType<typeof filledBy>[1]) => fills.map((fill) => ({ ...fill, atMs }))

describe("PaperRepo", () => {
  it.scoped("makes one order of a tag, and saves its fills once with their event and line of the audit", () =>
    Effect.gen(function* () {
      const repo = yield* PaperRepo
      const outbox = yield* Outbox
      const sql = yield* SqlClient.SqlClient
      const [first, fills] = filledBy(placed, 50)
      const change = { accountId: "a1", paper: first, matched, trades: tradesOf(fills), epoch: 2 }
      assert.strictEqual(yield* repo.insert(change), "replaced", "no task runs for it")
      yield* running(2)
      assert.strictEqual(yield* repo.insert({ ...change, epoch: 1 }), "replaced", "the owner of epoch 1 was replaced")
      const both = yield* Effect.all([repo.insert(change), repo.insert(change)], { concurrency: "unbounded" })
      assert.sameMembers(both, ["placed", "exists"])
      const stored = yield* repo.byId("a1", "paper-t1")
      assert.deepStrictEqual(stored, { revision: 0, matched, paper: first, trades: 1 })
      assert.isUndefined(yield* repo.byId("a2", "paper-t1"))
      if (stored === undefined) return
      const [second, more] = filledBy(first, 200)
      const next = { ...change, paper: second, trades: tradesOf(more), matched: { ...matched, seq: 11 } }
      assert.deepStrictEqual([yield* repo.save(stored, next), yield* repo.save(stored, next)], [true, false])
      const trades = yield* repo.trades("a1")
      assert.deepStrictEqual(
        trades.map(({ orderId, price, quantity, side }) => [orderId, side, quantity, price]),
        [
          ["paper-t1", "BUY", 50, 10_005],
          ["paper-t1", "BUY", 100, 10_005]
        ]
      )
      assert.deepStrictEqual(
        trades.map((trade) => trade.atMs),
        [atMs, atMs]
      )
      const events = (yield* outbox.waiting("a1", 10)).filter(({ kind }) => kind === "order")
      const details = events.map(({ body, kind }) => [kind, (body as { detail: { status: string; mode: string } }).detail])
      assert.deepStrictEqual(
        details.map(([kind, detail]) => [kind, (detail as { status: string }).status, (detail as { mode: string }).mode]),
        [
          ["order", "OPEN", "paper"],
          ["order", "COMPLETE", "paper"]
        ]
      )
      const audit = yield* sql`SELECT what FROM order_audit WHERE who = 'paper' ORDER BY audit_id`
      assert.deepStrictEqual(audit, [{ what: "OPEN" }, { what: "COMPLETE" }])
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("gives working orders to the newest owner, and an older one changes nothing after that", () =>
    Effect.gen(function* () {
      const repo = yield* PaperRepo
      const change = { accountId: "a1", paper: placed, matched, trades: [], epoch: 3 }
      yield* running(3)
      yield* repo.insert(change)
      const [taken] = yield* repo.takeOver("a1", 5)
      assert.deepStrictEqual(taken?.paper, placed)
      if (taken === undefined) return
      const ended = Either.getOrThrow(PaperOrder.cancel(placed, atMs))
      assert.isFalse(yield* repo.save(taken, { ...change, paper: ended, epoch: 4 }))
      assert.isTrue(yield* repo.save(taken, { ...change, paper: ended, epoch: 5 }))
      assert.lengthOf(yield* repo.takeOver("a1", 6), 0)
      assert.lengthOf(yield* repo.since("a1", Date.now() - 60_000), 1)
      assert.lengthOf(yield* repo.since("a1", Date.now() + 600_000), 0)
    }).pipe(Effect.provide(fresh()))
  )
})
