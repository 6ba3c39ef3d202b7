/** Kills executors of orders at every step, lets the broker fail in every way, and counts the orders that really exist. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Effect, Logger, LogLevel } from "effect"
import * as Simulator from "../../src/simulator/Simulator.ts"
import * as Cases from "./orders/Cases.ts"
import type * as Kite from "./orders/Kite.ts"
import * as Report from "./orders/Report.ts"
import * as Run from "./orders/Run.ts"

const usage = `npm run chaos -- orders [--seed N] [--orders N] [--broker URL --admin URL --accounts FILE]
  --seed, --orders   of the random part; the defaults are a new seed and 1000 orders
  --broker, --admin  another broker and the port where it takes faults; --accounts has its accounts as docs/operations.md shows them`

/** The largest delays add up to less than half of the horizon, so that a slow machine does not break the assumption. */
const policy = {
  sendDelayMaxMs: 300,
  answerMsMax: 800,
  horizonMs: 4_000,
  readEveryMs: 250,
  refusalsMax: 3,
  resendsMax: 3,
  keepsTags: false
}
const accountsOfSimulator = 8

interface Row {
  readonly account_id: string
  readonly api_key: string
  readonly api_secret: string
}

const invented = (number: number) => ({
  accountId: `chaos${number}`,
  apiKey: `key${number}`,
  apiSecret: `secret${number}`,
  userId: `CH${number}`
})

const ourBroker: Effect.Effect<Run.Broker, Error, Effect.Effect.Context<ReturnType<typeof Simulator.make>>> = Effect.gen(function* () {
  const accounts = Array.from({ length: accountsOfSimulator }, (_, number) => invented(number))
  const market = { mode: "synthetic", rate: 0, strikesEachSide: 1 } as const
  const { adminUrl, url } = yield* Simulator.make({ accounts, market, adminPort: 0 })
  return { root: url, admin: adminUrl ?? "", accounts }
})

const readAccounts = async (file: string): Promise<ReadonlyArray<Kite.Account>> => {
  const rows: ReadonlyArray<Row> = JSON.parse(await readFile(file, "utf8"))
  return rows.map(({ account_id, api_key, api_secret }) => ({ accountId: account_id, apiKey: api_key, apiSecret: api_secret }))
}

const say = (text: string) => process.stderr.write(`${text}\n`)

const run = async (broker: Run.Broker, named: string, seed: number, orders: number): Promise<boolean> => {
  const folder = join(process.cwd(), ".data", `chaos-${process.pid}`)
  const program = join(dirname(fileURLToPath(import.meta.url)), "orders", "main.js")
  const ground: Run.Ground = { broker, program, folder, policy }
  try {
    say(`${Cases.all.length} cases of the protocol ...`)
    const protocol = await Run.cases(ground, "protocol", Cases.all)
    const naiveCases = Cases.all.filter((one) => one.unknown === "park" && Cases.isAlone(one))
    say(`${naiveCases.length} cases of the naive executor ...`)
    const naive = await Run.cases(ground, "naive", naiveCases)
    say(`${orders} orders at random, seed ${seed} ...`)
    const random = await Run.random(ground, seed, orders)
    const result = { broker: named, protocol, naive, random }
    const report = Report.write(result)
    const file = join(process.cwd(), "bench/reports/chaos-orders.md")
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, report)
    process.stdout.write(report)
    return Report.isGood(result)
  } finally {
    await Run.remove(folder)
  }
}

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    orders: { type: "string", default: "1000" },
    broker: { type: "string" },
    admin: { type: "string" },
    accounts: { type: "string" }
  }
})
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
const orders = Number(values.orders)
const { accounts, admin, broker } = values
const isOther = broker !== undefined && admin !== undefined && accounts !== undefined
if (!Number.isSafeInteger(seed) || !(orders > 0) || (broker !== undefined && !isOther)) {
  say(usage)
  process.exit(2)
}

const other = isOther
  ? Effect.promise(async (): Promise<Run.Broker> => ({ root: broker, admin, accounts: await readAccounts(accounts) }))
  : ourBroker
const isGood = await Effect.runPromise(
  other.pipe(
    Effect.flatMap((at) => Effect.promise(() => run(at, isOther ? broker : "the simulator", seed, orders))),
    Effect.scoped,
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )
)
process.exit(isGood ? 0 : 1)
