/** A platform with a live account at a simulated broker whose prices stand still. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { send } from "../orders/PaperWorld.ts"
import { ask, orderTimes, type Running, simulatorAccount, start, type World, world } from "../PlatformWorld.ts"

/** Prices stand still, so that two readings of the same state have the same figures. */
const market = { mode: "synthetic", rate: 0, strikesEachSide: 2 } as const
export const account = simulatorAccount("sim1")
export const held = { exchange: "NSE", tradingsymbol: "RELIANCE", quantity: 12, averagePrice: 1_234.55 }

export type Row = Record<string, unknown>

/** A platform whose account sim1 is live. */
export const live = Effect.gen(function* () {
  const built = yield* world(market, orderTimes, { openingHoldings: [held] })
  const running = yield* start(built.config)
  const set = yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
  assert.strictEqual(set.status, 200, JSON.stringify(set.body))
  return { built, running }
})

export const future = ({ simulator: { market } }: World) => {
  const instrument = market.instruments.find(({ instrumentType }) => instrumentType === "FUT")
  if (instrument === undefined) throw new Error("the market has no future")
  const row = market.rowByToken.get(instrument.token) ?? 0
  const scale = Instrument.priceScale(instrument.token)
  const price = (side: "bidPrice" | "askPrice") => String((market.columns[side][row * 5] ?? 0) / scale)
  const { exchange, lotSize: quantity, tradingsymbol } = instrument
  return { instrument, bid: price("bidPrice"), ask: price("askPrice"), named: { exchange, tradingsymbol, quantity } }
}

export const order = (it: World, side: "BUY" | "SELL", price: string) => ({
  account_id: "sim1",
  kind: "place",
  ...future(it).named,
  transaction_type: side,
  product: "NRML",
  order_type: "LIMIT",
  price
})

export const place = (running: Running, key: string, body: object) =>
  Effect.map(send(running, key, body), (answer) => {
    assert.strictEqual(answer.body.status, "COMPLETED", JSON.stringify(answer.body))
    return String(answer.body.order_id)
  })
