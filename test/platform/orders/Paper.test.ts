import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as PaperLedger from "../../../src/domain/orders/PaperLedger.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { type Answer, ask, eventually, socket, start, world } from "../PlatformWorld.ts"
import { atBroker, kept, send, streamed, traded } from "./PaperWorld.ts"

const timeoutMs = 300_000

/** A running platform whose accounts are on paper, as new ones are, and that has the order book of a future or a call. */
const papered = (type: "FUT" | "CE" = "FUT") =>
  Effect.gen(function* () {
    const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 })
    const running = yield* start(built.config)
    const { order, token } = traded(built, type)
    const unknown = yield* send(running, "unknown", order)
    assert.deepStrictEqual([unknown.body.status, unknown.body.error.type], ["DEAD_LETTER", "no_book"], JSON.stringify(unknown.body))
    yield* streamed(running, token)
    return { built, running }
  })

describe("a paper account, end to end", () => {
  it.live(
    "fills against the live book, pays charges, keeps its state over a restart, and sends nothing to the broker",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* papered()
        const { above, below, order } = traded(built)
        const events = yield* socket(running, "/orders/stream")
        events.send({ action: "subscribe", account_ids: ["sim1"] })
        yield* eventually(
          "the subscription",
          Effect.sync(() => events.received),
          (all) => all.some(({ type }) => type === "subscribed")
        )
        const filled = yield* send(running, "fills", order)
        assert.strictEqual(filled.status, 202, JSON.stringify(filled.body))
        assert.deepInclude(filled.body, { status: "COMPLETED", mode: "paper", order_id: `paper-${filled.body.tag}` })
        const again = yield* send(running, "fills", order)
        assert.deepStrictEqual(again.body, filled.body)
        const rests = yield* send(running, "rests", { ...order, price: below })
        assert.strictEqual(rests.body.status, "COMPLETED", JSON.stringify(rests.body))
        const ofOrder = yield* eventually(
          "events of both orders",
          Effect.sync(() => events.received.filter(({ type }) => type === "order").map(({ data }) => data)),
          (all) => all.length >= 2
        )
        assert.deepStrictEqual(
          ofOrder.map(({ mode, order_id, status }) => [order_id, status, mode]),
          [
            [filled.body.order_id, "COMPLETE", "paper"],
            [rests.body.order_id, "OPEN", "paper"]
          ]
        )
        const before = yield* kept(built)
        assert.lengthOf(before.orders, 2)
        const figures = yield* Effect.forEach(["orders", "trades", "positions", "holdings", "funds"], (name) =>
          Effect.map(ask(running, `/accounts/sim1/${name}`), ({ body }) => body)
        )
        assert.deepStrictEqual(
          figures.map(({ source }) => source),
          ["paper", "paper", "paper", "paper", "paper"]
        )
        const [orders, trades, positions, holdings, funds] = figures
        assert.deepStrictEqual(
          orders.orders.map((it: { order_id: string; status: string }) => [it.order_id, it.status]),
          [
            [filled.body.order_id, "COMPLETE"],
            [rests.body.order_id, "OPEN"]
          ]
        )
        const [position] = positions.net
        assert.deepInclude(position, { tradingsymbol: order.tradingsymbol, product: "NRML", quantity: order.quantity })
        assert.isTrue(trades.trades.every((it: { average_price: string }) => Number(it.average_price) <= Number(above)))
        assert.deepStrictEqual(holdings.holdings, [])
        assert.isAbove(Number(funds.charges), 0)
        const quantity = before.trades.reduce((sum, trade) => sum + trade.quantity, 0)
        assert.strictEqual(quantity, order.quantity)
        const ledger = before.trades.reduce(PaperLedger.add, PaperLedger.make({ rules: shipped, actionsOf: () => [] }))
        const at = { today: "2026-01-01", prices: { mark: () => null, settlement: () => null } }
        const charges = PaperLedger.chargesOf(ledger, filled.body.order_id)
        assert.strictEqual(charges?.total.toFixed(), funds.charges)
        assert.strictEqual((yield* ask(running, "/accounts/sim1/positions", { user: "stranger" })).status, 404)
        assert.strictEqual(PaperLedger.portfolio(ledger, at).net[0]?.quantity, order.quantity)
        const { cash, futures } = Either.getOrThrow(PaperLedger.funds(ledger, Money.zero, at))
        assert.strictEqual(cash.toFixed(), futures.minus(charges?.total ?? 0).toFixed())

        yield* running.stop
        const restarted = yield* start(built.config)
        assert.deepStrictEqual(yield* kept(built), before)
        const after = yield* eventually(
          "the figures after a restart",
          ask(restarted, "/accounts/sim1/trades"),
          ({ status }) => status === 200
        )
        assert.deepStrictEqual(after.body.trades, trades.trades)
        const same = yield* eventually("the key after a restart", send(restarted, "fills", order), ({ status }) => status !== 503)
        assert.deepStrictEqual(same.body, filled.body)

        // The order that rested before the restart is matched by the new process.
        const order_id = rests.body.order_id
        const raise = { account_id: "sim1", kind: "modify", order_id, price: above }
        const modified = yield* send(restarted, "raise", raise)
        assert.deepInclude(modified.body, { status: "COMPLETED", mode: "paper" }, JSON.stringify(modified.body))
        yield* eventually("the second fill", kept(built), ({ orders }) => orders.every(({ order }) => order.status === "COMPLETE"))
        const late = yield* send(restarted, "late", { account_id: "sim1", kind: "cancel", order_id })
        assert.deepStrictEqual([late.body.status, late.body.error.type], ["DEAD_LETTER", "order_not_open"])
        assert.deepStrictEqual(yield* atBroker(built), [])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "cancels, obeys the gate and the stop, and never mixes paper orders with the broker's",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* papered()
        const { below, order } = traded(built)
        const resting = { ...order, price: below }
        const first = yield* send(running, "first", resting)
        const cancelled = yield* send(running, "cancel", { account_id: "sim1", kind: "cancel", order_id: first.body.order_id })
        assert.deepInclude(cancelled.body, { status: "COMPLETED", mode: "paper" }, JSON.stringify(cancelled.body))
        const refusedField = ({ body, status }: Answer) => [status, body.errors[0].field]
        assert.deepStrictEqual(refusedField(yield* send(running, "odd", { ...resting, quantity: order.quantity + 1 })), [422, "lot_size"])
        const iceberg = { ...resting, variety: "iceberg", iceberg_legs: 2 }
        assert.deepStrictEqual(refusedField(yield* send(running, "iceberg", iceberg)), [422, "variety"])
        const real = { account_id: "sim1", kind: "cancel", order_id: "260101000000001" }
        assert.deepStrictEqual(refusedField(yield* send(running, "real", real)), [422, "order_id"])

        const second = yield* send(running, "second", resting)
        const killed = yield* ask(running, "/accounts/sim1/kill", { method: "POST", body: { reason: "drill" } })
        // On a busy machine the answer comes before all is cancelled, or before the orders are read.
        const { accounts_unread, cancelled: atOnce, not_cancelled } = killed.body
        if (accounts_unread.length === 0) assert.deepStrictEqual([...atOnce, ...not_cancelled], [second.body.order_id])
        assert.deepStrictEqual(refusedField(yield* send(running, "stopped", resting)), [422, "kill_switch"])
        const statuses = Effect.map(kept(built), ({ orders }) => orders.map(({ order }) => order.status).join())
        yield* eventually("both orders are cancelled", statuses, (all) => all === "CANCELLED,CANCELLED")
        const path = "/accounts/sim1/kill/release"
        const { release_token } = (yield* ask(running, path, { method: "POST", body: {} })).body
        yield* ask(running, path, { method: "POST", body: { release_token } })

        // A paper order that works stays one when the account becomes live, and a paper task is not retried as a real one.
        const third = yield* send(running, "third", resting)
        const dead = yield* send(running, "dead", { account_id: "sim1", kind: "cancel", order_id: second.body.order_id })
        assert.strictEqual(dead.body.status, "DEAD_LETTER", JSON.stringify(dead.body))
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
        const retried = yield* ask(running, `/orders/dlq/${dead.body.task_id}/retry`, { method: "POST" })
        assert.strictEqual(retried.status, 409, JSON.stringify(retried.body))
        const ended = yield* send(running, "ended", { account_id: "sim1", kind: "cancel", order_id: third.body.order_id })
        assert.deepInclude(ended.body, { status: "COMPLETED", mode: "paper" }, JSON.stringify(ended.body))
        assert.deepStrictEqual(yield* atBroker(built), [])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "blocks the premium of an order that waits, pays it at the fill, and refuses what its cash does not pay",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* papered("CE")
        const { above, below, order } = traded(built, "CE")
        const funds = Effect.map(ask(running, "/accounts/sim1/funds"), ({ body: { charges, equity } }) => ({
          charges,
          cash: equity.available.cash,
          left: equity.net,
          premium: equity.utilised.option_premium
        }))
        const premiumOf = (price: string) => new Money.Decimal(price).times(order.quantity)
        const cash = new Money.Decimal(1_000_000)
        const rests = yield* send(running, "rests", { ...order, price: below })
        assert.strictEqual(rests.body.status, "COMPLETED", JSON.stringify(rests.body))
        const blocked = premiumOf(below)
        assert.deepStrictEqual(yield* funds, {
          charges: "0",
          cash: Money.format(cash),
          left: Money.format(cash.minus(blocked)),
          premium: Money.format(blocked)
        })

        // All the cash that is left, and one rupee of price more than that.
        const tooMuch = Money.format(cash.minus(blocked).div(order.quantity).floor().plus(1))
        const refused = yield* send(running, "refused", { ...order, price: tooMuch })
        const { error, status } = refused.body
        assert.deepStrictEqual([status, error.type], ["DEAD_LETTER", "MarginException"], JSON.stringify(refused.body))
        const [required, available] = [premiumOf(tooMuch), cash.minus(blocked)].map((it) => it.toFixed(2))
        assert.strictEqual(
          error.message,
          `Insufficient funds. Required margin is ${required} but available margin is ${available}. Check the orderbook for open orders.`
        )
        const { order_id } = rests.body
        const raise = { account_id: "sim1", kind: "modify", order_id, price: Money.format(cash.div(order.quantity).floor().plus(1)) }
        const raised = yield* send(running, "raise", raise)
        assert.deepStrictEqual([raised.body.status, raised.body.error.type], ["DEAD_LETTER", "MarginException"])
        const less = yield* send(running, "less", { ...raise, quantity: order.quantity, price: below })
        assert.strictEqual(less.body.status, "COMPLETED", JSON.stringify(less.body))

        const bought = yield* send(running, "bought", { ...order, price: above })
        assert.strictEqual(bought.body.status, "COMPLETED", JSON.stringify(bought.body))
        yield* eventually("the fill", kept(built), ({ orders }) => orders.some((it) => it.order.status === "COMPLETE"))
        const { trades } = yield* kept(built)
        const paid = trades.reduce((sum, { price, quantity }) => sum + price * quantity, 0) / 100
        const after = yield* funds
        assert.strictEqual(after.cash, Money.format(cash.minus(paid).minus(after.charges)))
        assert.strictEqual(after.premium, Money.format(blocked))
        const cancelled = yield* send(running, "cancel", { account_id: "sim1", kind: "cancel", order_id })
        assert.strictEqual(cancelled.body.status, "COMPLETED", JSON.stringify(cancelled.body))
        assert.deepInclude(yield* funds, { premium: "0", left: after.cash })
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
