import type * as SqlClient from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { PaperRepo } from "../../../src/store/orders/PaperRepo.ts"
import { pool } from "../../store/Stores.ts"
import { ask, eventually, type Running, type World } from "../PlatformWorld.ts"
import { patient, untilEnded } from "./OrderTasks.ts"

/**
 * How far from the bid a price is sure to trade while the test goes on. The simulated broker refuses what is more than a tenth from the previous close,
 * and a future may have gone a fiftieth from it. A call moves by more, and paper accounts know no such limit.
 */
const far = { FUT: 0.05, CE: 0.3 } as const

/** The market's first future or call, and prices that are sure to trade and sure to rest. A live account places orders for the future only. */
export const traded = ({ simulator: { market } }: World, type: "FUT" | "CE" = "FUT") => {
  const instrument = market.instruments.find(({ instrumentType }) => instrumentType === type)
  if (instrument === undefined) throw new Error(`the market has no ${type}`)
  const row = market.rowByToken.get(instrument.token) ?? 0
  const { exchange, lotSize: quantity, tickSize, token, tradingsymbol } = instrument
  const bid = market.columns.bidPrice[row * 5] ?? 0
  const at = (share: number) => String((Math.floor((bid * share) / tickSize) * tickSize) / Instrument.priceScale(token))
  const common = { account_id: "sim1", kind: "place", product: "NRML", order_type: "LIMIT", transaction_type: "BUY" }
  const above = at(1 + far[type])
  return { order: { ...common, exchange, tradingsymbol, quantity, price: above }, token, above, below: at(1 - far[type]), near: at(0.97) }
}

/** An order that a paper account refuses, because nobody streams its order book. */
export const unstreamed = ({ simulator: { market } }: World) => {
  const option = market.instruments.find(({ instrumentType }) => instrumentType === "CE")
  if (option === undefined) throw new Error("the market has no option")
  const { exchange, lotSize: quantity, tickSize, token, tradingsymbol } = option
  const price = String((tickSize * 100) / Instrument.priceScale(token))
  return { exchange, tradingsymbol, quantity, price }
}

/** What Postgres has of the account. */
export const kept = ({ databaseUrl }: World) =>
  Effect.gen(function* () {
    const repo = yield* PaperRepo
    const orders = yield* repo.since("sim1", 0)
    return { orders: orders.map(({ paper }) => paper), trades: yield* repo.trades("sim1") }
  }).pipe(Effect.provide(Layer.provideMerge(PaperRepo.Default, pool(databaseUrl))), Effect.orDie)

/** An order as the simulated broker has it. */
export interface BrokerOrder {
  readonly order_id: string
  readonly tag: string | null
  readonly status: string
  readonly transaction_type: string
  readonly filled_quantity: number
}
/** Every order that the simulated broker ever had. */
export const atBroker = ({ simulator }: World) =>
  Effect.promise(async () => {
    const answer = await fetch(`${simulator.adminUrl}/orders`)
    return ((await answer.json()) as { readonly data: ReadonlyArray<BrokerOrder> }).data
  })

/** Sends an order, and waits for its end. */
export const send = (running: Running, key: string, body: object) =>
  untilEnded(
    `order ${key}`,
    ask(running, "/orders?wait_ms=20000", { method: "POST", headers: { "idempotency-key": key }, body: { ...patient, ...body } })
  )

/** Subscribes to an instrument, and waits until its order book is known. */
export const streamed = (running: Running, token: number) =>
  Effect.gen(function* () {
    const wanted = { instrument_token: token, requested_mode: "FULL" }
    const subscribed = yield* ask(running, "/subscriptions", { method: "POST", body: wanted })
    assert.isTrue(subscribed.status < 300, JSON.stringify(subscribed.body))
    yield* eventually("an order book", ask(running, `/depth/${token}`), ({ body, status }) => status === 200 && body.asks.length > 0)
  })

/** Fills that buy an option and sell it again, and lose so many rupees whatever the market does. */
export const lostFills = (built: World, rupees: number) => {
  const { exchange, tradingsymbol } = unstreamed(built)
  const fill = { exchange, tradingsymbol, quantity: 1 }
  return [
    { ...fill, side: "BUY", price: String(rupees), external_id: "in" },
    { ...fill, side: "SELL", price: "0", external_id: "out" }
  ]
}

/** Runs SQL in the database of the world. */
export const inDatabase = <A, E>({ databaseUrl }: World, work: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  work.pipe(Effect.provide(pool(databaseUrl)), Effect.scoped, Effect.orDie)
