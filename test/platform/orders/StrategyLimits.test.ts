import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Quantities from "../../../src/domain/rules/Quantities.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as NoLimits from "../../gateway/NoLimits.ts"
import { type Answer, ask, eventually, orderTimes, type Running, socket, start, world } from "../PlatformWorld.ts"
import { atBroker, kept, lostFills, send, streamed, traded } from "./PaperWorld.ts"

const timeoutMs = 300_000
const create = (running: Running) =>
  Effect.map(ask(running, "/strategies", { method: "POST", body: { name: "limited" } }), ({ body }) => Number(body.strategy_id))
const limit = (running: Running, id: number, body: object) => ask(running, `/strategies/${id}/limits`, { method: "PUT", body })
const limitsOf = (running: Running, id: number) => ask(running, `/strategies/${id}/limits`)
const rulesOf = ({ body }: Answer) => (body.errors ?? []).map(({ field }: { field: string }) => field)
const lose = (running: Running, id: number, fills: ReturnType<typeof lostFills>) =>
  ask(running, `/strategies/${id}/fills`, { method: "POST", body: { fills } })
const held = (running: Running, id: number, wanted: number) =>
  eventually(`the strategy holds ${wanted}`, ask(running, `/strategies/${id}/pnl`), ({ body }) =>
    body.instruments?.some(({ net_quantity }: { net_quantity: number }) => net_quantity === wanted)
  )
const stopped = (running: Running, id: number) => eventually("the stop", limitsOf(running, id), ({ body }) => body.state === "stopped")
const squared = (running: Running, id: number) =>
  eventually("the positions are closed", limitsOf(running, id), ({ body }) => body.stop?.square_offs[0]?.status === "done")

describe("limits of a strategy, end to end", () => {
  it.live(
    "a loss cancels the open order of a live account's strategy, closes its position by slices, and needs a release",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, orderTimes)
        const running = yield* start(built.config)
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
        const { above, near, order } = traded(built)
        const instrument = built.simulator.market.instruments.find((it) => it.tradingsymbol === order.tradingsymbol)
        const today = IndiaTime.istDate(Date.now())
        const freeze = Quantities.freezeQuantity(shipped, order.exchange, instrument?.name ?? "", today)
        const largest =
          freeze._tag === "Right" && freeze.right !== null ? Math.floor(freeze.right.quantity / order.quantity) * order.quantity : 0
        assert.isAbove(largest, 0)
        const events = yield* socket(running, "/orders/stream")
        events.send({ action: "subscribe", account_ids: ["sim1"] })

        const id = yield* create(running)
        const other = yield* create(running)
        yield* limit(running, id, { ...NoLimits.ofStrategy, max_loss: "100000000", action: "square_off" })
        const all = largest + order.quantity
        const bought = yield* send(running, "in", { ...order, price: above, quantity: all, slice: true, strategy_id: id })
        assert.strictEqual(bought.body.slices?.length, 2, JSON.stringify(bought.body))
        yield* send(running, "of another strategy", { ...order, price: above, strategy_id: other })
        yield* send(running, "rests", { ...order, price: near, strategy_id: id })
        yield* held(running, id, all)
        yield* lose(running, id, lostFills(built, 100_000_000))
        yield* stopped(running, id)
        const { body } = yield* squared(running, id)
        assert.deepInclude(body.stop, { action: "square_off", max_loss: "100000000" })
        assert.deepInclude(body.stop.square_offs[0], { account_id: "sim1", mode: "live", rounds: 1, message: "all positions are closed" })
        const real = yield* atBroker(built)
        assert.sameDeepMembers(
          real.map(({ filled_quantity, status, transaction_type }) => [transaction_type, status, filled_quantity]),
          [
            ["BUY", "COMPLETE", largest],
            ["BUY", "COMPLETE", order.quantity],
            ["BUY", "COMPLETE", order.quantity],
            ["BUY", "CANCELLED", 0],
            ["SELL", "COMPLETE", largest],
            ["SELL", "COMPLETE", order.quantity]
          ]
        )
        yield* held(running, id, 0)
        yield* held(running, other, order.quantity)

        const again = yield* send(running, "again", { ...order, strategy_id: id })
        assert.deepStrictEqual([again.status, rulesOf(again)], [422, ["strategy_stop"]])
        assert.strictEqual((yield* ask(running, `/strategies/${id}/limits`, { method: "DELETE" })).status, 409)
        const told = () => events.received.flatMap(({ data }) => (data?.kind === "strategy_stop" ? [data.message] : []))
        const done = `strategy ${id}: its positions were closed`
        yield* eventually("the events of the stop", Effect.sync(told), (all) => all.includes(done))
        assert.deepStrictEqual(told(), [`strategy ${id} is stopped: ${body.stop.reason}`, done])

        yield* limit(running, id, { ...NoLimits.ofStrategy, max_loss: "200000000" })
        const released = yield* ask(running, `/strategies/${id}/limits/release`, { method: "POST" })
        assert.deepInclude(released.body, { state: "open", stop: null, max_loss: "200000000", action: "block" })
        const after = yield* send(running, "after", { ...order, price: above, strategy_id: id })
        assert.strictEqual(after.body.status, "COMPLETED", JSON.stringify(after.body))
        assert.strictEqual((yield* ask(running, `/strategies/${id}/limits/release`, { method: "POST" })).status, 409)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "on paper, the action block lets only orders pass that lower a position, and lots and orders are limited",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 })
        const running = yield* start(built.config)
        const { above, below, near, order, token } = traded(built)
        yield* streamed(running, token)
        const id = yield* create(running)
        yield* limit(running, id, { ...NoLimits.ofStrategy, max_position_lots: 2, max_orders_per_day: 3 })
        const own = { ...order, strategy_id: id }
        assert.strictEqual((yield* send(running, "1", { ...own, price: above })).body.status, "COMPLETED")
        assert.strictEqual((yield* send(running, "2", { ...own, price: near })).body.status, "COMPLETED")
        const third = yield* send(running, "3", { ...own, price: above })
        assert.deepStrictEqual([third.status, rulesOf(third)], [422, ["strategy_position_limit"]])
        yield* limit(running, id, { ...NoLimits.ofStrategy, max_orders_per_day: 2 })
        assert.deepStrictEqual(rulesOf(yield* send(running, "4", own)), ["strategy_order_limit"])

        yield* limit(running, id, { ...NoLimits.ofStrategy, max_loss: "5000000" })
        yield* held(running, id, order.quantity)
        yield* lose(running, id, lostFills(built, 5_000_000))
        const { body } = yield* stopped(running, id)
        assert.deepStrictEqual([body.stop.action, body.stop.square_offs], ["block", []])
        assert.deepStrictEqual(rulesOf(yield* send(running, "5", own)), ["strategy_stop"])
        const closed = yield* send(running, "6", { ...own, transaction_type: "SELL", price: below })
        assert.strictEqual(closed.body.status, "COMPLETED", JSON.stringify(closed.body))
        assert.deepStrictEqual(rulesOf(yield* send(running, "7", { ...own, transaction_type: "SELL", price: below })), ["strategy_stop"])
        assert.lengthOf((yield* kept(built)).orders, 3)
        assert.deepStrictEqual(yield* atBroker(built), [])
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
