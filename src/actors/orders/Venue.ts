import type { Effect } from "effect"
import type { KiteError } from "../../broker/KiteError.ts"
import type { Order } from "../../broker/orders/Orders.ts"
import type * as Figures from "../../domain/accounts/Figures.ts"
import type { Trigger } from "../../domain/accounts/Triggers.ts"
import type * as Money from "../../domain/Money.ts"
import type * as Exposure from "../../domain/orders/Exposure.ts"
import type { OrderRequest } from "../../domain/orders/OrderRequest.ts"
import type * as Outcome from "../../domain/orders/Outcome.ts"
import type { StoreUnavailable } from "../../store/StoreError.ts"

export type VenueError = KiteError | StoreUnavailable

/** Where the orders of an account go: to its broker, or on paper to the platform itself. */
export interface Venue {
  /** Sends a request. `maySend` is called immediately before the request is carried out. */
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
  /** The day's profit of all positions after charges, realised or not. */
  readonly dayProfit: Effect.Effect<Money.Decimal, VenueError | PriceUnknown>
  /** The account's positions, over all products. */
  readonly held: Effect.Effect<ReadonlyArray<Exposure.Part>, VenueError>
  /** Positions by instrument and product, as the rows of Kite's net positions. */
  readonly positions: Effect.Effect<ReadonlyArray<Figures.Position>, VenueError>
  /** Signs in again after the venue refused the token. */
  readonly renew: Effect.Effect<unknown, VenueError>
}

/** A position has no price yet. */
export interface PriceUnknown {
  readonly _tag: "PriceUnknown"
  readonly tradingsymbol: string
}
