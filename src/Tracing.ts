import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as OtlpTracer from "@effect/opentelemetry/OtlpTracer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Config, ConfigError, Effect, Either, Layer, Option } from "effect"

/** The most spans in one request to the collector. Below: how often spans are sent, and how long a stop waits for the last ones. */
const batchMax = 500
const sendEvery = "2 seconds"
const stopMax = "3 seconds"

const address = Config.option(
  Config.string("OTLP_URL").pipe(
    Config.mapOrFail((text) =>
      URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
        ? Either.right(text.replace(/\/$/, ""))
        : Either.left(ConfigError.InvalidData([], "OTLP_URL is not an address such as http://127.0.0.1:4318"))
    )
  )
)

/**
 * Sends spans by OTLP over HTTP to the collector at OTLP_URL; without it no span is made. A REST request, the questions that it sends over
 * NATS, and the work of the actor that answers them form one trace.
 */
export const layer = (roles: ReadonlyArray<string>) =>
  Layer.unwrapEffect(
    Effect.map(
      address,
      Option.match({
        onNone: () => Layer.setTracerEnabled(false),
        onSome: (url) =>
          OtlpTracer.layer({
            url: `${url}/v1/traces`,
            resource: { serviceName: "tarang", attributes: { "tarang.roles": roles.join(",") } },
            exportInterval: sendEvery,
            maxBatchSize: batchMax,
            shutdownTimeout: stopMax
          }).pipe(Layer.provide([FetchHttpClient.layer, OtlpSerialization.layerJson]))
      })
    )
  )
