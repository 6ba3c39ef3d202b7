/**
 * Imitates Kite on one port: REST, login and WebSocket, over a synthetic market, a recorded one or simulated days. The product reaches
 * it by configuration only (kiteconnect's `root` and the socket's address), so the product needs no mock mode.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Context, Data, Effect, Layer, Runtime, type Scope } from "effect"
import * as Shipped from "../domain/rules/Shipped.ts"
import * as Admin from "./admin/Admin.ts"
import * as DaysMarket from "./days/DaysMarket.ts"
import * as KiteRest from "./KiteRest.ts"
import * as KiteSocket from "./KiteSocket.ts"
import type { Market, Outlet } from "./Market.ts"
import { Faults } from "./orders/Faults.ts"
import { GttDesk } from "./orders/GttDesk.ts"
import { OrderDesk } from "./orders/OrderDesk.ts"
import * as Phases from "./orders/Phases.ts"
import * as Postbacks from "./orders/Postbacks.ts"
import { type Update, Updates } from "./orders/Updates.ts"
import { type Fill, Ledger } from "./portfolio/Ledger.ts"
import * as Route from "./Route.ts"
import * as RecordedMarket from "./recorded/RecordedMarket.ts"
import * as Sessions from "./Sessions.ts"
import * as SimulatorOptions from "./SimulatorOptions.ts"
import * as SyntheticMarket from "./synthetic/SyntheticMarket.ts"
import * as SyntheticSettings from "./synthetic/SyntheticSettings.ts"

export class ListenError extends Data.TaggedError("ListenError")<{ readonly host: string; readonly port: number; readonly cause: Error }> {
  override get message(): string {
    return `the simulator cannot listen on ${this.host}:${this.port} (${this.cause.message}): set SIMULATOR_HOST and SIMULATOR_PORT to a free address`
  }
}

const bodyBytesMax = 1 << 20
const hostDefault = "127.0.0.1"
/**
 * An idle connection stays open for this long. With Node's default of 5 s, a request after a pause could be sent on a connection that is
 * just closing.
 */
const keepAliveMs = 65_000
const heartbeatEvery = "1 second"
/** Rupees in each segment. */
const openingCashDefault = 1_000_000

export interface Service {
  /** http://host:port, which kiteconnect takes as `root`. */
  readonly url: string
  /** ws://host:port; a client adds api_key and access_token as query. */
  readonly wsUrl: string
  /** Where a test asks for the true state and for faults; null without an admin port. */
  readonly adminUrl: string | null
  readonly market: Market
  readonly stats: () => KiteSocket.Stats
  /** Sends a text message, such as ("message", "...") or ("error", "..."), to every connection or to those of one api_key. */
  readonly text: KiteSocket.Hub["text"]
  /** Cuts connections as a broken network does. */
  readonly cut: KiteSocket.Hub["cut"]
  readonly mute: KiteSocket.Hub["mute"]
  /** How the next order requests fail. */
  readonly faults: Faults
}

export class Simulator extends Context.Tag("simulator/Simulator")<Simulator, Service>() {}

/** The whole body as text, or null if it is larger than any form that Kite takes. */
const readBody = async (request: IncomingMessage): Promise<string | null> => {
  const chunks: Array<Buffer> = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > bodyBytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

const textOf = (header: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof header === "string" ? header : header?.[0]

const answer = async (handle: (request: Route.Request) => Route.Response, request: IncomingMessage): Promise<Route.Response> => {
  const body = await readBody(request)
  if (body === null) return Route.failure({ status: 413, type: "InputException", message: `A body has at most ${bodyBytesMax} bytes` })
  return handle({
    method: request.method ?? "GET",
    url: request.url ?? "/",
    authorization: request.headers.authorization,
    kiteVersion: textOf(request.headers["x-kite-version"]),
    gzip: (textOf(request.headers["accept-encoding"]) ?? "").includes("gzip"),
    body
  })
}

type Later = (afterMs: number, run: () => void) => void

const respond = (response: ServerResponse, { status, headers, body, breaks, afterMs }: Route.Response, later: Later): void => {
  if (breaks === "hang") return
  if (breaks === "reset") return void response.socket?.resetAndDestroy()
  if (breaks === "close") return void response.destroy()
  const write = () => {
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
    response.end(body)
  }
  if (afterMs === undefined) write()
  else later(afterMs, write)
}

/** Why a market cannot be made. */
export type MarketError = RecordedMarket.MarketFileError | DaysMarket.DayUnknown

const makeMarket = (options: SimulatorOptions.MarketOptions, nowMs: number): Effect.Effect<Market, MarketError> => {
  if (options.mode === "recorded") return RecordedMarket.make(options)
  if (options.mode === "days") return DaysMarket.make({ rules: Shipped.shipped, ...DaysMarket.defaults, ...options })
  const { mode: _, ...settings } = options
  return Effect.sync(() => SyntheticMarket.make({ startMs: nowMs, ...SyntheticSettings.defaults, ...settings }))
}

const listen = (server: Server, host: string, port: number): Effect.Effect<number, ListenError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<number, ListenError>((resume) => {
      const failed = (cause: Error) => resume(Effect.fail(new ListenError({ host, port, cause })))
      server.once("error", failed)
      server.listen(port, host, () => {
        server.off("error", failed)
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
      })
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** An HTTP server whose requests one function answers. */
const serverOf = (handle: (request: Route.Request) => Route.Response, later: Later, onFailure: (cause: unknown) => void): Server =>
  createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    answer(handle, request).then(
      (answered) => respond(response, answered, later),
      (cause: unknown) => {
        onFailure(cause)
        respond(response, Route.failure({ status: 500, type: "GeneralException", message: "Something went wrong" }), later)
      }
    )
  })

/** Opens the admin port and returns its address; null if none is wanted. */
const listenForTests = ({ adminPort, host = hostDefault }: SimulatorOptions.Options, server: Server) =>
  adminPort === undefined ? Effect.succeed(null) : Effect.map(listen(server, host, adminPort), (port) => `http://${host}:${port}`)

/** Runs a simulator until the scope closes. Closing frees the port and cuts every connection. */
export const make = (options: SimulatorOptions.Options): Effect.Effect<Service, ListenError | MarketError, Scope.Scope> =>
  Effect.gen(function* () {
    const host = options.host ?? hostDefault
    const clock = yield* Effect.clock
    const nowMs = () => clock.unsafeCurrentTimeMillis()
    const market = yield* makeMarket(options.market, nowMs())
    // In a market of simulated days, access tokens expire in the mornings of those days.
    const sessionsNowMs = market.mode === "days" ? () => market.status().timeMs : nowMs
    const sessions = new Sessions.Sessions(options.accounts, sessionsNowMs)
    const runFork = Runtime.runFork(yield* Effect.runtime())
    const scope = yield* Effect.scope
    const later: Later = (afterMs, run) => void runFork(Effect.delay(Effect.sync(run), afterMs).pipe(Effect.forkIn(scope)))
    const hub = KiteSocket.make({ sessions, market, later })
    const onFailure = (cause: unknown) => void runFork(Effect.logError("a request to the simulator failed", cause))
    const post = options.postbackUrl === undefined ? undefined : yield* Postbacks.make(options.postbackUrl)
    const updates = new Updates({
      later,
      send: ({ account, message, postback }) => {
        hub.text("order", message, account.apiKey)
        if (postback !== null) post?.(postback)
      }
    })
    const publish = (update: Update) => updates.publish(update)
    const phases = market.mode === "days" ? Phases.make(market) : Phases.endless
    const ledger = new Ledger(market, options.openingCash ?? openingCashDefault, phases.today, options.openingHoldings)
    const onFill = (fill: Fill) => ledger.fill(fill)
    const desk = new OrderDesk({
      market,
      nowMs,
      lagMs: options.orderBookLagMs ?? 0,
      publish,
      onFill,
      phases
    })
    const gtts = new GttDesk(market, (account, form) => desk.place(account, form))
    const faults = new Faults()
    const expire = (session: Sessions.Session) => sessions.logout(session)
    const trading = { orders: { desk, faults, later, expire }, gtts, ledger }
    const handle = KiteRest.make({ sessions, market, nowMs, rateLimits: options.rateLimits ?? false, trading })
    const outlet: Outlet = {
      ...hub.outlet,
      publish: (rows, count) => {
        hub.outlet.publish(rows, count)
        ledger.onRows(rows, count)
        desk.onRows(rows, count)
        gtts.onRows(rows, count)
      }
    }

    const server = serverOf(handle, later, onFailure)
    server.on("upgrade", hub.upgrade)
    const port = yield* listen(server, host, options.port ?? 0)
    const adminUrl = yield* listenForTests(options, serverOf(Admin.make({ desk, faults, updates, sessions, hub }), later, onFailure))
    // The HTTP server does not close upgraded sockets.
    yield* Effect.addFinalizer(() => Effect.sync(() => hub.cut()))
    yield* Effect.forkScoped(Effect.tapErrorCause(market.run(outlet), (cause) => Effect.logError("the simulated market stopped", cause)))
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(heartbeatEvery), Effect.sync(hub.heartbeat))))
    yield* Effect.logInfo("simulator started").pipe(
      Effect.annotateLogs({ url: `http://${host}:${port}`, market: market.mode, instruments: market.instruments.length })
    )
    return {
      url: `http://${host}:${port}`,
      wsUrl: `ws://${host}:${port}`,
      adminUrl,
      market,
      stats: hub.stats,
      text: hub.text,
      cut: hub.cut,
      mute: hub.mute,
      faults
    }
  })

export const Live = Layer.scoped(Simulator, Effect.flatMap(SimulatorOptions.fromEnvironment, make))
