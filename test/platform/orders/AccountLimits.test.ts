import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as NoLimits from "../../gateway/NoLimits.ts"
import { login } from "../../simulator/SimulatorWorld.ts"
import { ask, eventually, orderTimes, type Running, simulatorAccount, socket, start, world } from "../PlatformWorld.ts"
import { atBroker, inDatabase, kept, send, streamed, traded } from "./PaperWorld.ts"

const timeoutMs = 300_000
const limits = "/accounts/sim1/limits"
const limit = (running: Running, body: object) => ask(running, limits, { method: "PUT", body: { ...NoLimits.ofAccount, ...body } })
const release = (running: Running, body: object) => ask(running, `${limits}/release`, { method: "POST", body })
const stopped = (running: Running) => eventually("the stop", ask(running, limits), ({ body }) => body.state === "stopped")
const squared = (running: Running) =>
  eventually("the positions are closed", ask(running, limits), ({ body }) => body.stop?.square_off?.status === "done")
/** The trade that an order's report is made of, so large that its charges alone exceed any loss of the test. */
const dearTrade = {
  trade_id: "dear",
  order_id: "dear",
  exchange_order_id: null,
  exchange: "NSE",
  tradingsymbol: "INFY",
  instrument_token: 408_065,
  product: "MIS",
  average_price: "1500",
  quantity: 100_000_000,
  transaction_type: "SELL",
  order_timestamp: null,
  exchange_timestamp: null
}

describe("limits of an account, end to end", () => {
  it.live(
    "a loss of the day cancels every open order of a live account, closes what it holds wherever it was bought, and needs a release",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, orderTimes)
        const running = yield* start(built.config)
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
        const { above, near, order } = traded(built)
        const events = yield* socket(running, "/orders/stream")
        events.send({ action: "subscribe", account_ids: ["sim1"] })
        assert.strictEqual((yield* send(running, "in", { ...order, price: above })).body.status, "COMPLETED")
        assert.strictEqual((yield* send(running, "rests", { ...order, price: near })).body.status, "COMPLETED")
        const { kite } = yield* login(built.simulator.url, simulatorAccount("sim1"))
        const byHand = (price: string) =>
          Effect.promise(() => {
            const { exchange, quantity, tradingsymbol } = order
            const named = { exchange, tradingsymbol, quantity, transaction_type: "BUY", product: "NRML", order_type: "LIMIT" }
            return kite.placeOrder("regular", { ...named, price: Number(price) } as never)
          })
        yield* byHand(above)
        yield* byHand(near)

        yield* limit(running, { max_daily_loss: "10000000", loss_action: "square_off" })
        yield* inDatabase(
          built,
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const now = new Date().toISOString()
            const body = JSON.stringify({ ...dearTrade, fill_timestamp: now })
            yield* sql`INSERT INTO account_trades (account_id, order_id, trade_id, seen_on, quantity, body)
              VALUES ('sim1', 'dear', 'dear', (now() AT TIME ZONE 'Asia/Kolkata')::date, 100000000, ${body}::jsonb)`
          })
        )
        yield* stopped(running)
        const { body } = yield* squared(running)
        assert.deepInclude(body.stop, { action: "square_off", max_daily_loss: "10000000" })
        assert.deepInclude(body.stop.square_off, { mode: "live", rounds: 1, message: "all positions are closed" })
        const real = yield* atBroker(built)
        assert.sameDeepMembers(
          real.map(({ filled_quantity, status, transaction_type }) => [transaction_type, status, filled_quantity]),
          [
            ["BUY", "COMPLETE", order.quantity],
            ["BUY", "COMPLETE", order.quantity],
            ["BUY", "CANCELLED", 0],
            ["BUY", "CANCELLED", 0],
            ["SELL", "COMPLETE", 2 * order.quantity]
          ]
        )
        const again = yield* send(running, "again", { ...order, price: above })
        assert.deepInclude(again.body, { status: "DEAD_LETTER" })
        assert.strictEqual(again.body.error.type, "account_stop")
        const told = () => events.received.flatMap(({ data }) => (data?.kind === "account_stop" ? [data.message] : []))
        const done = "account sim1: its positions were closed"
        yield* eventually("the events of the stop", Effect.sync(told), (all) => all.includes(done))
        assert.deepStrictEqual(told(), [`the account is stopped: ${body.stop.reason}`, done])

        yield* limit(running, {})
        const first = yield* release(running, {})
        assert.strictEqual(first.body.state, "stopped")
        assert.deepInclude((yield* release(running, { release_token: first.body.release_token })).body, { state: "open" })
        const after = yield* send(running, "after", { ...order, price: above })
        assert.strictEqual(after.body.status, "COMPLETED", JSON.stringify(after.body))
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "an order that the broker's book does not show yet counts for the limits of the account",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, orderTimes, { orderBookLagMs: 600_000 })
        const running = yield* start(built.config)
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
        const { near, order } = traded(built)
        yield* limit(running, { max_position_lots: 1 })
        assert.strictEqual((yield* send(running, "1", { ...order, price: near })).body.status, "COMPLETED")
        const second = yield* send(running, "2", { ...order, price: near })
        assert.deepStrictEqual([second.body.status, second.body.error?.type], ["DEAD_LETTER", "position_limit"])
        assert.lengthOf(yield* atBroker(built), 1)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "on paper, the action block lets only orders pass that lower a position, and all lots together are limited",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 })
        const running = yield* start(built.config)
        const { above, below, near, order, token } = traded(built)
        yield* streamed(running, token)
        const call = traded(built, "CE")
        yield* streamed(running, call.token)
        yield* limit(running, { max_total_lots: 3 })
        assert.strictEqual((yield* send(running, "1", { ...order, price: above })).body.status, "COMPLETED")
        assert.strictEqual((yield* send(running, "2", { ...order, price: near })).body.status, "COMPLETED")
        assert.strictEqual((yield* send(running, "3", { ...call.order, price: call.above })).body.status, "COMPLETED")
        const fourth = yield* send(running, "4", { ...call.order, price: call.above })
        assert.deepStrictEqual([fourth.body.status, fourth.body.error?.type], ["DEAD_LETTER", "total_limit"])
        yield* running.stop

        // What was bought for a price becomes dearer in the books of the account, so that its loss is sure.
        yield* inDatabase(
          built,
          Effect.flatMap(SqlClient.SqlClient, (sql) => sql`UPDATE paper_trades SET price = price * 2`)
        )
        const restarted = yield* start(built.config)
        yield* limit(restarted, { max_daily_loss: "1000", loss_action: "block" })
        const { body } = yield* stopped(restarted)
        assert.deepStrictEqual([body.stop.action, body.stop.square_off], ["block", null])
        const refused = yield* send(restarted, "5", { ...order, price: above })
        assert.strictEqual(refused.body.error?.type, "account_stop", JSON.stringify(refused.body))
        const closed = yield* send(restarted, "6", { ...order, transaction_type: "SELL", price: below })
        assert.strictEqual(closed.body.status, "COMPLETED", JSON.stringify(closed.body))
        const short = yield* send(restarted, "7", { ...order, transaction_type: "SELL", price: below })
        assert.strictEqual(short.body.error?.type, "account_stop", JSON.stringify(short.body))
        assert.lengthOf((yield* kept(built)).orders, 4)
        assert.deepStrictEqual(yield* atBroker(built), [])
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
