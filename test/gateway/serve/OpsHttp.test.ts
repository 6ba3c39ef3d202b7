import { HttpServer } from "@effect/platform"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { OpsLive } from "../../../src/gateway/serve/OpsHttp.ts"
import * as Server from "../../../src/gateway/serve/Server.ts"

layer(Layer.provideMerge(OpsLive, Server.layer({ host: "127.0.0.1", port: 0 })), { excludeTestServices: true })("OpsHttp", (it) => {
  it.effect("BE-OPS-02 a process without a gateway serves its metrics and a liveness check", () =>
    Effect.gen(function* () {
      yield* Metric.increment(Metric.counter("ops_test_total", { incremental: true }))
      const url = yield* HttpServer.addressWith((address) =>
        Effect.succeed(address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}` : "")
      )
      const get = (path: string) => Effect.promise(async () => await (await fetch(`${url}${path}`)).text())
      assert.include(yield* get("/metrics"), "ops_test_total 1\n")
      assert.strictEqual(yield* get("/health/live"), '{"status":"ok"}')
    })
  )
})
