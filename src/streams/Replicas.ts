import { Config } from "effect"

/** How many NATS servers keep a copy of each stream and bucket. */
export const natsReplicas = Config.integer("NATS_REPLICAS").pipe(Config.withDefault(1))
