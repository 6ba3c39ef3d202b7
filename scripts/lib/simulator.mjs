import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { bring, restartable, stopStale } from "./bring.mjs"
import { entry } from "./build.mjs"
import { start } from "./children.mjs"
import { folder, Plain, readOr, root } from "./paths.mjs"
import { ping } from "./ports.mjs"

/** ACCOUNTS_FILE as an absolute path, because our processes run in the clone's folder and not in the caller's. */
export const givenAccounts = () =>
  process.env.ACCOUNTS_FILE ? resolve(process.env.INIT_CWD ?? process.cwd(), process.env.ACCOUNTS_FILE) : undefined

/** Parses an accounts file. The error names the file if it is not a JSON list of accounts. */
export const parseAccounts = (file) => {
  const text = readOr(file, undefined)
  if (text === undefined) throw new Plain(`ACCOUNTS_FILE: ${file} cannot be read.`)
  try {
    const accounts = JSON.parse(text)
    if (Array.isArray(accounts)) return accounts
  } catch {
    // The error below names the file. The parser's own text could quote a secret.
  }
  throw new Plain(`${file} is not a JSON list of accounts.`)
}

const invent = (account_id, user_id) => ({
  account_id,
  user_id,
  api_key: randomBytes(8).toString("hex"),
  api_secret: randomBytes(16).toString("hex"),
  login: "auto"
})
const platformAccountsDefault = 2

/** The accounts of earlier starts, and new made-up ones if `count` is larger. */
const ownAccounts = (file, count) => {
  const kept = readOr(file, "") === "" ? [] : parseAccounts(file)
  if (count === undefined && kept.length > 0) return kept
  return Array.from({ length: count ?? platformAccountsDefault }, (_, at) => {
    const name = `sim${at + 1}`
    return kept.find((one) => one.account_id === name) ?? invent(name, `SIM${String(at + 1).padStart(3, "0")}`)
  })
}

/**
 * Writes two files. The platform reads `file`; the simulator reads `simulatorFile`, which has one account more: `spare`, for a person.
 * As at Kite, a login ends the session that the same account had, so a person who used one of the platform's would stop its ticks.
 * Our accounts keep their keys from start to start, and `count` says how many the platform gets. `owners` may trade with them. Of a file given by ACCOUNTS_FILE a copy
 * is made, in which accounts without a `root` get the simulator's.
 */
export const writeAccounts = (data, port, { given, count, owners = [] } = {}) => {
  const file = join(folder(data), given ? "accounts.given.json" : "accounts.json")
  const simulatorFile = join(data, "accounts.simulator.json")
  const at = { root: `http://127.0.0.1:${port}`, ws_root: `ws://127.0.0.1:${port}` }
  const accounts = given
    ? parseAccounts(given).map((account) => (account.root === undefined ? { ...account, ...at } : account))
    : ownAccounts(file, count).map((account) => ({ ...account, ...at, owners }))
  const before = readOr(simulatorFile, "") === "" ? [] : parseAccounts(simulatorFile)
  const spare = { ...(before.find((one) => one.account_id === "spare") ?? invent("spare", "SPARE1")), ...at }
  const write = (to, list) => writeFileSync(to, `${JSON.stringify(list, null, 2)}\n`, { mode: 0o600 })
  write(file, accounts)
  write(simulatorFile, [...accounts, spare])
  return { file, simulatorFile, spare }
}

/** The environment of the simulator's process, without the platform's secrets. */
export const simulatorEnv = ({ port, accountsFile, market }) => {
  const { DATABASE_URL, REDIS_URL, NATS_URL, JWT_SECRET, ...own } = process.env
  const wishes = {
    SIMULATOR_FILE: market.file,
    SIMULATOR_INSTRUMENTS: market.instruments,
    SIMULATOR_SPEED: market.speed,
    SIMULATOR_UNDERLYING: market.underlying,
    SIMULATOR_OI: market.oi,
    SIMULATOR_SEED: market.seed,
    SIMULATOR_RATE: market.rate,
    SIMULATOR_FROM: market.from,
    SIMULATOR_DAYS: market.days,
    SIMULATOR_SPLIT: market.split
  }
  return {
    ...Object.fromEntries(Object.entries(own).filter(([name]) => !/^NATS_\w+_PASSWORD$/.test(name))),
    ...Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined)),
    ROLES: "simulator",
    SIMULATOR_HOST: process.env.SIMULATOR_HOST ?? "127.0.0.1",
    SIMULATOR_PORT: String(port),
    SIMULATOR_MARKET: market.kind,
    ACCOUNTS_FILE: accountsFile
  }
}

/** Starts the simulator's process and waits until it answers. It uses the port of the last start if that is free. */
export const startSimulator = async (data, market, user) => {
  const pidFile = join(folder(data), "simulator.pid")
  const portFile = join(data, "simulator.port")
  let accounts
  const begin = async (wanted) => {
    await stopStale(pidFile, entry, "SIGTERM")
    return bring(
      "The simulator",
      (port) => {
        accounts = writeAccounts(data, port, { given: givenAccounts(), count: market.platformAccounts, owners: [user] })
        const simulator = start("simulator", process.execPath, ["--enable-source-maps", entry], {
          log: join(data, "simulator.log"),
          cwd: root,
          env: simulatorEnv({ port, accountsFile: accounts.simulatorFile, market })
        })
        writeFileSync(pidFile, `${simulator.pid}\n`)
        return simulator
      },
      (port) => ping.answers(port, "/market"),
      { wanted, wish: Number(readOr(portFile, "0")) }
    )
  }
  const part = await restartable("The simulator", begin)
  writeFileSync(portFile, String(part.port))
  return { url: `http://127.0.0.1:${part.port}`, child: part.child(), part, accountsFile: accounts.file, spare: accounts.spare }
}
