import { spawn } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { PgClient } from "@effect/sql-pg"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { connect } from "nats"
import { inject, vi } from "vitest"
import { nats, postgres, postgresFolder, redis } from "../../scripts/lib/backends.mjs"
import { isAlive } from "../../scripts/lib/children.mjs"
import * as Databases from "../Databases.ts"
import { waitMsMax } from "../Patience.ts"

const isRoot = process.getuid?.() === 0
let folder = ""
const stops: Array<() => Promise<unknown>> = []

beforeEach(() => {
  folder = mkdtempSync(join(inject("backends").folder, "ways-"))
  chmodSync(folder, 0o755) // where root runs the tests, Postgres is another user
  for (const name of ["TARANG_NATS", "TARANG_POSTGRES", "TARANG_REDIS", "NATS_URL", "DATABASE_URL", "REDIS_URL"])
    vi.stubEnv(name, undefined)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const stop of stops.splice(0).reverse()) await stop()
  rmSync(postgresFolder(folder), { recursive: true, force: true })
  rmSync(folder, { recursive: true, force: true })
})

/** Started for this test only. */
const running = async <A extends { readonly stop: () => Promise<void> }>(starting: Promise<A>) => {
  const one = await starting
  stops.push(one.stop)
  return one
}
const textOf = (starting: Promise<unknown>) =>
  starting.then(
    () => "no error",
    (error: Error) => error.message
  )
const query = (url: string, statement: string) =>
  Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe<Record<string, unknown>>(statement)).pipe(
    Effect.provide(Databases.client(url)),
    Effect.scoped,
    Effect.runPromise
  )
const isGone = async (pid: number) => {
  for (const endMs = Date.now() + waitMsMax; Date.now() < endMs; await sleep(20)) if (!isAlive(pid)) return true
  return false
}

describe("Postgres", () => {
  /** The folder of npm's Postgres programs, which replaces an installed Postgres on the PATH. */
  const embeddedPrograms = async () => {
    vi.stubEnv("TARANG_POSTGRES", "embedded")
    const one = await postgres(join(folder, "programs"), { durable: false })
    await one.stop()
    await one.remove()
    return /^embedded ([^,]+)/.exec(one.how)?.[1] ?? ""
  }

  for (const way of ["system", "embedded"]) {
    it(`${way}: starts, and a second start finds the data`, async () => {
      if (way === "system") vi.stubEnv("PATH", `${await embeddedPrograms()}:${process.env["PATH"]}`)
      vi.stubEnv("TARANG_POSTGRES", way)
      const first = await running(postgres(folder, { durable: false }))
      assert.match(first.how, new RegExp(`^${way} `))
      await query(first.url, "CREATE TABLE kept (x numeric(12, 2))")
      await query(first.url, "INSERT INTO kept VALUES (999999999.99)")
      await first.stop()
      const second = await running(postgres(folder))
      const [row] = await query(second.url, "SELECT x::text, current_setting('fsync') AS fsync FROM kept")
      assert.deepStrictEqual(row, { x: "999999999.99", fsync: "on" })
    })
  }

  it("runs below a folder that only its owner may enter; root's Postgres stores its data elsewhere", async () => {
    chmodSync(folder, 0o700)
    const one = await postgres(folder, { durable: false })
    stops.push(one.remove, one.stop)
    assert.strictEqual((await query(one.url, "SELECT 1 AS x"))[0]?.["x"], 1)
    assert.strictEqual(one.how.includes(", data in "), isRoot)
    assert.isTrue(existsSync(join(postgresFolder(folder), "postgres", "PG_VERSION")))
  })

  it("runs in a folder that a strict umask closed to others", async () => {
    const before = process.umask(0o077)
    stops.push(async () => process.umask(before))
    const one = await postgres(join(folder, "closed"), { durable: false })
    stops.push(one.remove, one.stop)
    assert.strictEqual((await query(one.url, "SELECT 1 AS x"))[0]?.["x"], 1)
  })

  it("explains what to do about data of a version that is not installed", async () => {
    const data = join(postgresFolder(folder), "postgres")
    mkdirSync(data, { recursive: true })
    writeFileSync(join(data, "PG_VERSION"), "9.6\n")
    const text = await textOf(postgres(folder))
    assert.match(text, /written by Postgres 9\.6, which is not here.*set DATABASE_URL, or remove the folder/)
  })

  it("uses a given address, and requires one when forced to", async () => {
    vi.stubEnv("TARANG_POSTGRES", "url")
    assert.match(await textOf(postgres(folder)), /TARANG_POSTGRES=url needs an address in DATABASE_URL/)
    vi.stubEnv("DATABASE_URL", "postgres://u@db/x")
    assert.strictEqual((await postgres(folder)).url, "postgres://u@db/x")
    vi.stubEnv("TARANG_POSTGRES", "sqlite")
    assert.match(await textOf(postgres(folder)), /one of auto, url, system, embedded, not "sqlite"/)
  })
})

describe("NATS", () => {
  it("path: a server on the PATH that is new enough", async () => {
    const bin = join(folder, "bin")
    mkdirSync(bin)
    symlinkSync(inject("backends").natsProgram, join(bin, "nats-server"))
    vi.stubEnv("TARANG_NATS", "path")
    vi.stubEnv("PATH", `${bin}:${process.env["PATH"]}`)
    const { url, how, passwords } = await running(nats(folder))
    assert.isTrue(how.startsWith(join(bin, "nats-server")), how)
    const nc = await connect({ servers: url, user: "operator", ...(passwords.operator === undefined ? {} : { pass: passwords.operator }) })
    assert.isTrue(nc.info?.jetstream === true)
    await nc.close()
  })

  it("explains what to do if there is no server, or only one that is too old", async () => {
    vi.stubEnv("TARANG_NATS", "path")
    vi.stubEnv("PATH", folder)
    const none = /No NATS server 2\.10\.23 or newer\. \(TARANG_NATS=path forbids every other way\.\) Put nats-server on the PATH.*NATS_URL/
    assert.match(await textOf(nats(folder)), none)
    writeFileSync(join(folder, "nats-server"), "#!/bin/sh\necho nats-server: v2.9.10\n", { mode: 0o755 })
    assert.match(await textOf(nats(folder)), none)
  })

  it("uses a given address with the given passwords", async () => {
    vi.stubEnv("NATS_URL", "nats://nats-1:4222")
    vi.stubEnv("NATS_OPERATOR_PASSWORD", "p w")
    const { url, operatorUrl, engineUrl } = await nats(folder)
    assert.deepStrictEqual([url, operatorUrl, engineUrl], ["nats://nats-1:4222", "nats://operator:p%20w@nats-1:4222", "nats://nats-1:4222"])
  })

  it("keeps its users' passwords between starts", async () => {
    const first = await nats(folder)
    await first.stop()
    const second = await running(nats(folder))
    assert.deepStrictEqual(second.passwords, first.passwords)
  })
})

describe("Redis", () => {
  it("is optional, unless one way is forced", async () => {
    vi.stubEnv("TARANG_REDIS", "none")
    assert.isNull((await redis(folder)).url)
    vi.stubEnv("TARANG_REDIS", "path")
    vi.stubEnv("PATH", folder)
    assert.match(await textOf(redis(folder)), /No redis-server that runs.*TARANG_REDIS=path.*Install redis-server, set REDIS_URL/)
  })

  it.skipIf(process.env["TARANG_REDIS"] === "none")("answers on a free port (skipped when TARANG_REDIS=none asks for it)", async () => {
    const { url } = await running(redis(folder))
    const client = new Redis(url ?? "", { lazyConnect: true })
    await client.connect()
    assert.strictEqual(await client.set("a", "1"), "OK")
    client.disconnect()
  })
})

describe("servers left by an earlier run", () => {
  it("are stopped by pid file and command line before the data are opened again", async () => {
    for (const begin of [nats, redis, postgres] as const) {
      const first = await running(begin(folder, { durable: false }))
      const second = await running(begin(folder, { durable: false }))
      if (first.pid === undefined || second.pid === undefined) continue // Redis is not installed here
      assert.isTrue(await isGone(first.pid))
      assert.isTrue(isAlive(second.pid))
    }
  })

  it("a pid file that names another process stops nothing", async () => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
    stops.push(async () => other.kill("SIGKILL"))
    mkdirSync(join(folder, "nats"))
    writeFileSync(join(folder, "nats", "nats.pid"), `${other.pid}\n`)
    await running(nats(folder))
    assert.isTrue(isAlive(other.pid ?? 0))
  })

  it("none are left when the process that started them is killed", async () => {
    const backends = new URL("../../scripts/lib/backends.mjs", import.meta.url).href
    const code = `const up = await (await import(${JSON.stringify(backends)})).all(${JSON.stringify(folder)}, { durable: false });
      console.log(JSON.stringify([up.nats.pid, up.postgres.pid, up.redis.pid])); setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] })
    stops.push(async () => parent.kill("SIGKILL"))
    const line = await new Promise<string>((resolve) => parent.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString())))
    const pids = (JSON.parse(line) as ReadonlyArray<number | null>).filter((pid) => pid !== null)
    assert.isAtLeast(pids.length, 2)
    parent.kill("SIGKILL")
    for (const pid of pids) assert.isTrue(await isGone(pid), `${pid} is still there`)
  })
})
