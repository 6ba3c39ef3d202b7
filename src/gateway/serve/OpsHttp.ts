import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer } from "effect"
import * as Prometheus from "./Prometheus.ts"

const metrics = Effect.map(Prometheus.text, (text) =>
  HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
)
const alive = HttpServerResponse.unsafeJson({ status: "ok" })

/** The routes of a process without the gateway's API: its metrics, and a liveness check. Users connect only to the gateway. */
export const OpsLive = HttpLayerRouter.serve(
  Layer.mergeAll(
    HttpLayerRouter.add("GET", "/metrics", metrics),
    HttpLayerRouter.add("GET", "/health/live", Effect.succeed(alive)),
    HttpLayerRouter.add("GET", "/health/ready", Effect.succeed(alive))
  ),
  { disableLogger: true }
)
