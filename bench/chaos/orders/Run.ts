/** Runs cases and random orders against a broker, and compares what an executor believes with the orders that the broker has. */
import { spawn } from "node:child_process"
import { mkdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import type * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import { Random } from "../../../src/simulator/Random.ts"
import type * as Broker from "./Broker.ts"
import * as Cases from "./Cases.ts"
import * as Executor from "./Executor.ts"
import * as Journal from "./Journal.ts"
import * as Kite from "./Kite.ts"

export interface Ground {
  readonly broker: Broker.Broker
  /** The compiled main.ts of the executor. */
  readonly program: string
  /** Holds the journals. */
  readonly folder: string
  readonly policy: OrderDecider.Policy
}

/** New orders are hidden from the order book for this long. */
export const lagMs = 300

const realOrders = async ({ control }: Broker.Broker): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const byTag = new Map<string, Array<string>>()
  for (const { order_id, tag } of await control.orders()) {
    if (tag === null) continue
    const ids = byTag.get(tag) ?? []
    ids.push(order_id)
    byTag.set(tag, ids)
  }
  return byTag
}

/** One lot of the broker's first index future, well below the market, so that it rests. */
const restingTerms = async ({ accounts, root }: Broker.Broker): Promise<Kite.Terms> => {
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

/** Longest life of a process with one order, and with many. */
const oneEndMsMax = 120_000
const manyEndMsMax = 600_000

/**
 * Runs the executor's process until it ends or is killed; true if it ended by itself. Its options lie in a file, because thousands of orders
 * are too long for an argument.
 */
const runProcess = async (program: string, options: Executor.Options, endMsMax: number): Promise<boolean> => {
  const file = `${options.journal}.options.json`
  await writeFile(file, JSON.stringify(options))
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, file], { stdio: ["ignore", "ignore", "pipe"] })
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
  })
}

export interface Verdict {
  readonly name: string
  readonly status: Executor.Entry["status"] | "nothing"
  /** The broker's orders with the key's tag. */
  readonly orders: number
  /** How the result differs from the truth; null if it does not. */
  readonly problem: string | null
}

/** How an entry differs from the broker's orders. A parked order claims nothing, because a person decides it. */
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
  await broker.control.clearOf(account.accountId)
  for (const { fault, target } of one.wrongs) await broker.control.add(account.accountId, target, [fault])
  const order: Executor.Order = { key: keyOf(mode, one.number), terms, unknown: one.unknown }
  const journal = join(folder, `${order.key}.jsonl`)
  const options = { mode, root: broker.root, account, journal, orders: [order], lanes: 1, policy, killAfter: null }
  for (const killAt of one.kills) if (await runProcess(program, { ...options, killAt }, oneEndMsMax)) return
  if (!(await runProcess(program, { ...options, killAt: null }, oneEndMsMax)))
    throw new Error(`${Cases.nameOf(one)}: killed by somebody else`)
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
  await broker.control.clear()
  const terms = await restingTerms(broker)
  await broker.control.lag(lagMs)
  const doneBy = new Map<number, Kite.Account>()
  const waiting = all.values()
  const work = async (account: Kite.Account) => {
    for (const one of waiting) {
      doneBy.set(one.number, account)
      await runCase(ground, mode, account, terms, one)
    }
  }
  await Promise.all(broker.accounts.map(work))
  // Orders that are accepted late must exist before the orders are counted.
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
  readonly accounts: number
  readonly kills: number
  readonly seconds: number
  readonly verdicts: ReadonlyArray<Verdict>
}

const share = 0.15
/** A process is killed after a random number of steps and up to `msMax` later, so at any instant. */
const killAfter = { stepsMin: 20, stepsMax: 400, msMax: 20 } as const
/** Orders of an account in flight at once. Most of them wait for the horizon. */
const lanes = 8

export interface Plan {
  readonly mode: Executor.Options["mode"]
  readonly seed: number
  /** Orders of all accounts together. */
  readonly count: number
  readonly accounts: number
}

/** Runs one account's orders to their end, while its process is killed and started again repeatedly. Returns the number of kills. */
const runKilled = async (program: string, options: Omit<Executor.Options, "killAfter">, random: Random): Promise<number> => {
  const { msMax, stepsMax, stepsMin } = killAfter
  for (let kills = 0; ; kills++) {
    const steps = stepsMin + Math.floor(random.next() * (stepsMax - stepsMin))
    const ms = Math.floor(random.next() * msMax)
    if (await runProcess(program, { ...options, killAfter: { steps, ms } }, manyEndMsMax)) return kills
  }
}

/**
 * Many orders of every account at once, with random kills and faults. Kills and faults follow from the seed, but the interleaving of
 * processes does not.
 */
export const random = async (ground: Ground, plan: Plan): Promise<RandomResult> => {
  const { broker, folder, policy, program } = ground
  const { count, mode, seed } = plan
  const startedMs = performance.now()
  await mkdir(folder, { recursive: true })
  await broker.control.clear()
  const terms = await restingTerms(broker)
  await broker.control.lag(lagMs)
  const among = Cases.wrongs.filter(({ target }) => target === "change").map(({ fault }) => fault)
  // A token that ends refuses all orders of its account until somebody signs in, so only the cases have it.
  await broker.control.scatter({ seed, share, among: among.filter(({ kind }) => kind !== "token_expires") })
  const accounts = broker.accounts.slice(0, plan.accounts)
  const ofAccount = (at: number) => Math.floor(count / accounts.length) + (at < count % accounts.length ? 1 : 0)
  const work = async (account: Kite.Account, at: number) => {
    const random = new Random(seed + at)
    const orders = Array.from({ length: ofAccount(at) }, (_, number): Executor.Order => {
      return { key: `random-${mode}-${seed}-${number}`, terms, unknown: random.next() < 0.5 ? "park" : "resend" }
    })
    const journal = join(folder, `random-${mode}-${account.accountId}.jsonl`)
    const kills = await runKilled(program, { mode, root: broker.root, account, journal, orders, lanes, policy, killAt: null }, random)
    return { account, journal, kills, orders }
  }
  const done = await Promise.all(accounts.map(work))
  await sleep(Cases.lateMs + lagMs)
  const real = await realOrders(broker)
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
  const kills = done.reduce((sum, one) => sum + one.kills, 0)
  return { seed, orders: verdicts.length, accounts: accounts.length, kills, seconds: (performance.now() - startedMs) / 1_000, verdicts }
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })
