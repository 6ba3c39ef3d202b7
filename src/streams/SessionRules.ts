import { Config, Effect, Option } from "effect"
import { shipped } from "../domain/rules/Shipped.ts"

/** The rules that say what lies in a session; none for the synthetic market, which never closes. */
export const sessionRules = Effect.map(Config.option(Config.string("MARKET_MODE")), (mode) =>
  Option.contains(mode, "synthetic") ? {} : { rules: shipped }
)
