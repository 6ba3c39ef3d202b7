import { Data } from "effect"

/** A strategy or a user has reached the limit of `what`. `field` names the part of a request that asks for more. */
export class LimitReached extends Data.TaggedError("LimitReached")<{
  readonly what: "alerts" | "backfills" | "indicators" | "keys" | "labels" | "legs" | "strategies" | "subscriptions"
  readonly field: "indicators" | "instruments" | "name" | "symbol" | "symbols" | "instrument_token"
  readonly max: number
}> {}
