import { createHash } from "node:crypto"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer } from "effect"
import { described } from "./OpenApiDocument.ts"

const sources = (html: string) =>
  [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, source = ""]) => `'sha256-${createHash("sha256").update(source).digest("base64")}'`
  )

/** The library inlines Scalar (no CDN). The policy allows exactly its scripts, by hash, and nothing else. */
const strict = (response: HttpServerResponse.HttpServerResponse) => {
  if (response.body._tag !== "Uint8Array") return response
  const html = new TextDecoder().decode(response.body.body)
  const scripts = sources(html)
  // Without an icon a browser requests /favicon.ico, and its console shows a 404.
  const withIcon = HttpServerResponse.setBody(
    response,
    HttpBody.text(html.replace("<head>", '<head><link rel="icon" href="data:,">'), "text/html")
  )
  return HttpServerResponse.setHeaders(withIcon, {
    "content-security-policy": [
      "default-src 'none'",
      `script-src ${scripts.join(" ")} 'wasm-unsafe-eval'`,
      "style-src 'unsafe-inline'",
      "img-src 'self' data:",
      "font-src 'self' data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'"
    ].join("; "),
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache"
  })
}

/** The library's script takes 13 MB of memory, so it is loaded at the first request for the page. */
const page = Effect.gen(function* () {
  const { layerHttpLayerRouter } = yield* Effect.promise(() => import("@effect/platform/HttpApiScalar"))
  const router = yield* HttpLayerRouter.make
  const route = layerHttpLayerRouter({
    api: described,
    path: "/docs",
    scalar: {
      withDefaultFonts: false,
      hideClientButton: true,
      showOperationId: true,
      authentication: { preferredSecurityScheme: "bearer" }
    } as never
  })
  yield* Layer.build(Layer.provide(route, Layer.succeed(HttpLayerRouter.HttpRouter, router)))
  return strict(yield* router.asHttpEffect())
}).pipe(Effect.scoped)

export const DocsRoute = HttpLayerRouter.use((router) =>
  // If the first reader leaves during loading, its interruption must not be cached for later readers.
  Effect.flatMap(Effect.cached(Effect.uninterruptible(page)), (cached) => router.add("GET", "/docs", cached))
)
