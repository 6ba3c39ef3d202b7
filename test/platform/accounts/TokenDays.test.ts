import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import type { Bars } from "../../../src/domain/market/Bar.ts"
import type { SessionStatus } from "../../../src/domain/market/TickerStatus.ts"
import * as DaysMarket from "../../../src/simulator/days/DaysMarket.ts"
import { ask, eventually, natsClient, readAll, start, world } from "../PlatformWorld.ts"

/** Two weeks of trading. */
const days = DaysMarket.daysFrom("2026-08-03", 12).filter((day) => ![0, 6].includes(new Date(day).getUTCDay()))
/** On this day the person of sim2 signs in two hours after trading began. */
const lateDay = "2026-08-05"
const lateAtMs = Date.parse(`${lateDay}T11:15:00+05:30`)
const products = DaysMarket.products.filter(({ name }) => name === "NIFTY" || name === "M&M").map((one) => ({ ...one, strikesEachSide: 1 }))
const symbolOf = { sim1: "NIFTY 50", sim2: "M&M" } as const
type AccountId = keyof typeof symbolOf
const accountIds: ReadonlyArray<AccountId> = ["sim1", "sim2"]

interface Truth {
  readonly instruments: ReadonlyArray<{
    readonly tradingsymbol: string
    readonly minutes: ReadonlyArray<
      readonly [at: string, open: number, high: number, low: number, close: number, volume: number, oi: number]
    >
  }>
}
interface Break {
  readonly account: AccountId
  readonly from: string
  readonly to: string | null
}

/** A person signs in at the simulator's login page, and `npm run login` stores the session. */
const signIn = (file: string, account: AccountId) =>
  Effect.promise(async () => {
    const rows: ReadonlyArray<{ readonly account_id: string; readonly api_key: string; readonly root: string }> = JSON.parse(
      readFileSync(file, "utf8")
    )
    const row = rows.find(({ account_id }) => account_id === account)
    const page = await fetch(`${row?.root}/connect/login?v=3&api_key=${row?.api_key}`, { redirect: "manual" })
    const requestToken = new URL(page.headers.get("location") ?? "").searchParams.get("request_token") ?? ""
    const script = join(import.meta.dirname, "../../../scripts/login.mjs")
    const env = { ...process.env, ACCOUNTS_FILE: file }
    const login = promisify(execFile)(process.execPath, [script, "--account", account], { env })
    login.child.stdin?.end(`${requestToken}\n`)
    await login
  })

/** The stages at which the market waits for the test. */
const makeStages = () => {
  const reached = new Map<string, Deferred.Deferred<void>>()
  const released = new Map<string, Deferred.Deferred<void>>()
  const of = (all: Map<string, Deferred.Deferred<void>>, key: string) => {
    const found = all.get(key) ?? Effect.runSync(Deferred.make<void>())
    all.set(key, found)
    return found
  }
  return {
    arrive: (key: string) => Effect.zipRight(Deferred.succeed(of(reached, key), undefined), Deferred.await(of(released, key))),
    at: (key: string) => Deferred.await(of(reached, key)),
    goOn: (key: string) => Effect.asVoid(Deferred.succeed(of(released, key), undefined))
  }
}

const minuteMs = 60_000

describe("ten simulated days of two accounts whose tokens die each morning", () => {
  it.scopedLive(
    "BE-REC-02 one login comes two hours late: nothing is missing but what the record's breaks state, and the other account loses nothing",
    () =>
      Effect.gen(function* () {
        const stages = makeStages()
        const { config, simulator, nats } = yield* world(
          {
            mode: "days",
            days,
            products,
            stepSeconds: 60,
            gate: (day, stage) => stages.arrive(`${day} ${stage}`),
            before: (atMs) => (atMs === lateAtMs ? stages.arrive("late") : Effect.void)
          },
          // No account stands in for the other, so that the record has something to state.
          { KITE_RECONNECT_MAX: "100 millis", ACCOUNT_STAND_INS: "false" }
        )
        const file = config["ACCOUNTS_FILE"] ?? ""
        const rows = JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<Record<string, unknown>>
        yield* Effect.sync(() => writeFileSync(file, JSON.stringify(rows.map(({ login: _login, ...row }) => row))))
        for (const account of accountIds) yield* signIn(file, account)
        const running = yield* start(config)
        const nc = yield* natsClient(nats, "engine")
        const tickers = Effect.map(
          ask(running, "/health"),
          ({ body }) => body.ticker.accounts as Record<AccountId, { readonly state: string; readonly login: SessionStatus | null }>
        )
        const subscribed = (count: number) =>
          eventually(
            `${count} subscriptions at the broker`,
            Effect.sync(() => simulator.stats().subscriptions),
            (found) => found === count
          )

        for (const day of days) {
          yield* stages.at(`${day} signed in`)
          if (day === days[0]) {
            for (const account of accountIds) {
              const token = simulator.market.instruments.find(({ tradingsymbol }) => tradingsymbol === symbolOf[account])?.token
              const body = { instrument_token: token, requested_mode: "FULL", account_id: account }
              assert.strictEqual((yield* ask(running, "/subscriptions", { method: "POST", body })).status, 200)
            }
          } else {
            yield* eventually(`both accounts wait on ${day}`, tickers, (all) =>
              accountIds.every((id) => all[id].state === "login_required")
            )
            yield* signIn(file, "sim1")
            if (day !== lateDay) yield* signIn(file, "sim2")
          }
          yield* subscribed(day === lateDay ? 1 : 2)
          yield* stages.goOn(`${day} signed in`)
          yield* stages.at(`${day} dump out`)
          yield* stages.goOn(`${day} dump out`)
          if (day === lateDay) {
            yield* stages.at("late")
            // The tickers report each second, and the market of the test is faster.
            yield* eventually(
              "sim1 streams, and sim2 waits",
              Effect.map(tickers, ({ sim1, sim2 }) => [sim1.state, sim1.login?.state, sim2.state, sim2.login?.state].join()),
              (states) => states === "streaming,signed_in,login_required,login_required"
            )
            yield* signIn(file, "sim2")
            yield* subscribed(2)
            yield* stages.goOn("late")
          }
          yield* stages.at(`${day} over`)
          yield* stages.goOn(`${day} over`)
        }

        const truthOf = (day: string) => simulator.market.truth?.(day) as Truth
        const truth = new Map<string, string>(
          days.flatMap((day) =>
            truthOf(day).instruments.flatMap(({ tradingsymbol, minutes }) =>
              minutes.map(([at, ...values]) => [`${tradingsymbol} ${at}`, values.join()] as const)
            )
          )
        )
        const lastMinute = (account: AccountId) => [...truth.keys()].filter((key) => key.startsWith(`${symbolOf[account]} `)).at(-1) ?? ""
        const bars = yield* eventually(
          "the last minute of both",
          Effect.map(
            readAll<Bars>(nc, "MD_BARS", "md.bar.1m.>"),
            (all) =>
              new Map<string, string>(
                all.flatMap(({ tradingsymbol, bars }) =>
                  bars
                    .filter(({ closed }) => closed)
                    .map(
                      ({ timestamp, open, high, low, close, volume, oi }) =>
                        [`${tradingsymbol} ${timestamp}`, [open, high, low, close, volume, oi ?? 0].join()] as const
                    )
                )
              )
          ),
          (found) => accountIds.every((account) => found.has(lastMinute(account)))
        )
        const breaks = yield* readAll<Break>(nc, "MD_FRAMES", "md.break.>")
        const isBroken = (account: AccountId, atMs: number) =>
          breaks.some(
            (one) => one.account === account && one.to !== null && Date.parse(one.from) < atMs + minuteMs && Date.parse(one.to) >= atMs
          )
        const missed = { sim1: 0, sim2: 0 }
        for (const account of accountIds) {
          for (const [key, values] of truth) {
            if (!key.startsWith(`${symbolOf[account]} `) || bars.get(key) === values) continue
            const at = key.slice(symbolOf[account].length + 1)
            assert.isTrue(isBroken(account, Date.parse(at)), `${key} is ${bars.get(key)}, not ${values}, and no break states it`)
            assert.isTrue(at.startsWith(lateDay), key)
            missed[account]++
          }
        }
        assert.strictEqual(missed.sim1, 0)
        assert.isAtLeast(missed.sim2, 120)
        assert.isAtMost(missed.sim2, 122)
      }),
    600_000
  )
})
