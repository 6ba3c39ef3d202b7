/** Runs cases and random orders against a broker, and compares what an executor believes with the orders that the broker has. */
import { spawn } from "node:child_process"
import { mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import type * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import { Random } from "../../../src/simulator/Random.ts"
import * as Cases from "./Cases.ts"
import * as Executor from "./Executor.ts"
import * as Journal from "./Journal.ts"
import * as Kite from "./Kite.ts"

/** A broker that takes orders at `root`, and faults and questions of a test at `admin` (src/simulator/admin). */
export interface Broker {
  readonly root: string
  readonly admin: string
  /** Each works on one case at a time. */
  readonly accounts: ReadonlyArray<Kite.Account>
}

export interface Ground {
  readonly broker: Broker
  /** The compiled main.ts of the executor. */
  readonly program: string
  /** Holds the journals. */
  readonly folder: string
  readonly policy: OrderDecider.Policy
}

/** New orders are hidden for so long. */
export const lagMs = 300

interface Real {
  readonly order_id: string
  readonly tag: string | null
}

const ask = async <A>({ admin }: Broker, method: string, path: string, body?: object): Promise<A> => {
  const response = await fetch(`${admin}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const { data, message } = (await response.json()) as { readonly data: A; readonly message?: string }
  if (!response.ok) throw new Error(`${method} ${path} of the admin port: ${response.status} ${message}`)
  return data
}

const realOrders = async (broker: Broker): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const byTag = new Map<string, Array<string>>()
  for (const { order_id, tag } of await ask<ReadonlyArray<Real>>(broker, "GET", "/orders")) {
    if (tag === null) continue
    byTag.set(tag, [...(byTag.get(tag) ?? []), order_id])
  }
  return byTag
}

/** One lot of the broker's first index future, well below the market, so that it rests. */
const restingTerms = async ({ accounts, root }: Broker): Promise<Kite.Terms> => {
  const { instruments } = Instrument.parseCsv(await (await fetch(`${root}/instruments`)).text())
  const future = instruments.find(({ exchange, instrumentType }) => exchange === "NFO" && instrumentType === "FUT")
  const [account] = accounts
  if (future === undefined || account === undefined) throw new Error("the broker lists no future of NFO, or there is no account")
  const authorization = await Kite.login(root, account)
  const symbol = Instrument.symbolKey(future.exchange, future.tradingsymbol)
  const answer = await fetch(`${root}/quote?i=${encodeURIComponent(symbol)}`, { headers: { authorization, "x-kite-version": "3" } })
  const { data } = (await answer.json()) as { readonly data: Record<string, { readonly lower_circuit_limit: number }> }
  const { exchange, lotSize: quantity, tradingsymbol } = future
  return { exchange, tradingsymbol, quantity, price: String(data[symbol]?.lower_circuit_limit) }
}

const endMsMax = 120_000

/** Runs the executor's process until it ends or is killed; true if it ended by itself. `onUp` runs when it begins to place orders. */
const runProcess = (program: string, options: Executor.Options, onUp: (kill: () => void) => void = () => {}): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ["ignore", "pipe", "pipe"] })
    let errors = ""
    child.stderr.on("data", (chunk) => {
      errors += chunk
    })
    const limit = setTimeout(() => {
      child.kill("SIGKILL")
      reject(new Error(`the executor did not end within ${endMsMax / 1_000} s`))
    }, endMsMax)
    child.on("error", reject)
    child.on("close", (code, signal) => {
      clearTimeout(limit)
      if (signal === "SIGKILL") resolve(false)
      else if (code === 0) resolve(true)
      else reject(new Error(`the executor ended with ${code ?? signal}: ${errors}`))
    })
    child.stdout.once("data", () => onUp(() => child.kill("SIGKILL")))
  })

export interface Verdict {
  readonly name: string
  readonly status: Executor.Entry["status"] | "nothing"
  /** The broker's orders with the key's tag. */
  readonly orders: number
  /** How the result differs from the truth; null if it does not. */
  readonly problem: string | null
}

/** A parked order claims nothing: a person decides it. */
const problemOf = (entry: Executor.Entry | undefined, orders: ReadonlyArray<string>): string | null => {
  if (orders.length > 1) return `${orders.length} orders`
  if (entry === undefined) return "no result"
  if (entry.status === "COMPLETED" && entry.orderId !== orders[0]) return `believes in ${entry.orderId}, the broker has ${orders[0]}`
  if (entry.status === "UNKNOWN" || entry.status === "COMPLETED") return null
  return orders.length > 0 ? `${entry.status}, but the order exists` : null
}

const runCase = async (
  ground: Ground,
  mode: Executor.Options["mode"],
  account: Kite.Account,
  terms: Kite.Terms,
  one: Cases.Case
): Promise<void> => {
  const { broker, folder, policy, program } = ground
  await ask(broker, "POST", "/faults/clear", { account_id: account.accountId })
  for (const { fault, target } of one.wrongs)
    await ask(broker, "POST", "/faults", { account_id: account.accountId, target, faults: [fault] })
  const order: Executor.Order = { key: keyOf(mode, one.number), terms, unknown: one.unknown }
  const journal = join(folder, `${order.key}.jsonl`)
  const options = { mode, root: broker.root, account, journal, orders: [order], lanes: 1, policy }
  for (const killAt of one.kills) if (await runProcess(program, { ...options, killAt })) return
  if (!(await runProcess(program, { ...options, killAt: null }))) throw new Error(`${Cases.nameOf(one)}: killed by somebody else`)
}

const keyOf = (mode: string, number: number): string => `${mode}-${number}`

/** Runs all cases, as many at once as there are accounts. */
export const cases = async (
  ground: Ground,
  mode: Executor.Options["mode"],
  all: ReadonlyArray<Cases.Case>
): Promise<ReadonlyArray<Verdict>> => {
  const { broker, folder } = ground
  await mkdir(folder, { recursive: true })
  await ask(broker, "DELETE", "/faults")
  const terms = await restingTerms(broker)
  await ask(broker, "PUT", "/lag", { lag_ms: lagMs })
  const doneBy = new Map<number, Kite.Account>()
  const waiting = all.values()
  const work = async (account: Kite.Account) => {
    for (const one of waiting) {
      doneBy.set(one.number, account)
      await runCase(ground, mode, account, terms, one)
    }
  }
  await Promise.all(broker.accounts.map(work))
  // What was accepted late must be there before it is counted.
  await sleep(Cases.lateMs + lagMs)
  const real = await realOrders(broker)
  return all.map((one) => {
    const key = keyOf(mode, one.number)
    const account = doneBy.get(one.number)
    const orders = account === undefined ? [] : (real.get(Executor.tagOf(account, key)) ?? [])
    const entry = Journal.read<Executor.Entry>(join(folder, `${key}.jsonl`)).get(key)
    return { name: Cases.nameOf(one), status: entry?.status ?? "nothing", orders: orders.length, problem: problemOf(entry, orders) }
  })
}

export interface RandomResult {
  readonly seed: number
  readonly orders: number
  readonly kills: number
  readonly faults: Readonly<Record<string, number>>
  readonly verdicts: ReadonlyArray<Verdict>
}

const share = 0.15
const killAfterMs = { min: 300, max: 3_000 } as const
const lanes = 4

/** Many orders of every account at once, with random kills and faults. Kills come by time, so only their plan follows from the seed. */
export const random = async (ground: Ground, seed: number, count: number): Promise<RandomResult> => {
  const { broker, folder, policy, program } = ground
  await mkdir(folder, { recursive: true })
  await ask(broker, "DELETE", "/faults")
  const terms = await restingTerms(broker)
  await ask(broker, "PUT", "/lag", { lag_ms: lagMs })
  const among = Cases.wrongs.filter(({ target }) => target === "change").map(({ fault }) => fault)
  // A token that ends refuses all orders of its account until somebody signs in, so only the cases have it.
  await ask(broker, "PUT", "/faults/scatter", { seed, share, among: among.filter(({ kind }) => kind !== "token_expires") })
  let kills = 0
  const each = Math.ceil(count / broker.accounts.length)
  const work = async (account: Kite.Account, at: number) => {
    const random = new Random(seed + at)
    const orders = Array.from({ length: each }, (_, number): Executor.Order => {
      return { key: `random-${seed}-${number}`, terms, unknown: random.next() < 0.5 ? "park" : "resend" }
    })
    const journal = join(folder, `random-${account.accountId}.jsonl`)
    const options = { mode: "protocol" as const, root: broker.root, account, journal, orders, lanes, policy, killAt: null }
    let isOver = false
    while (!isOver) {
      const afterMs = killAfterMs.min + random.next() * (killAfterMs.max - killAfterMs.min)
      let timer: NodeJS.Timeout | undefined
      isOver = await runProcess(program, options, (kill) => {
        timer = setTimeout(kill, afterMs)
      })
      clearTimeout(timer)
      if (!isOver) kills++
    }
    return { account, journal, orders }
  }
  const done = await Promise.all(broker.accounts.map(work))
  await sleep(Cases.lateMs + lagMs)
  const real = await realOrders(broker)
  const { applied } = await ask<{ readonly applied: Record<string, number> }>(broker, "GET", "/faults")
  const verdicts = done.flatMap(({ account, journal, orders }) => {
    const entries = Journal.read<Executor.Entry>(journal)
    return orders.map(({ key, unknown }) => {
      const ids = real.get(Executor.tagOf(account, key)) ?? []
      const entry = entries.get(key)
      return {
        name: `${account.accountId} ${key} ${unknown}`,
        status: entry?.status ?? ("nothing" as const),
        orders: ids.length,
        problem: problemOf(entry, ids)
      }
    })
  })
  return { seed, orders: verdicts.length, kills, faults: applied, verdicts }
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })
