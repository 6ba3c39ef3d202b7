import { Effect, Layer } from "effect"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import { PaperRepo } from "../../src/store/orders/PaperRepo.ts"
import { pool } from "../store/Stores.ts"
import type { World } from "./PlatformWorld.ts"

/** The market's first future or call, and prices that are sure to trade and sure to rest. */
export const traded = ({ simulator: { market } }: World, type: "FUT" | "CE" = "FUT") => {
  const instrument = market.instruments.find(({ instrumentType }) => instrumentType === type)
  if (instrument === undefined) throw new Error(`the market has no ${type}`)
  const row = market.rowByToken.get(instrument.token) ?? 0
  const { exchange, lotSize: quantity, tickSize, token, tradingsymbol } = instrument
  const bid = market.columns.bidPrice[row * 5] ?? 0
  const at = (share: number) => String((Math.floor((bid * share) / tickSize) * tickSize) / Instrument.priceScale(token))
  const common = { account_id: "sim1", kind: "place", product: "NRML", order_type: "LIMIT", transaction_type: "BUY" }
  return { order: { ...common, exchange, tradingsymbol, quantity, price: at(1.1) }, token, above: at(1.1), below: at(0.9), near: at(0.97) }
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

/** Every order that the simulated broker ever had. */
export const atBroker = ({ simulator }: World) =>
  Effect.promise(async () => {
    const answer = await fetch(`${simulator.adminUrl}/orders`)
    return ((await answer.json()) as { readonly data: ReadonlyArray<unknown> }).data
  })
