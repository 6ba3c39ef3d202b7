/** Simulated days at speed with random faults, against the real platform in a process of its own. */
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Logger, LogLevel, Redacted, Scope } from "effect"
import { SignJWT } from "jose"
import { connect } from "nats"
import * as Day from "../../src/domain/rules/Day.ts"
import * as DaysMarket from "../../src/simulator/days/DaysMarket.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import type { Ground } from "../pipeline/Ground.ts"
import * as Faults from "./Faults.ts"
import * as Watch from "./Watch.ts"

const root = process.cwd()
export const accounts = ["soak1", "soak2", "soak3"] as const
/** The calendar of the rulebook reaches to the end of the year, and contracts are listed two months ahead. */
const firstDay = "2026-08-03"
const daysMax = 90
/** Market seconds per second, and between two ticks of an instrument: a day takes about a minute. */
export const speed = 900
export const stepSeconds = 60
const readyMsMax = 120_000
/** How long what is on its way may take at the end. */
const settleMs = 15_000
const watchEveryMs = 1_000
/** So many looks lie between two collections of garbage. */
const collectEveryLooks = 15

/** What is streamed during the whole run, and so compared with the truth minute by minute. */
export const symbols = ["NIFTY 50", "SENSEX", "M&M"] as const

export interface Difference {
  readonly place: string
  readonly truth: string
  readonly bar: string
}
export interface Result {
  readonly minutes: number
  readonly seed: number
  readonly days: ReadonlyArray<string>
  readonly faults: Readonly<Record<string, number>>
  readonly handles: ReadonlyArray<Watch.Handles>
  readonly frames: number
  readonly doubles: number
  /** Minutes of the truth: those whose bar is equal, those that the record calls interrupted, and the others. */
  readonly equal: number
  readonly interrupted: number
  readonly differences: ReadonlyArray<Difference>
  readonly breaks: number
  /** Whether every account streamed again at the end. */
  readonly isHealed: boolean
  readonly troubles: ReadonlyArray<string>
}

interface TruthDay {
  readonly instruments: ReadonlyArray<{
    readonly tradingsymbol: string
    readonly minutes: ReadonlyArray<
      readonly [at: string, open: number, high: number, low: number, close: number, volume: number, oi: number]
    >
  }>
}

const simulatorAccount = (id: string) => ({ accountId: id, apiKey: `key-${id}`, apiSecret: `secret-${id}`, userId: id.toUpperCase() })

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

const problemsIn = (file: string): ReadonlyArray<string> =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => /"logLevel":"(ERROR|FATAL)"/.test(line))

/** Every minute of the truth against the bars, and against the interruptions that the record states. */
const compare = (truth: ReadonlyArray<TruthDay>, { bars, breaks }: Watch.Heard, untilMs: number) => {
  const isInterrupted = (atMs: number) => breaks.some(({ fromMs, toMs }) => fromMs < atMs + 60_000 && toMs >= atMs)
  const totals = { equal: 0, interrupted: 0, differences: [] as Array<Difference> }
  for (const { instruments } of truth)
    for (const { minutes, tradingsymbol } of instruments) {
      if (!symbols.some((one) => one === tradingsymbol)) continue
      for (const [at, open, high, low, close, volume] of minutes) {
        if (Date.parse(at) > untilMs) continue
        const bar = bars.get(`${tradingsymbol} ${at}`)
        const found = bar === undefined ? "none" : [bar.open, bar.high, bar.low, bar.close, bar.volume].join()
        const wanted = [open, high, low, close, volume].join()
        if (found === wanted) totals.equal++
        else if (isInterrupted(Date.parse(at)) && bar?.complete !== true) totals.interrupted++
        else
          totals.differences.push({
            place: `${tradingsymbol} ${at}`,
            truth: wanted,
            bar: `${found}${bar?.complete === true ? " complete" : ""}`
          })
      }
    }
  return totals
}

export const run = async (ground: Ground, minutes: number, seed: number, say: (text: string) => void): Promise<Result> => {
  const home = join(ground.folder, "soak")
  await mkdir(home, { recursive: true })
  const password = () => randomBytes(12).toString("base64url")
  const passwords = { engine: password(), gateway: password(), reader: password(), operator: password() }
  const secret = randomBytes(32).toString("hex")
  const stops: Array<() => Promise<unknown>> = []
  try {
    const { child: nats, port: natsPort } = await ground.backends.startNats(ground.natsProgram, home, { passwords })
    stops.unshift(() => nats.stop())
    await createDatabase(ground, "soak")
    const databaseUrl = new URL(ground.postgresUrl)
    databaseUrl.pathname = "/soak"

    const over: Array<string> = []
    let begin = (): void => {}
    const mayBegin = new Promise<void>((resolve) => {
      begin = resolve
    })
    const scope = Effect.runSync(Scope.make())
    stops.unshift(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    const days = DaysMarket.daysFrom(firstDay, daysMax)
    const simulator = await Effect.runPromise(
      Simulator.make({
        accounts: accounts.map(simulatorAccount),
        market: {
          mode: "days",
          days,
          seed,
          speed,
          stepSeconds,
          gate: (day, stage) =>
            Effect.suspend(() => {
              if (stage === "over") over.push(day)
              return day === days[0] && stage === "signed in" ? Effect.promise(() => mayBegin) : Effect.void
            })
        },
        adminPort: 0
      }).pipe(Effect.provideService(Scope.Scope, scope), Effect.provide(Logger.minimumLogLevel(LogLevel.Error)))
    )

    const rows = accounts.map(simulatorAccount).map(({ accountId, apiKey, apiSecret, userId }) => ({
      account_id: accountId,
      api_key: apiKey,
      api_secret: apiSecret,
      user_id: userId,
      root: simulator.url,
      ws_root: simulator.wsUrl,
      login: "auto"
    }))
    const accountsFile = join(home, "accounts.json")
    writeFileSync(accountsFile, JSON.stringify(rows), { mode: 0o600 })
    const port = await ground.ports.freePort()
    const { NODE_OPTIONS: _, REDIS_URL: __, SEED_USER: ___, ...inherited } = process.env
    const log = join(home, "platform.log")
    const heapFile = join(home, "heap")
    const platform = ground.children.start(
      "platform",
      process.execPath,
      ["--expose-gc", join(root, ".cache/bench/bench/soak/Platform.js")],
      {
        log,
        cwd: root,
        graceMs: readyMsMax,
        env: {
          ...inherited,
          ROLES: "actors,gateway",
          SOAK_HEAP_FILE: heapFile,
          NATS_URL: `nats://127.0.0.1:${natsPort}`,
          NATS_ENGINE_PASSWORD: passwords.engine,
          NATS_GATEWAY_PASSWORD: passwords.gateway,
          DATABASE_URL: databaseUrl.href,
          ACCOUNTS_FILE: accountsFile,
          SIMULATOR_URL: simulator.url,
          MARKET_MODE: "days",
          MARKET_CLOCK: "feed",
          KITE_RECONNECT_MAX: "1 second",
          JWT_SECRET: secret,
          RATE_LIMIT_READS: "0",
          RATE_LIMIT_WRITES: "0",
          GATEWAY_HOST: "127.0.0.1",
          GATEWAY_PORT: String(port),
          WEB_ROOT: join(root, "test/data/web")
        }
      }
    )
    stops.unshift(() => platform.stop())
    const isEnded = () => !platform.isUp()
    if (!(await ground.ports.until(() => ground.ports.ping.http(port, "/health/live"), isEnded, readyMsMax)))
      throw new Error(`the platform is not up\n${platform.output()}`)

    const jwt = await jwtOf(secret)
    const ask = async (method: string, path: string, body?: unknown) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { authorization: `Bearer ${jwt}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    }
    const tokens = simulator.market.instruments.filter(({ tradingsymbol }) => symbols.some((one) => one === tradingsymbol))
    for (const [at, { token }] of tokens.entries()) {
      const account_id = accounts[at % accounts.length]
      const made = await ask("POST", "/subscriptions", { instrument_token: token, requested_mode: "FULL", account_id })
      if (made.status !== 200) throw new Error(`a subscription was answered with ${made.status}: ${JSON.stringify(made.body)}`)
    }
    for (const underlying of ["NIFTY", "SENSEX"]) {
      const made = await ask("POST", "/subscriptions/windows", { underlying, expiries: 2, strikes: 3 })
      if (made.status !== 201) throw new Error(`a window was answered with ${made.status}: ${JSON.stringify(made.body)}`)
    }
    const areSubscribed = async () => simulator.stats().subscriptions >= tokens.length
    if (!(await ground.ports.until(areSubscribed, isEnded, readyMsMax))) throw new Error(`nothing was subscribed\n${platform.output()}`)

    const nc = await connect({
      servers: `127.0.0.1:${natsPort}`,
      user: "engine",
      pass: passwords.engine,
      inboxPrefix: "_INBOX_engine",
      maxReconnectAttempts: -1
    })
    stops.unshift(() => nc.close())
    const listening = await Watch.listen(nc, new Set(symbols))

    say(`${minutes} minutes of simulated days with random faults, seed ${seed} ...`)
    begin()
    const admin = async (method: string, path: string, body: unknown) => {
      await fetch(`${simulator.adminUrl}${path}`, { method, body: JSON.stringify(body), headers: { connection: "close" } })
    }
    const faults = Faults.make({ accounts, admin, connections: () => simulator.stats().connections, natsPid: () => nats.pid ?? 0 }, seed)
    const handles: Array<Watch.Handles> = []
    const beganMs = performance.now()
    const endMs = beganMs + minutes * 60_000
    while (performance.now() < endMs && simulator.market.status().state !== "ended") {
      await sleep(watchEveryMs)
      if (!platform.isUp()) throw new Error(`the platform ended\n${platform.output()}`)
      if (handles.length % collectEveryLooks === 0) process.kill(platform.pid ?? 0, "SIGUSR2")
      const atSeconds = (performance.now() - beganMs) / 1_000
      handles.push(await Watch.handlesOf(platform.pid ?? 0, `http://127.0.0.1:${port}/metrics`, heapFile, atSeconds))
    }
    const counts = await faults.stop()
    say("waiting until what is on its way has arrived ...")
    const untilMs = simulator.market.status().timeMs - 120_000
    await sleep(settleMs)
    const health = await ask("GET", "/health")
    const tickers = (
      health.body["ticker"] as { readonly accounts: Readonly<Record<string, { readonly state: string; readonly subscribed: number }>> }
    ).accounts
    await listening.stop()
    const played = days.filter((day) => Day.midnightMs(Day.ofIso(day)) <= untilMs)
    const truth = played.flatMap((day) => {
      const found = simulator.market.truth?.(day)
      return found === undefined ? [] : [found as TruthDay]
    })
    const { heard } = listening
    return {
      minutes,
      seed,
      days: over,
      faults: counts,
      handles,
      frames: heard.owners.frames,
      doubles: heard.owners.doubles,
      ...compare(truth, heard, untilMs),
      breaks: heard.breaks.length,
      isHealed: Object.values(tickers).every(({ state, subscribed }) => state === "streaming" || (state === "idle" && subscribed === 0)),
      troubles: problemsIn(log)
    }
  } finally {
    for (const stop of stops) await stop()
  }
}
