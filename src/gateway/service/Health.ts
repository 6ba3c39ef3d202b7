import { Clock, Config, Effect, Either, Option } from "effect"
import { Login } from "../../broker/Account.ts"
import { Accounts } from "../../broker/Accounts.ts"
import type { Health as Report } from "../../contract/service/HealthReport.ts"
import * as TokenLife from "../../domain/accounts/TokenLife.ts"
import type * as Backpressure from "../../domain/market/Backpressure.ts"
import type { BackpressureStatus, TickerStatus } from "../../domain/market/TickerStatus.ts"
import * as Hours from "../../domain/rules/Hours.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import { marketMode } from "../../settings/MarketMode.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { Redis } from "../../store/Redis.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Bridge } from "../bridge/Bridge.ts"
import type { Heard } from "../views/StatusView.ts"
import { Views } from "../views/Views.ts"
import * as MarketState from "./MarketState.ts"
import * as Movement from "./Movement.ts"
import * as Probes from "./Probes.ts"
import * as Restarts from "./Restarts.ts"

/** Tickers, writers, executors and processes report once a second. After this long without a report, the process counts as gone. */
const silenceMaxMs = 10_000
/** Both times are the NATS server's: its clock may differ from this machine's. */
const isFresh = ({ atMs }: { readonly atMs: number }, { serverClock }: Views) => serverClock.nowMs(performance.now()) - atMs <= silenceMaxMs

/** The phase of the equity options' session, or null if the rulebook does not know the day. */
const phaseAt = (rules: RuleSet.RuleSet, ms: number): string | null =>
  Either.match(MarketState.phaseAt(rules, ms), { onLeft: () => null, onRight: Hours.nameOf })

/** A ticker in one of these states brings no data. */
const stateWithoutData: ReadonlySet<TickerStatus["state"]> = new Set(["failed", "login_required", "stopped"])

interface Sources {
  readonly accounts: Accounts
  readonly known: Readonly<Probes.Known>
  readonly redis: Redis
  readonly registry: InstrumentRegistry
  readonly bridge: Bridge
  readonly views: Views
  readonly restarts: ReturnType<Effect.Effect.Success<typeof Restarts.follow>>
}

/** A WARNING is shown, and degrades nothing: packets wait for moments. */
const isBehind = (level: Backpressure.Level): boolean => level === "CRITICAL" || level === "OVERLOAD"

const behindText = (account: string, { level, buffered_bytes, lag_ms, dropped }: BackpressureStatus): string =>
  [
    `the record is behind ticker ${account}: ${level}`,
    `${buffered_bytes} bytes wait`,
    ...(lag_ms === undefined ? [] : [`the lag is ${lag_ms} ms`]),
    `${dropped} packets were dropped`
  ].join(", ")

/** The tickers' newest reports, without those of accounts that were removed. */
const tickersOf = (accounts: Accounts, views: Views) => {
  const ids = new Set<string>(accounts.ids())
  return views.tickers.all().filter((one) => ids.has(one.status.account_id) || isFresh(one, views))
}

/** The executors' newest reports, without those of accounts that were removed. */
const executorsOf = (accounts: Accounts, views: Views) => {
  const ids = new Set<string>(accounts.ids())
  return views.executors.all().filter((one) => ids.has(one.status.account_id) || isFresh(one, views))
}

/** The processes of actors that run now, by name. */
const processesOf = (views: Views): Report["processes"] =>
  Object.fromEntries(
    views.processes
      .all()
      .filter((one) => isFresh(one, views))
      .map(({ status: { process, actors, level, accounts, as_of } }) => [process, { actors, level, accounts, as_of }])
  )

/** What `/health` shows of one ticker. */
const tickerAccount = ({
  state,
  detail,
  source,
  subscribed,
  ticks,
  last_tick_at,
  connections,
  login,
  backpressure,
  as_of
}: TickerStatus) => ({
  ...{ state, detail, source, subscribed, ticks, last_tick_at },
  connections: connections ?? [],
  login: login ?? null,
  backpressure: backpressure ?? null,
  as_of
})

const tickerReport = (
  heard: ReadonlyArray<Heard<TickerStatus>>,
  views: Views,
  { activeSubscriptions }: Readonly<Probes.Known>
): Report["ticker"] => ({
  running: heard.some((one) => isFresh(one, views) && !stateWithoutData.has(one.status.state)),
  active_subscriptions: activeSubscriptions,
  accounts: Object.fromEntries(heard.map(({ status }) => [status.account_id, tickerAccount(status)]))
})

const interruptionsOf = (views: Views): Report["interruptions"] =>
  views.breaks.all().map(({ account, cause, from, to, underlyings, packets }) => ({
    account_id: account,
    cause,
    from: from.toISOString(),
    to: to?.toISOString() ?? null,
    underlyings: underlyings.size,
    packets
  }))

const dependencyReport = ({ known, redis, registry }: Pick<Sources, "known" | "redis" | "registry">): Report["dependencies"] => {
  const redisState = redis.state()
  const master = registry.current()
  return {
    redis: redisState === "up" ? "ok" : redisState,
    database: known.database,
    nats: known.nats,
    instrument_registry: {
      status: master === undefined ? "empty" : "ok",
      instruments: master?.byToken.size ?? 0,
      trade_date: master?.tradeDate ?? null
    }
  }
}

/** The reason while an account's orders are not executed. Clients compare it, so it is a code; `executors` has the details. */
export const executorUnavailable = "order_executor_unavailable"

/** True for an account that a user linked and nobody has used yet. Its missing first login does not degrade the platform. */
const isUnused = (accounts: Accounts, { account_id, subscribed }: TickerStatus): boolean =>
  subscribed === 0 &&
  Option.exists(Either.getRight(accounts.byId(account_id)), ({ login, origin }) => origin === "linked" && Login.$is("Absent")(login))

/** NATS answers but stores nothing that is published. For clients of the streams this is the same as NATS being down. */
const unstoredTexts = ({ storeFaults }: Views): ReadonlyArray<string> => {
  const faults = storeFaults.all(performance.now())
  if (faults.length === 0) return []
  const since = faults.reduce((oldest, one) => (one.since < oldest ? one.since : oldest), faults[0]?.since ?? "")
  const said = faults.find(({ reason }) => reason !== null)?.reason
  return [
    `NATS answers but has stored nothing in ${faults.map(({ stream }) => stream).join(", ")} since ${since}${said == null ? "" : ` (${said})`}: its disk is full or cannot be written; free space there, then restart nats-server (npm start does that by itself)`
  ]
}

/** The reasons for `down` (a required backend is unreachable) and for `degraded` (something optional does not work). */
const complaints = ({ accounts, known, redis, registry, bridge, views, restarts }: Sources, nowMs: number, marketMs: number) => {
  const down: Array<string> = []
  if (known.database === "down") down.push("database is down")
  if (known.nats === "down") down.push("NATS is down")
  else down.push(...unstoredTexts(views))
  if (redis.required && redis.state() !== "up") down.push("Redis is down")
  const degraded: Array<string> = []
  if (!redis.required && redis.state() === "down") degraded.push("Redis is down")
  for (const one of tickersOf(accounts, views)) {
    const { account_id, state, detail, connections = [], login, backpressure } = one.status
    const request = login === undefined || isUnused(accounts, one.status) ? null : TokenLife.requestOf(account_id, login, marketMs)
    if (!isFresh(one, views)) degraded.push(`ticker ${account_id} is silent`)
    else if (backpressure !== undefined && isBehind(backpressure.level)) degraded.push(behindText(account_id, backpressure))
    else if (request !== null) degraded.push(request)
    else if (state === "failed" || state === "mute") degraded.push(`ticker ${account_id} ${state}${detail === null ? "" : `: ${detail}`}`)
    else {
      for (const { connection, state, detail } of connections)
        if (state === "failed" || state === "mute")
          degraded.push(`connection ${connection} of ticker ${account_id} ${state}${detail === null ? "" : `: ${detail}`}`)
    }
  }
  for (const one of views.writers.all()) {
    const { name, state, detail } = one.status
    if (!isFresh(one, views)) degraded.push(`${name} is silent`)
    else if (state !== "writing") degraded.push(`${name} ${state}${detail === null ? "" : `: ${detail}`}`)
  }
  if (executorsOf(accounts, views).some((one) => one.status.state !== "ready" || !isFresh(one, views))) degraded.push(executorUnavailable)
  const accountsProblem = accounts.problem()
  if (accountsProblem !== null) degraded.push(accountsProblem)
  const refusal = registry.refusal()
  if (refusal !== undefined) {
    const inForce = registry.current()?.tradeDate ?? "no day"
    degraded.push(`instruments of ${refusal.tradeDate} are refused, those of ${inForce} stay in force: ${refusal.reason}`)
  }
  if (!bridge.isReady()) degraded.push(`subject bridge is catching up: ${bridge.behind().join(", ")}`)
  degraded.push(...Restarts.complaints(restarts, nowMs))
  return { down, degraded }
}

/** How the platform is doing. Probes run by themselves, so a report does no I/O. */
export class Health extends Effect.Service<Health>()("gateway/service/Health", {
  scoped: Effect.gen(function* () {
    const accounts = yield* Accounts
    const environment = yield* Config.string("ENVIRONMENT").pipe(Config.withDefault("development"))
    const mode = yield* marketMode
    const js = yield* JetStream
    const redis = yield* Redis
    const registry = yield* InstrumentRegistry
    const market = yield* MarketClock
    const rules = yield* RuleBook
    const bridge = yield* Bridge
    const views = yield* Views
    const { known, hasSimulator } = yield* Probes.start
    const stateOfMarket = yield* MarketState.make(hasSimulator)
    const restarted = yield* Restarts.follow
    const movement = yield* Movement.follow

    const report: Effect.Effect<Report> = Effect.zipWith(Clock.currentTimeMillis, movement, (nowMs, slow) => {
      const heard = tickersOf(accounts, views)
      const restarts = restarted()
      const { down, degraded } = complaints({ accounts, known, redis, registry, bridge, views, restarts }, nowMs, market.unsafeNow())
      degraded.push(...slow)
      if (mode === "live") degraded.push(...MarketState.unlistedDays(rules.current(), market.unsafeNow()))
      return {
        status: down.length > 0 ? "down" : degraded.length > 0 ? "degraded" : "ok",
        reason: down.length + degraded.length === 0 ? null : [...down, ...degraded].join("; "),
        environment,
        ticker: tickerReport(heard, views, known),
        writers: Object.fromEntries(
          views.writers.all().map(({ status: { name, state, detail, waiting, as_of } }) => [name, { state, detail, waiting, as_of }])
        ),
        executors: Object.fromEntries(
          executorsOf(accounts, views).map(({ status: { account_id, state, detail, as_of } }) => [account_id, { state, detail, as_of }])
        ),
        processes: processesOf(views),
        restarts,
        interruptions: interruptionsOf(views),
        dependencies: dependencyReport({ known, redis, registry }),
        market: {
          mode,
          state: stateOfMarket(heard, known.simulated),
          phase: phaseAt(rules.current(), market.unsafeNow()),
          time: new Date(market.unsafeNow()).toISOString(),
          speed: mode === "recorded" || mode === "days" ? Option.getOrNull(Option.map(known.simulated, ({ speed }) => speed)) : null
        }
      }
    })

    /** Why no user should be sent here yet. A database that goes away later is no reason, because streaming goes on. */
    const notReady = (): string | undefined => {
      if (!known.hasSeenDatabase) return "database has not answered yet"
      if (!js.isConnected()) return "NATS is down"
      if (!bridge.isReady()) return `subject bridge is catching up: ${bridge.behind().join(", ")}`
      return undefined
    }
    return { report, notReady } as const
  })
}) {}
