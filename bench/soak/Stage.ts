/** The real platform in a separate process, with NATS, a database and the simulator, for runs with faults. */
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Logger, LogLevel, Redacted, Scope } from "effect"
import { SignJWT } from "jose"
import { connect, type NatsConnection } from "nats"
import * as Simulator from "../../src/simulator/Simulator.ts"
import type * as SimulatorOptions from "../../src/simulator/SimulatorOptions.ts"
import type { ChildHandle, Ground } from "../pipeline/Ground.ts"

const root = process.cwd()
/** A machine may be busy with other things. */
const readyMsMax = 600_000

export const simulatorAccount = (id: string) => ({
  accountId: id,
  apiKey: `key-${id}`,
  apiSecret: `secret-${id}`,
  userId: id.toUpperCase()
})

export interface Options {
  readonly name: string
  readonly accounts: ReadonlyArray<string>
  /** Further accounts of the simulator, which the platform does not use. */
  readonly spare?: ReadonlyArray<string>
  readonly market: SimulatorOptions.MarketOptions
  readonly env: Readonly<Record<string, string>>
  readonly flags?: ReadonlyArray<string>
  /** The compiled program, below the folder of compiled files. */
  readonly program: string
}

export interface Stage {
  readonly home: string
  readonly log: string
  readonly simulator: Simulator.Service
  readonly natsPid: () => number
  readonly nc: NatsConnection
  readonly port: number
  readonly platform: () => ChildHandle
  /** Starts the platform again after it was killed. */
  readonly restart: () => Promise<void>
  readonly ask: (
    method: string,
    path: string,
    body?: unknown
  ) => Promise<{ readonly status: number; readonly body: Record<string, unknown> }>
  /** Asks the simulator's admin port. */
  readonly admin: (method: string, path: string, body: unknown) => Promise<void>
  readonly until: (what: string, holds: () => Promise<boolean>, limitMs?: number) => Promise<void>
  readonly close: () => Promise<void>
}

const createDatabase = (ground: Ground, name: string) =>
  Effect.runPromise(
    Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(`CREATE DATABASE ${name}`)).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(ground.postgresUrl), maxConnections: 1 })),
      Effect.scoped,
      Effect.asVoid
    )
  )

const jwtOf = (secret: string) =>
  new SignJWT({ role: "admin", email: "soak@example.org", name: "soak" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("soak")
    .setIssuer("tarang")
    .setAudience("tarang")
    .setExpirationTime("12h")
    .sign(new TextEncoder().encode(secret))

const openSimulator = ({ accounts, market, spare = [] }: Options, stops: Array<() => Promise<unknown>>) => {
  const scope = Effect.runSync(Scope.make())
  stops.unshift(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.runPromise(
    Simulator.make({ accounts: [...accounts, ...spare].map(simulatorAccount), market, adminPort: 0 }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provide(Logger.minimumLogLevel(LogLevel.Error))
    )
  )
}

const writeAccounts = (file: string, accounts: ReadonlyArray<string>, { url, wsUrl }: Simulator.Service) => {
  const rows = accounts.map(simulatorAccount).map(({ accountId, apiKey, apiSecret, userId }) => ({
    account_id: accountId,
    api_key: apiKey,
    api_secret: apiSecret,
    user_id: userId,
    root: url,
    ws_root: wsUrl,
    login: "auto"
  }))
  writeFileSync(file, JSON.stringify(rows), { mode: 0o600 })
}

export const open = async (ground: Ground, options: Options): Promise<Stage> => {
  const home = join(ground.folder, options.name)
  await mkdir(home, { recursive: true })
  const password = () => randomBytes(12).toString("base64url")
  const passwords = { engine: password(), gateway: password(), reader: password(), operator: password() }
  const secret = randomBytes(32).toString("hex")
  const stops: Array<() => Promise<unknown>> = []
  const close = async () => {
    for (const stop of stops) await stop()
  }
  try {
    const { child: nats, port: natsPort } = await ground.backends.startNats(ground.natsProgram, home, { passwords })
    stops.unshift(() => nats.stop())
    await createDatabase(ground, options.name)
    const databaseUrl = new URL(ground.postgresUrl)
    databaseUrl.pathname = `/${options.name}`
    const simulator = await openSimulator(options, stops)
    const accountsFile = join(home, "accounts.json")
    writeAccounts(accountsFile, options.accounts, simulator)
    const port = await ground.ports.freePort()
    const { NODE_OPTIONS: _, REDIS_URL: __, SEED_USER: ___, ...inherited } = process.env
    const log = join(home, "platform.log")
    const env = {
      ...inherited,
      ROLES: "actors,gateway",
      NATS_URL: `nats://127.0.0.1:${natsPort}`,
      NATS_ENGINE_PASSWORD: passwords.engine,
      NATS_GATEWAY_PASSWORD: passwords.gateway,
      DATABASE_URL: databaseUrl.href,
      ACCOUNTS_FILE: accountsFile,
      SIMULATOR_URL: simulator.url,
      MARKET_MODE: options.market.mode,
      KITE_RECONNECT_MAX: "1 second",
      JWT_SECRET: secret,
      RATE_LIMIT_READS: "0",
      RATE_LIMIT_WRITES: "0",
      GATEWAY_HOST: "127.0.0.1",
      GATEWAY_PORT: String(port),
      WEB_ROOT: join(root, "test/data/web"),
      ...options.env
    }
    const begin = () =>
      ground.children.start(
        "platform",
        process.execPath,
        [...ground.v8Options, ...(options.flags ?? []), join(root, ".cache/bench/bench", options.program)],
        {
          log,
          cwd: root,
          graceMs: readyMsMax,
          env
        }
      )
    let platform = begin()
    stops.unshift(() => platform.stop())
    const isEnded = () => !platform.isUp()
    const until = async (what: string, holds: () => Promise<boolean>, limitMs = readyMsMax) => {
      if (!(await ground.ports.until(holds, isEnded, limitMs))) throw new Error(`never: ${what}\n${platform.output()}`)
    }
    const isUp = () => ground.ports.ping.http(port, "/health/live")
    await until("the platform is up", isUp)
    const nc = await connect({
      servers: `127.0.0.1:${natsPort}`,
      user: "engine",
      pass: passwords.engine,
      inboxPrefix: "_INBOX_engine",
      maxReconnectAttempts: -1
    })
    stops.unshift(() => nc.close())
    const jwt = await jwtOf(secret)
    return {
      home,
      log,
      simulator,
      natsPid: () => nats.pid ?? 0,
      nc,
      port,
      platform: () => platform,
      restart: async () => {
        platform = begin()
        await until("the platform is up again", isUp)
      },
      ask: async (method, path, body) => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          method,
          headers: { authorization: `Bearer ${jwt}`, "content-type": "application/json", connection: "close" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) })
        })
        return { status: response.status, body: (await response.json()) as Record<string, unknown> }
      },
      admin: async (method, path, body) => {
        await fetch(`${simulator.adminUrl}${path}`, { method, body: JSON.stringify(body), headers: { connection: "close" } })
      },
      until,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}
