import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, ask, eventually, orderTimes, type Running, socket, soonParked, start, type World, world } from "../PlatformWorld.ts"
import { patient } from "./OrderTasks.ts"
import { atBroker, kept, traded, unstreamed } from "./PaperWorld.ts"

const timeoutMs = 300_000

/** A basket of the market's future: what trades at once, what rests, and what is to fail. */
const legsOf = (built: World) => {
  const { above, near, order } = traded(built)
  const { account_id, kind: _kind, ...terms } = order
  const leg = { ...terms, ...patient }
  return { account_id, fills: { ...leg, price: above }, rests: { ...leg, price: near } }
}
const send = (running: Running, key: string, account_id: string, orders: ReadonlyArray<object>, on_failure = "compensate") =>
  ask(running, "/orders/basket", { method: "POST", headers: { "idempotency-key": key }, body: { account_id, orders, on_failure } })
const settled = (running: Running, basket: Answer) =>
  eventually("the end of the compensation", ask(running, `/orders/basket/${basket.body.basket_id}`), ({ body }) =>
    ["not_needed", "done", "incomplete"].includes(body.compensation?.status)
  )
interface LegText {
  readonly state: string
  readonly filled_quantity: number | null
  readonly message: string | null
  readonly tasks: ReadonlyArray<{ readonly status: string; readonly kind: string; readonly mode: string }>
}
const legs = ({ body }: Answer): ReadonlyArray<LegText> => body.compensation.legs

describe("a basket that is taken back when it fails, end to end", () => {
  it.live(
    "a live account closes what was traded, cancels what is open, and says what became of each order",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, orderTimes)
        const running = yield* start(built.config)
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
        const { account_id, fills, rests } = legsOf(built)
        const events = yield* socket(running, "/orders/stream")
        events.send({ action: "subscribe", account_ids: ["sim1"] })
        const odd = yield* send(running, "odd", account_id, [fills, { ...fills, variety: "iceberg", iceberg_legs: 2 }])
        assert.deepStrictEqual([odd.status, odd.body.errors[0].field], [422, "orders.1.variety"])

        // The first two are carried out as always; the third is refused as often as it is tried.
        const asAlways = { kind: "slow", afterMs: 0 } as const
        const refused = { kind: "too_many" } as const
        built.simulator.faults.add(asAlways, asAlways, refused, refused, refused)
        const orders = [fills, rests, fills, fills]
        const sent = yield* send(running, "back", account_id, orders)
        assert.strictEqual(sent.status, 202, JSON.stringify(sent.body))
        assert.deepInclude(sent.body, { on_failure: "compensate", compensation: { status: "open", failed_at: null, legs: [] } })
        const done = yield* settled(running, sent)
        assert.strictEqual(done.body.compensation.status, "done", JSON.stringify(done.body.compensation))
        assert.deepStrictEqual(
          legs(done).map(({ filled_quantity, state, tasks }) => [state, filled_quantity, tasks.map((it) => `${it.kind} ${it.status}`)]),
          [
            ["undone", fills.quantity, ["place COMPLETED"]],
            ["undone", 0, ["cancel COMPLETED"]],
            ["not_placed", 0, []],
            ["not_placed", 0, []]
          ]
        )
        const again = yield* send(running, "back", account_id, orders)
        assert.deepStrictEqual(again, done)
        assert.strictEqual((yield* ask(running, `/orders/basket/${sent.body.basket_id}`, { user: "stranger" })).status, 404)
        const real = yield* atBroker(built)
        assert.sameDeepMembers(
          real.map(({ filled_quantity, status, transaction_type }) => [transaction_type, status, filled_quantity]),
          [
            ["BUY", "COMPLETE", fills.quantity],
            ["BUY", "CANCELLED", 0],
            ["SELL", "COMPLETE", fills.quantity]
          ]
        )
        const told = yield* eventually(
          "the events of the compensation",
          Effect.sync(() => events.received.filter(({ data }) => data?.kind === "compensation").map(({ data }) => data.message)),
          (all) => all.length >= 2
        )
        assert.deepStrictEqual(told, [
          `basket ${sent.body.basket_id}: it failed, and its orders are taken back`,
          `basket ${sent.body.basket_id}: it failed, and all its orders were taken back`
        ])

        const all = yield* send(running, "all", account_id, [fills])
        assert.deepInclude((yield* settled(running, all)).body.compensation, { status: "not_needed", legs: [] })
        const stopped = yield* send(running, "stops", account_id, [rests], "stop")
        assert.deepInclude(stopped.body, { on_failure: "stop", compensation: null })

        // Nobody knows whether the second order was placed, so that nothing is sent for it.
        yield* running.stop
        const parking = yield* start({ ...built.config, ...soonParked })
        built.simulator.faults.add(asAlways, { kind: "lose" })
        const lost = yield* eventually("the basket", send(parking, "lost", account_id, [fills, fills]), ({ status }) => status !== 503)
        const incomplete = yield* settled(parking, lost)
        assert.strictEqual(incomplete.body.compensation.status, "incomplete", JSON.stringify(incomplete.body.compensation))
        assert.deepStrictEqual(
          legs(incomplete).map(({ state, tasks }) => [state, tasks.length]),
          [
            ["undone", 1],
            ["unknown", 0]
          ]
        )
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a paper account does the same, and its own limits keep no position open",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 })
        const running = yield* start(built.config)
        const { account_id, fills, rests } = legsOf(built)
        const { token } = traded(built)
        yield* ask(running, "/subscriptions", { method: "POST", body: { instrument_token: token, requested_mode: "FULL" } })
        yield* eventually("an order book", ask(running, `/depth/${token}`), ({ body, status }) => status === 200 && body.asks.length > 0)
        const fails = { ...fills, ...unstreamed(built) }
        const done = yield* settled(running, yield* send(running, "back", account_id, [fills, rests, fails]))
        assert.strictEqual(done.body.compensation.status, "done", JSON.stringify(done.body.compensation))
        assert.deepStrictEqual(
          legs(done).map(({ state, tasks }) => [state, tasks.map(({ kind, mode }) => `${kind} ${mode}`)]),
          [
            ["undone", ["place paper"]],
            ["undone", ["cancel paper"]],
            ["not_placed", []]
          ]
        )
        const { trades } = yield* kept(built)
        const net = trades.reduce((sum, { quantity, side }) => sum + (side === "BUY" ? quantity : -quantity), 0)
        assert.deepStrictEqual([net, trades.length > 1], [0, true])

        // The account's own limit of a day lets two more orders pass, and the third closes the first.
        const { tasks } = (yield* ask(running, "/orders/tasks?account_id=sim1&limit=100")).body
        const sent = tasks.reduce((sum: number, { attempts }: { attempts: ReadonlyArray<unknown> }) => sum + attempts.length, 0)
        const none = {
          max_order_value: null,
          max_position_lots: null,
          max_daily_loss: null,
          price_band_percent: null,
          duplicate_window_s: null
        }
        yield* ask(running, "/accounts/sim1/limits", { method: "PUT", body: { ...none, max_orders_per_day: sent + 2 } })
        const limited = yield* settled(running, yield* send(running, "limited", account_id, [fills, fails]))
        assert.strictEqual(limited.body.compensation.status, "done", JSON.stringify(limited.body.compensation))
        const onlyMore = yield* send(running, "more", account_id, [fills])
        assert.deepStrictEqual([onlyMore.status, onlyMore.body.errors[0].field], [422, "orders.0.rate_limit"])
        assert.deepStrictEqual(yield* atBroker(built), [])
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
