/** Users who continuously make and remove strategies and connect: the costs, and what remains afterwards. */
import { setTimeout as sleep } from "node:timers/promises"
import WebSocket from "ws"
import type { Ground } from "../pipeline/Ground.ts"
import * as Machine from "../pipeline/Machine.ts"
import * as World from "../pipeline/World.ts"

export const minutesShort = 2
export const size = { underlyings: 5, instruments: 1_000, accounts: 1 }
export const marketRate = 1_000
export const strategiesEach = 50
export const legsEach = 4
/** Strategies of a round are made at its beginning and removed half a round later. */
export const roundSeconds = 30
export const connectionsPerSecond = 100
const warmSeconds = 20
/** Concurrent requests. */
const requestsAtOnce = 10
/** The director drops the remains of a removed strategy after two minutes; the rest of this time is a reserve. */
const settleMsMax = 240_000
const settlePollMs = 2_000

/** One second of the run. Memory in MB by process; `lagSeconds` is the age of the newest values as the gateway measures it. */
export interface Second {
  readonly atSeconds: number
  readonly memory: Readonly<Record<string, number>>
  readonly lagSeconds: number
  /** Why /health is not ok, without its numbers; null when it is. */
  readonly reason: string | null
}
/** What the platform holds in NATS. */
export interface Holdings {
  readonly consumers: number
  readonly actors: number
  readonly snapshotMessages: number
}
export interface Result {
  readonly minutes: number
  readonly made: number
  readonly removed: number
  readonly refused: number
  readonly connections: number
  readonly seconds: ReadonlyArray<Second>
  readonly before: Holdings
  readonly after: Holdings
  /** How long after the last removal the holdings were as before, in seconds; null if they never were. */
  readonly settledSeconds: number | null
  readonly rebuilds: number
  readonly disconnects: number
  readonly troubles: ReadonlyArray<string>
}

const holdingsOf = async ({ nc }: World.World): Promise<Holdings> => {
  const jsm = await nc.jetstreamManager({ checkAPI: false })
  const infos = await jsm.streams.list().next()
  const messagesOf = (name: string) => infos.find(({ config }) => config.name === name)?.state.messages ?? 0
  return {
    consumers: infos.reduce((sum, { state }) => sum + state.consumer_count, 0),
    actors: messagesOf("KV_actors"),
    snapshotMessages: messagesOf("KV_snapshots")
  }
}

/** The largest value, or the sum, of a metric over its labels. */
const valuesOf = (metrics: string, name: string): ReadonlyArray<number> =>
  metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.split(" ").at(-1)))
const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

const asker =
  ({ port, jwt }: World.World) =>
  async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization: `Bearer ${jwt}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

const inTurns = async <A>(items: ReadonlyArray<A>, run: (item: A) => Promise<void>) => {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item)
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, worker))
}

/** Connections that open, subscribe one instrument, take one answer and close. */
const connecting = ({ port, jwt, universe }: World.World) => {
  let opened = 0
  const timer = setInterval(() => {
    const { token } = universe.instruments[opened % universe.instruments.length] ?? { token: 0 }
    const ws = new WebSocket(`ws://127.0.0.1:${port}/ws/ticks`, { headers: { authorization: `Bearer ${jwt}` } })
    ws.on("open", () => ws.send(JSON.stringify({ action: "subscribe", tokens: [token] })))
    ws.on("message", (text) => {
      if (JSON.parse(text.toString()).type === "subscribed") ws.close()
    })
    ws.on("error", () => ws.terminate())
    opened++
  }, 1_000 / connectionsPerSecond)
  return {
    opened: () => opened,
    stop: () => clearInterval(timer)
  }
}

/** Measures once a second until it is stopped. */
const watching = (world: World.World) => {
  const seconds: Array<Second> = []
  const startedMs = performance.now()
  let isOver = false
  const look = async () => {
    while (!isOver) {
      const [metrics, health] = await Promise.all([world.metrics(), fetch(`http://127.0.0.1:${world.port}/health`)])
      const memory = Object.entries(world.pids).map(([part, pid]) => [part, Machine.residentBytes(pid) / 1e6] as const)
      seconds.push({
        atSeconds: (performance.now() - startedMs) / 1_000,
        memory: Object.fromEntries(memory),
        lagSeconds: Math.max(0, ...valuesOf(metrics, "output_lag_seconds")),
        reason: ((await health.json()) as { readonly reason: string | null }).reason?.replaceAll(/[\d.:TZ-]+/g, "#") ?? null
      })
      await sleep(1_000)
    }
  }
  const running = look()
  return {
    stop: async () => {
      isOver = true
      await running
      return seconds
    }
  }
}

/** Makes and removes strategies for this many minutes. */
const churn = async (world: World.World, minutes: number) => {
  const ask = asker(world)
  const totals = { made: 0, removed: 0, refused: 0 }
  const legsOf = (at: number) =>
    (world.universe.underlyings[at % world.universe.underlyings.length]?.strategyLegs ?? [])
      .slice(0, legsEach)
      .map(({ instrument: { tradingsymbol, exchange, lotSize }, direction }) => ({
        tradingsymbol,
        exchange,
        direction,
        quantity: lotSize,
        entry_price: "100"
      }))
  const endMs = performance.now() + minutes * 60_000
  while (performance.now() < endMs) {
    const ids: Array<number> = []
    await inTurns(
      Array.from({ length: strategiesEach }, (_, at) => at),
      async (at) => {
        const { status, body } = await ask("POST", "/strategies", { name: `churn ${at}`, instruments: legsOf(at) })
        if (status === 201) ids.push(Number(body["strategy_id"]))
        else totals.refused++
      }
    )
    totals.made += ids.length
    await sleep((roundSeconds / 2) * 1_000)
    await inTurns(ids, async (id) => {
      const { status } = await ask("DELETE", `/strategies/${id}`)
      if (status === 200) totals.removed++
      else totals.refused++
    })
    await sleep((roundSeconds / 2) * 1_000)
  }
  return totals
}

const isBack = (now: Holdings, before: Holdings): boolean =>
  now.consumers <= before.consumers && now.actors <= before.actors && now.snapshotMessages <= before.snapshotMessages

const settle = async (world: World.World, before: Holdings) => {
  const startedMs = performance.now()
  let after = await holdingsOf(world)
  while (!isBack(after, before) && performance.now() - startedMs < settleMsMax) {
    await sleep(settlePollMs)
    after = await holdingsOf(world)
  }
  return { after, settledSeconds: isBack(after, before) ? (performance.now() - startedMs) / 1_000 : null }
}

export const run = async (ground: Ground, minutes: number, say: (text: string) => void): Promise<Result> => {
  const spec = { ...size, nowMs: Date.now() }
  const world = await World.open(ground, { kind: "platform", shape: "one", spec, rate: marketRate })
  try {
    await world.load.call("start", { rate: marketRate })
    await sleep(warmSeconds * 1_000)
    const before = await holdingsOf(world)
    const first = await world.metrics()
    const watch = watching(world)
    const connections = connecting(world)
    say(`churn for ${minutes} minutes ...`)
    const totals = await churn(world, minutes)
    connections.stop()
    say("waiting until nothing is left of it ...")
    const { after, settledSeconds } = await settle(world, before)
    const seconds = await watch.stop()
    const last = await world.metrics()
    const grown = (name: string) => sum(valuesOf(last, name)) - sum(valuesOf(first, name))
    return {
      minutes,
      ...totals,
      connections: connections.opened(),
      seconds,
      before,
      after,
      settledSeconds,
      rebuilds: grown("actor_rebuilds_total"),
      disconnects: grown("nats_disconnects_total"),
      troubles: world.troubles()
    }
  } finally {
    await world.close()
  }
}
