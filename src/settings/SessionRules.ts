import { Config, type ConfigError, Effect, Option } from "effect"
import type * as RuleSet from "../domain/rules/RuleSet.ts"

/**
 * Selects, from the rules in force, the rules that decide what belongs to a session. The synthetic market never closes, so it has no such
 * rules.
 */
export const sessionRules: Effect.Effect<(inForce: RuleSet.RuleSet) => { readonly rules?: RuleSet.RuleSet }, ConfigError.ConfigError> =
  Effect.map(Config.option(Config.string("MARKET_MODE")), (mode) =>
    Option.contains(mode, "synthetic") ? () => ({}) : (rules) => ({ rules })
  )
