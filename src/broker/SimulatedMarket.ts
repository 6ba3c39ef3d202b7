/** Asks a simulator about its market. Kite has no such call. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Config, Effect, Schema } from "effect"

/** The answer to GET /market. */
export const SimulatedMarket = Schema.Struct({
  mode: Schema.Literal("synthetic", "recorded", "days"),
  state: Schema.Literal("waiting", "running", "ended"),
  /** Market time. */
  time: Schema.Date,
  speed: Schema.Union(Schema.Number, Schema.Literal("max")),
  /** The underlying of a recording, else null. */
  underlying: Schema.NullOr(Schema.String),
  /** The tokens of a recording. */
  instruments: Schema.optional(Schema.Array(Schema.Int)),
  /**
   * For each of `instruments`, the open interest at the end of the session before the recorded day; null if the recording does not contain
   * it.
   */
  previous_oi: Schema.optional(Schema.Array(Schema.NullOr(Schema.Int)))
})
export type SimulatedMarket = typeof SimulatedMarket.Type

/** The simulator's address, if there is a simulator. */
export const url = Config.option(Config.url("SIMULATOR_URL"))

export const ask = (simulator: URL) =>
  HttpClient.get(new URL("/market", simulator)).pipe(
    Effect.flatMap(HttpClientResponse.schemaBodyJson(SimulatedMarket)),
    Effect.provide(FetchHttpClient.layer)
  )
