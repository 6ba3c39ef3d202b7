/** The programs that npm start runs, what /health says about them, and what clients count while they fail. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { assert } from "@effect/vitest"
import WebSocket from "ws"
import { postgresFolder } from "../../scripts/lib/backends.mjs"
import { patientClient } from "../NatsClient.ts"
import { waitMsMax } from "../Patience.ts"
import { readRecord } from "../platform/record/Record.ts"
import { api, beginWith, dataFolder, gone, pids, type Run, up } from "./Started.ts"

export const healMsMax = waitMsMax
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
export type Name = keyof typeof programs
export const names = Object.keys(programs) as ReadonlyArray<Name>
export const pidOf = (name: Name) => Number(readFileSync(programs[name](), "utf8").split("\n")[0])

export interface Report {
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
const answerMsMax = 2_000

/** /health, or undefined while there is no answer. */
const health = async (run: Run): Promise<Report | undefined> => {
  try {
    return (await (await fetch(`${run.gateway_url}/health`, { signal: AbortSignal.timeout(answerMsMax) })).json()) as Report
  } catch {
    return undefined
  }
}
export const healthUntil = async (run: Run, what: string, holds: (report: Report | undefined) => boolean): Promise<Report | undefined> => {
  let last: Report | undefined
  for (const endMs = Date.now() + healMsMax; Date.now() < endMs; await sleep(50)) {
    last = await health(run)
    if (holds(last)) return last
  }
  return assert.fail(`${what}: not within ${healMsMax} ms, the last report was ${JSON.stringify(last)}`)
}
/** Nothing is wrong except that programs were restarted. */
export const isWell = (report: Report | undefined) =>
  report !== undefined &&
  Object.values(report.dependencies).every((one) => typeof one === "object" || one === "ok") &&
  Object.values(report.ticker.accounts).some(({ state }) => state === "streaming")

const followed = 256_265

interface Place {
  readonly epoch: number
  readonly seq: number
  readonly row: number
}
/** A client of ticks that reconnects when its connection ends, and asks for what it missed, like the typed client. */
const follow = (run: Run) => {
  const ticks: Array<Place> = []
  let gaps = 0
  let ends = 0
  let isOver = false
  let ws: WebSocket
  const connect = () => {
    ws = new WebSocket(`${run.gateway_url.replace("http", "ws")}/ws/ticks`, { headers: { authorization: `Bearer ${run.token}` } })
    const since = ticks.at(-1)
    ws.on("open", () => ws.send(JSON.stringify({ action: "subscribe", tokens: [followed], ...(since === undefined ? {} : { since }) })))
    ws.on("message", (text) => {
      const { type, epoch, seq, row } = JSON.parse(text.toString())
      if (type === "tick") ticks.push({ epoch, seq, row })
      if (type === "gap") gaps++
    })
    ws.on("error", () => {})
    ws.on("close", () => {
      ends++
      if (!isOver) setTimeout(connect, 100)
    })
  }
  connect()
  return {
    places: () => ticks.map(({ seq, row }) => `${seq} ${row}`),
    ticks: () => ticks.length,
    gaps: () => gaps,
    /** How often its connection ended. */
    ends: () => ends,
    end: () => {
      isOver = true
      ws.terminate()
    }
  }
}

const writeEveryMs = 200
/** A client that creates one strategy after the other, whatever the answer. */
const write = (run: Run) => {
  const acknowledged = new Map<number, string>()
  let refused = 0
  let isOver = false
  const done = (async () => {
    for (let at = 0; !isOver; at++, await sleep(writeEveryMs)) {
      const name = `number ${at}`
      const answer = await api(run, "POST", "/strategies", { name }).catch(() => undefined)
      if (answer?.status === 201) acknowledged.set(Number(answer.body["strategy_id"]), name)
      else refused++
    }
  })()
  return {
    acknowledged,
    refused: () => refused,
    end: () => {
      isOver = true
      return done
    }
  }
}

/** The names of all strategies, by id. */
const strategiesOf = async (run: Run) => {
  const found: Array<readonly [number, string]> = []
  for (;;) {
    const { body } = await api(run, "GET", `/strategies?limit=100&offset=${found.length}`)
    const page = body["strategies"] as ReadonlyArray<{ readonly strategy_id: number; readonly name: string }>
    found.push(...page.map(({ strategy_id, name }) => [strategy_id, name] as const))
    if (page.length === 0 || found.length >= Number(body["total"])) return found
  }
}
/** The whole record, read as the platform reads it. */
const recordOf = async (run: Run) => {
  const { engine } = JSON.parse(readFileSync(join(dataFolder(), "nats.users.json"), "utf8")) as { readonly engine: string }
  const nc = await patientClient({ servers: new URL(run.nats_url).host, user: "engine", pass: engine, inboxPrefix: "_INBOX_engine" })
  const record = await readRecord(nc, followed)
  await nc.close()
  return record
}

/**
 * Checks that nothing acknowledged was lost or doubled: strategies, frames of the record (each account numbers its frames), and ticks that a
 * client got from the record. The broker was one of the programs that failed, so the record and the client have interruptions.
 */
const assertNothingLost = async (run: Run, client: ReturnType<typeof follow>, writer: ReturnType<typeof write>) => {
  const strategies = await strategiesOf(run)
  const byId = new Map(strategies)
  assert.isAbove(writer.acknowledged.size, 0)
  for (const [id, name] of writer.acknowledged) assert.strictEqual(byId.get(id), name, `${name} was acknowledged`)
  const written = strategies.map(([, name]) => name).filter((name) => name.startsWith("number "))
  assert.strictEqual(new Set(written).size, written.length, "a strategy is there twice")

  const record = await recordOf(run)
  for (const [lane, numbers] of record.numbers) assert.strictEqual(Math.max(...numbers) + 1, numbers.size, `frames are missing in ${lane}`)
  const places = client.places()
  assert.strictEqual(new Set(places).size, places.length, "a tick came twice")
  const all = [...record.places]
  const expected = all.slice(all.indexOf(places[0] ?? ""), all.indexOf(places.at(-1) ?? "") + 1)
  assert.isAbove(expected.length, 0)
  assert.deepStrictEqual(places, expected, "every tick, once, in order")
  // While the broker is away no packets come. The record says from when to when, and so does the client's connection.
  assert.isAbove(record.breaks, 0)
  assert.isAbove(client.gaps(), 0)
}

/**
 * Runs `npm start` while one client follows ticks and another writes strategies, and does something to the programs. Then the platform stops,
 * and nothing acknowledged may be lost or doubled.
 */
export const underLoad = async (
  act: (load: {
    readonly one: ReturnType<typeof beginWith>
    readonly run: Run
    readonly client: ReturnType<typeof follow>
    readonly writer: ReturnType<typeof write>
  }) => Promise<void>
) => {
  const one = beginWith({ RATE_LIMIT_WRITES: "0" }, "--user", "u1", "--rate", "5")
  const run = await up(one)
  const client = follow(run)
  const writer = write(run)
  await act({ one, run, client, writer })
  await writer.end()
  client.end()
  await assertNothingLost(run, client, writer)
  const running = pids()
  one.child.kill("SIGTERM")
  assert.strictEqual(await one.exit, 0)
  await gone(running)
}
