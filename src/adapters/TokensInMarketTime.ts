import { Effect, Layer } from "effect"
import { Tokens } from "../broker/Broker.ts"
import * as TokenLife from "../domain/accounts/TokenLife.ts"
import { RuleBook } from "../settings/RuleBook.ts"
import { MarketClock } from "../streams/MarketClock.ts"

/** Decides by market time, and by the rules in force, when access tokens die. */
export const layer = Layer.effect(
  Tokens,
  Effect.map(Effect.all([MarketClock, RuleBook]), ([market, book]) => ({
    nowMs: () => (market.hasBegun() ? market.unsafeNow() : null),
    diesAtMs: (signedInMs: number) => TokenLife.diesAtMs(book.current().documents.broker, signedInMs)
  }))
)
