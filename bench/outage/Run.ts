/** A long outage of NATS at a high rate of ticks: what is stored, what is dropped, and whether every loss is reported. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Subscription } from "nats"
import WebSocket from "ws"
import type { TickerStatus } from "../../src/domain/market/TickerStatus.ts"
import type { Break } from "../../src/domain/record/Break.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import { readRecord } from "../../test/platform/record/Record.ts"
import type { Ground } from "../pipeline/Ground.ts"
import * as Machine from "../pipeline/Machine.ts"
import * as World from "../pipeline/World.ts"
import * as Held from "./Held.ts"

export const size = { underlyings: 20, instruments: 4_000, accounts: 2 }
export const rateDefault = 30_000
export const awaySecondsDefault = 60
const warmSeconds = 15
/** Within this time after NATS returned, the record takes everything again and values are new. */
const recoveryMsMax = 240_000
/** How long the market continues after the recovery. */
const afterSeconds = 10
const drainMsMax = 60_000
const pollMs = 250
const lagSecondsMax = 1
/** A value that a client holds counts as new up to this age. Exchanges' times of ticks are whole seconds. */
export const heldSecondsMax = 2

/** Resident memory of a process in MB: before the outage, and the most until everything is well again. */
export interface Memory {
  readonly before: number
  readonly most: number
}
export interface Result {
  readonly rate: number
  readonly awaySeconds: number
  /** Packets: written by the broker's stand-in, received by the tickers, stored in the record, and counted in its breaks. */
  readonly sent: number
  readonly received: number
  readonly stored: number
  readonly broken: number
  /** Breaks of packets without room, and how many underlyings and accounts they name. */
  readonly breaks: number
  readonly lanesBroken: number
  /** Numbers of frames that are missing from the record. */
  readonly holes: number
  readonly memory: Readonly<Record<string, Memory>>
  /** The most bytes that waited in one account's buffer. */
  readonly bufferedBytesMax: number
  /** Clients of /ws/ticks, how many of them learned of an interruption for want of room, and how many lost their connection. */
  readonly clients: number
  readonly clientsTold: number
  readonly clientsClosed: number
  /** Age of the gateway's values before the outage, in seconds. */
  readonly lagSecondsBefore: number
  /** Seconds after the return until values were less than a second old; null if they never were. */
  readonly freshSeconds: number | null
  /** The values that clients hold: the largest age before the outage, and the seconds after the return until all are new; null if never. */
  readonly held: Readonly<Record<Held.Kind, { readonly secondsBefore: number; readonly freshSeconds: number | null }>>
  readonly troubles: ReadonlyArray<string>
}

/** Each account's ticker status. */
const tickers = (world: World.World) => {
  const newest = new Map<string, TickerStatus>()
  const totals = { bufferedBytesMax: 0 }
  const subscription: Subscription = world.nc.subscribe("sys.ticker.>", {
    callback: (_, message) => {
      const status = message.json<TickerStatus>()
      newest.set(status.account_id, status)
      totals.bufferedBytesMax = Math.max(totals.bufferedBytesMax, status.backpressure?.buffered_bytes ?? 0)
    }
  })
  return { newest, totals, stop: () => subscription.unsubscribe() }
}

/** One client of /ws/ticks for each underlying. */
const connectClients = async ({ port, jwt, universe }: World.World) => {
  const told = new Set<number>()
  const closed = new Set<number>()
  const open = await Promise.all(
    universe.underlyings.map(
      ({ nearest }, at) =>
        new Promise<WebSocket>((resolve, reject) => {
          const ws = new WebSocket(`ws://127.0.0.1:${port}/ws/ticks`, { headers: { authorization: `Bearer ${jwt}` } })
          ws.on("open", () => {
            ws.send(JSON.stringify({ action: "subscribe", tokens: nearest.slice(0, 1) }))
            resolve(ws)
          })
          ws.on("message", (data) => {
            const text = data.toString()
            if (text.startsWith('{"type":"gap"') && JSON.parse(text).interruption?.cause === "room") told.add(at)
          })
          ws.on("close", () => closed.add(at))
          ws.on("error", reject)
        })
    )
  )
  const stop = () => {
    for (const ws of open) ws.removeAllListeners("close").terminate()
  }
  return { count: open.length, told, closed, stop }
}

const lagSeconds = async (world: World.World): Promise<number> => {
  const lines = (await world.metrics()).split("\n").filter((line) => line.startsWith("output_lag_seconds{"))
  return lines.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...lines.map((line) => Number(line.split(" ").at(-1))))
}

/** Waits until the gateway's values and the clients' values are new again. Returns the seconds of each, or null. */
const untilFresh = async (world: World.World, held: Held.Held) => {
  const startedMs = performance.now()
  const seconds = () => (performance.now() - startedMs) / 1_000
  const fresh: Record<Held.Kind, number | null> = { ticks: null, chains: null, marks: null }
  let values: number | null = null
  while (seconds() * 1_000 < recoveryMsMax) {
    if (values === null && (await lagSeconds(world)) < lagSecondsMax) values = seconds()
    for (const kind of Held.kinds)
      if (fresh[kind] === null && held.ageMs(kind, Date.now()) < heldSecondsMax * 1_000) fresh[kind] = seconds()
    if (values !== null && Held.kinds.every((kind) => fresh[kind] !== null)) break
    await sleep(pollMs)
  }
  return { values, fresh }
}

/** Stops the market, and waits until the tickers have received what it sent. */
const drain = async (world: World.World): Promise<number> => {
  await world.load.call("stop")
  for (const endMs = performance.now() + drainMsMax; performance.now() < endMs; await sleep(pollMs))
    if ((await world.load.call<number>("buffered")) === 0) break
  return world.load.call<number>("ticks")
}

/** The breaks of packets without room, each once, because a break without an acknowledgement is sent again under the same number. */
const breaksOf = async ({ nc }: World.World) => {
  const consumer = await nc.jetstream().consumers.get("MD_FRAMES", { filterSubjects: ["md.break.>"] })
  const found = new Map<string, typeof Break.Encoded>()
  for (let left = (await consumer.info()).num_pending; left > 0; )
    for await (const message of await consumer.fetch({ max_messages: 500, expires: 2_000 })) {
      left--
      const one = message.json<typeof Break.Encoded>()
      const number = FrameHeader.parse(message.headers?.get(FrameHeader.name) ?? "")?.number
      if (one.cause === "room") found.set(`${one.account} ${one.incarnation} ${number}`, one)
    }
  return [...found.values()]
}

const measure = async (world: World.World, rate: number, awaySeconds: number): Promise<Result> => {
  const status = tickers(world)
  await world.load.call("start", { rate })
  await sleep(warmSeconds * 1_000)
  const clients = await connectClients(world)
  const measured = Object.keys(world.pids).filter((part) => part !== "nats")
  const residentMB = (part: string) => Machine.residentBytes(world.pids[part] ?? 0) / 1e6
  const before = new Map(measured.map((part) => [part, residentMB(part)]))
  const most = new Map(before)
  const watch = setInterval(() => {
    for (const part of measured) most.set(part, Math.max(most.get(part) ?? 0, residentMB(part)))
  }, pollMs)
  const held = await Held.connect(world)
  await sleep(warmSeconds * 1_000)
  const agesBefore = new Map(Held.kinds.map((kind) => [kind, held.ageMs(kind, Date.now()) / 1_000]))
  const lagSecondsBefore = await lagSeconds(world)
  await world.killNats()
  await sleep(awaySeconds * 1_000)
  await world.startNats()
  const { values: freshSeconds, fresh } = await untilFresh(world, held)
  await sleep(afterSeconds * 1_000)
  clearInterval(watch)
  const clientsClosed = clients.closed.size
  const sent = await drain(world)
  await world.stopMeasured()
  await world.nc.flush()
  status.stop()
  clients.stop()
  held.stop()
  const record = await readRecord(world.nc, 0)
  const breaks = await breaksOf(world)
  const heldOf = (kind: Held.Kind) => ({ secondsBefore: agesBefore.get(kind) ?? Number.POSITIVE_INFINITY, freshSeconds: fresh[kind] })
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0)
  return {
    rate,
    awaySeconds,
    sent,
    received: sum([...status.newest.values()].map(({ ticks }) => ticks)),
    stored: record.packets,
    broken: sum(breaks.map(({ packets }) => packets ?? 0)),
    breaks: breaks.length,
    lanesBroken: new Set(breaks.map(({ account, exchange, underlying }) => `${account} ${exchange} ${underlying}`)).size,
    holes: sum([...record.numbers.values()].map((numbers) => [...numbers].reduce((top, one) => Math.max(top, one), -1) + 1 - numbers.size)),
    memory: Object.fromEntries(measured.map((part) => [part, { before: before.get(part) ?? 0, most: most.get(part) ?? 0 }])),
    bufferedBytesMax: status.totals.bufferedBytesMax,
    clients: clients.count,
    clientsTold: clients.told.size,
    clientsClosed,
    lagSecondsBefore,
    freshSeconds,
    held: { ticks: heldOf("ticks"), chains: heldOf("chains"), marks: heldOf("marks") },
    troubles: world.troubles()
  }
}

export const run = async (ground: Ground, rate: number, awaySeconds: number): Promise<Result> => {
  const spec = { ...size, nowMs: Date.now() }
  const world = await World.open(ground, { kind: "platform", shape: "split", spec, rate })
  try {
    return await measure(world, rate, awaySeconds)
  } finally {
    await world.close()
  }
}
