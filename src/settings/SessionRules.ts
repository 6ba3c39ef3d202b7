import { type ConfigError, Effect } from "effect"
import type * as RuleSet from "../domain/rules/RuleSet.ts"
import { marketMode } from "./MarketMode.ts"
import { RuleBook } from "./RuleBook.ts"

/**
 * Selects, from the rules in force, the rules that decide what belongs to a session. The synthetic market never closes, so it has no such
 * rules.
 */
export const sessionRules: Effect.Effect<(inForce: RuleSet.RuleSet) => { readonly rules?: RuleSet.RuleSet }, ConfigError.ConfigError> =
  Effect.map(marketMode, (mode) => (mode === "synthetic" ? () => ({}) : (rules) => ({ rules })))

/** What decides the phase of an exchange at a time of the market. The synthetic market never closes. */
export const marketGround = Effect.gen(function* () {
  const book = yield* RuleBook
  const inSession = yield* sessionRules
  return (atMs: number) => {
    const rules = book.current()
    return { rules, atMs, neverCloses: inSession(rules).rules === undefined }
  }
})
