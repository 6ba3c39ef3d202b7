/** Simulated days at speed with random faults, against the real platform in a process of its own. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import * as Day from "../../src/domain/rules/Day.ts"
import * as DaysMarket from "../../src/simulator/days/DaysMarket.ts"
import type { Ground } from "../pipeline/Ground.ts"
import * as Faults from "./Faults.ts"
import * as Stage from "./Stage.ts"
import * as Watch from "./Watch.ts"

export const accounts = ["soak1", "soak2", "soak3"] as const
/** The calendar of the rulebook reaches to the end of the year, and contracts are listed two months ahead. */
const firstDay = "2026-08-03"
const daysMax = 90
/** Market seconds per second, and between two ticks of an instrument: a day takes about a minute. */
export const speed = 900
export const stepSeconds = 60
/** How long messages on their way may take at the end. */
const settleMs = 15_000
const watchEveryMs = 1_000
/** The number of looks between two garbage collections. */
const collectEveryLooks = 15

/** The instruments that are streamed during the whole run. Their bars are compared with the truth minute by minute. */
export const symbols = ["NIFTY 50", "SENSEX", "M&M"] as const
const isCompared = (tradingsymbol: string) => symbols.some((one) => one === tradingsymbol)

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

const problemsIn = (file: string): ReadonlyArray<string> =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => /"logLevel":"(ERROR|FATAL)"/.test(line))

/** Compares every minute of the truth with the bars, and with the interruptions that the record states. */
const compare = (truth: ReadonlyArray<TruthDay>, { bars, interruptions, lanes }: Watch.Heard, untilMs: number) => {
  const totals = { equal: 0, interrupted: 0, differences: [] as Array<Difference> }
  for (const { instruments } of truth)
    for (const { minutes, tradingsymbol } of instruments) {
      if (!isCompared(tradingsymbol)) continue
      for (const [at, open, high, low, close, volume] of minutes) {
        if (Date.parse(at) > untilMs) continue
        const bar = bars.get(`${tradingsymbol} ${at}`)
        const found = bar === undefined ? "none" : [bar.open, bar.high, bar.low, bar.close, bar.volume].join()
        const wanted = [open, high, low, close, volume].join()
        if (found === wanted) totals.equal++
        else if (bar?.complete !== true && interruptions.overlaps(lanes.get(tradingsymbol) ?? "", Date.parse(at))) totals.interrupted++
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

const subscribe = async ({ ask, simulator, until }: Stage.Stage) => {
  const wanted = simulator.market.instruments.filter(({ tradingsymbol }) => isCompared(tradingsymbol))
  for (const [at, { token }] of wanted.entries()) {
    const account_id = accounts[at % accounts.length]
    const made = await ask("POST", "/subscriptions", { instrument_token: token, requested_mode: "FULL", account_id })
    if (made.status !== 200) throw new Error(`a subscription was answered with ${made.status}: ${JSON.stringify(made.body)}`)
  }
  for (const underlying of ["NIFTY", "SENSEX"]) {
    const made = await ask("POST", "/subscriptions/windows", { underlying, expiries: 2, strikes: 3 })
    if (made.status !== 201) throw new Error(`a window was answered with ${made.status}: ${JSON.stringify(made.body)}`)
  }
  await until("everything is subscribed", async () => simulator.stats().subscriptions > wanted.length)
}

/** Looks at the platform's process once a second. */
const watch = async (stage: Stage.Stage, heapFile: string, minutes: number) => {
  const handles: Array<Watch.Handles> = []
  const beganMs = performance.now()
  while (performance.now() < beganMs + minutes * 60_000 && stage.simulator.market.status().state !== "ended") {
    await sleep(watchEveryMs)
    const pid = stage.platform().pid ?? 0
    if (!stage.platform().isUp()) throw new Error(`the platform ended\n${stage.platform().output()}`)
    if (handles.length % collectEveryLooks === 0) process.kill(pid, "SIGUSR2")
    const atSeconds = (performance.now() - beganMs) / 1_000
    handles.push(await Watch.handlesOf(pid, `http://127.0.0.1:${stage.port}/metrics`, heapFile, atSeconds))
  }
  return handles
}

interface Ticker {
  readonly state: string
  readonly subscribed: number
}

export const run = async (ground: Ground, minutes: number, seed: number, say: (text: string) => void): Promise<Result> => {
  const over: Array<string> = []
  let begin = (): void => {}
  const mayBegin = new Promise<void>((resolve) => {
    begin = resolve
  })
  const days = DaysMarket.daysFrom(firstDay, daysMax)
  const gate = (day: string, stage: DaysMarket.Stage) =>
    Effect.suspend(() => {
      if (stage === "over") over.push(day)
      return day === days[0] && stage === "signed in" ? Effect.promise(() => mayBegin) : Effect.void
    })
  const heapFile = join(ground.folder, "heap")
  const stage = await Stage.open(ground, {
    name: "soak",
    accounts,
    market: { mode: "days", days, seed, speed, stepSeconds, gate },
    env: { MARKET_CLOCK: "feed", SOAK_HEAP_FILE: heapFile },
    flags: ["--expose-gc"],
    program: "soak/Platform.js"
  })
  try {
    const { market } = stage.simulator
    await subscribe(stage)
    const listening = await Watch.listen(stage.nc, new Set(symbols))
    say(`${minutes} minutes of simulated days with random faults, seed ${seed} ...`)
    begin()
    const connections = () => stage.simulator.stats().connections
    const faults = Faults.make({ accounts, admin: stage.admin, connections, natsPid: stage.natsPid }, seed)
    const handles = await watch(stage, heapFile, minutes)
    const counts = await faults.stop()
    say("waiting until what is on its way has arrived ...")
    const untilMs = market.status().timeMs - 120_000
    await sleep(settleMs)
    const health = await stage.ask("GET", "/health")
    const tickers = Object.values((health.body["ticker"] as { readonly accounts: Readonly<Record<string, Ticker>> }).accounts)
    await listening.stop()
    const played = days.filter((day) => Day.midnightMs(Day.ofIso(day)) <= untilMs)
    const truth = played.flatMap((day) => {
      const found = market.truth?.(day)
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
      breaks: heard.interruptions.messages,
      isHealed: tickers.every(({ state, subscribed }) => state === "streaming" || (state === "idle" && subscribed === 0)),
      troubles: problemsIn(stage.log)
    }
  } finally {
    await stage.close()
  }
}
