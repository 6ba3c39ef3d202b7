import { Config } from "effect"

/** The kind of market that the platform shows. An unknown name is an error of the configuration. */
export const marketMode = Config.literal("live", "synthetic", "recorded", "days")("MARKET_MODE").pipe(Config.withDefault("live" as const))
