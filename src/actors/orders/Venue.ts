import type { Effect } from "effect"
import type { KiteError } from "../../broker/KiteError.ts"
import type { Order } from "../../broker/orders/Orders.ts"
import type { Trigger } from "../../domain/accounts/Triggers.ts"
import type * as Money from "../../domain/Money.ts"
import type { OrderRequest } from "../../domain/orders/OrderRequest.ts"
import type * as Outcome from "../../domain/orders/Outcome.ts"
import type { StoreUnavailable } from "../../store/StoreError.ts"

export type VenueError = KiteError | StoreUnavailable

/** Where the orders of an account go: to its broker, or on paper to the platform itself. */
export interface Venue {
  /** Sends a request. `maySend` is asked as the last act before it is carried out. */
  readonly send: (
    request: OrderRequest,
    tag: string,
    maySend: () => boolean,
    strategyId: number | null
  ) => Effect.Effect<Outcome.Reply | { readonly _tag: "Fenced" }, StoreUnavailable>
  /** Today's orders of the account. */
  readonly book: Effect.Effect<ReadonlyArray<Order>, VenueError>
  /** Good-till-triggered orders of the account. */
  readonly triggers: Effect.Effect<ReadonlyArray<Trigger>, VenueError>
  /** The day's profit of all positions. */
  readonly dayProfit: Effect.Effect<Money.Decimal, VenueError | PriceUnknown>
  /** The net quantity of an instrument over all products. */
  readonly position: (exchange: string, tradingsymbol: string) => Effect.Effect<number, VenueError>
  /** Signs in again after the venue refused the token. */
  readonly renew: Effect.Effect<unknown, VenueError>
}

/** A position has no price yet. */
export interface PriceUnknown {
  readonly _tag: "PriceUnknown"
  readonly tradingsymbol: string
}
