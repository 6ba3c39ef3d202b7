import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { Plain } from "./paths.mjs"

const market = {
  market: { type: "string" },
  file: { type: "string" },
  instruments: { type: "string" },
  speed: { type: "string" },
  underlying: { type: "string" },
  oi: { type: "string" },
  rate: { type: "string" },
  seed: { type: "string" },
  from: { type: "string" },
  days: { type: "string" },
  split: { type: "string" },
  accounts: { type: "string" }
}
const start = { ...market, empty: { type: "boolean", default: false }, user: { type: "string", default: "demo" } }

const usage = `
  --market synthetic|recorded|days|live  synthetic by default; live needs ACCOUNTS_FILE
  --file FILE                        recorded: option chain snapshots, .csv or .csv.gz
  --instruments FILE                 recorded: Kite's instruments dump of that day
  --speed N|max                      recorded, days: N times as fast as it was (recorded 1, days max by default)
  --underlying NAME                  recorded: whose chain it is (NIFTY by default)
  --oi contracts|units               recorded: what the file's open interest and volume count (else its values decide)
  --rate N                           synthetic: ticks per instrument and second
  --seed N                           synthetic, days: the same number, the same market
  --from YYYY-MM-DD                  days: the first simulated day
  --days N                           days: how many days (10 by default)
  --split NAME:YYYY-MM-DD:N          days: a share that becomes N on that day, such as "M&M:2026-07-29:2"
  --accounts N                       synthetic, recorded, days: how many accounts the simulator has (3); the last one is for you
  --empty                            no subscriptions and no demo strategy on an empty database
  --user NAME                        whose token is printed (demo)`

const positive = (name, text, isWhole = false) => {
  const value = Number(text)
  if (text.trim() === "" || !Number.isFinite(value) || value < 0 || (!isWhole && value === 0) || (isWhole && !Number.isSafeInteger(value)))
    throw new Plain(`--${name} is a ${isWhole ? "whole number from 0" : "number above 0"}, not "${text}".`)
  return text.trim()
}

const accountsMax = 100
/** All of the simulator's accounts but the one for a person. */
const platformAccounts = (text, env) => {
  if (env.ACCOUNTS_FILE) throw new Plain("--accounts makes up accounts, and ACCOUNTS_FILE lists them: use only one of the two.")
  const count = Number(positive("accounts", text, true))
  if (count < 2 || count > accountsMax) throw new Plain(`--accounts is 2 to ${accountsMax}: one for you, the others for the platform.`)
  return count - 1
}

/** npm runs scripts in the package's folder, and stores the caller's folder in INIT_CWD. */
const fileOf = (name, text, folders) => {
  const found = folders.map((folder) => resolve(folder, text)).find((path) => existsSync(path))
  if (found === undefined) throw new Plain(`--${name}: there is no file ${resolve(folders[0], text)}.`)
  return found
}

const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) === text

/** NAME:YYYY-MM-DD:N. The simulator knows the names. */
const splitOf = (text) => {
  const [name, day, factor, ...more] = text.split(":")
  if (!name || more.length > 0 || !isDay(day ?? "") || !/^[2-9]$|^[1-9]\d{1,2}$/.test(factor ?? ""))
    throw new Plain(`--split is NAME:YYYY-MM-DD:N with N from 2 to 999, such as "M&M:2026-07-29:2", not "${text}".`)
  return text
}

const parse = (options, argv) => {
  try {
    return parseArgs({ args: argv, options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new Plain(`${error.message}\nThe options are:${usage}`)
  }
}

const marketOf = (values, env, folders) => {
  const kind = values.market ?? env.MARKET_MODE ?? "synthetic"
  if (!["synthetic", "recorded", "days", "live"].includes(kind))
    throw new Plain(`--market is synthetic, recorded, days or live, not "${kind}".`)
  const belongs = {
    file: ["recorded"],
    instruments: ["recorded"],
    speed: ["recorded", "days"],
    underlying: ["recorded"],
    oi: ["recorded"],
    rate: ["synthetic"],
    seed: ["synthetic", "days"],
    from: ["days"],
    days: ["days"],
    split: ["days"],
    accounts: ["synthetic", "recorded", "days"]
  }
  for (const [name, owners] of Object.entries(belongs))
    if (values[name] !== undefined && !owners.includes(kind))
      throw new Plain(`--${name} goes with --market ${owners.join(" or ")}, and the market is ${kind}.`)
  if (kind === "days" && !isDay(values.from ?? "")) throw new Plain("--market days needs --from YYYY-MM-DD, the first simulated day.")
  if (kind === "recorded" && values.file === undefined) throw new Plain("--market recorded needs --file FILE.csv or FILE.csv.gz.")
  if (values.underlying?.trim() === "") throw new Plain("--underlying is a name such as NIFTY, not an empty text.")
  if (values.oi !== undefined && !["contracts", "units"].includes(values.oi))
    throw new Plain(`--oi is contracts or units, not "${values.oi}".`)
  return {
    kind,
    file: values.file && fileOf("file", values.file, folders),
    instruments: values.instruments && fileOf("instruments", values.instruments, folders),
    speed: values.speed === "max" ? "max" : values.speed && positive("speed", values.speed),
    underlying: values.underlying,
    oi: values.oi,
    rate: values.rate && positive("rate", values.rate),
    seed: values.seed && positive("seed", values.seed, true),
    from: values.from,
    days: values.days && positive("days", values.days, true),
    split: values.split && splitOf(values.split),
    platformAccounts: values.accounts === undefined ? undefined : platformAccounts(values.accounts, env)
  }
}

const foldersOf = (env) => [...(env.INIT_CWD ? [env.INIT_CWD] : []), process.cwd()]

const checkPort = (name, env) => {
  const text = env[name]
  if (text !== undefined && !(/^\d{1,5}$/.test(text) && Number(text) <= 65_535))
    throw new Plain(`${name} is a port, a number from 0 to 65535, not "${text}".`)
}

/** Parses the options of `npm run simulator`. */
export const simulatorOptions = (argv, env) => {
  checkPort("SIMULATOR_PORT", env)
  const found = marketOf(parse(market, argv), { ...env, MARKET_MODE: env.SIMULATOR_MARKET }, foldersOf(env))
  if (found.kind === "live") throw new Plain("A simulator has no live market: --market is synthetic, recorded or days.")
  return found
}

/** Parses the options of `npm start`. */
export const startOptions = (argv, env) => {
  checkPort("GATEWAY_PORT", env)
  const values = parse(start, argv)
  const found = marketOf(values, env, foldersOf(env))
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(values.user)) throw new Plain(`--user is 1 to 64 letters, digits, _ or -, not "${values.user}".`)
  if (found.kind === "live" && !env.ACCOUNTS_FILE)
    throw new Plain("A live market needs ACCOUNTS_FILE: the file with the accounts' api keys.")
  return { market: found, empty: values.empty, user: values.user }
}
