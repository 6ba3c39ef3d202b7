import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { connect } from "nats"
import { postgresFolder } from "../../scripts/lib/backends.mjs"
import { isAlive } from "../../scripts/lib/children.mjs"

const root = join(import.meta.dirname, "../..")
const startMsMax = 150_000 // the first one builds
const stopMsMax = 40_000

interface Run {
  readonly gateway_url: string
  readonly docs_url: string
  readonly nats_url: string
  readonly nats_reader_url: string
  readonly database_url: string
  readonly redis_url: string | null
  readonly simulator_url: string | null
  readonly token: string
  readonly pid: number
}

let data = ""
let taken: Server
const started: Array<ChildProcess> = []

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

const until = async (what: string, limitMs: number, check: () => boolean) => {
  for (const endMs = Date.now() + limitMs; Date.now() < endMs; await sleep(50)) if (check()) return
  assert.fail(`${what}: not within ${limitMs} ms`)
}
const gone = (pids: ReadonlyArray<number>) => until("processes are gone", stopMsMax, () => pids.every((pid) => !isAlive(pid)))

/** A start on this test's folder. The gateway's wish is a port that is taken, so it has to find another. */
const begin = (...args: ReadonlyArray<string>) => {
  const { DATABASE_URL, NATS_URL, REDIS_URL, ACCOUNTS_FILE, MARKET_MODE, JWT_SECRET, npm_lifecycle_script, ...env } = process.env
  const child = spawn(process.execPath, [join(root, "scripts/start.mjs"), ...args], {
    cwd: tmpdir(),
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...env, TARANG_DATA: data, GATEWAY_PORT: String((taken.address() as AddressInfo).port) }
  })
  started.push(child)
  let text = ""
  child.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString()
  })
  // Not its exit: what it said last is still to be read then.
  const exit = new Promise<number | null>((resolve) => void child.once("close", resolve))
  return { child, exit, text: () => text }
}
const isRunning = () => existsSync(join(data, "run.json"))
const readRun = () => JSON.parse(readFileSync(join(data, "run.json"), "utf8")) as Run
const up = async (one: ReturnType<typeof begin>) => {
  await until("run.json", startMsMax, () => isRunning() || one.child.exitCode !== null)
  assert.isTrue(isRunning(), one.text())
  return readRun()
}
const api = async (run: Run, method: string, path: string, body?: unknown) => {
  const response = await fetch(run.gateway_url + path, {
    method,
    headers: { authorization: `Bearer ${run.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
/** Everything that a start runs, by the pid files that it keeps. */
const pids = () =>
  [
    ...["platform.pid", "simulator.pid", "nats/nats.pid", "redis/redis.pid"].map((file) => join(data, file)),
    join(postgresFolder(data), "postgres/postmaster.pid")
  ]
    .filter((file) => existsSync(file))
    .map((file) => Number(readFileSync(file, "utf8").split("\n")[0]))

describe("npm start", () => {
  it(
    "runs everything, says where, keeps others off its folder, stops it all, and works on the same data again",
    async () => {
      const first = begin("--empty", "--user", "u1", "--rate", "2", "--seed", "7")
      const run = await up(first)
      assert.strictEqual(run.pid, first.child.pid)
      // It is said once the file stands.
      await until("the announcement", stopMsMax, () => first.text().includes("Up after"))
      assert.match(first.text(), new RegExp(`gateway +${run.gateway_url} +\\(\\d+ is taken\\)`))
      assert.include(first.text(), run.token)
      assert.strictEqual(run.docs_url, `${run.gateway_url}/docs`)
      assert.strictEqual((await fetch(run.docs_url)).status, 200)
      assert.strictEqual((await fetch(`${run.gateway_url}/health/ready`)).status, 200)
      assert.strictEqual((await fetch(`${run.simulator_url}/market`)).status, 200)
      assert.strictEqual((await api(run, "GET", "/auth/test")).status, 200)
      assert.strictEqual((await api(run, "GET", "/subscriptions")).body["total"], 0)

      const nats = new URL(run.nats_url)
      const nc = await connect({ servers: nats.host, user: nats.username, pass: decodeURIComponent(nats.password) })
      assert.isTrue(
        await (await nc.jetstreamManager({ apiPrefix: "tarang.JS.API", checkAPI: false })).streams.info("MD_FRAMES").then(() => true)
      )
      await nc.close()
      assert.match(run.nats_reader_url, /^nats:\/\/reader:/)

      const { body } = await api(run, "POST", "/strategies", { name: "kept over a restart" })
      const second = begin()
      assert.strictEqual(await second.exit, 1)
      assert.match(second.text(), /already runs on .*: http:\/\/127\.0\.0\.1:\d+ \(process \d+\)/)
      assert.deepStrictEqual(readRun(), run)

      const running = pids()
      assert.isAtLeast(running.length, 4)
      assert.isTrue(running.every(isAlive))
      first.child.kill("SIGINT")
      assert.strictEqual(await first.exit, 0)
      assert.isFalse(isRunning())
      await gone(running)

      const again = begin("--empty", "--user", "u1")
      const later = await up(again)
      const found = await api({ ...later, token: run.token }, "GET", `/strategies/${String(body["strategy_id"])}`)
      assert.deepStrictEqual([found.status, found.body["name"]], [200, "kept over a restart"])

      const orphans = pids()
      again.child.kill("SIGKILL")
      await gone(orphans)
      await until("run.json is gone", stopMsMax, () => !isRunning())
    },
    2 * startMsMax
  )

  it("an option that it does not know is refused before anything starts", async () => {
    const wrong = begin("--spede", "60")
    assert.strictEqual(await wrong.exit, 1)
    assert.match(wrong.text(), /Unknown option '--spede'/)
    assert.isFalse(existsSync(join(data, "start.pid")))
  })

  it(
    "a platform that does not come up is told with its own last lines, and nothing is left",
    async () => {
      writeFileSync(join(data, "accounts.json"), '[{"account_id":"sim 1"}]')
      const broken = begin()
      assert.strictEqual(await broken.exit, 1)
      assert.match(broken.text(), /does not start\. Its last lines:\n.*account/s)
      assert.isFalse(isRunning())
      await gone(pids())
    },
    startMsMax
  )
})
