/** Kills executors of orders at every step, lets the broker fail in every way, and counts the orders that really exist. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Effect, Logger, LogLevel, type Scope } from "effect"
import * as Simulator from "../../src/simulator/Simulator.ts"
import * as Broker from "./orders/Broker.ts"
import * as Cases from "./orders/Cases.ts"
import type * as Kite from "./orders/Kite.ts"
import * as Relay from "./orders/Relay.ts"
import * as Report from "./orders/Report.ts"
import * as Run from "./orders/Run.ts"

const usage = `npm run chaos -- orders [--random N] [--accounts N] [--seed N] [--broker URL --accounts-file FILE [--admin URL]]
  without --random           kills and faults, alone and in pairs
  --random N                 N orders with random kills and faults instead; --accounts is the number of accounts, 5 by default, and --seed
                             the seed, a new one by default
  --broker, --accounts-file  another broker that speaks Kite's REST interface, and its accounts as docs/operations.md shows them; a row may
                             have an access_token. It gets real orders, so name a test system and never an account with money.
  --admin                    the port where this broker takes faults, as the simulator does; without it a relay before the broker makes them`

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

/** The policy of the random part. Many processes run at once, so each step may take longer. */
const randomPolicy = { ...policy, horizonMs: 10_000, readEveryMs: 1_000 }

interface Row {
  readonly account_id: string
  readonly api_key: string
  readonly api_secret: string
  readonly access_token?: string
}

const invented = (number: number): Kite.Account & { readonly userId: string } => ({
  accountId: `chaos${number}`,
  apiKey: `key${number}`,
  apiSecret: `secret${number}`,
  userId: `CH${number}`
})

const readAccounts = async (file: string): Promise<ReadonlyArray<Kite.Account>> => {
  const rows: ReadonlyArray<Row> = JSON.parse(await readFile(file, "utf8"))
  return rows.map(({ access_token, account_id, api_key, api_secret }) => ({
    accountId: account_id,
    apiKey: api_key,
    apiSecret: api_secret,
    accessToken: access_token
  }))
}

interface Named {
  readonly broker: Broker.Broker
  /** The name in the report. */
  readonly name: string
}

const simulated = (count: number) =>
  Effect.gen(function* () {
    const accounts = Array.from({ length: count }, (_, number) => invented(number))
    const market = { mode: "synthetic", rate: 0, strikesEachSide: 1 } as const
    const { adminUrl, url } = yield* Simulator.make({ accounts, market, adminPort: 0 })
    const broker: Broker.Broker = { root: url, accounts, control: Broker.byAdmin(adminUrl ?? "") }
    return { broker, name: "the simulator" } satisfies Named
  })

const other = (root: string, file: string, admin: string | undefined) =>
  Effect.gen(function* () {
    const accounts = yield* Effect.promise(() => readAccounts(file))
    if (admin !== undefined) return { broker: { root, accounts, control: Broker.byAdmin(admin) }, name: root } satisfies Named
    const { broker } = yield* Effect.acquireRelease(
      Effect.promise(() => Relay.open(root, accounts)),
      ({ close }) => Effect.sync(close)
    )
    return { broker, name: `${root}, behind a relay that makes the faults` } satisfies Named
  })

const say = (text: string) => process.stderr.write(`${text}\n`)

interface Options {
  readonly seed: number
  /** The number of random orders; null runs the cases instead. */
  readonly random: number | null
  readonly accounts: number
}

/** The most random orders of the naive executor: enough to see how often it is wrong. */
const naiveMax = 1_000

const runCases = async (ground: Run.Ground, name: string): Promise<Report.Report> => {
  say(`${Cases.all.length} cases of the protocol ...`)
  const protocol = await Run.cases(ground, "protocol", Cases.all)
  const naiveCases = Cases.all.filter((one) => one.unknown === "park" && Cases.isAlone(one))
  say(`${naiveCases.length} cases of the naive executor ...`)
  const naive = await Run.cases(ground, "naive", naiveCases)
  return Report.ofCases({ broker: name, protocol, naive, faults: await ground.broker.control.applied() })
}

const runRandom = async (ground: Run.Ground, name: string, plan: Omit<Run.Plan, "mode">): Promise<Report.Report> => {
  const patient = { ...ground, policy: randomPolicy }
  say(`${plan.count} orders of ${plan.accounts} accounts at random, seed ${plan.seed} ...`)
  const protocol = await Run.random(patient, { ...plan, mode: "protocol" })
  const count = Math.min(plan.count, naiveMax)
  say(`${count} orders of the naive executor ...`)
  const naive = await Run.random(patient, { ...plan, mode: "naive", count })
  return Report.ofRandom({ broker: name, protocol, naive, faults: await ground.broker.control.applied() })
}

const run = async ({ broker, name }: Named, { accounts, random, seed }: Options): Promise<boolean> => {
  const folder = join(process.cwd(), ".data", `chaos-${process.pid}`)
  const program = join(dirname(fileURLToPath(import.meta.url)), "orders", "main.js")
  const ground: Run.Ground = { broker, program, folder, policy }
  try {
    const report = await (random === null ? runCases(ground, name) : runRandom(ground, name, { seed, accounts, count: random }))
    const file = join(process.cwd(), "bench/reports", report.file)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, report.text)
    process.stdout.write(report.text)
    return report.isGood
  } finally {
    await Run.remove(folder)
  }
}

const { values } = parseArgs({
  options: {
    random: { type: "string" },
    accounts: { type: "string", default: "5" },
    seed: { type: "string" },
    broker: { type: "string" },
    admin: { type: "string" },
    "accounts-file": { type: "string" }
  }
})
const { admin, broker, "accounts-file": file } = values
const options: Options = {
  seed: values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed),
  random: values.random === undefined ? null : Number(values.random),
  accounts: Number(values.accounts)
}
const isCount = (value: number) => Number.isSafeInteger(value) && value > 0
if (
  !Number.isSafeInteger(options.seed) ||
  (options.random !== null && !isCount(options.random)) ||
  !isCount(options.accounts) ||
  (broker === undefined) !== (file === undefined)
) {
  say(usage)
  process.exit(2)
}

const opened: Effect.Effect<Named, Error, Scope.Scope> =
  broker !== undefined && file !== undefined ? other(broker, file, admin) : simulated(options.accounts)
const isGood = await Effect.runPromise(
  opened.pipe(
    Effect.flatMap((named) => Effect.promise(() => run(named, options))),
    Effect.scoped,
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )
)
process.exit(isGood ? 0 : 1)
