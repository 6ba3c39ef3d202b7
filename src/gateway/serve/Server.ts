import { createServer, type IncomingMessage, type Server as NodeServer, ServerResponse, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Config, Context, Effect, Layer, type Scope } from "effect"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as RequestId from "../../contract/shared/RequestId.ts"

/** Returns true if it takes the socket. Called only for WebSocket upgrades. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean

/** The handler of WebSocket upgrades. Effect's server would take every upgrade and accept messages of any size. */
export class Upgrades extends Context.Tag("gateway/serve/Upgrades")<
  Upgrades,
  { readonly claim: (upgrade: Upgrade) => Effect.Effect<void, never, Scope.Scope> }
>() {}

const drainMs = 5_000

/**
 * How long an idle connection stays open. A client that writes a request while the server closes the connection gets a reset. Clients read this
 * time in `Keep-Alive: timeout` and close one or two seconds earlier. That is too close for a process that was stopped for seconds, so the time is
 * long enough that a client in use never comes near it. It is also above the minute of usual proxies.
 */
const keepAliveMs = 65_000

const problem = (requestId: string, code: string, detail: string) => {
  const body = JSON.stringify({ detail, code, request_id: requestId, errors: [] } satisfies Problem.Body)
  const headers = {
    connection: "close",
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-request-id": requestId
  }
  return { body, headers }
}

/** The answer to a request before the handler exists or after it is gone. Without it the client would wait and keep the server open. */
const unready = (server: NodeServer) => (request: IncomingMessage, response: ServerResponse) => {
  if (server.listenerCount("request") > 1) return
  const { body, headers } = problem(
    RequestId.of(request.headers["x-request-id"]?.toString()),
    "unavailable",
    "Gateway is starting or stopping"
  )
  response.writeHead(503, { ...headers, "retry-after": "1" }).end(body)
}

/** Requests that Node's parser rejects before there is a request; nodejs.org/docs/latest-v20.x/api/http.html, "Event: 'clientError'". */
const refusals: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "request_timeout", "Request did not arrive in time"],
  HPE_HEADER_OVERFLOW: [431, "headers_too_large", "Request headers too large"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "too_large", "Request body too large"]
}
const malformed = [400, "bad_request", "Request is not valid HTTP"] as const

const refuse = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  // An answer that has already started cannot be replaced.
  const isAnswering = (socket as { readonly _httpMessage?: ServerResponse })._httpMessage?.headersSent === true
  if (!socket.writable || isAnswering || error.code === "ECONNRESET") {
    socket.destroy()
    return
  }
  const [status, code, detail] = refusals[error.code ?? ""] ?? malformed
  const { body, headers } = problem(RequestId.of(undefined), code, detail)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`)
}

/** Stops listening, waits for running requests, then cuts the remaining connections. */
const close = (server: NodeServer, sockets: ReadonlySet<Duplex>) =>
  Effect.async<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    // Node does not add "connection: close" to answers, so idle connections are closed here.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    const cut = setTimeout(() => {
      // The server does not track upgraded sockets. One without an owner would keep it open for ever.
      for (const socket of sockets) socket.destroy()
    }, drainMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cut)
      resume(Effect.void)
    })
    server.closeIdleConnections()
  })

const make = (options: { readonly host: string; readonly port: number }) =>
  Effect.gen(function* () {
    let upgrade: Upgrade | undefined
    const server = createServer({
      maxHeaderSize: 16_384,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: 1_000
    })

    const sockets = new Set<Duplex>()
    server.on("connection", (socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
    })
    server.on("request", unready(server))
    server.on("clientError", refuse)
    server.on("upgrade", (request, socket, head) => {
      socket.on("error", () => socket.destroy())
      if (request.headers.upgrade?.toLowerCase() === "websocket" && upgrade?.(request, socket, head) === true) return
      // If no handler takes an upgrade (h2c, an unknown path), it is answered like a plain request.
      const response = new ServerResponse(request)
      response.shouldKeepAlive = false
      response.assignSocket(socket as never)
      response.on("finish", () => socket.end())
      server.emit("request", request, response)
    })

    yield* Effect.acquireRelease(
      Effect.async<void, HttpServerError.ServeError>((resume) => {
        const failed = (cause: Error) => resume(Effect.fail(new HttpServerError.ServeError({ cause })))
        server.once("error", failed)
        server.listen(options.port, options.host, () => {
          server.off("error", failed)
          resume(Effect.void)
        })
      }),
      () => close(server, sockets)
    )
    const address = server.address()
    const http = HttpServer.make({
      address: {
        _tag: "TcpAddress",
        hostname: options.host,
        port: typeof address === "object" && address !== null ? address.port : options.port
      },
      serve: (app, middleware) =>
        Effect.gen(function* () {
          const handler = yield* NodeHttpServer.makeHandler(app, middleware as never)
          yield* Effect.acquireRelease(
            Effect.sync(() => server.on("request", handler)),
            () =>
              Effect.zipRight(
                close(server, sockets),
                Effect.sync(() => server.off("request", handler))
              )
          )
        }) as Effect.Effect<void, never, Scope.Scope>
    })
    const claim = (taker: Upgrade) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          upgrade = taker
        }),
        () =>
          Effect.sync(() => {
            upgrade = undefined
          })
      )
    return Context.make(HttpServer.HttpServer, http).pipe(Context.add(Upgrades, { claim }))
  })

export const layer = (options: { readonly host: string; readonly port: number }) =>
  Layer.merge(Layer.scopedContext(make(options)), NodeHttpServer.layerContext)

export const layerConfig = Layer.unwrapEffect(
  Effect.map(
    Config.all({
      host: Config.string("GATEWAY_HOST").pipe(Config.withDefault("127.0.0.1")),
      port: Config.integer("GATEWAY_PORT").pipe(
        Config.validate({ message: "a port is 0 (any free one) to 65535", validation: (port) => port >= 0 && port <= 65_535 }),
        Config.withDefault(8081)
      )
    }),
    layer
  )
)
