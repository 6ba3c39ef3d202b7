/** One run's backends and processes: a separate NATS server and database, and either the platform or the bare pipeline on them. */
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { ConfigProvider, Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import { SignJWT } from "jose"
import { type ConnectionOptions, connect, type NatsConnection } from "nats"
import type * as BackendsModule from "../../scripts/lib/backends.mjs"
import { instrumentsPerAccount } from "../../src/broker/BrokerSettings.ts"
import * as Money from "../../src/domain/Money.ts"
import { Migrated } from "../../src/store/Migrations.ts"
import { PostgresLive } from "../../src/store/Postgres.ts"
import { StrategyRepo } from "../../src/store/strategies/StrategyRepo.ts"
import { AccountCapacity } from "../../src/store/subscriptions/AccountCapacity.ts"
import { SubscriptionRepo } from "../../src/store/subscriptions/SubscriptionRepo.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Streams from "../../src/streams/Streams.ts"
import type * as Bare from "./Bare.ts"
import * as Child from "./Child.ts"
import type * as Clients from "./Clients.ts"
import type * as Ground from "./Ground.ts"
import type { Parts } from "./Machine.ts"
import * as Universe from "./Universe.ts"

export type Shape = "split" | "one"
export type Kind = "platform" | "bare"

const root = process.cwd()
const readyMsMax = 60_000
/** Strategies that are created at the same time. */
const storeConnections = 4
const secret = randomBytes(32).toString("hex")

const quiet = Logger.minimumLogLevel(LogLevel.Warning)

/** An empty database with the schema, every instrument subscribed and the strategies created. */
const prepareStore = (ground: Ground.Ground, name: string, universe: Universe.Universe, wanted: ReadonlyArray<Universe.Wanted>) => {
  const admin = PgClient.layer({ url: Redacted.make(ground.postgresUrl), maxConnections: 1 })
  const url = new URL(ground.postgresUrl)
  url.pathname = `/${name}`
  const config = ConfigProvider.fromMap(new Map([["DATABASE_URL", url.href]]))
  const store = Layer.mergeAll(SubscriptionRepo.Default, StrategyRepo.Default).pipe(
    Layer.provide(Layer.effect(AccountCapacity, instrumentsPerAccount)),
    Layer.provide(Migrated),
    Layer.provideMerge(PostgresLive)
  )
  const accounts = universe.accounts.map(({ accountId }) => accountId)
  const fill = Effect.gen(function* () {
    const subscriptions = yield* SubscriptionRepo
    const strategies = yield* StrategyRepo
    yield* subscriptions.addAll(
      universe.instruments.map(({ token, tradingsymbol, segment }) => ({
        instrumentToken: token,
        tradingsymbol,
        segment,
        requestedMode: "FULL" as const,
        createdBy: Universe.owner
      })),
      accounts
    )
    return yield* Effect.forEach(
      wanted,
      ({ owner, name, legs }) => {
        const all = legs.map(({ instrument: { token, tradingsymbol, exchange, segment, lotSize }, direction }) => ({
          leg: { instrumentToken: token, tradingsymbol, exchange, direction, quantity: lotSize, entryPrice: new Money.Decimal(100) },
          subscribe: { segment, accounts }
        }))
        return Effect.map(strategies.create(owner, { name }, all), ({ strategy }) => strategy.strategyId)
      },
      { concurrency: storeConnections }
    )
  })
  const program = Effect.gen(function* () {
    yield* Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(`CREATE DATABASE ${name}`)).pipe(Effect.provide(admin))
    return yield* fill.pipe(Effect.provide(store), Effect.withConfigProvider(config))
  })
  return Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(quiet))).then((strategyIds) => ({ url: url.href, strategyIds }))
}

const prepareStreams = (natsUrl: string, password: string) => {
  const config = ConfigProvider.fromMap(
    new Map([
      ["NATS_URL", natsUrl],
      ["NATS_ENGINE_PASSWORD", password]
    ])
  )
  const layer = Streams.layer.pipe(Layer.provide(JetStream.layer("engine")))
  return Effect.runPromise(Effect.scoped(Layer.build(layer)).pipe(Effect.withConfigProvider(config), Effect.provide(quiet), Effect.asVoid))
}

const jwt = () =>
  new SignJWT({ role: "user", email: "bench@example.org", name: Universe.owner })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(Universe.owner)
    .setIssuer("tarang")
    .setAudience("tarang")
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret))

export interface World {
  readonly universe: Universe.Universe
  readonly load: Child.Child
  readonly clients: Child.Child
  /** The measured processes, by part. */
  readonly pids: Parts
  readonly strategyIds: ReadonlyArray<number>
  /** Port of the gateway, or of its replacement, and a token that it accepts. */
  readonly port: number
  readonly jwt: string
  /** Only for a platform. */
  readonly databaseUrl: string | undefined
  readonly nc: NatsConnection
  /** SIGKILL to the NATS server, and its next start on the same port with the same store. `pids` has the new one. */
  readonly killNats: () => Promise<void>
  readonly startNats: () => Promise<void>
  /** Only for a bare pipeline: its processes' own counts. */
  readonly bareState: () => Promise<Bare.State | undefined>
  /** Only for a platform: the gateway's metrics as text. */
  readonly metrics: () => Promise<string>
  /** Lines of the platform's logs that report a problem. */
  readonly troubles: () => ReadonlyArray<string>
  /** Stops the measured processes cleanly. NATS keeps running for inspection. */
  readonly stopMeasured: () => Promise<void>
  readonly close: () => Promise<void>
}

interface Options {
  readonly kind: Kind
  readonly shape: Shape
  readonly spec: Universe.Spec
  readonly rate: number
  /** How many strategies there are; by default one for each of the first underlyings. */
  readonly strategies?: number
  /** Folder for processor profiles, if wanted. */
  readonly profile?: string | undefined
  /** Additions of another benchmark to the platform. */
  readonly more?: More | undefined
}

export interface More {
  /** Rows of ACCOUNTS_FILE after those of the market. */
  readonly accounts: ReadonlyArray<object>
  readonly env: Readonly<Record<string, string>>
  /** The compiled program, under .cache/bench/bench. */
  readonly program: string
  /** Orders run in a separate process, as under `npm start`. */
  readonly hasOrders: boolean
}
const noMore: More = { accounts: [], env: {}, program: "pipeline/Platform.js", hasOrders: false }

interface Part {
  readonly part: string
  readonly roles: ReadonlyArray<"actors" | "gateway">
  readonly env: Readonly<Record<string, string>>
}
const partsOf = (shape: Shape, hasOrders: boolean): ReadonlyArray<Part> => {
  const market = hasOrders ? { ACTOR_GROUPS: "market" } : {}
  const orders: ReadonlyArray<Part> = hasOrders ? [{ part: "orders", roles: ["actors"], env: { ACTOR_GROUPS: "orders" } }] : []
  return shape === "one"
    ? [{ part: "platform", roles: ["actors", "gateway"], env: market }, ...orders]
    : [{ part: "actors", roles: ["actors"], env: market }, ...orders, { part: "gateway", roles: ["gateway"], env: {} }]
}

let worlds = 0

export const open = async (ground: Ground.Ground, options: Options): Promise<World> => {
  const { spec, kind } = options
  const universe = Universe.make(spec)
  const name = `bench${++worlds}`
  const home = join(ground.folder, name)
  await mkdir(home, { recursive: true })
  const password = () => randomBytes(12).toString("base64url")
  const passwords = { engine: password(), gateway: password(), reader: password(), operator: password() }
  const { child, port } = await ground.backends.startNats(ground.natsProgram, home, { passwords })
  let nats = child
  const url = `nats://127.0.0.1:${port}`
  const stops: Array<() => Promise<void>> = [() => nats.stop(), () => rm(home, { recursive: true, force: true })]
  const close = async () => {
    for (const stop of stops) await stop()
  }
  try {
    const as: ConnectionOptions = {
      servers: url,
      user: "engine",
      pass: passwords.engine,
      inboxPrefix: "_INBOX_engine",
      maxReconnectAttempts: -1
    }
    const nc = await connect(as)
    stops.unshift(() => nc.close())
    const load = await Child.start("Load", spec)
    stops.unshift(load.stop)
    const loadPort = await load.call<number>("port")
    const begun = await (kind === "platform" ? startPlatform : startBare)(ground, options, {
      home,
      universe,
      url,
      passwords,
      loadPort,
      name,
      load
    })
    stops.unshift(begun.stop)
    const token = await jwt()
    const clientSpec: Clients.Spec = {
      ...spec,
      port: begun.port,
      jwt: token,
      strategyIds: begun.strategyIds,
      perInstrument: options.rate / spec.instruments
    }
    const clients = await Child.start("Clients", clientSpec)
    stops.unshift(clients.stop)
    const pids: Record<string, number> = { ...begun.pids, nats: nats.pid ?? 0 }
    return {
      universe,
      load,
      clients,
      nc,
      pids,
      killNats: async () => {
        if (nats.pid !== undefined) process.kill(nats.pid, "SIGKILL")
        await nats.ended
      },
      startNats: async () => {
        nats = (await ground.backends.startNats(ground.natsProgram, home, { passwords, port })).child
        pids["nats"] = nats.pid ?? 0
      },
      strategyIds: begun.strategyIds,
      port: begun.port,
      jwt: token,
      databaseUrl: begun.databaseUrl,
      bareState: begun.bareState,
      metrics: async () => (kind === "platform" ? await (await fetch(`http://127.0.0.1:${begun.port}/metrics`)).text() : ""),
      troubles: () => troubles(home),
      stopMeasured: begun.stop,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

interface Around {
  readonly home: string
  readonly universe: Universe.Universe
  readonly url: string
  readonly passwords: BackendsModule.NatsPasswords
  readonly loadPort: number
  readonly name: string
  readonly load: Child.Child
}

const allSubscribed = async (ground: Ground.Ground, around: Around, isEnded: () => boolean, problem: () => string) => {
  const isThere = async () => (await around.load.call<number>("subscribed")) === around.universe.instruments.length
  if (!(await ground.ports.until(isThere, isEnded, readyMsMax))) {
    throw new Error(
      `${await around.load.call<number>("subscribed")} of ${around.universe.instruments.length} instruments were subscribed\n${problem()}`
    )
  }
}

const startPlatform = async (ground: Ground.Ground, { shape, profile, strategies, more = noMore }: Options, around: Around) => {
  const { home, universe, url, passwords, loadPort } = around
  const wanted = strategies === undefined ? Universe.fewStrategies(universe) : Universe.manyStrategies(universe, strategies)
  const { url: databaseUrl, strategyIds } = await prepareStore(ground, around.name, universe, wanted)
  const accountsFile = join(home, "accounts.json")
  const rows = universe.accounts.map(({ accountId, apiKey, apiSecret, userId }) => ({
    account_id: accountId,
    api_key: apiKey,
    api_secret: apiSecret,
    user_id: userId,
    root: `http://127.0.0.1:${loadPort}`,
    ws_root: `ws://127.0.0.1:${loadPort}`,
    login: "auto"
  }))
  writeFileSync(accountsFile, JSON.stringify([...rows, ...more.accounts]), { mode: 0o600 })
  const { NODE_OPTIONS: _, REDIS_URL: __, SEED_USER: ___, ...inherited } = process.env
  const port = await ground.ports.freePort()
  const env = {
    ...inherited,
    NATS_URL: url,
    NATS_ENGINE_PASSWORD: passwords.engine,
    NATS_GATEWAY_PASSWORD: passwords.gateway,
    DATABASE_URL: databaseUrl,
    ACCOUNTS_FILE: accountsFile,
    KITE_CONNECTION_INSTRUMENTS: "3000", // the stand-in serves one socket per account
    MARKET_MODE: "live",
    MARKET_CLOCK: "real",
    JWT_SECRET: secret,
    // One user makes the requests of many, so there is no rate limit.
    RATE_LIMIT_READS: "0",
    RATE_LIMIT_WRITES: "0",
    RATE_LIMIT_ORDERS: "0",
    GATEWAY_HOST: "127.0.0.1",
    GATEWAY_PORT: String(port),
    WEB_ROOT: join(root, "test/data/web"),
    ...more.env
  }
  const processes: Array<Ground.ChildHandle> = []
  const stop = async () => {
    for (const one of processes.toReversed()) await one.stop()
  }
  const begin = ({ part, roles, env: own }: Part) => {
    const profiling = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${part}.cpuprofile`]
    const one = ground.children.start(
      part,
      process.execPath,
      [...ground.v8Options, ...profiling, join(root, ".cache/bench/bench", more.program)],
      {
        log: join(home, `${part}.log`),
        cwd: root,
        graceMs: readyMsMax,
        env: { ...env, ...own, ROLES: roles.join(",") }
      }
    )
    processes.push(one)
    return one
  }
  const isEnded = () => processes.some((one) => !one.isUp())
  const problem = () => processes.map((one) => one.output()).join("\n")
  const pids: Record<string, number> = {}
  try {
    for (const one of partsOf(shape, more.hasOrders)) {
      pids[one.part] = begin(one).pid ?? 0
      // The other processes find their instruments in the store, because the market's actors have stored them by then.
      if (one.env["ACTOR_GROUPS"] !== "orders" && one.roles.includes("actors")) await allSubscribed(ground, around, isEnded, problem)
    }
    if (!(await ground.ports.until(() => ground.ports.ping.http(port, "/health/ready"), isEnded, readyMsMax)))
      throw new Error(`the gateway is not ready\n${problem()}`)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, pids, strategyIds, databaseUrl, stop, bareState: async () => undefined }
}

const startBare = async (_ground: Ground.Ground, { shape, spec, profile }: Options, around: Around) => {
  const { url, passwords, loadPort, universe } = around
  await prepareStreams(url, passwords.engine)
  const children: Array<{ readonly part: string; readonly child: Child.Child }> = []
  const stop = async () => {
    for (const { child } of children) await child.stop()
  }
  for (const { part, roles } of partsOf(shape, false)) {
    const profiling = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=bare-${part}.cpuprofile`]
    const bare: Bare.Spec = { ...spec, roles, nats: { url, password: passwords.engine }, load: `http://127.0.0.1:${loadPort}` }
    children.push({ part, child: await Child.start("Bare", bare, profiling) })
  }
  const actors = children[0]?.child
  await actors?.call("feed")
  await allSubscribed(
    _ground,
    around,
    () => false,
    () => ""
  )
  const state = await children.at(-1)?.child.call<Bare.State>("state")
  return {
    port: state?.port ?? 0,
    pids: Object.fromEntries(children.map(({ part, child }) => [part, child.pid])),
    strategyIds: Universe.strategiesOf(universe).map((_, at) => at + 1),
    databaseUrl: undefined,
    stop,
    bareState: () => actors?.call<Bare.State>("state") ?? Promise.resolve(undefined)
  }
}

/** A line of a log without the frames of its stacks, which name folders of this machine. */
const withoutFrames = (line: string): string => line.replaceAll(/(\\n\s+at (?:(?!\\n)[^"])*)+/g, "")

const troubles = (home: string): ReadonlyArray<string> =>
  ["actors", "orders", "gateway", "platform"].flatMap((part) => {
    try {
      return readFileSync(join(home, `${part}.log`), "utf8")
        .split("\n")
        .filter((line) => /"logLevel":"(WARN|ERROR|FATAL)"/.test(line))
        .map(withoutFrames)
    } catch {
      return []
    }
  })
