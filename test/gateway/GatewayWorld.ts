import { HttpServer } from "@effect/platform"
import { Cause, ConfigProvider, Context, Effect, Either, Layer, Logger, Option, Redacted, type Scope } from "effect"
import { SignJWT } from "jose"
import * as RulesFromStore from "../../src/adapters/RulesFromStore.ts"
import { Accounts } from "../../src/broker/Accounts.ts"
import { User } from "../../src/contract/shared/Authentication.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import type * as ChainMessage from "../../src/domain/options/ChainMessage.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import { GatewayLive } from "../../src/gateway/Gateway.ts"
import * as StoredKeys from "../../src/gateway/keys/StoredKeys.ts"
import * as Server from "../../src/gateway/serve/Server.ts"
import { ApiKeys } from "../../src/gateway/shared/Auth.ts"
import { InstrumentRegistry } from "../../src/store/instruments/InstrumentRegistry.ts"
import { Redis } from "../../src/store/Redis.ts"
import * as Copies from "../../src/streams/Copies.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import { StreamKeeper } from "../../src/streams/keep/StreamKeeper.ts"
import { MarketClock } from "../../src/streams/MarketClock.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { anInstrument } from "../domain/market/AnInstrument.ts"
import * as Packets from "../domain/market/Packets.ts"
import { pauseMs, waitMsMax } from "../Patience.ts"
import { started } from "../store/Stores.ts"
import { migratedDatabase, type NatsServer, natsServer, wallClock } from "../TestBackends.ts"

export const secret = "0123456789abcdef0123456789abcdef"
export const apiKey = "a-good-key"

interface Claims {
  readonly sub?: string
  readonly exp?: string | number
  readonly iss?: string
  readonly aud?: string
  readonly alg?: string
  readonly secret?: string
  readonly role?: string
  readonly email?: string
  readonly name?: string
}
export const token = (claims: Claims = {}) =>
  Effect.promise(() =>
    new SignJWT({ role: claims.role ?? "user", email: claims.email ?? "u1@example.org", name: claims.name ?? "User One" })
      .setProtectedHeader({ alg: claims.alg ?? "HS256" })
      .setSubject(claims.sub ?? "u1")
      .setIssuer(claims.iss ?? "tarang")
      .setAudience(claims.aud ?? "tarang")
      .setExpirationTime(claims.exp ?? "1h")
      .sign(new TextEncoder().encode(claims.secret ?? secret))
  )

export const near = "2098-01-30"
export const far = "2099-12-31"
export const gone = "2020-01-30"
const instrument = (token: number, tradingsymbol: string, more: Partial<Instrument.Instrument> = {}) =>
  anInstrument(token, { tradingsymbol, ...more })
/** Tokens of the test market; the low byte is the segment. */
export const tokens = {
  nifty: 256265,
  call: 0x10002,
  put: 0x10102,
  farCall: 0x10202,
  goneCall: 0x10302,
  future: 0x10402,
  infy: 408065
} as const
const option = (token: number, tradingsymbol: string, expiry: string, type: "CE" | "PE") =>
  instrument(token, tradingsymbol, { expiry, strike: 2_450_000, instrumentType: type })
export const master = Instrument.makeMaster("2026-11-24", [
  instrument(tokens.nifty, "NIFTY 50", { name: "NIFTY 50", segment: "INDICES", exchange: "NSE", tickSize: 0, lotSize: 0 }),
  instrument(tokens.infy, "INFY", { name: "INFOSYS", segment: "NSE", exchange: "NSE", lotSize: 1 }),
  option(tokens.call, "NIFTY98JAN24500CE", near, "CE"),
  option(tokens.put, "NIFTY98JAN24500PE", near, "PE"),
  option(tokens.farCall, "NIFTY99DEC24500CE", far, "CE"),
  option(tokens.goneCall, "NIFTY20JAN24500CE", gone, "CE"),
  instrument(tokens.future, "GOLDM99DECFUT", { name: "GOLDM", expiry: far, instrumentType: "FUT", segment: "MCX-FUT", exchange: "MCX" })
])

export const accountIds = ["acc1", "acc2"]
const accountsOf = (owners: ReadonlyArray<string>) =>
  Layer.sync(Accounts, () =>
    Accounts.make({
      look: Effect.void,
      all: () => (owners.length === 0 ? [] : accountIds.map((accountId) => ({ accountId, owners }) as never)),
      knows: (id) => accountIds.includes(id),
      ids: () => accountIds as never,
      streaming: () => accountIds as never,
      byId: () => Option.none() as never,
      problem: () => null,
      linkedSource: "simulator",
      seal: (account, field) => `sealed ${field} of ${account}`,
      open: (_account, _field, stored) => Either.right(stored),
      isSealedNewest: () => true
    })
  )

export interface LogLine {
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
  readonly text: string
}

/** The parts of a running gateway that a test can use. */
export class World extends Context.Tag("test/World")<
  World,
  {
    /** http://127.0.0.1:port */
    readonly url: string
    readonly nats: NatsServer
    readonly databaseUrl: string
    /** Connected as engine, to publish like the actors. */
    readonly engine: JetStream
    readonly logs: ReadonlyArray<LogLine>
  }
>() {}

interface Options {
  readonly config?: Readonly<Record<string, string>>
  readonly nats?: Effect.Effect<NatsServer, never, Scope.Scope>
  /** Another address of the server, only for the gateway. */
  readonly door?: (natsUrl: string) => Effect.Effect<string, never, Scope.Scope>
  readonly database?: Effect.Effect<string, never, Scope.Scope>
  /** False: the instrument registry is empty. */
  readonly hasInstruments?: boolean
  /** Users who may use the accounts. Without them the gateway knows no account. */
  readonly owners?: ReadonlyArray<string>
  /** True: API keys are those of the database. */
  readonly hasStoredKeys?: boolean
  /** True: owners may connect to the NATS server. */
  readonly hasNatsUsers?: boolean
  /** False: the test makes the streams. */
  readonly hasStreams?: boolean
}

/** A gateway as main.ts builds it, with a separate database and NATS server. */
export const world = (options: Options = {}) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const nats = yield* options.nats ?? natsServer
      const databaseUrl = yield* options.database ?? migratedDatabase
      const logs: Array<LogLine> = []
      const recorder = Logger.make(({ annotations, message, cause, logLevel }) => {
        const named = Object.fromEntries(annotations)
        const texts = (Array.isArray(message) ? message : [message]).map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
        logs.push({
          message: texts[0] ?? "",
          annotations: named,
          text: `${logLevel.label} ${texts.join(" ")} ${JSON.stringify(named)} ${Cause.pretty(cause, { renderErrorCause: true })}`
        })
      })
      const settings = new Map(
        Object.entries({
          JWT_SECRET: secret,
          WEB_ROOT: "test/data/web",
          // Tests send as fast as they can.
          RATE_LIMIT_READS: "0",
          RATE_LIMIT_WRITES: "0",
          RATE_LIMIT_ORDERS: "0",
          DATABASE_URL: databaseUrl,
          // A busy machine must not count as an outage.
          DATABASE_CONNECT_TIMEOUT: "60 seconds",
          DATABASE_QUERY_TIMEOUT: "60 seconds",
          MARKET_CLOCK: wallClock,
          NATS_URL: nats.url,
          NATS_REQUEST_TIMEOUT: "60 seconds",
          NATS_ENGINE_PASSWORD: nats.passwords.engine,
          NATS_GATEWAY_PASSWORD: nats.passwords.gateway,
          ...(options.hasNatsUsers === true ? { NATS_CALLOUT_PASSWORD: nats.callout.password, NATS_CALLOUT_SEED: nats.callout.seed } : {}),
          ...options.config
        })
      )
      const apiKeys =
        options.hasStoredKeys === true
          ? StoredKeys.layer
          : Layer.succeed(ApiKeys, {
              owner: (key) =>
                Effect.succeed(
                  Redacted.value(key) === apiKey
                    ? Option.some(
                        new User({
                          ...{ id: "k1", email: null, name: null, role: "trader", expiresAtMs: Number.MAX_SAFE_INTEGER },
                          key: { id: 1, scopes: ["*:read", "*:write"] }
                        })
                      )
                    : Option.none()
                ),
              alive: (ids) => Effect.succeed(new Set(ids)),
              onChange: () => Effect.void
            })
      const engine = yield* Layer.build(JetStream.layer("engine")).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(settings)),
        Effect.map(Context.get(JetStream))
      )
      if (options.door !== undefined) settings.set("NATS_URL", yield* options.door(nats.url))
      const streams =
        options.hasStreams === false
          ? Layer.succeed(StreamKeeper, StreamKeeper.make({ remade: () => [], progress: () => undefined }))
          : Copies.layer.pipe(Layer.provideMerge(StreamKeeper.Default), Layer.provide(Layer.succeed(JetStream, engine)))
      const filled =
        options.hasInstruments === false
          ? Layer.empty
          : Layer.effectDiscard(Effect.map(InstrumentRegistry, (registry) => registry.set(master)))
      const address = HttpServer.addressWith((at) => Effect.succeed(at._tag === "TcpAddress" ? `http://127.0.0.1:${at.port}` : ""))
      const self = Layer.effect(
        World,
        Effect.map(address, (url) => ({ url, nats, databaseUrl, engine, logs }))
      )
      return Layer.mergeAll(GatewayLive, self).pipe(
        Layer.provideMerge(Server.layer({ host: "127.0.0.1", port: 0 })),
        Layer.provide([apiKeys, accountsOf(options.owners ?? []), Redis.Default, filled, MarketClock.Default, RulesFromStore.layer]),
        // The store's layer sets its configuration for the layers above it too.
        Layer.provideMerge(started(databaseUrl, Object.fromEntries(settings))),
        Layer.provide(JetStream.layer("gateway")),
        Layer.provide(streams),
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(settings))),
        Layer.provide(Logger.replace(Logger.defaultLogger, recorder))
      )
    })
  )

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any body
  readonly body: any
}

interface Ask {
  readonly method?: string
  /** A user's id; null sends no credentials. */
  readonly as?: string | null
  readonly role?: string
  readonly body?: unknown
  /** Sent unchanged instead of `body`. */
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One request, as user u1 by default. */
export const ask = (path: string, { method = "GET", as = "u1", role = "user", body, raw, headers = {} }: Ask = {}) =>
  Effect.gen(function* () {
    const { url } = yield* World
    const jwt = as === null ? undefined : yield* token({ sub: as, role })
    const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const init: RequestInit = {
      method,
      headers: {
        ...(jwt === undefined ? {} : { authorization: `Bearer ${jwt}` }),
        ...(text === undefined ? {} : { "content-type": "application/json" }),
        ...headers
      },
      ...(text === undefined ? {} : { body: text })
    }
    return yield* Effect.promise(async (): Promise<Answer> => {
      const response = await fetch(`${url}${path}`, init)
      const answer = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        body: response.headers.get("content-type")?.includes("json") ? JSON.parse(answer) : answer
      }
    })
  })

/** Waits until `check` returns a value. The wait is bounded; its length is not asserted. */
export const eventually = <A, E, R>(what: string, check: Effect.Effect<A | undefined | false, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const startedMs = performance.now()
    for (const endMs = startedMs + waitMsMax; performance.now() < endMs; ) {
      const found = yield* check
      if (found !== undefined && found !== false) return found
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, pauseMs(performance.now() - startedMs))))
    }
    return yield* Effect.dieMessage(`never came true: ${what}`)
  })

export const ready = eventually(
  "the gateway is ready",
  Effect.map(ask("/health/ready", { as: null }), ({ status }) => status === 200)
)

/** One sample of /metrics; 0 if it does not exist yet. */
export const metric = (name: string) =>
  Effect.map(ask("/metrics", { as: null }), ({ body }) => {
    const line = String(body)
      .split("\n")
      .find((text) => text.startsWith(`${name} `))
    return line === undefined ? 0 : Number(line.slice(name.length + 1))
  })

let numbers = 0
/** Publishes packets like an account's ticker. Repeating a `number` simulates a resend. */
export const publishFrame = (
  bodies: ReadonlyArray<Uint8Array>,
  more: { readonly underlying?: string; readonly number?: number; readonly source?: FrameHeader.Source; readonly receivedMs?: number } = {}
) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const source = more.source ?? "simulator"
    const header: FrameHeader.FrameHeader = {
      // A start of a ticker has one source.
      account: source === "simulator" ? "acc1" : "acc2",
      epoch: 1,
      incarnation: 1,
      number: more.number ?? numbers++,
      baseReceivedMs: more.receivedMs ?? 1_790_000_000_000,
      source,
      runs: [bodies.length, 0]
    }
    return yield* engine.publish(Subjects.Frame.at({ exchange: "NSE", underlying: more.underlying ?? "NIFTY" }), Frame.frameOf(bodies), {
      headers: { [FrameHeader.name]: FrameHeader.format(header) }
    })
  })

export const fullPacket = (instrumentToken: number, lastPrice: number, more: Partial<Frame.FullFields> = {}) =>
  Packets.encodeFull({
    token: instrumentToken,
    lastPrice,
    open: lastPrice,
    high: lastPrice,
    low: lastPrice,
    close: lastPrice,
    lastQuantity: 75,
    averagePrice: lastPrice,
    volume: 7_500,
    buyQuantity: 1,
    sellQuantity: 2,
    lastTradeTime: 1_790_000_000,
    oi: 3_000_000_000,
    oiDayHigh: 0,
    oiDayLow: 0,
    exchangeTime: 1_790_000_001,
    bids: [{ price: lastPrice - 5, quantity: 75, orders: 1 }],
    asks: [{ price: lastPrice + 5, quantity: 75, orders: 1 }],
    ...more
  })

export interface ChainRow {
  readonly strike: number
  readonly side: "CE" | "PE"
  readonly token: number
  readonly price: number
  readonly oi?: number
}
/** A chain message with invented but distinct values. */
export const chainMessage = (
  kind: "delta" | "chain",
  rows: ReadonlyArray<ChainRow>,
  more: Partial<ChainMessage.Chain> = {}
): ChainMessage.Chain => ({
  v: 1,
  as_of: "2026-11-24T09:30:00.000Z",
  seq: 10,
  kind,
  exchange: "NSE",
  underlying: "NIFTY",
  expiry: near,
  window: "2026-11-24T09:30:00.000Z",
  spot: 24_510.35,
  forward: 24_530.1,
  forward_source: "parity",
  atm_strike: 24_500,
  atm_iv: 0.142,
  straddle: 210.05,
  max_pain: 24_500,
  pcr_oi: 1.5,
  pcr_volume: 0.75,
  call_oi: 100,
  put_oi: 150,
  oi_coverage: { counted: rows.length, listed: 4 },
  oi_change_from: "first_seen",
  valued_at: more.as_of ?? "2026-11-24T09:30:00.000Z",
  convention: "black76-act365",
  columns: {
    strike: rows.map(({ strike }) => strike),
    side: rows.map(({ side }) => side),
    instrument_token: rows.map(({ token }) => token),
    last_price: rows.map(({ price }) => price),
    bid: rows.map(({ price }) => price - 0.5),
    ask: rows.map(({ price }) => price + 0.5),
    volume: rows.map(() => 7_500),
    oi: rows.map(({ oi }) => oi ?? 50),
    oi_change: rows.map(() => 5),
    iv: rows.map(() => 0.142),
    delta: rows.map(({ side }) => (side === "CE" ? 0.52 : -0.48)),
    gamma: rows.map(() => 0.0008),
    theta: rows.map(() => -9.5),
    vega: rows.map(() => 12.25),
    rho: rows.map(() => 3.5),
    time: rows.map(() => "2026-11-24T09:29:59.000Z"),
    priced_at: rows.map(() => "2026-11-24T09:29:57.500Z"),
    quality: rows.map(() => "live" as const)
  },
  ...more
})

/** Publishes a keyframe or a delta, and returns its sequence in its stream. */
export const publishChain = (message: ChainMessage.Chain) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const subject = message.kind === "chain" ? Subjects.ChainKeyframe : Subjects.ChainDelta
    const { exchange, underlying, expiry } = message
    return (yield* engine.publish(subject.at({ exchange, underlying, expiry }), subject.encode(message))).seq
  })

/** Publishes a state of NIFTY: one without spot, futures and expiries, except for what `known` says. */
export const publishState = (known: Partial<ChainMessage.UnderlyingState>) =>
  Effect.flatMap(World, ({ engine }) => {
    const names = { exchange: "NSE", underlying: "NIFTY" }
    const nothing = { instrument_token: null, spot: null, spot_change: null, futures: [], expiries: [] }
    const message = { v: 1 as const, as_of: new Date().toISOString(), seq: 1, ...names, ...nothing, ...known }
    return engine.publish(Subjects.UnderlyingState.at(names), Subjects.UnderlyingState.encode(message))
  })
