import { Clock, Effect } from "effect"
import { isFollowing, type Order } from "../../broker/orders/Orders.ts"
import type { Trigger } from "../../domain/accounts/Triggers.ts"
import * as Money from "../../domain/Money.ts"
import type { OrderRepo } from "../../store/orders/OrderRepo.ts"
import type { Venue, VenueError } from "./Venue.ts"

/** The order book of an account, as a reading that began at `startedAtMs` showed it. */
export interface Reading {
  readonly startedAtMs: number
  readonly orders: ReadonlyArray<Order>
}

/** Makes readings that tasks share if they need one at the same time. */
const shared = <A extends object>(self: Effect.Effect<A, VenueError>) =>
  Effect.gen(function* () {
    const oneAtATime = yield* Effect.makeSemaphore(1)
    let newest: (A & { readonly startedAtMs: number }) | undefined
    const read = Effect.gen(function* () {
      const startedAtMs = yield* Clock.currentTimeMillis
      newest = { ...(yield* self), startedAtMs }
      return newest
    })
    return {
      /** A reading that began at `atMs` or later. */
      since: (atMs: number) =>
        oneAtATime.withPermits(1)(
          Effect.suspend(() => (newest !== undefined && newest.startedAtMs >= atMs ? Effect.succeed(newest) : read))
        )
    } as const
  })

/** Readings of an account's order book. */
export const make = (venue: Venue) => shared(Effect.map(venue.book, (orders: ReadonlyArray<Order>) => ({ orders })))
export type BookReading = Effect.Effect.Success<ReturnType<typeof make>>
/** Readings of an account's good-till-triggered orders. */
export const makeTriggers = (venue: Venue) => shared(Effect.map(venue.triggers, (triggers: ReadonlyArray<Trigger>) => ({ triggers })))
export type TriggerReading = Effect.Effect.Success<ReturnType<typeof makeTriggers>>

/** The order that shows that a task's request was carried out; null if none does. */
export const shown = ({ request, tag }: OrderRepo.StoredTask, { orders }: Reading): string | null => {
  if (request.kind === "place") return orders.find((order) => order.tag === tag && !isFollowing(order))?.order_id ?? null
  if (request.kind !== "modify" && request.kind !== "cancel") return null
  const order = orders.find(({ order_id }) => order_id === request.order_id)
  if (order === undefined) return null
  if (request.kind === "cancel") return order.status === "CANCELLED" ? order.order_id : null
  const isPrice = (wanted: Money.Decimal | undefined, found: number) => wanted === undefined || wanted.equals(Money.ofNumber(found))
  const isChanged =
    (request.quantity === undefined || request.quantity === order.quantity) &&
    isPrice(request.price, order.price) &&
    isPrice(request.trigger_price, order.trigger_price) &&
    (request.order_type === undefined || request.order_type === order.order_type) &&
    (request.validity === undefined || request.validity === order.validity)
  return isChanged ? order.order_id : null
}
