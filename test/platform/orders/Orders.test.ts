import { assert, describe, it } from "@effect/vitest"
import { type Context, Effect, Layer, Schema } from "effect"
import { WebSocket } from "ws"
import * as Steps from "../../../src/actors/orders/Steps.ts"
import * as Client from "../../../src/client/Client.ts"
import { OrderStreamMessage } from "../../../src/contract/sockets/SocketMessages.ts"
import { login } from "../../simulator/SimulatorWorld.ts"
import { future, order } from "../accounts/LiveAccount.ts"
import {
  type Answer,
  ask,
  eventually,
  natsClient,
  orderTimes,
  type Running,
  readAll,
  socket,
  soonParked,
  start,
  token,
  type World,
  world
} from "../PlatformWorld.ts"
import { atBroker, send } from "./PaperWorld.ts"

const timeoutMs = 300_000

const traded = (it: World) => order(it, "BUY", future(it).bid)

/** A platform whose account sim1 is live. */
const liveWith = (more: Record<string, string>) =>
  Effect.gen(function* () {
    const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, { ...orderTimes, ...more })
    const running = yield* start(built.config)
    const set = yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
    assert.strictEqual(set.status, 200, JSON.stringify(set.body))
    return { built, running }
  })
const live = liveWith({})

/** The breaker's metrics of sim1. They count all platforms of this process. */
const counts = (running: Running) =>
  Effect.map(ask(running, "/metrics"), ({ body }) => {
    const of = (name: string) => Number(new RegExp(`${name}(?:_total)?\\{[^}]*account="sim1"[^}]*\\} (\\d+)`).exec(body)?.[1] ?? 0)
    return { opens: of("circuit_breaker_opens"), closes: of("circuit_breaker_closes"), state: of("order_breaker_state") }
  })

/** Sends an order without waiting for its end. */
const post = (running: Running, key: string, body: object) =>
  ask(running, "/orders", { method: "POST", body, headers: { "idempotency-key": key } })

const outcomes = ({ body }: Answer): ReadonlyArray<string> =>
  body.attempts.map((it: { outcome: string; http_status: number | null }) => `${it.outcome} ${it.http_status}`)

/** The broker's own orders, asked for after the platform has stopped: a new sign-in ends the platform's. */
const ordersOf = ({ simulator }: World) =>
  Effect.gen(function* () {
    const account = { accountId: "sim1", apiKey: "key-sim1", apiSecret: "secret-sim1", userId: "SIM1" }
    const { accessToken } = yield* login(simulator.url, account)
    const response = yield* Effect.promise(() =>
      fetch(`${simulator.url}/orders`, { headers: { authorization: `token ${account.apiKey}:${accessToken}`, "x-kite-version": "3" } })
    )
    const { data } = yield* Effect.promise(
      () => response.json() as Promise<{ data: ReadonlyArray<{ tag: string | null; status: string }> }>
    )
    return data
  })

describe("orders, end to end", () => {
  it.live(
    "TC-ORD-001 TC-ORD-004 an order is placed once, and its key returns the first result, also after a restart",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const order = traded(built)
        const first = yield* send(running, "k1", order)
        assert.strictEqual(first.status, 202, JSON.stringify(first.body))
        assert.strictEqual(first.body.status, "COMPLETED")
        assert.isString(first.body.order_id)
        const again = yield* send(running, "k1", order)
        assert.deepStrictEqual([again.status, again.body], [200, first.body])
        assert.deepStrictEqual(
          (yield* atBroker(built)).map(({ order_id, tag }) => ({ order_id, tag })),
          [{ order_id: first.body.order_id, tag: first.body.tag }],
          "one order at the broker, and its id in the result"
        )
        const nc = yield* natsClient(built.nats)
        const announced = yield* eventually(
          "its states are announced",
          Effect.map(
            readAll<{ readonly task: { readonly status: string; readonly revision: number } }>(
              nc,
              "ORD",
              `ord.evt.sim1.${first.body.task_id}`
            ),
            (all) => all.map(({ task }) => task)
          ),
          (tasks) => tasks.at(-1)?.status === "COMPLETED"
        )
        assert.strictEqual(announced[0]?.status, "PENDING")
        assert.strictEqual(new Set(announced.map(({ revision }) => revision)).size, announced.length, "each state is announced once")
        // Another instance, and both at once.
        const second = yield* start(built.config, ["gateway"])
        const there = yield* eventually("the key at another gateway", send(second, "k1", order), ({ status }) => status !== 503)
        assert.deepStrictEqual(there.body, first.body)
        const both = yield* Effect.forEach([running, second, running, second], (one) => send(one, "k2", order), {
          concurrency: "unbounded"
        })
        for (const { body } of both)
          assert.deepInclude(
            body,
            { status: "COMPLETED", task_id: both[0]?.body.task_id, order_id: both[0]?.body.order_id },
            JSON.stringify(both.map((answer) => [answer.status, answer.body]))
          )
        const other = yield* send(running, "k1", { ...order, quantity: order.quantity * 2 })
        assert.strictEqual(other.status, 409)
        yield* running.stop
        const restarted = yield* start(built.config)
        const after = yield* eventually("the key after a restart", send(restarted, "k1", order), ({ status }) => status !== 503)
        assert.deepStrictEqual(after.body, first.body)
        const list = yield* ask(restarted, "/orders/tasks?account_id=sim1")
        assert.strictEqual(list.body.total, 2)
        assert.sameMembers(
          (yield* atBroker(built)).map(({ order_id }) => order_id),
          [first.body.order_id, both[0]?.body.order_id],
          "one order at the broker for each key"
        )
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "an order whose rules take longer than the self-fence allows is sent at once, because the fence begins with the attempt",
    () =>
      Effect.gen(function* () {
        const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, orderTimes)
        // Longer than ORDER_SEND_DELAY_MAX, as if Postgres or the broker answered slowly.
        const slow: Context.Tag.Service<typeof Steps.Steps> = (step) => (step === "gated" ? Effect.sleep("16 seconds") : Effect.void)
        const running = yield* start(built.config, undefined, Layer.succeed(Steps.Steps, slow))
        yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
        const sent = yield* send(running, "slow", traded(built))
        assert.strictEqual(sent.body.status, "COMPLETED", JSON.stringify(sent.body))
        assert.deepStrictEqual(outcomes(sent), ["done 200"])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "TC-ORD-002 TC-ERR-021 429 is tried again, and an order whose answer is lost is found in the book and not sent again",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const order = traded(built)
        built.simulator.faults.add({ kind: "too_many" })
        const retried = yield* send(running, "busy", order)
        assert.strictEqual(retried.body.status, "COMPLETED", JSON.stringify(retried.body))
        assert.deepStrictEqual(outcomes(retried), ["refused 429", "done 200"])

        built.simulator.faults.add({ kind: "drop_reply" })
        const lost = yield* send(running, "lost", order)
        assert.strictEqual(lost.body.status, "COMPLETED", JSON.stringify(lost.body))
        assert.deepStrictEqual(outcomes(lost), ["done null"])

        yield* running.stop
        const parking = yield* start({ ...built.config, ...soonParked })
        built.simulator.faults.add({ kind: "lose" })
        const parked = yield* eventually("the lost order", send(parking, "gone", order), ({ status }) => status !== 503)
        assert.strictEqual(parked.body.status, "UNKNOWN", JSON.stringify(parked.body))
        const letters = yield* ask(parking, "/orders/dlq?error=unknown_outcome")
        assert.deepStrictEqual(
          letters.body.tasks.map(({ task_id }: { task_id: string }) => task_id),
          [parked.body.task_id]
        )
        yield* parking.stop
        const orders = yield* ordersOf(built)
        const countOf = (answer: Answer) => orders.filter(({ tag }) => tag === answer.body.tag).length
        assert.deepStrictEqual([retried, lost, parked].map(countOf), [1, 1, 0])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "TC-ORD-003 TC-ORD-031 after three refusals the task is a dead letter with every attempt, listed, filtered and retried by hand",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const order = traded(built)
        built.simulator.faults.add({ kind: "too_many" }, { kind: "too_many" }, { kind: "too_many" })
        const dead = yield* send(running, "dead", order)
        assert.strictEqual(dead.body.status, "DEAD_LETTER", JSON.stringify(dead.body))
        assert.deepStrictEqual(outcomes(dead), ["refused 429", "refused 429", "refused 429"])
        assert.strictEqual((yield* ask(running, "/orders/dlq?error=no-such-error")).body.total, 0)
        const found = yield* ask(running, `/orders/dlq?error=${dead.body.error.type}`)
        assert.deepStrictEqual(found.body.tasks, [dead.body])
        const inspected = yield* ask(running, `/orders/tasks/${dead.body.task_id}`)
        assert.deepStrictEqual(inspected.body, dead.body)
        const again = yield* ask(running, `/orders/dlq/${dead.body.task_id}/retry`, { method: "POST" })
        assert.strictEqual(again.body.retries, dead.body.task_id)
        yield* eventually("the retry", ask(running, `/orders/tasks/${again.body.task_id}`), ({ body }) => body.status === "COMPLETED")

        const killed = yield* ask(running, "/accounts/sim1/kill", { method: "POST", body: { reason: "drill" } })
        assert.strictEqual(killed.body.state, "killed")
        const { at } = killed.body
        const stopped = yield* ask(running, "/accounts/sim1/kill")
        assert.deepStrictEqual(stopped.body, { account_id: "sim1", state: "killed", scope: "account", reason: "drill", at })
        const refused = yield* send(running, "stopped", order)
        assert.strictEqual(refused.status, 422)
        assert.strictEqual(refused.body.errors[0].field, "kill_switch")
        const path = "/accounts/sim1/kill/release"
        const asked = yield* ask(running, path, { method: "POST", body: {} })
        const { release_token } = asked.body
        assert.strictEqual((yield* ask(running, path, { method: "POST", body: { release_token } })).body.state, "open")
        const open = { account_id: "sim1", state: "open", scope: null, reason: null, at: null }
        assert.deepStrictEqual((yield* ask(running, "/accounts/sim1/kill")).body, open)
        assert.strictEqual((yield* ask(running, "/accounts/sim1/kill", { user: "stranger" })).status, 404)
        const stranger = yield* ask(running, "/orders/tasks", { user: "stranger" })
        assert.strictEqual(stranger.body.total, 0)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "TC-ORD-010 TC-ORD-011 TC-ERR-020 five failures open the breaker: the next order does not reach the broker and waits as RETRYING",
    () =>
      Effect.gen(function* () {
        // Longer than any machine takes for this test.
        const { built, running } = yield* liveWith({ ORDER_BREAKER_OPEN: "10 minutes" })
        const order = { ...traded(built), deadline_s: 600 }
        const failures = Array.from({ length: 5 }, () => ({ kind: "too_many" }) as const)
        built.simulator.faults.add(...failures)
        yield* send(running, "b1", order)
        yield* post(running, "b2", order)
        const blocked = yield* eventually(
          "the breaker",
          ask(running, "/orders/tasks?status=RETRYING"),
          ({ body }) => body.tasks[0]?.error?.type === "circuit_breaker"
        )
        assert.strictEqual(blocked.body.tasks[0].error.message, "Circuit breaker open")
        assert.strictEqual(blocked.body.tasks[0].attempts.length, 2)
        const marked = yield* eventually("the account's mark in /health", ask(running, "/health"), ({ body }) =>
          JSON.stringify(body.executors ?? {}).includes("no order is sent until")
        )
        assert.strictEqual(JSON.stringify(marked.body.executors).split("no order is sent until").length, 2, "only this account is marked")
        const metrics = yield* ask(running, "/metrics")
        assert.match(metrics.body, /circuit_breaker_opens(?:_total)?\{[^}]*account="sim1"[^}]*\} 1/)
        yield* post(running, "b3", order)
        // The breaker is the account's own.
        const other = yield* ask(running, "/accounts/sim2/mode", { method: "PUT", body: { mode: "live", confirm: "sim2" } })
        assert.strictEqual(other.status, 200, JSON.stringify(other.body))
        const elsewhere = yield* send(running, "b4", { ...order, account_id: "sim2" })
        assert.strictEqual(elsewhere.body.status, "COMPLETED", JSON.stringify(elsewhere.body))
        yield* running.stop
        // All five faults were met, and a sixth request would have been an order.
        assert.deepStrictEqual([built.simulator.faults.applied().too_many, yield* ordersOf(built)], [5, []])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "TC-ORD-012 TC-ORD-014 TC-ORD-015 after its time the breaker tries one order: a failure opens it again, a success closes it, and both are counted",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* liveWith({ ORDER_BREAKER_OPEN: "3 seconds" })
        const order = { ...traded(built), deadline_s: 600 }
        const before = yield* counts(running)
        const failures = Array.from({ length: 6 }, () => ({ kind: "too_many" }) as const)
        built.simulator.faults.add(...failures)
        const first = yield* send(running, "b1", order)
        assert.deepStrictEqual(outcomes(first), ["refused 429", "refused 429", "refused 429"], JSON.stringify(first.body))
        // The fifth failure opens it. The sixth is that of the order that is let through after it.
        const second = yield* send(running, "b2", order)
        assert.deepStrictEqual(outcomes(second), ["refused 429", "refused 429", "refused 429"], JSON.stringify(second.body))
        const third = yield* send(running, "b3", order)
        assert.deepStrictEqual([third.body.status, outcomes(third)], ["COMPLETED", ["done 200"]], JSON.stringify(third.body))
        const after = yield* counts(running)
        assert.deepStrictEqual([after.opens - before.opens, after.closes - before.closes, after.state], [2, 1, 0])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a stop cancels the open orders at the broker, once each, and allows a cancellation while it lasts",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const order = traded(built)
        // Far below the market, so that they stay open.
        const price = String(Math.round(Number(order.price) * 0.98))
        const open = yield* Effect.forEach(["o1", "o2"], (key, at) =>
          send(running, key, { ...order, price, quantity: order.quantity * (at + 1) })
        )
        assert.deepStrictEqual(
          open.map(({ body }) => body.status),
          ["COMPLETED", "COMPLETED"],
          JSON.stringify(open)
        )
        const ids = open.map(({ body }) => body.order_id)
        const killed = yield* ask(running, "/accounts/sim1/kill", { method: "POST", body: { reason: "drill" } })
        assert.deepInclude(killed.body, { state: "killed", cancelled_tasks: [] })
        // On a busy machine the answer comes before all is cancelled, or before the orders are read.
        const { accounts_unread, cancelled, not_cancelled } = killed.body
        if (accounts_unread.length === 0) assert.sameMembers([...cancelled, ...not_cancelled], ids, JSON.stringify(killed.body))
        yield* eventually("the broker has cancelled both", atBroker(built), (orders) =>
          ids.every((id) => orders.some(({ order_id, status }) => order_id === id && status === "CANCELLED"))
        )
        const cancels = { account_id: "sim1", kind: "cancel", order_id: ids[0] }
        const allowed = yield* send(running, "again", cancels)
        assert.strictEqual(allowed.status, 202, JSON.stringify(allowed.body))
        yield* running.stop
        const restarted = yield* start(built.config)
        const again = yield* eventually(
          "the stop again",
          ask(restarted, "/kill", { method: "POST", body: { reason: "drill" }, role: "admin" }),
          ({ status, body }) => status === 200 && body.accounts_unread.length === 0
        )
        assert.deepStrictEqual(again.body.cancelled, [])
        const all = yield* ask(restarted, "/accounts/sim1/kill")
        assert.deepInclude(all.body, { state: "killed", scope: "all", at: again.body.at })
        const tasks = yield* ask(restarted, "/orders/tasks?account_id=sim1")
        const kinds = tasks.body.tasks.map(({ idempotency_key }: { idempotency_key: string }) => idempotency_key.split(" ")[0])
        assert.sameMembers(kinds, ["o1", "o2", "again", "kill", "kill"])
        yield* restarted.stop
        const statuses = (yield* ordersOf(built)).map(({ status }) => status)
        assert.deepStrictEqual(statuses, ["CANCELLED", "CANCELLED"])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "an iceberg order is sent in legs of whole lots, and a cover order with the trigger price of its stop",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const whole = traded(built)
        const iceberg = yield* send(running, "i", { ...whole, quantity: 3 * whole.quantity, variety: "iceberg", iceberg_legs: 2 })
        const trigger_price = String(Math.floor(Number(whole.price) * 0.97))
        const cover = { ...whole, product: "MIS", variety: "co", trigger_price }
        for (const [field, change] of [
          ["trigger_price", { trigger_price: undefined }],
          ["product", { product: "NRML" }],
          ["order_type", { order_type: "SL" }]
        ] as const) {
          const refused = yield* send(running, field, { ...cover, ...change })
          assert.deepStrictEqual([refused.status, refused.body.errors[0].field], [422, field])
        }
        const covered = yield* send(running, "c", cover)
        for (const { body } of [iceberg, covered]) assert.strictEqual(body.status, "COMPLETED", JSON.stringify(body))
        yield* running.stop
        const orders = (yield* ordersOf(built)) as ReadonlyArray<Record<string, unknown>>
        const byId = (id: string) => orders.find(({ order_id }) => order_id === id)
        assert.deepInclude(byId(iceberg.body.order_id)?.["meta"], {
          iceberg: {
            leg: 1,
            legs: 2,
            leg_quantity: 2 * whole.quantity,
            total_quantity: 3 * whole.quantity,
            remaining_quantity: whole.quantity
          }
        })
        assert.deepInclude(byId(covered.body.order_id), { variety: "co", product: "MIS", quantity: whole.quantity })
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a basket is sent in its order once, and its first failure stops the rest",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { account_id, kind: _kind, ...order } = traded(built)
        const sendAll = (key: string, orders: ReadonlyArray<object>, on_failure = "stop") =>
          ask(running, "/orders/basket", { method: "POST", headers: { "idempotency-key": key }, body: { account_id, orders, on_failure } })
        const orders = [1, 2, 3].map((lots) => ({ ...order, quantity: order.quantity * lots }))
        const tasksOf = (basket: Answer) =>
          Effect.map(ask(running, "/orders/tasks?account_id=sim1&limit=100"), ({ body }) =>
            body.tasks
              .filter((it: { basket_id: string | null }) => it.basket_id === basket.body.basket_id)
              .toSorted((a: { task_id: string }, b: { task_id: string }) => Number(a.task_id) - Number(b.task_id))
          )
        const ended = (basket: Answer) =>
          eventually("the end of the basket", tasksOf(basket), (tasks) =>
            tasks.every(({ status }: { status: string }) => ["COMPLETED", "DEAD_LETTER", "CANCELLED"].includes(status))
          )
        const basket = yield* sendAll("b", orders)
        assert.strictEqual(basket.status, 202, JSON.stringify(basket.body))
        const placed = yield* ended(basket)
        assert.deepStrictEqual(
          placed.map(({ status }: { status: string }) => status),
          ["COMPLETED", "COMPLETED", "COMPLETED"]
        )
        const sentAt = placed.map((it: { attempts: ReadonlyArray<{ started_at: string }> }) => it.attempts[0]?.started_at)
        assert.deepStrictEqual(sentAt, sentAt.toSorted())
        const again = yield* sendAll("b", orders)
        assert.deepStrictEqual([again.status, again.body.basket_id, again.body.tasks.length], [200, basket.body.basket_id, 3])
        assert.strictEqual((yield* sendAll("b", orders.slice(1))).status, 409)
        assert.strictEqual((yield* sendAll("c", orders, "undo")).status, 422)
        const odd = yield* sendAll("c", [order, { ...order, quantity: order.quantity + 1 }])
        assert.deepStrictEqual([odd.status, odd.body.errors[0].field], [422, "orders.1.lot_size"])

        const uncuttable = { ...order, variety: "iceberg", iceberg_legs: 2 }
        const legs = yield* sendAll("l", [order, uncuttable])
        assert.deepStrictEqual([legs.status, legs.body.errors[0].field], [422, "orders.1.iceberg_legs"])

        // The broker refuses stops as iceberg orders.
        const iceberg = { ...uncuttable, quantity: 2 * order.quantity, order_type: "SL", trigger_price: order.price }
        const failing = yield* sendAll("f", [order, iceberg, order])
        const stopped = yield* ended(failing)
        assert.deepStrictEqual(
          stopped.map(({ status, error }: { status: string; error: { type: string } | null }) => [status, error?.type]),
          [
            ["COMPLETED", undefined],
            ["DEAD_LETTER", "InputException"],
            ["CANCELLED", "basket_stopped"]
          ]
        )
        yield* running.stop
        assert.lengthOf(yield* ordersOf(built), 4)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "an order above the freeze quantity is sliced into orders of their own, once under its key, and the first failure stops the rest",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const order = traded(built)
        // Three slices of every freeze quantity that the exchange has had for NIFTY.
        const whole = { ...order, quantity: order.quantity * 60, slice: true }
        const { slice: _, ...uncut } = whole
        const sent = yield* send(running, "cut", whole)
        assert.strictEqual(sent.status, 202, JSON.stringify(sent.body))
        const { slices, ...first } = sent.body
        assert.deepStrictEqual(slices[0], first)
        const quantities = slices.map(({ request }: { request: { quantity: number } }) => request.quantity)
        assert.isAbove(quantities.length, 1)
        assert.strictEqual(
          quantities.reduce((sum: number, quantity: number) => sum + quantity, 0),
          whole.quantity
        )
        assert.isTrue(quantities.every((quantity: number) => quantity % order.quantity === 0))
        assert.isTrue(slices.every(({ status }: { status: string }) => status === "COMPLETED"))
        assert.deepStrictEqual((yield* send(running, "cut", whole)).body, sent.body)
        assert.strictEqual((yield* send(running, "cut", uncut)).status, 409)
        const iceberg = yield* send(running, "odd", { ...whole, variety: "iceberg", iceberg_legs: 2 })
        assert.deepStrictEqual([iceberg.status, iceberg.body.errors[0].field], [422, "slice"])
        const limits = { max_order_value: 1, max_position_lots: null, max_daily_loss: null, max_orders_per_day: null }
        const more = { ...limits, price_band_percent: null, duplicate_window_s: null }
        yield* ask(running, "/accounts/sim1/limits", { method: "PUT", body: more })
        const large = yield* send(running, "large", whole)
        assert.deepStrictEqual([large.status, large.body.errors[0].field], [422, "max_value"], "the limit holds for the whole")
        yield* ask(running, "/accounts/sim1/limits", { method: "PUT", body: { ...more, max_order_value: null } })

        built.simulator.faults.add({ kind: "too_many" }, { kind: "too_many" }, { kind: "too_many" })
        const failed = yield* send(running, "fails", whole)
        assert.deepStrictEqual(
          failed.body.slices.map(({ error, status }: { status: string; error: { type: string } }) => [
            status,
            error.type === "basket_stopped"
          ]),
          quantities.map((_quantity: number, at: number) => (at === 0 ? ["DEAD_LETTER", false] : ["CANCELLED", true]))
        )
        yield* running.stop
        const orders = yield* ordersOf(built)
        assert.lengthOf(orders, quantities.length)
        assert.strictEqual(new Set(orders.map(({ tag }) => tag)).size, quantities.length)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "/orders/stream sends every change of the caller's accounts once, and continues behind a position, also at a new gateway",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        // The typed client subscribes first. So it gets everything that the socket gets, also a late event of the switch to live.
        const client = Client.make({ url: running.url, token: yield* token(), WebSocket })
        const gathered: Array<Client.OrderEvent> = []
        const stream = client.orders({ items: ["sim1"], onEvent: (event) => gathered.push(event) })
        yield* Effect.addFinalizer(() => Effect.sync(stream.close))
        yield* eventually(
          "the client's subscription",
          Effect.sync(() => gathered),
          (all) => all.some(({ type }) => type === "subscribed")
        )
        const first = yield* socket(running, "/orders/stream")
        first.send({ action: "subscribe", account_ids: ["sim1", "nobody"] })
        yield* eventually(
          "the subscription",
          Effect.sync(() => first.received),
          (all) => all.some(({ type }) => type === "subscribed")
        )
        const refused = first.received.find(({ type }) => type === "error")
        assert.deepStrictEqual([refused.code, refused.account_ids], ["not_found", ["nobody"]])
        yield* send(running, "s1", traded(built))
        yield* ask(running, "/accounts/sim1/kill", { method: "POST", body: { reason: "drill" } })
        const dataOf = (all: ReadonlyArray<{ seq: number; epoch: number; type: string }>) =>
          all.filter(({ type }) => /^(task|order|alert)$/.test(type))
        const isKill = ({ data }: { data?: { kind?: string } }) => data?.kind === "killed"
        const isOrder = ({ type }: { type: string }) => type === "order"
        yield* eventually(
          "the order and the stop",
          Effect.sync(() => first.received),
          (all) => all.some(isKill) && all.some(isOrder)
        )
        const live1 = dataOf(first.received)
        const statuses = first.received.filter(({ type }) => type === "task").map(({ data }) => data.status)
        assert.deepStrictEqual(statuses.slice(0, 3), ["PENDING", "RUNNING", "COMPLETED"])
        for (const message of first.received) Schema.decodeUnknownSync(OrderStreamMessage)(message)
        const placesOf = (all: ReadonlyArray<object>) => all.flatMap((one) => ("data" in one && "seq" in one ? [one.seq] : []))
        yield* eventually(
          "the client's events",
          Effect.sync(() => placesOf(gathered)),
          (all) => placesOf(live1).every((seq) => all.includes(seq))
        )
        assert.isFalse(gathered.some(({ type }) => type === "unreadable"))

        yield* running.stop
        const restarted = yield* start(built.config)
        const [position, ...missed] = live1
        const since = { epoch: position?.epoch, seq: position?.seq }
        const again = yield* socket(restarted, "/orders/stream")
        again.send({ action: "subscribe", account_ids: ["sim1"], since })
        const seen = yield* eventually(
          "what was missed",
          Effect.sync(() => dataOf(again.received)),
          (all) => all.length >= missed.length
        )
        assert.deepStrictEqual(seen.slice(0, missed.length), missed)
        const other = yield* socket(restarted, "/orders/stream")
        other.send({ action: "subscribe", account_ids: ["sim1"], since: { epoch: 1, seq: 7 } })
        const gaps = yield* eventually(
          "the gap",
          Effect.sync(() => other.received.filter(({ type }) => type === "gap")),
          (all) => all.length > 0
        )
        assert.deepInclude(gaps[0], { epoch: position?.epoch, from: 1, to: 0 })
        const stranger = yield* socket(restarted, "/orders/stream", "stranger")
        stranger.send({ action: "subscribe", account_ids: ["sim1"] })
        yield* eventually(
          "the refusal",
          Effect.sync(() => stranger.received),
          (all) => all.some(({ code }) => code === "not_found")
        )
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "an order that could exceed the limit of lots is not sent, by the broker's positions and open orders",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const order = traded(built)
        const limits = {
          max_order_value: null,
          max_position_lots: 1,
          max_daily_loss: null,
          max_orders_per_day: null,
          price_band_percent: null,
          duplicate_window_s: null
        }
        const set = yield* ask(running, "/accounts/sim1/limits", { method: "PUT", body: limits })
        assert.strictEqual(set.body.max_position_lots, 1, JSON.stringify(set.body))
        const sent = yield* Effect.forEach([{ ...order, quantity: order.quantity * 2 }, order, order], (it, at) =>
          send(running, `lots ${at}`, it)
        )
        assert.deepStrictEqual(
          sent.map(({ body }) => [body.status, body.error?.type]),
          [
            ["DEAD_LETTER", "position_limit"],
            ["COMPLETED", undefined],
            ["DEAD_LETTER", "position_limit"]
          ]
        )
        yield* running.stop
        assert.lengthOf(yield* ordersOf(built), 1)
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
