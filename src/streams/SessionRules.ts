import { Config, type ConfigError, Effect, Option } from "effect"
import type * as RuleSet from "../domain/rules/RuleSet.ts"

/** The rules that say what lies in a session, made of those in force; none for the synthetic market, which never closes. */
export const sessionRules: Effect.Effect<(inForce: RuleSet.RuleSet) => { readonly rules?: RuleSet.RuleSet }, ConfigError.ConfigError> =
  Effect.map(Config.option(Config.string("MARKET_MODE")), (mode) =>
    Option.contains(mode, "synthetic") ? () => ({}) : (rules) => ({ rules })
  )
