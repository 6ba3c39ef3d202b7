/** Runs of `npm start` for tests, each with a separate folder. Importing this module gives every test of the file a new folder. */
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, assert, beforeEach } from "@effect/vitest"
import { postgresFolder } from "../../scripts/lib/backends.mjs"
import { isAlive } from "../../scripts/lib/children.mjs"
import { waitMsMax } from "../Patience.ts"

const root = join(import.meta.dirname, "../..")
export const startMsMax = 300_000 // the first run builds
export const stopMsMax = waitMsMax

export interface Run {
  readonly gateway_url: string
  readonly docs_url: string
  readonly orders_url: string | null
  readonly market_url: string | null
  readonly nats_url: string
  readonly nats_reader_url: string
  readonly database_url: string
  readonly redis_url: string | null
  readonly simulator_url: string | null
  readonly simulator_account: { readonly api_key: string } | null
  readonly token: string
  readonly pid: number
}

let data = ""
let taken: Server
const started: Array<ChildProcess> = []

/** The data folder of the current test. */
export const dataFolder = () => data

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "tarang-start-"))
  chmodSync(data, 0o755) // where root runs the tests, Postgres is another user
  taken = createServer()
  await new Promise<void>((resolve) => void taken.listen(0, "127.0.0.1", resolve))
})
afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill("SIGTERM")
    await gone([child.pid ?? 0])
  }
  await new Promise((resolve) => taken.close(resolve))
  rmSync(data, { recursive: true, force: true })
})

export const until = async (what: string, limitMs: number, check: () => boolean) => {
  for (const endMs = Date.now() + limitMs; Date.now() < endMs; await sleep(50)) if (check()) return
  assert.fail(`${what}: not within ${limitMs} ms`)
}
export const gone = (pids: ReadonlyArray<number>) => until("processes are gone", stopMsMax, () => pids.every((pid) => !isAlive(pid)))

/** A start with this test's folder. The wished port is taken, so the gateway has to find another one. */
export const begin = (...args: ReadonlyArray<string>) => beginWith({}, ...args)
export const beginWith = (more: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => {
  const { DATABASE_URL, NATS_URL, REDIS_URL, ACCOUNTS_FILE, MARKET_MODE, JWT_SECRET, npm_lifecycle_script, ...env } = process.env
  const child = spawn(process.execPath, [join(root, "scripts/start.mjs"), ...args], {
    cwd: tmpdir(),
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...env, ...more, TARANG_DATA: data, GATEWAY_PORT: String((taken.address() as AddressInfo).port) }
  })
  started.push(child)
  let text = ""
  child.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString()
  })
  // Not its exit: its last output must still be readable then.
  const exit = new Promise<number | null>((resolve) => void child.once("close", resolve))
  return { child, exit, text: () => text }
}
export const isRunning = () => existsSync(join(data, "run.json"))
export const readRun = () => JSON.parse(readFileSync(join(data, "run.json"), "utf8")) as Run
export const up = async (one: ReturnType<typeof begin>) => {
  await until("run.json", startMsMax, () => isRunning() || one.child.exitCode !== null)
  assert.isTrue(isRunning(), one.text())
  return readRun()
}
export const api = async (run: Run, method: string, path: string, body?: unknown) => {
  const response = await fetch(run.gateway_url + path, {
    method,
    headers: { authorization: `Bearer ${run.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
/** All processes of a start on that folder, from its pid files. */
export const pidsOf = (folder: string) =>
  [
    ...["platform.pid", "orders.pid", "market.pid", "simulator.pid", "nats/nats.pid", "redis/redis.pid"].map((file) => join(folder, file)),
    join(postgresFolder(folder), "postgres/postmaster.pid")
  ]
    .filter((file) => existsSync(file))
    .map((file) => Number(readFileSync(file, "utf8").split("\n")[0]))
export const pids = () => pidsOf(data)
