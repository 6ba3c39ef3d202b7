import { createServer, type Server as NodeServer } from "node:http"
import { HttpServer } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import WebSocket from "ws"
import * as Server from "../../../src/gateway/serve/Server.ts"
import { ask, eventually, token, World, world } from "../GatewayWorld.ts"

describe("Gateway shutdown", () => {
  it.live("closes every socket with 1012, cuts the mute ones, and leaves no connection", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(world(), scope)
      const { url } = Context.get(context, World)
      const jwt = yield* token()
      // It leaves a kept-alive connection. A usual proxy keeps it for a minute, and must not meet one that the gateway closes.
      const { headers } = yield* ask("/health/live").pipe(Effect.provide(context))
      assert.isAbove(Number(/^timeout=(\d+)$/.exec(headers.get("keep-alive") ?? "")?.[1]), 60)
      const open = async () => {
        const socket = new WebSocket(`${url.replace("http", "ws")}/ws/ticks?token=${jwt}`)
        await new Promise((resolve) => socket.once("message", resolve))
        return socket
      }
      const [polite, mute] = yield* Effect.promise(() => Promise.all([open(), open()]))
      const codeOf = (socket: WebSocket) => new Promise<number>((resolve) => socket.once("close", resolve))
      const codes = [codeOf(polite), codeOf(mute)] as const
      mute.pause() // a client that reads nothing
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Effect.promise(() => codes[0]), 1012)
      mute.resume()
      assert.include([1012, 1006], yield* Effect.promise(() => codes[1]))
      const isRefused = yield* Effect.promise(() =>
        fetch(`${url}/health/live`).then(
          () => false,
          () => true
        )
      )
      assert.isTrue(isRefused)
    })
  )

  it.live("refuses a client whose token is being checked while the gateway stops, without a delay", () =>
    Effect.gen(function* () {
      let give: (() => void) | undefined
      const { privateKey, publicKey } = yield* Effect.promise(() => generateKeyPair("RS256"))
      const keys = [{ ...(yield* Effect.promise(() => exportJWK(publicKey))), kid: "k", alg: "RS256", use: "sig" }]
      const issuer = yield* Effect.acquireRelease(
        Effect.promise(
          () =>
            new Promise<NodeServer>((resolve) => {
              const made = createServer((_, response) => {
                const answer = () => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }))
                if (isHeld) give = answer
                else answer()
              })
              made.listen(0, "127.0.0.1", () => resolve(made))
            })
        ),
        (made) =>
          Effect.promise(
            () =>
              new Promise((done) => {
                made.close(done)
                made.closeAllConnections()
              })
          )
      )
      let isHeld = false
      const address = issuer.address()
      const port = typeof address === "object" ? address?.port : 0
      const sign = (kid: string) =>
        Effect.promise(() =>
          new SignJWT({ sub: "u1" })
            .setProtectedHeader({ alg: "RS256", kid })
            .setIssuer("tarang")
            .setAudience("tarang")
            .setExpirationTime("1h")
            .sign(privateKey)
        )
      const scope = yield* Scope.make()
      const config = { JWT_JWKS_URL: `http://127.0.0.1:${port}/`, JWT_JWKS_TIMEOUT: "60 seconds", JWT_JWKS_COOLDOWN: "0 millis" }
      const context = yield* Layer.buildWithScope(world({ config }), scope)
      const { url } = Context.get(context, World)
      const dialled = (jwt: string) => new WebSocket(`${url.replace("http", "ws")}/ws/ticks?token=${jwt}`)
      // It does not answer the close, so the stop takes its full grace time.
      const mute = dialled(yield* sign("k"))
      yield* Effect.promise(() => new Promise((resolve) => mute.once("message", resolve)))
      mute.pause()
      mute.on("error", () => {})
      isHeld = true
      const late = dialled(yield* sign("other"))
      const answer = new Promise<number>((resolve) => {
        late.once("open", () => resolve(101))
        late.once("unexpected-response", (_, response) => resolve(response.statusCode ?? 0))
        late.on("error", () => resolve(0))
      })
      keys[0] = { ...keys[0], kid: "other" } as (typeof keys)[0]
      const release = yield* eventually(
        "the keys are asked for",
        Effect.sync(() => give)
      )
      const stopping = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      release()
      assert.strictEqual(yield* Effect.promise(() => answer), 503)
      mute.terminate()
      yield* Fiber.join(stopping)
    }).pipe(Effect.scoped)
  )

  it.live("answers a request in the contract's form while there is no handler", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Server.layer({ host: "127.0.0.1", port: 0 }))
      const { address } = Context.get(context, HttpServer.HttpServer)
      const url = address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}/strategies` : ""
      const headers = { "x-request-id": "early-bird" }
      const response = yield* Effect.promise(() => fetch(url, { headers }))
      assert.deepStrictEqual([response.status, response.headers.get("retry-after")], [503, "1"])
      assert.deepStrictEqual(yield* Effect.promise(() => response.json()), {
        detail: "Gateway is starting or stopping",
        code: "unavailable",
        request_id: "early-bird",
        errors: []
      })
    }).pipe(Effect.scoped)
  )
})
