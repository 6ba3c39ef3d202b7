import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { bring, restartable, stopStale } from "./bring.mjs"
import { entry } from "./build.mjs"
import { start } from "./children.mjs"
import { folder, Plain, readOr, root } from "./paths.mjs"
import { ping } from "./ports.mjs"

const readyMsMax = 60_000

/** ACCOUNTS_FILE as an absolute path: our processes work in the clone's folder, wherever we were called. */
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

const invented = () =>
  ["sim1", "sim2"].map((account_id, at) => ({
    account_id,
    user_id: `SIM00${at + 1}`,
    api_key: randomBytes(8).toString("hex"),
    api_secret: randomBytes(16).toString("hex"),
    login: "auto"
  }))

/**
 * The accounts file that both simulator and platform read, with the simulator's current address. Our own accounts keep their keys
 * between starts. A file given by ACCOUNTS_FILE is copied, and accounts without a `root` get the simulator's.
 */
export const writeAccounts = (data, port, given) => {
  const file = join(folder(data), "accounts.json")
  const at = { root: `http://127.0.0.1:${port}`, ws_root: `ws://127.0.0.1:${port}` }
  const accounts = given
    ? parseAccounts(given).map((account) => (account.root === undefined ? { ...account, ...at } : account))
    : (readOr(file, "") === "" ? invented() : parseAccounts(file)).map((account) => ({ ...account, ...at }))
  const to = given ? join(data, "accounts.given.json") : file
  writeFileSync(to, `${JSON.stringify(accounts, null, 2)}\n`, { mode: 0o600 })
  return to
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
    SIMULATOR_DAYS: market.days
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
export const startSimulator = async (data, market) => {
  const pidFile = join(folder(data), "simulator.pid")
  const portFile = join(data, "simulator.port")
  let accountsFile = ""
  const begin = async (wanted) => {
    await stopStale(pidFile, entry, "SIGTERM")
    return bring(
      "The simulator",
      (port) => {
        accountsFile = writeAccounts(data, port, givenAccounts())
        const simulator = start("simulator", process.execPath, ["--enable-source-maps", entry], {
          log: join(data, "simulator.log"),
          cwd: root,
          env: simulatorEnv({ port, accountsFile, market })
        })
        writeFileSync(pidFile, `${simulator.pid}\n`)
        return simulator
      },
      (port) => ping.answers(port, "/market"),
      { wanted, wish: Number(readOr(portFile, "0")), limitMs: readyMsMax }
    )
  }
  const part = await restartable("The simulator", begin)
  writeFileSync(portFile, String(part.port))
  return { url: `http://127.0.0.1:${part.port}`, child: part.child(), part, accountsFile }
}
