import { Config, Duration } from "effect"

/** What decides the numbers besides the data; its values stand in every message's convention id. */
export const pricingSettings = Config.all({
  rate: Config.number("RISK_FREE_RATE").pipe(Config.withDefault(0.065)),
  dividendYield: Config.number("DIVIDEND_YIELD").pipe(Config.withDefault(0)),
  staleAfterMs: Config.duration("STALE_AFTER").pipe(Config.withDefault(Duration.seconds(120)), Config.map(Duration.toMillis))
})
