import { createHash } from "node:crypto"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { accountsFile, store } from "./lib/accounts.mjs"
import { log, Plain } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"
import { parseAccounts } from "./lib/simulator.mjs"
import { opened, readKeys, sealed } from "./lib/vault.mjs"

const kite = { page: "https://kite.zerodha.com", root: "https://api.kite.trade" }
const answerMsMax = 30_000
const usage =
  "The option is: --account NAME. The address after the login is read from the standard input, because everybody on a machine can see the " +
  "arguments of its processes. ACCOUNTS_FILE names the accounts' file; without it the file of the running platform is used."

const wishes = () => {
  try {
    return parseArgs({ options: { account: { type: "string" } } }).values
  } catch (error) {
    // The message names the option, which may be all of a secret.
    throw new Plain(`An option of npm run login is wrong (${error.code}).\n${usage}`)
  }
}

const accountOf = (accounts, name, file) => {
  const names = accounts.map((account) => account.account_id).join(", ")
  if (name === undefined && accounts.length !== 1) throw new Plain(`${file} has the accounts ${names}: choose one with --account.`)
  const account = name === undefined ? accounts[0] : accounts.find((one) => one.account_id === name)
  if (account === undefined) throw new Plain(`${file} has no account ${name}; it has ${names}.`)
  if (account.login === "auto") throw new Plain(`${account.account_id} signs in by itself (login is "auto"): there is nothing to do.`)
  for (const field of ["user_id", "api_key", "api_secret"])
    if (typeof account[field] !== "string" || account[field] === "") throw new Plain(`${file}: ${account.account_id} has no ${field}.`)
  return account
}

/** Extracts the token from the pasted text: the address to which the login page redirected, or the token alone. */
const requestTokenOf = (text) => {
  const wish = text.trim()
  if (!URL.canParse(wish)) {
    if (/^\S{1,512}$/.test(wish)) return wish
    throw new Plain("No request_token was given: paste the whole address that the login page redirected to.")
  }
  const { searchParams } = new URL(wish)
  const token = searchParams.get("request_token")
  if (token) return token
  throw new Plain(`That address carries no request_token (status ${searchParams.get("status") ?? "unknown"}): sign in again.`)
}

const askPerson = async () => {
  process.stderr.write("Address after the login (or its request_token): ")
  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) {
    lines.close()
    return line
  }
  return ""
}

/** Kite's exchange: POST /session/token with SHA-256(api_key + request_token + api_secret). */
const exchange = async (account, requestToken) => {
  const checksum = createHash("sha256").update(`${account.api_key}${requestToken}${account.api_secret}`).digest("hex")
  const at = account.root ?? kite.root
  const form = new URLSearchParams({ api_key: account.api_key, request_token: requestToken, checksum })
  const response = await fetch(`${at}/session/token`, {
    method: "POST",
    headers: { "x-kite-version": "3" },
    body: form,
    signal: AbortSignal.timeout(answerMsMax)
  }).catch((error) => {
    throw new Plain(`${at} does not answer: ${error.cause?.code ?? error.message}. Is the network up, and the address right?`)
  })
  const answer = await response.json().catch(() => ({}))
  if (!response.ok || typeof answer.data?.access_token !== "string")
    throw new Plain(
      `The broker refused the login (${response.status}): ${answer.message ?? "no reason given"}. A request_token works once and for minutes: sign in again.`
    )
  if (answer.data.user_id !== undefined && answer.data.user_id !== account.user_id)
    throw new Plain(`The login is of user ${answer.data.user_id}, and ${account.account_id} is of user ${account.user_id}.`)
  return { accessToken: answer.data.access_token, signedInAt: instantOf(answer.data.login_time) }
}

/** Kite states the time of the login in India's time, such as "2026-08-03 09:01:02". */
const instantOf = (text) => {
  const atMs = Date.parse(`${String(text).replace(" ", "T")}+05:30`)
  return new Date(Number.isNaN(atMs) ? Date.now() : atMs).toISOString()
}

/** The accounts with the account's new session in them. */
const withSession = (accounts, name, { accessToken, signedInAt }) =>
  accounts.map((account) => {
    if (account.account_id !== name) return account
    const { request_token, ...kept } = account
    return { ...kept, access_token: accessToken, signed_in_at: signedInAt }
  })

run(async () => {
  const { account: name } = wishes()
  const file = accountsFile()
  const keys = readKeys()
  const account = opened(keys, accountOf(parseAccounts(file), name, file))
  const page = new URL(`${account.root ?? kite.page}/connect/login`)
  page.searchParams.set("v", "3")
  page.searchParams.set("api_key", account.api_key)
  log(`Sign in as ${account.user_id} here:\n\n  ${page.href}\n`)
  const session = await exchange(account, requestTokenOf(await askPerson()))
  const accounts = withSession(parseAccounts(file), account.account_id, session)
  store(
    file,
    accounts.map((one) => sealed(keys, one))
  )
  log(`${account.account_id} is signed in. The session is in ${file}; a running platform uses it within seconds.`)
})
