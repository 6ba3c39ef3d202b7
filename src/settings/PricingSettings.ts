import { Config, Duration } from "effect"

/** The settings that decide the computed numbers, besides the data. Every message's convention id contains their values. */
export const pricingSettings = Config.all({
  rate: Config.number("RISK_FREE_RATE").pipe(Config.withDefault(0.065)),
  dividendYield: Config.number("DIVIDEND_YIELD").pipe(Config.withDefault(0)),
  staleAfterMs: Config.duration("STALE_AFTER").pipe(Config.withDefault(Duration.seconds(120)), Config.map(Duration.toMillis))
})
