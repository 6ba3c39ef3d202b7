import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { assert, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import WebSocket from "ws"
import { postgresFolder } from "../../scripts/lib/backends.mjs"
import { isAlive } from "../../scripts/lib/children.mjs"
import { supervise } from "../../scripts/lib/supervise.mjs"
import { api, begin, dataFolder, gone, pids, type Run, startMsMax, stopMsMax, until, up } from "./Started.ts"

const healMsMax = 90_000
/** Each program's name in `/health`, and the file with its process id. */
const programs = {
  Redis: () => join(dataFolder(), "redis/redis.pid"),
  Postgres: () => join(postgresFolder(dataFolder()), "postgres/postmaster.pid"),
  NATS: () => join(dataFolder(), "nats/nats.pid"),
  "The simulator": () => join(dataFolder(), "simulator.pid"),
  "The orders' process": () => join(dataFolder(), "orders.pid"),
  "The market's process": () => join(dataFolder(), "market.pid"),
  "The platform": () => join(dataFolder(), "platform.pid")
}
type Name = keyof typeof programs
const pidOf = (name: Name) => Number(readFileSync(programs[name](), "utf8").split("\n")[0])

interface Report {
  readonly status: string
  readonly reason: string | null
  readonly dependencies: { readonly nats: string; readonly database: string; readonly redis: string }
  readonly ticker: { readonly accounts: Record<string, { readonly state: string }> }
  readonly restarts: ReadonlyArray<{
    readonly name: string
    readonly reason: string
    readonly ended_at: string
    readonly up_at: string | null
  }>
}

/** /health, or undefined while there is no answer. */
const health = async (run: Run): Promise<Report | undefined> => {
  try {
    return (await (await fetch(`${run.gateway_url}/health`)).json()) as Report
  } catch {
    return undefined
  }
}
const healthUntil = async (run: Run, what: string, holds: (report: Report) => boolean): Promise<Report> => {
  let last: Report | undefined
  for (const endMs = Date.now() + healMsMax; Date.now() < endMs; await sleep(50)) {
    last = await health(run)
    if (last !== undefined && holds(last)) return last
  }
  return assert.fail(`${what}: not within ${healMsMax} ms, the last report was ${JSON.stringify(last)}`)
}
/** Nothing is wrong except that programs were restarted. */
const isWell = ({ dependencies, ticker }: Report) =>
  Object.values(dependencies).every((one) => typeof one === "object" || one === "ok") &&
  Object.values(ticker.accounts).some(({ state }) => state === "streaming")

/** A client of ticks that reconnects when its connection ends, like the typed client. */
const follow = (run: Run) => {
  let ticks = 0
  let isOver = false
  let ws: WebSocket
  const connect = () => {
    ws = new WebSocket(`${run.gateway_url.replace("http", "ws")}/ws/ticks`, { headers: { authorization: `Bearer ${run.token}` } })
    ws.on("open", () => ws.send(JSON.stringify({ action: "subscribe", tokens: [256265] })))
    ws.on("message", (text) => {
      if (JSON.parse(text.toString()).type === "tick") ticks++
    })
    ws.on("error", () => {})
    ws.on("close", () => isOver || setTimeout(connect, 100))
  }
  connect()
  return {
    ticks: () => ticks,
    end: () => {
      isOver = true
      ws.terminate()
    }
  }
}

describe("npm start keeps its programs running", () => {
  it(
    "restarts each killed program on its port with its data; terminal, health and clients notice it",
    async () => {
      const one = begin("--user", "u1", "--rate", "5")
      const run = await up(one)
      const made = await api(run, "POST", "/strategies", { name: "kept" })
      assert.strictEqual(made.status, 201)
      const client = follow(run)
      for (const name of Object.keys(programs) as ReadonlyArray<Name>) {
        await healthUntil(run, `well before ${name} is killed`, isWell)
        const pid = pidOf(name)
        process.kill(pid, "SIGKILL")
        await until(`${name} is started again`, healMsMax, () => one.text().includes(`${name} runs again on port`))
        assert.include(one.text(), `${name} was killed by SIGKILL. Starting it again on port `)
        const report = await healthUntil(
          run,
          `${name} is back`,
          (now) => isWell(now) && now.restarts.some((found) => found.name === name && found.up_at !== null)
        )
        const said = report.restarts.find((found) => found.name === name)
        assert.strictEqual(said?.reason, "was killed by SIGKILL")
        assert.strictEqual(report.status, "degraded")
        assert.include(report.reason ?? "", `${name} was killed by SIGKILL at `)
        assert.notStrictEqual(pidOf(name), pid)
        const seen = client.ticks()
        await until(`ticks go on after ${name}`, healMsMax, () => client.ticks() > seen)
        const kept = await api(run, "GET", `/strategies/${String(made.body["strategy_id"])}`)
        assert.deepStrictEqual([kept.status, kept.body["name"]], [200, "kept"])
      }
      client.end()
      const running = pids()
      one.child.kill("SIGTERM")
      assert.strictEqual(await one.exit, 0)
      await gone(running)
    },
    startMsMax + 7 * healMsMax
  )

  it(
    "a second end within a minute stops everything with the reason",
    async () => {
      const one = begin("--empty")
      await up(one)
      const running = pids()
      process.kill(pidOf("Redis"), "SIGKILL")
      await until("Redis is started again", healMsMax, () => one.text().includes("Redis runs again on port"))
      process.kill(pidOf("Redis"), "SIGKILL")
      assert.strictEqual(await one.exit, 1)
      assert.include(one.text(), "Redis was killed by SIGKILL, the second time within 60 s. Its last lines:")
      await gone(running)
      await until("nothing is left", stopMsMax, () => !pids().some(isAlive))
    },
    startMsMax + healMsMax
  )
})

describe("supervise", () => {
  it("a program that cannot go on where it stopped is not started again: its end stops everything, with the reason", async () => {
    let starts = 0
    const ended = Promise.resolve({ code: null, by: "SIGKILL" })
    const part = {
      name: "The simulator",
      port: 1,
      child: () => ({ ended, output: () => "its last line" }),
      again: async () => void starts++
    }
    const folder = mkdtempSync(join(inject("backends").folder, "supervise-"))
    const failed = await supervise([{ ...part, whyNotAgain: "It would begin again." }], join(folder, "restarts.json")).then(
      () => "resolved",
      (error: Error) => error.message
    )
    assert.strictEqual(failed, "The simulator was killed by SIGKILL. It would begin again. Its last lines:\nits last line")
    assert.strictEqual(starts, 0)
    rmSync(folder, { recursive: true })
  })

  it("BE-RES-01 a program that stays mute after a full disk is stopped and started again, at most five times within an hour", async () => {
    let starts = 0
    let stops = 0
    const folder = mkdtempSync(join(inject("backends").folder, "supervise-"))
    const list = join(folder, "restarts.json")
    const part = {
      name: "NATS",
      port: 1,
      folder,
      staysMute: true,
      child: () => ({
        ended: new Promise<never>(() => {}),
        output: () => "write 2.blk: no space left on device",
        isUp: () => true,
        stop: async () => void stops++
      }),
      again: async () => void starts++
    }
    const failed = await supervise([part], list).then(
      () => "resolved",
      (error: Error) => error.message
    )
    assert.strictEqual(
      failed,
      `NATS found no room on the disk of ${folder}, 6 times within an hour. Give it more room, then run npm start again.`
    )
    assert.deepStrictEqual([stops, starts], [5, 5])
    const said = JSON.parse(readFileSync(list, "utf8"))
    assert.lengthOf(said, 5)
    assert.match(said[0].reason, /^found no room on the disk of .* \(it is started again when 64\.0 MB are free\)$/)
    assert.isNotNull(said[0].up_at)
    rmSync(folder, { recursive: true })
  })
})
