import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Databases from "../../Databases.ts"
import { login } from "../../simulator/SimulatorWorld.ts"
import { account, future, live, order, place, type Row } from "../accounts/LiveAccount.ts"
import { type Answer, ask, eventually, natsClient, type Running, readAll, start, type World } from "../PlatformWorld.ts"

const timeoutMs = 300_000

const strategy = (running: Running, name: string, user = "demo") =>
  Effect.map(ask(running, "/strategies", { method: "POST", body: { name }, user }), ({ body }) => Number(body.strategy_id))

const pnl = (running: Running, id: number) => Effect.map(ask(running, `/strategies/${id}/pnl`), ({ body }) => body)
const quantityIs =
  (wanted: number) =>
  (body: Answer["body"]): boolean =>
    body.instruments?.[0]?.net_quantity === wanted

/** As a crash between the booking of a trade and its mark leaves it. */
const unmark = ({ databaseUrl }: World) =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql`UPDATE account_trades SET booking = NULL`).pipe(
    Effect.provide(Databases.client(databaseUrl)),
    Effect.scoped,
    Effect.orDie
  )

describe("fills of orders that name a strategy", () => {
  it.live(
    "strategies in one netted position each have their own profit, by the broker's prices digit for digit",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { ask: askPrice, bid, named } = future(built)
        const [first, second] = [yield* strategy(running, "first"), yield* strategy(running, "second")]
        yield* place(running, "b", { ...order(built, "BUY", askPrice), strategy_id: first })
        yield* place(running, "s", { ...order(built, "SELL", bid), strategy_id: second })
        yield* place(running, "e", order(built, "SELL", bid))
        yield* eventually("the first strategy holds it", pnl(running, first), quantityIs(named.quantity))
        yield* eventually("the second strategy is short", pnl(running, second), quantityIs(-named.quantity))
        const netted = yield* eventually(
          "the netted position",
          ask(running, "/accounts/sim1/positions"),
          ({ body }) => body.net?.[0]?.day_sell_quantity === 2 * named.quantity
        )
        assert.strictEqual(netted.body.net[0].quantity, -named.quantity)
        yield* place(running, "s2", { ...order(built, "SELL", bid), strategy_id: first })
        const flat = yield* eventually("the first strategy is flat", pnl(running, first), quantityIs(0))
        const trades = (yield* ask(running, "/accounts/sim1/trades")).body.trades as ReadonlyArray<Row>
        const paise = (text: unknown) => Math.round(Number(text) * 100)
        const bought = trades.find((it) => it["transaction_type"] === "BUY")
        const sold = trades.at(-1)
        const gain = ((paise(sold?.["average_price"]) - paise(bought?.["average_price"])) * named.quantity) / 100
        assert.strictEqual(Number(flat.realised.fifo), gain)
        assert.strictEqual((yield* pnl(running, second)).instruments[0].open_average.fifo, String(sold?.["average_price"]))
        const other = yield* strategy(running, "another user's", "stranger")
        const refused = yield* ask(running, "/orders", {
          method: "POST",
          body: { ...order(built, "BUY", askPrice), strategy_id: other },
          headers: { "idempotency-key": "x" }
        })
        assert.deepStrictEqual([refused.status, refused.body.errors[0].field], [422, "strategy_id"])
      }).pipe(Effect.scoped),
    timeoutMs
  )

  it.live(
    "a fill is booked once, also with a restart between the fill and its booking, and between its booking and the mark",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const { ask: askPrice, bid, named } = future(built)
        const [id, gone] = [yield* strategy(running, "waits"), yield* strategy(running, "is deleted")]
        const rests = yield* place(running, "rests", { ...order(built, "BUY", bid), strategy_id: id })
        const orphan = yield* place(running, "orphan", {
          ...order(built, "BUY", bid),
          quantity: 2 * named.quantity,
          strategy_id: gone
        })
        yield* ask(running, `/strategies/${gone}`, { method: "DELETE" })
        yield* running.stop
        const { kite } = yield* login(built.simulator.url, account)
        for (const orderId of [rests, orphan])
          yield* Effect.promise(() => kite.modifyOrder("regular", orderId, { price: Number(askPrice) } as never))

        const second = yield* start(built.config)
        yield* eventually("the fill is booked", pnl(second, id), quantityIs(named.quantity))
        const nats = yield* natsClient(built.nats)
        const isTold = ({ detail, kind }: Row) => kind === "alert" && (detail as { kind?: string }).kind === "fill_not_booked"
        const events = yield* eventually("the alert of the fill without a strategy", readAll<Row>(nats, "ORD", "acct.evt.sim1"), (all) =>
          all.some(isTold)
        )
        assert.deepInclude(events.find(isTold)?.["detail"], { kind: "fill_not_booked", order_id: orphan })
        yield* second.stop
        yield* unmark(built)

        const third = yield* start(built.config)
        yield* eventually(
          "every trade is marked again",
          readAll<Row>(nats, "ORD", "acct.evt.sim1"),
          (all) => all.filter(isTold).length === 2
        )
        assert.isTrue(quantityIs(named.quantity)(yield* pnl(third, id)))
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
