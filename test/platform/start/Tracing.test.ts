import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, start, world } from "../PlatformWorld.ts"

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
}

/** A collector of OTLP over HTTP, and the spans that it got. */
const collector = Effect.gen(function* () {
  const spans: Array<Span> = []
  const server = http.createServer((request, response) => {
    let body = ""
    request.on("data", (chunk) => {
      body += chunk
    })
    request.on("end", () => {
      if (request.url === "/v1/traces")
        for (const { scopeSpans } of JSON.parse(body).resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans)
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
    () =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      })
  )
  return { spans, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

describe("traces", () => {
  it.scopedLive(
    "a request of REST, its question on NATS and the actor's request to the broker are one trace",
    () =>
      Effect.gen(function* () {
        const { spans, url } = yield* collector
        const { config } = yield* world({ mode: "synthetic", rate: 1, strikesEachSide: 2 })
        const running = yield* start({ ...config, OTLP_URL: url })
        const path = "/historical?symbol=RELIANCE&timeframe=day&from=2026-08-17&to=2026-08-21"
        yield* eventually("history is served", ask(running, path), ({ status }) => status === 200)
        const of = (name: string) => spans.find((one) => one.name === name)
        const answered = yield* eventually(
          "the actor's span is sent",
          Effect.sync(() => of("Asks.history.answer")),
          (span) => span !== undefined
        )
        const byId = () => new Map(spans.map((span) => [span.spanId, span]))
        const rootOf = (span: Span): Span => {
          const parent = byId().get(span.parentSpanId ?? "")
          return parent === undefined ? span : rootOf(parent)
        }
        const root = yield* eventually(
          "the request's span is sent",
          Effect.sync(() => (answered === undefined ? undefined : rootOf(answered))),
          (span) => span?.name.startsWith("http.server") === true
        )
        assert.strictEqual(root?.traceId, answered?.traceId)
        const asked = byId().get(answered?.parentSpanId ?? "")
        assert.strictEqual(asked?.name, "Asks.history")
        const fetched = yield* eventually(
          "the broker's span is sent",
          Effect.sync(() => spans.find(({ name, traceId }) => name === "KiteRest.history" && traceId === answered?.traceId)),
          (span) => span !== undefined
        )
        assert.isDefined(fetched)
      }),
    300_000
  )
})
