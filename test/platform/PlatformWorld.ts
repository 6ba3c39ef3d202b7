import { randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { HttpServer } from "@effect/platform"
import { type Cause, ConfigProvider, Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { SignJWT } from "jose"
import type { NatsConnection } from "nats"
import WebSocket from "ws"
import * as Platform from "../../src/Platform.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import type * as SimulatorOptions from "../../src/simulator/SimulatorOptions.ts"
import { patientClient } from "../NatsClient.ts"
import { pauseMs, waitMsMax } from "../Patience.ts"
import { migratedDatabase, type NatsServer, natsServer, wallClock } from "../TestBackends.ts"

const secret = "0123456789abcdef0123456789abcdef"

export const simulatorAccount = (id: string) => ({
  accountId: id,
  apiKey: `key-${id}`,
  apiSecret: `secret-${id}`,
  userId: id.toUpperCase()
})
export const accountIds = ["sim1", "sim2"]
/** An account of the simulator that the platform does not use. */
export const spareAccount = simulatorAccount("spare")

/** Times of orders that a busy machine keeps: no answer counts as lost because it is slow, and no send is too late. */
export const orderTimes = {
  ORDER_ANSWER_TIMEOUT: "20 seconds",
  ORDER_SEND_DELAY_MAX: "15 seconds",
  ORDER_HORIZON: "36 seconds",
  ORDER_BOOK_EVERY: "200 millis"
} as const

/**
 * Times with which an order that the broker does not have is soon parked. The horizon still exceeds the answer's time and the delay of a send.
 * A slow answer counts as lost, so a test with these times cannot say how many attempts an order had.
 */
export const soonParked = {
  ...orderTimes,
  ORDER_ANSWER_TIMEOUT: "2 seconds",
  ORDER_SEND_DELAY_MAX: "1500 millis",
  ORDER_HORIZON: "4 seconds"
} as const

/** The platform does not replace a connection on which a test lets the market fall silent. */
export const mayFallSilent = { KITE_CHECK_EVERY: "10 minutes" } as const

export interface World {
  readonly nats: NatsServer
  readonly databaseUrl: string
  readonly simulator: Simulator.Service
  /** The environment of a start. */
  readonly config: Readonly<Record<string, string>>
}

/** Backends and a simulated broker of one test, without the platform. */
export const world = (
  market: SimulatorOptions.MarketOptions = { mode: "synthetic", rate: 5, strikesEachSide: 12 },
  more: Record<string, string> = {},
  broker: Partial<SimulatorOptions.Options> = {},
  ids: ReadonlyArray<string> = accountIds,
  server: Effect.Effect<NatsServer, never, Scope.Scope> = natsServer
) =>
  Effect.gen(function* () {
    const nats = yield* server
    const databaseUrl = yield* migratedDatabase
    const simulator = yield* Simulator.make({
      accounts: [...ids.map(simulatorAccount), spareAccount],
      market,
      adminPort: 0,
      ...broker
    })
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "tarang-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
    )
    const accountsFile = join(folder, "accounts.json")
    const accounts = ids.map(simulatorAccount).map(({ accountId, apiKey, apiSecret, userId }) => ({
      account_id: accountId,
      api_key: apiKey,
      api_secret: apiSecret,
      user_id: userId,
      root: simulator.url,
      ws_root: simulator.wsUrl,
      login: "auto",
      owners: ["demo"]
    }))
    yield* Effect.promise(() => writeFile(accountsFile, JSON.stringify(accounts)))
    const keyFile = join(folder, "accounts.keys")
    yield* Effect.promise(() => writeFile(keyFile, `k1 ${randomBytes(32).toString("base64")}\n`, { mode: 0o600 }))
    const config = {
      NATS_URL: nats.url,
      NATS_REQUEST_TIMEOUT: "60 seconds",
      // A connection is mute only where a test says so.
      KITE_LIVENESS: "10 minutes",
      // Tests send as fast as they can.
      RATE_LIMIT_READS: "0",
      RATE_LIMIT_WRITES: "0",
      RATE_LIMIT_ORDERS: "0",
      NATS_ENGINE_PASSWORD: nats.passwords.engine,
      NATS_GATEWAY_PASSWORD: nats.passwords.gateway,
      NATS_CALLOUT_PASSWORD: nats.callout.password,
      NATS_CALLOUT_SEED: nats.callout.seed,
      DATABASE_URL: databaseUrl,
      ACCOUNTS_FILE: accountsFile,
      ACCOUNTS_KEY_FILE: keyFile,
      KITE_ROOT: simulator.url,
      KITE_WS_ROOT: simulator.wsUrl,
      SIMULATOR_URL: simulator.url,
      MARKET_MODE: market.mode,
      MARKET_CLOCK: market.mode === "synthetic" ? wallClock : "feed",
      JWT_SECRET: secret,
      GATEWAY_PORT: "0",
      // A busy machine must not count as an outage.
      DATABASE_CONNECT_TIMEOUT: "20 seconds",
      DATABASE_QUERY_TIMEOUT: "20 seconds",
      // The clients of a test run in its own busy process, and must not count as slow.
      WS_SOFT_BYTES: "100000000",
      WS_HARD_BYTES: "200000000",
      WS_STALLED_MAX: `${waitMsMax} millis`,
      WS_PING_EVERY: `${waitMsMax} millis`,
      WEB_ROOT: "test/data/web",
      ...more
    }
    return { nats, databaseUrl, simulator, config } satisfies World
  })

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
  readonly spans: number
}

/** A running platform: one start of the program, stopped with `stop`. */
export interface Running {
  readonly url: string
  readonly logs: ReadonlyArray<LogLine>
  /** Like SIGTERM: the whole scope closes. */
  readonly stop: Effect.Effect<void>
}

const recorder = (logs: Array<LogLine>) =>
  Logger.make(({ logLevel, message, annotations, cause }) => {
    const parts = Array.isArray(message) ? message : [message]
    const text = `${parts.map((part) => (part instanceof Error ? part.message : String(part))).join(" ")}${cause._tag === "Empty" ? "" : ` ${String(cause)}`}`
    logs.push({ level: logLevel.label, message: text, annotations: Object.fromEntries(annotations), spans: 0 })
  })

/** The exit of a start, and the scope to close after it. */
export const begin = (
  config: Readonly<Record<string, string>>,
  roles: ReadonlyArray<Platform.Role> = ["actors", "gateway"],
  steps: Layer.Layer<never> = Layer.empty
) =>
  Effect.gen(function* () {
    const logs: Array<LogLine> = []
    const scope = yield* Scope.make()
    const live = Platform.layer(roles).pipe(
      Layer.provide(steps),
      Layer.provide(Logger.replace(Logger.defaultLogger, recorder(logs))),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(config)))))
    ) as Layer.Layer<never, Error> as Layer.Layer<HttpServer.HttpServer, Error>
    const exit = yield* Effect.exit(Layer.buildWithScope(live, scope))
    const stop = Scope.close(scope, Exit.void)
    if (Exit.isFailure(exit)) yield* stop
    return { exit, stop, logs }
  })

/** Starts the platform; a failed start is a defect here. The surrounding scope stops it at the latest. */
export const start = (config: Readonly<Record<string, string>>, roles?: ReadonlyArray<Platform.Role>, steps?: Layer.Layer<never>) =>
  Effect.gen(function* () {
    const { exit, stop, logs } = yield* begin(config, roles, steps)
    if (Exit.isFailure(exit)) return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
    yield* Effect.addFinalizer(() => stop)
    const { address } = Context.get(exit.value, HttpServer.HttpServer)
    const url = address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}` : ""
    return { url, logs, stop } satisfies Running
  })

export const token = (user = "demo", role = "user") =>
  Effect.promise(() =>
    new SignJWT({ role, email: `${user}@example.org`, name: user })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(user)
      .setIssuer("tarang")
      .setAudience("tarang")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(secret))
  )

/** An answer's status and JSON body. */
// biome-ignore lint/suspicious/noExplicitAny: what a server answers is looked at, not typed
export type Answer = { readonly status: number; readonly body: any }
export const ask = (
  running: Running,
  path: string,
  options: {
    readonly method?: string
    readonly body?: unknown
    readonly user?: string
    readonly role?: string
    readonly headers?: Record<string, string>
  } = {}
) =>
  Effect.gen(function* () {
    const jwt = yield* token(options.user, options.role)
    return yield* Effect.promise(async (): Promise<Answer> => {
      const response = await fetch(`${running.url}${path}`, {
        method: options.method ?? "GET",
        signal: AbortSignal.timeout(waitMsMax),
        headers: {
          authorization: `Bearer ${jwt}`,
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) })
      })
      const text = await response.text()
      return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text }
    })
  })

/** Ends what does not answer within the limit of a wait, so that the failure names it. */
export const inTime = <A>(what: string, effect: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.raceFirst(Effect.disconnect(effect), Effect.delay(Effect.dieMessage(`no answer: ${what}`), waitMsMax))

/** Repeats a request until `holds` accepts the answer, for a limited time, and returns that answer. */
export const eventually = <A>(what: string, look: Effect.Effect<A>, holds: (value: A) => boolean): Effect.Effect<A> =>
  Effect.gen(function* () {
    let last: unknown
    const startedMs = performance.now()
    for (const endMs = startedMs + waitMsMax; performance.now() < endMs; ) {
      const value = yield* inTime(what, look)
      if (holds(value)) return value
      last = value
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, pauseMs(performance.now() - startedMs))))
    }
    return yield* Effect.dieMessage(`never: ${what}; last seen ${JSON.stringify(last)?.slice(0, 600)}`)
  })

/** A plain NATS client of a user, closed with the scope. */
export const natsClient = (nats: NatsServer, role: "reader" | "operator" | "engine" = "engine") =>
  Effect.acquireRelease(
    Effect.promise(() => patientClient(nats.as(role))),
    (nc: NatsConnection) => Effect.promise(() => nc.close())
  )

/** The sequence of the record's newest message. */
export const lastSeq = (nc: NatsConnection) =>
  Effect.promise(async () => (await (await nc.jetstreamManager()).streams.info("MD_FRAMES")).state.last_seq)

/** The sum of a labelled metric. */
export const metric = (running: Running, name: string) =>
  Effect.promise(async () => {
    const lines = (await (await fetch(`${running.url}/metrics`)).text()).split("\n").filter((line) => line.startsWith(`${name}{`))
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)
  })

/** Stops the platform, and answers how many packets the tickers of all accounts received: their last words. */
export const receivedUntilStop = (nc: NatsConnection, running: Running) =>
  Effect.gen(function* () {
    const stopped = new Map<string, number>()
    nc.subscribe("sys.ticker.>", {
      callback: (_, message) => {
        const { account_id, state, ticks } = message.json<{ account_id: string; state: string; ticks: number }>()
        if (state === "stopped") stopped.set(account_id, ticks)
      }
    })
    yield* Effect.promise(() => nc.flush())
    yield* running.stop
    yield* eventually(
      "all last words",
      Effect.sync(() => stopped.size),
      (count) => count === accountIds.length
    )
    return [...stopped.values()].reduce((sum, ticks) => sum + ticks, 0)
  })

/** The JSON bodies of a stream's messages, oldest first. */
export const readAll = <A>(nc: NatsConnection, stream: string, filter: string): Effect.Effect<ReadonlyArray<A>> =>
  Effect.promise(async () => {
    const consumer = await nc.jetstream().consumers.get(stream, { filterSubjects: [filter] })
    const found: Array<A> = []
    for (let left = (await consumer.info()).num_pending; left > 0; ) {
      for await (const message of await consumer.fetch({ max_messages: Math.min(left, 2_000), expires: 5_000 })) {
        found.push(message.json())
        left--
      }
    }
    return found
  })

export interface Socket {
  // biome-ignore lint/suspicious/noExplicitAny: what a server sends is looked at, not typed
  readonly received: ReadonlyArray<any>
  readonly send: (message: unknown) => void
  readonly closed: () => number | undefined
}
/** A WebSocket client that stores all messages, closed with the scope. */
export const socket = (running: Running, path: string, user = "demo") =>
  Effect.gen(function* () {
    const jwt = yield* token(user)
    const received: Array<unknown> = []
    let code: number | undefined
    const ws = yield* Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<WebSocket>((resolve, reject) => {
            const ws = new WebSocket(`${running.url.replace("http", "ws")}${path}`, { headers: { authorization: `Bearer ${jwt}` } })
            ws.on("message", (data) => received.push(JSON.parse(data.toString())))
            ws.on("close", (closed) => {
              code = closed
            })
            ws.once("open", () => resolve(ws))
            ws.once("error", reject)
          })
      ),
      (ws) => Effect.sync(() => ws.terminate())
    )
    return { received, send: (message: unknown) => ws.send(JSON.stringify(message)), closed: () => code } as Socket
  })
