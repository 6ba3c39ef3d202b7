import { Effect, Schema } from "effect"
import * as Figures from "../domain/accounts/Figures.ts"
import * as Margins from "../domain/accounts/Margins.ts"
import * as Triggers from "../domain/accounts/Triggers.ts"
import * as KiteClient from "./KiteClient.ts"
import type * as KiteError from "./KiteError.ts"
import type { KiteSession } from "./KiteSession.ts"

/**
 * The pause between two readings. Kite allows each account ten requests a second besides its orders, and readings take at most four of
 * them.
 */
export const spacingMs = 250
/** A reading waits at most this long for requests about orders, which go first. */
export const yieldMsMax = 2_000
const lookEveryMs = 20

const readTrades = KiteClient.json(Schema.Array(Figures.KiteTrade))
const readPositions = KiteClient.json(Figures.KitePositions)
const readHoldings = KiteClient.json(Schema.Array(Figures.KiteHolding))
const readFunds = KiteClient.json(Figures.KiteFunds)
const readTriggers = KiteClient.json(Schema.Array(Triggers.KiteTrigger))
const readBasket = KiteClient.json(Margins.KiteBasket)
const inKiteTerms = ({ price, trigger_price, ...order }: Margins.Wanted) => ({
  ...order,
  price: price.toNumber(),
  trigger_price: trigger_price.toNumber()
})

/**
 * Reads one account's figures, one at a time, after requests about its orders. `isSending` says whether a request about an order is on its
 * way. A refused token is renewed once.
 */
export const make = (session: KiteSession, client: KiteClient.KiteClient, isSending: () => boolean) =>
  Effect.gen(function* () {
    const oneAtATime = yield* Effect.makeSemaphore(1)
    const behindOrders = Effect.gen(function* () {
      for (let waitedMs = 0; waitedMs < yieldMsMax && isSending(); waitedMs += lookEveryMs) yield* Effect.sleep(lookEveryMs)
    })
    const read = <A>(op: string, run: (kite: KiteClient.Kite) => Promise<unknown>, decode: KiteClient.Call<A>["read"]) => {
      // Besides the spacing here, the request also counts towards the account's budget in the whole cluster.
      const once = (token: Parameters<typeof session.renew>[0]) => client.send({ op, token, run, read: decode, family: "state" })
      const renewed: Effect.Effect<A, KiteError.KiteError> = Effect.flatMap(session.token, (token) =>
        Effect.catchTag(once(token), "SessionExpired", () => Effect.flatMap(session.renew(token), once))
      )
      return oneAtATime.withPermits(1)(Effect.zipLeft(Effect.zipRight(behindOrders, renewed), Effect.sleep(spacingMs)))
    }
    return {
      /** Today's trades. */
      trades: read("trades", (kite) => kite.getTrades(), readTrades),
      positions: read("positions", (kite) => kite.getPositions(), readPositions),
      holdings: read("holdings", (kite) => kite.getHoldings(), readHoldings),
      funds: read("margins", (kite) => kite.getMargins(), readFunds),
      triggers: read("gtts", (kite) => kite.getGTTs(), readTriggers),
      /** The margin that these orders would block in addition to the account's positions. */
      orderMargins: (orders: ReadonlyArray<Margins.Wanted>) =>
        read("basket_margins", (kite) => kite.orderBasketMargins(orders.map(inKiteTerms) as never, true), readBasket)
    } as const
  })
export type AccountReads = Effect.Effect.Success<ReturnType<typeof make>>
