import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { NatsConnection } from "nats"
import * as KiteTime from "../../../src/domain/market/KiteTime.ts"
import { login } from "../../simulator/SimulatorWorld.ts"
import { type Answer, ask, eventually, natsClient, type Running, readAll, socket, start, type World } from "../PlatformWorld.ts"
import { account, future, held, live, order, place, type Row } from "./LiveAccount.ts"

const timeoutMs = 900_000
/** The broker's own figures. This sign-in ends the platform's, which signs in again. */
const brokerFigures = ({ simulator }: World) =>
  Effect.gen(function* () {
    const { accessToken } = yield* login(simulator.url, account)
    const headers = { authorization: `token ${account.apiKey}:${accessToken}`, "x-kite-version": "3" }
    const get = (path: string) =>
      Effect.promise(async (): Promise<Answer["body"]> => {
        const { data } = (await (await fetch(`${simulator.url}${path}`, { headers })).json()) as { data: Answer["body"] }
        return data
      })
    return {
      orders: yield* get("/orders"),
      trades: yield* get("/trades"),
      positions: yield* get("/portfolio/positions"),
      holdings: yield* get("/portfolio/holdings"),
      funds: yield* get("/user/margins")
    }
  })

/** The fields of one side that the other side has too, in the other side's form. */
const ofKite = (kite: unknown, like: unknown): unknown => {
  if (Array.isArray(like)) return (kite as ReadonlyArray<unknown>).map((one, at) => ofKite(one, like[at]))
  if (typeof like === "object" && like !== null)
    return Object.fromEntries(Object.entries(like).map(([name, value]) => [name, ofKite((kite as Row)[name], value)]))
  if (typeof like === "string" && typeof kite === "number") return String(kite)
  if (typeof like === "string" && typeof kite === "string" && KiteTime.instantMs(kite) !== null)
    return new Date(KiteTime.instantMs(kite) ?? 0).toISOString()
  return kite
}

const figures = (running: Running) =>
  Effect.gen(function* () {
    const get = (name: string) => Effect.map(ask(running, `/accounts/sim1/${name}`), ({ body }) => body)
    const { net, day } = yield* get("positions")
    const { equity, commodity } = yield* get("funds")
    return {
      orders: (yield* get("orders")).orders,
      trades: (yield* get("trades")).trades,
      positions: { net, day },
      holdings: (yield* get("holdings")).holdings,
      funds: { equity, commodity }
    }
  })

/** All five equal the broker's own figures, field by field. */
const assertReconciled = (running: Running, built: World) =>
  Effect.gen(function* () {
    const ours = yield* figures(running)
    const theirs = yield* brokerFigures(built)
    const sorted = (rows: ReadonlyArray<Row>) => rows.toSorted((a, b) => String(a["order_id"]).localeCompare(String(b["order_id"])))
    const kite = { ...theirs, orders: sorted(theirs.orders) }
    for (const name of ["orders", "trades", "holdings"] as const) assert.lengthOf(ours[name], kite[name].length, name)
    assert.lengthOf(ours.positions.net, kite.positions.net.length)
    assert.deepStrictEqual(ours, ofKite(kite, ours) as typeof ours)
    return ours
  })

/** Asks for a comparison until one is done: a busy machine may take longer than an answer waits. */
const sync = (running: Running) =>
  Effect.map(
    eventually("a comparison", ask(running, "/accounts/sim1/sync", { method: "POST" }), ({ body }) => body.state === "synced"),
    ({ body }) => body
  )

/** What comparisons with the broker have found and published. */
const differencesOf = (nats: NatsConnection) =>
  Effect.map(readAll<Row>(nats, "ORD", "acct.evt.sim1"), (all) =>
    all.flatMap(({ detail, kind }) => (kind === "difference" ? (detail as { differences: ReadonlyArray<Row> }).differences : []))
  )

const orderOf = (running: Running, id: string) =>
  Effect.map(ask(running, "/accounts/sim1/orders"), ({ body }) => body.orders?.find((it: Row) => it["order_id"] === id))

const updates = ({ simulator }: World, body: object) =>
  Effect.promise(() => fetch(`${simulator.adminUrl}/updates`, { method: "PUT", body: JSON.stringify(body) }))

const noFaults = { is_doubled: false, is_swapped: false, is_lost: false, delay_ms: 0 }

/** What the broker would post about an order. */
const postbackOf = ({ simulator }: World, id: string, secret: string) =>
  Effect.promise(async () => {
    const { data } = (await (await fetch(`${simulator.adminUrl}/orders`)).json()) as { data: ReadonlyArray<Row> }
    const { account_id: _, ...row } = data.find(({ order_id }) => order_id === id) ?? {}
    const checksum = createHash("sha256").update(`${row["order_id"]}${row["order_timestamp"]}${secret}`).digest("hex")
    return { ...row, user_id: account.userId, app_id: 1, unfilled_quantity: 0, checksum }
  })

const post = (running: Running, body: unknown): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const headers = { "content-type": "application/json" }
    const response = await fetch(`${running.url}/kite/postback`, { method: "POST", headers, body: JSON.stringify(body) })
    return { status: response.status, body: await response.json() }
  })

describe("the state of a live account, end to end", () => {
  it.live(
    "BE-SVC-06 orders, trades, positions, holdings and funds equal the broker's own figures, also after lost messages and after a restart",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { ask: askPrice, bid } = future(built)
        yield* place(running, "buys", order(built, "BUY", askPrice))
        yield* place(running, "rests", order(built, "BUY", bid))
        yield* eventually("the trade", figures(running), ({ trades }) => trades.length === 1)
        assert.deepStrictEqual((yield* sync(running)).differences, [])
        const first = yield* assertReconciled(running, built)
        assert.strictEqual(first.positions.net[0].quantity, future(built).named.quantity)
        assert.strictEqual(first.holdings[0].quantity, held.quantity)
        assert.match(first.funds.equity.net, /^\d+(\.\d+)?$/)

        yield* updates(built, { ...noFaults, is_lost: true })
        const silent = yield* place(running, "silent", order(built, "SELL", bid))
        yield* eventually("the order that no message reported", orderOf(running, silent), (it) => it?.status === "COMPLETE")
        yield* sync(running)
        yield* assertReconciled(running, built)
        yield* running.stop

        // Somebody trades elsewhere while the platform is down.
        const { kite } = yield* login(built.simulator.url, account)
        const { quantity, tradingsymbol } = future(built).named
        const elsewhere = yield* Effect.promise(() =>
          kite.placeOrder("regular", {
            exchange: future(built).named.exchange,
            tradingsymbol,
            quantity,
            transaction_type: "BUY",
            product: "NRML",
            order_type: "LIMIT",
            price: Number(askPrice)
          } as never)
        )
        const restarted = yield* start(built.config)
        yield* eventually("the order of elsewhere", orderOf(restarted, elsewhere.order_id), (it) => it?.status === "COMPLETE")
        yield* sync(restarted)
        const last = yield* assertReconciled(restarted, built)
        assert.lengthOf(last.trades, 3)
        // What the comparison at the start found is published and counted.
        const nats = yield* natsClient(built.nats)
        const found = yield* eventually("the differences", differencesOf(nats), (all) => all.length > 0)
        assert.deepInclude(found, { kind: "order", id: elsewhere.order_id, field: "status", held: null, broker: "COMPLETE" })
        const metrics = yield* ask(restarted, "/metrics")
        assert.match(metrics.body, /account_differences_total\{[^}]*kind="trade"[^}]*\} [1-9]/)
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "the broker's messages change orders and positions at once, late, doubled and swapped ones too, and /orders/stream sends them",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { ask: askPrice, bid } = future(built)
        yield* sync(running)
        const client = yield* socket(running, "/orders/stream")
        client.send({ action: "subscribe", account_ids: ["sim1"] })
        const received = Effect.sync(() => client.received)
        yield* eventually("the subscription", received, (all) => all.some(({ type }) => type === "subscribed"))
        yield* eventually(
          "the socket for orders",
          Effect.sync(() => built.simulator.stats().connections),
          (open) => open > 0
        )
        yield* updates(built, { ...noFaults, is_doubled: true, is_swapped: true })
        const filled = yield* place(running, "fills", order(built, "BUY", askPrice))
        const open = yield* place(running, "rests", order(built, "BUY", bid))
        yield* eventually("both orders", figures(running), ({ orders }) => orders.length === 2)
        assert.strictEqual((yield* orderOf(running, filled)).status, "COMPLETE")
        assert.strictEqual((yield* orderOf(running, open)).status, "OPEN")
        const all = yield* eventually("a position", received, (them) => them.some(({ type }) => type === "position"))
        const { data: position } = all.find(({ type }) => type === "position")
        assert.deepInclude(position, { account_id: "sim1", quantity: future(built).named.quantity, product: "NRML" })
        assert.match(position.average_price, /^\d+(\.\d+)?$/)
        const told = all.filter(({ type, data }) => type === "order" && data.order_id === filled)
        assert.deepStrictEqual(
          told.map((it) => it.data.status),
          ["COMPLETE"]
        )
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a postback counts with the right checksum only, and a rejection after success is an alert, once",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { bid } = future(built)
        yield* sync(running)
        const id = yield* place(running, "rests", order(built, "BUY", bid))
        yield* eventually("the order", orderOf(running, id), (it) => it?.status === "OPEN")
        const right = yield* postbackOf(built, id, account.apiSecret)
        const wrong = yield* postbackOf(built, id, "another secret")
        assert.deepStrictEqual(
          [(yield* post(running, wrong)).status, (yield* post(running, { ...right, user_id: "SIM2" })).status],
          [403, 403]
        )
        assert.strictEqual((yield* post(running, { ...right, quantity: "many" })).status, 422)
        assert.strictEqual((yield* orderOf(running, id)).status, "OPEN")
        const rejected = { ...right, status: "REJECTED", status_message: "margin exceeds" }
        assert.deepStrictEqual(yield* post(running, rejected), { status: 200, body: { status: "taken" } })
        assert.strictEqual((yield* post(running, rejected)).status, 200)
        const nats = yield* natsClient(built.nats)
        const isAlert = ({ detail, kind }: Row) => kind === "alert" && (detail as Row)["kind"] === "rejected_after_success"
        const events = yield* eventually("the alert", readAll<Row>(nats, "ORD", "acct.evt.sim1"), (all) => all.some(isAlert))
        assert.lengthOf(events.filter(isAlert), 1)
        // The broker's own book says that it is open, and a comparison believes the book.
        const wanted = { kind: "order", id, field: "status", held: "REJECTED", broker: "OPEN" }
        const { differences } = yield* sync(running)
        const published = yield* eventually("the difference", differencesOf(nats), (all) => all.length > 0)
        assert.deepInclude(published, wanted)
        // An answer has the differences of its own comparison. On a busy machine an earlier one may have found them.
        assert.includeDeepMembers(published, differences)
        assert.strictEqual((yield* orderOf(running, id)).status, "OPEN")
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "BE-SEC-02 another user's account does not exist, in every one of its paths",
    () =>
      Effect.gen(function* () {
        const { running } = yield* live
        for (const name of ["orders", "trades", "positions", "holdings", "funds"])
          assert.strictEqual((yield* ask(running, `/accounts/sim1/${name}`, { user: "stranger" })).status, 404, name)
        assert.strictEqual((yield* ask(running, "/accounts/sim1/sync", { method: "POST", user: "stranger" })).status, 404)
        const administrator = yield* ask(running, "/accounts/sim1/funds", { user: "boss", role: "admin" })
        assert.deepInclude(administrator.body, { account_id: "sim1", source: "broker" })
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
