/**
 * A Kite look-alike on one port: REST, login and WebSocket, over a synthetic or a recorded market. The product reaches it by configuration
 * alone (kiteconnect's `root` and the socket's address), so it has no mock mode of its own.
 */
import { readFile } from "node:fs/promises"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { Config, ConfigError, Context, Data, Effect, Either, Layer, Runtime, Schema, type Scope } from "effect"
import * as KiteRest from "./KiteRest.ts"
import * as KiteSocket from "./KiteSocket.ts"
import type { Market } from "./Market.ts"
import * as RecordedMarket from "./RecordedMarket.ts"
import * as Sessions from "./Sessions.ts"
import * as SyntheticMarket from "./SyntheticMarket.ts"

export type MarketOptions =
  | ({ readonly mode: "synthetic" } & Partial<SyntheticMarket.Settings>)
  | ({ readonly mode: "recorded" } & RecordedMarket.Settings)

export interface Options {
  /** 127.0.0.1 when left out. */
  readonly host?: string
  /** 0, any free port, when left out. */
  readonly port?: number
  readonly accounts: ReadonlyArray<Sessions.Account>
  readonly market: MarketOptions
  /** Kite's request rates (a quote a second, ten other requests a second, by api_key); off when left out. */
  readonly rateLimits?: boolean
}

export class ListenError extends Data.TaggedError("ListenError")<{ readonly host: string; readonly port: number; readonly cause: Error }> {
  override get message(): string {
    return `the simulator cannot listen on ${this.host}:${this.port} (${this.cause.message}): set SIMULATOR_HOST and SIMULATOR_PORT to a free address`
  }
}

export class AccountsError extends Data.TaggedError("AccountsError")<{ readonly file: string; readonly cause: unknown }> {
  override get message(): string {
    return `accounts file ${this.file} cannot be read: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

const bodyBytesMax = 1 << 20
const heartbeatEvery = "1 second"

export interface Service {
  /** http://host:port, what kiteconnect takes as `root`. */
  readonly url: string
  /** ws://host:port, what takes api_key and access_token as query. */
  readonly wsUrl: string
  readonly market: Market
  readonly stats: () => KiteSocket.Stats
  /** Sends a text message, such as ("message", "...") or ("error", "..."), to every connection or to those of one api_key. */
  readonly text: KiteSocket.Hub["text"]
  /** Cuts connections as a broken network does. */
  readonly cut: KiteSocket.Hub["cut"]
}

export class Simulator extends Context.Tag("simulator/Simulator")<Simulator, Service>() {}

/** The whole body as text, or null when it is larger than any form of Kite's. */
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

const answer = async (handle: (request: KiteRest.Request) => KiteRest.Response, request: IncomingMessage): Promise<KiteRest.Response> => {
  const body = await readBody(request)
  if (body === null) return KiteRest.failure({ status: 413, type: "InputException", message: `A body has at most ${bodyBytesMax} bytes` })
  return handle({
    method: request.method ?? "GET",
    url: request.url ?? "/",
    authorization: request.headers.authorization,
    kiteVersion: textOf(request.headers["x-kite-version"]),
    gzip: (textOf(request.headers["accept-encoding"]) ?? "").includes("gzip"),
    body
  })
}

const respond = (response: ServerResponse, { status, headers, body }: KiteRest.Response): void => {
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
  response.end(body)
}

const makeMarket = (options: MarketOptions, nowMs: number): Effect.Effect<Market, RecordedMarket.MarketFileError> => {
  if (options.mode === "recorded") return RecordedMarket.make(options)
  const { mode: _, ...settings } = options
  return Effect.sync(() => SyntheticMarket.make({ startMs: nowMs, ...SyntheticMarket.defaults, ...settings }))
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

/** Runs a simulator until the scope closes; then its port is free and every connection is gone. */
export const make = (options: Options): Effect.Effect<Service, ListenError | RecordedMarket.MarketFileError, Scope.Scope> =>
  Effect.gen(function* () {
    const host = options.host ?? "127.0.0.1"
    const clock = yield* Effect.clock
    const nowMs = () => clock.unsafeCurrentTimeMillis()
    const market = yield* makeMarket(options.market, nowMs())
    const sessions = new Sessions.Sessions(options.accounts, nowMs)
    const hub = KiteSocket.make({ sessions, market })
    const handle = KiteRest.make({ sessions, market, nowMs, rateLimits: options.rateLimits ?? false })
    const runFork = Runtime.runFork(yield* Effect.runtime())

    const server = createServer((request, response) => {
      answer(handle, request).then(
        (answered) => respond(response, answered),
        (cause: unknown) => {
          runFork(Effect.logError("a request to the simulator failed", cause))
          respond(response, KiteRest.failure({ status: 500, type: "GeneralException", message: "Something went wrong" }))
        }
      )
    })
    server.on("upgrade", hub.upgrade)
    const port = yield* listen(server, host, options.port ?? 0)
    // Sockets that were upgraded are no longer the server's to close.
    yield* Effect.addFinalizer(() => Effect.sync(() => hub.cut()))
    yield* Effect.forkScoped(
      Effect.tapErrorCause(market.run(hub.outlet), (cause) => Effect.logError("the simulated market stopped", cause))
    )
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(heartbeatEvery), Effect.sync(hub.heartbeat))))
    yield* Effect.logInfo("simulator started").pipe(
      Effect.annotateLogs({ url: `http://${host}:${port}`, market: market.mode, instruments: market.instruments.length })
    )
    return { url: `http://${host}:${port}`, wsUrl: `ws://${host}:${port}`, market, stats: hub.stats, text: hub.text, cut: hub.cut }
  })

export const layer = (options: Options): Layer.Layer<Simulator, ListenError | RecordedMarket.MarketFileError> =>
  Layer.scoped(Simulator, make(options))

const AccountsFile = Schema.parseJson(
  Schema.NonEmptyArray(
    Schema.Struct({
      account_id: Schema.NonEmptyString,
      api_key: Schema.NonEmptyString,
      api_secret: Schema.NonEmptyString,
      user_id: Schema.NonEmptyString,
      redirect_url: Schema.optional(Schema.String)
    })
  )
)

/** The accounts that may log in: a JSON array of {account_id, api_key, api_secret, user_id, redirect_url?}, other fields ignored. */
export const readAccounts = (file: string): Effect.Effect<ReadonlyArray<Sessions.Account>, AccountsError> =>
  Effect.tryPromise(() => readFile(file, "utf8")).pipe(
    Effect.flatMap(Schema.decode(AccountsFile)),
    Effect.mapError((cause) => new AccountsError({ file, cause })),
    Effect.map((accounts) =>
      accounts.map((one) => ({
        accountId: one.account_id,
        apiKey: one.api_key,
        apiSecret: one.api_secret,
        userId: one.user_id,
        redirectUrl: one.redirect_url
      }))
    )
  )

const speedOf = (text: string): Either.Either<number | "max", ConfigError.ConfigError> => {
  const speed = Number(text)
  if (text === "max") return Either.right("max")
  return speed > 0 && Number.isFinite(speed)
    ? Either.right(speed)
    : Either.left(ConfigError.InvalidData(["SIMULATOR_SPEED"], `"${text}" is neither a number above 0 nor max`))
}

const nonNegative = (name: string, fallback: number): Config.Config<number> =>
  Config.number(name).pipe(
    Config.withDefault(fallback),
    Config.validate({ message: `${name} must be 0 or more`, validation: (value) => value >= 0 && Number.isFinite(value) })
  )

/** NIFTY=24500,BANKNIFTY=57500 */
const basePricesOf = (text: string): Either.Either<Readonly<Record<string, number>>, ConfigError.ConfigError> => {
  const prices: Record<string, number> = {}
  for (const part of text.split(",").filter((one) => one.trim() !== "")) {
    const [name = "", price = ""] = part.split("=").map((one) => one.trim())
    if (!SyntheticMarket.products.some((product) => product.name === name) || !(Number(price) > 0 && Number(price) < 1e7)) {
      const names = SyntheticMarket.products.map((product) => product.name).join(", ")
      return Either.left(ConfigError.InvalidData(["SIMULATOR_BASE_PRICES"], `"${part}" is no NAME=rupees with a name of ${names}`))
    }
    prices[name] = Number(price)
  }
  return Either.right(prices)
}

const syntheticConfig = Config.all({
  seed: Config.integer("SIMULATOR_SEED").pipe(Config.withDefault(SyntheticMarket.defaults.seed)),
  rate: nonNegative("SIMULATOR_RATE", SyntheticMarket.defaults.rate),
  basePrices: Config.string("SIMULATOR_BASE_PRICES").pipe(Config.withDefault(""), Config.mapOrFail(basePricesOf)),
  variation: nonNegative("SIMULATOR_VARIATION", SyntheticMarket.defaults.variation),
  volumeLotsMax: Config.integer("SIMULATOR_VOLUME_LOTS").pipe(
    Config.withDefault(SyntheticMarket.defaults.volumeLotsMax),
    Config.validate({ message: "SIMULATOR_VOLUME_LOTS must be 1 or more", validation: (lots) => lots >= 1 })
  ),
  strikesEachSide: Config.integer("SIMULATOR_STRIKES").pipe(
    Config.withDefault(SyntheticMarket.defaults.strikesEachSide),
    Config.validate({ message: "SIMULATOR_STRIKES must be 0 to 200", validation: (strikes) => strikes >= 0 && strikes <= 200 })
  )
}).pipe(Config.map((settings): MarketOptions => ({ mode: "synthetic", ...settings })))

const recordedConfig = Config.all({
  file: Config.nonEmptyString("SIMULATOR_FILE"),
  instruments: Config.nonEmptyString("SIMULATOR_INSTRUMENTS").pipe(
    Config.option,
    Config.map((file) => (file._tag === "Some" ? file.value : undefined))
  ),
  underlying: Config.nonEmptyString("SIMULATOR_UNDERLYING").pipe(Config.withDefault("NIFTY")),
  speed: Config.string("SIMULATOR_SPEED").pipe(Config.withDefault("1"), Config.mapOrFail(speedOf))
}).pipe(Config.map((settings): MarketOptions => ({ mode: "recorded", ...settings })))

/** The environment of `npm run simulator`; what is wrong is named with its variable. */
const fromConfig = Effect.gen(function* () {
  const mode = yield* Config.literal("synthetic", "recorded")("SIMULATOR_MARKET").pipe(Config.withDefault("synthetic" as const))
  const market = yield* mode === "synthetic" ? syntheticConfig : recordedConfig
  return yield* make({
    host: yield* Config.string("SIMULATOR_HOST").pipe(Config.withDefault("127.0.0.1")),
    port: yield* Config.integer("SIMULATOR_PORT").pipe(Config.withDefault(0)),
    accounts: yield* readAccounts(yield* Config.nonEmptyString("ACCOUNTS_FILE")),
    rateLimits: yield* Config.boolean("SIMULATOR_RATE_LIMITS").pipe(Config.withDefault(true)),
    market
  })
})

export const Live = Layer.scoped(Simulator, fromConfig)
