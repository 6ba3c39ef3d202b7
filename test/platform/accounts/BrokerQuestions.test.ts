import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { patient, untilEnded } from "../orders/OrderTasks.ts"
import { type Answer, ask, eventually, type Running } from "../PlatformWorld.ts"
import { future, live, order } from "./LiveAccount.ts"

const timeoutMs = 300_000

/** Asks again while the broker has not answered in time. */
const answered = (what: string, question: Effect.Effect<Answer>) => eventually(what, question, ({ status }) => status === 200)
const margins = (running: Running, orders: ReadonlyArray<object>) =>
  answered("margins", ask(running, "/orders/margins", { method: "POST", body: { account_id: "sim1", orders } }))

const send = (running: Running, method: "POST" | "PUT", key: string, body: object) =>
  untilEnded(
    `request ${key}`,
    ask(running, "/orders/gtt?wait_ms=20000", { method, body: { ...patient, ...body }, headers: { "idempotency-key": key } })
  )
const remove = (running: Running, key: string, triggerId: string) =>
  untilEnded(
    `request ${key}`,
    ask(running, `/orders/gtt?account_id=sim1&trigger_id=${triggerId}&wait_ms=20000`, {
      method: "DELETE",
      headers: { "idempotency-key": key }
    })
  )
const list = (running: Running) => answered("the list", ask(running, "/orders/gtt?account_id=sim1"))

describe("questions to the account's broker, end to end", () => {
  it.live(
    "POST /orders/margins answers the broker's margins, also of what a paper account cannot know",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { account_id: _account, kind: _kind, ...future } = order(built, "BUY", "100")
        const hedge = { ...future, transaction_type: "SELL" }
        const found = yield* margins(running, [future, hedge])
        const { orders, source, total } = found.body
        assert.strictEqual(source, "broker")
        assert.lengthOf(orders, 2)
        for (const { margin } of orders) assert.isAbove(Number(margin.total), 0)
        assert.isAbove(Number(total.initial.total), Number(total.final.total))
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "paper" } })
        const onPaper = yield* margins(running, [future, hedge])
        assert.deepStrictEqual([onPaper.body.mode, onPaper.body.source], ["paper", "broker"])
        assert.deepStrictEqual(onPaper.body.orders, orders)
      }).pipe(Effect.scoped),
    timeoutMs
  )
})

/** A trigger far below the price of the market's future. */
const trigger = (built: Parameters<typeof future>[0], share: number) => {
  const { bid, instrument, named } = future(built)
  const { exchange, quantity, tradingsymbol } = named
  const tick = instrument.tickSize
  const value = String((Math.floor((Number(bid) * 100 * share) / tick) * tick) / 100)
  return {
    account_id: "sim1",
    type: "single",
    exchange,
    tradingsymbol,
    trigger_values: [value],
    last_price: bid,
    orders: [{ transaction_type: "SELL", quantity, product: "NRML", price: value }]
  }
}

describe("good-till-triggered orders, end to end", () => {
  it.live(
    "one is made once for a key, listed, changed and deleted, and a lost answer is found in the broker's list",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const wanted = trigger(built, 0.9)
        const made = yield* send(running, "POST", "g1", wanted)
        assert.deepStrictEqual([made.status, made.body.status, made.body.kind], [202, "COMPLETED", "gtt_place"], JSON.stringify(made.body))
        const again = yield* send(running, "POST", "g1", wanted)
        assert.deepStrictEqual(again.body, made.body)
        assert.strictEqual((yield* send(running, "POST", "g1", trigger(built, 0.8))).status, 409)
        const listed = yield* list(running)
        assert.deepStrictEqual(
          [listed.body.source, listed.body.triggers.length, listed.body.total, listed.body.limit, listed.body.offset],
          ["broker", 1, 1, 100, 0],
          JSON.stringify(listed.body)
        )
        const [own] = listed.body.triggers
        assert.deepStrictEqual([String(own.id), own.status, own.orders[0].price], [made.body.order_id, "active", wanted.orders[0]?.price])

        built.simulator.faults.add({ kind: "drop_reply" })
        const lost = yield* send(running, "POST", "g2", trigger(built, 0.8))
        assert.strictEqual(lost.body.status, "COMPLETED", JSON.stringify(lost.body))
        assert.strictEqual(lost.body.attempts[0].message, "found in the order book")
        const two = yield* list(running)
        assert.lengthOf(two.body.triggers, 2)

        const changed = yield* send(running, "PUT", "g3", { ...trigger(built, 0.7), trigger_id: made.body.order_id })
        assert.strictEqual(changed.body.status, "COMPLETED", JSON.stringify(changed.body))
        const removed = yield* remove(running, "g4", lost.body.order_id)
        assert.strictEqual(removed.body.status, "COMPLETED", JSON.stringify(removed.body))
        const left = (yield* list(running)).body.triggers
        assert.deepStrictEqual(
          left.map((it: { id: number; condition: { trigger_values: ReadonlyArray<string> } }) => [
            String(it.id),
            it.condition.trigger_values
          ]),
          [[made.body.order_id, trigger(built, 0.7).trigger_values]]
        )
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a stop and a wrong lot refuse one, a stop lets one be deleted, and a paper account sends none to the broker",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const wanted = trigger(built, 0.9)
        const [leg] = wanted.orders
        const fields = ({ body }: { readonly body: { readonly errors?: ReadonlyArray<{ readonly field: string }> } }) =>
          body.errors?.map(({ field }) => field)
        const odd = yield* send(running, "POST", "odd", { ...wanted, orders: [{ ...leg, quantity: 1 }] })
        assert.deepStrictEqual([odd.status, fields(odd)], [422, ["lot_size"]], JSON.stringify(odd.body))
        const two = yield* send(running, "POST", "two", { ...wanted, type: "two-leg" })
        assert.deepStrictEqual([two.status, fields(two)], [422, ["trigger_values"]], JSON.stringify(two.body))
        const made = yield* send(running, "POST", "made", wanted)
        assert.strictEqual(made.body.status, "COMPLETED", JSON.stringify(made.body))
        // The broker says that there is no such trigger, so that nothing is left to look up.
        const absent = yield* remove(running, "absent", "999999")
        const unchanged = yield* send(running, "PUT", "unchanged", { ...wanted, trigger_id: "999999" })
        for (const { body } of [absent, unchanged])
          assert.deepStrictEqual([body.status, body.error?.type], ["DEAD_LETTER", "DataException"], JSON.stringify(body))
        yield* ask(running, "/accounts/sim1/kill", { method: "POST", body: { reason: "drill" } })
        const stopped = yield* send(running, "POST", "stopped", trigger(built, 0.8))
        assert.deepStrictEqual([stopped.status, fields(stopped)], [422, ["kill_switch"]], JSON.stringify(stopped.body))
        const removed = yield* remove(running, "gone", made.body.order_id)
        assert.strictEqual(removed.body.status, "COMPLETED", JSON.stringify(removed.body))
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "paper" } })
        const onPaper = yield* send(running, "POST", "paper", wanted)
        assert.deepStrictEqual([onPaper.status, fields(onPaper)], [422, ["account_id"]], JSON.stringify(onPaper.body))
        const listed = yield* list(running)
        assert.deepStrictEqual([listed.body.source, listed.body.triggers], ["paper", []])
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
