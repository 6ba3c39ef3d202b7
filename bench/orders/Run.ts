/** Orders through the platform beside a bare POST loop to the same broker, with a quiet market and with a full feed. */
import { setTimeout as sleep } from "node:timers/promises"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import type * as Sessions from "../../src/simulator/Sessions.ts"
import * as Times from "../load/Times.ts"
import * as Child from "../pipeline/Child.ts"
import type { Ground } from "../pipeline/Ground.ts"
import * as Machine from "../pipeline/Machine.ts"
import * as Universe from "../pipeline/Universe.ts"
import * as World from "../pipeline/World.ts"
import * as Callers from "./Callers.ts"
import type * as Desk from "./Desk.ts"

/** The largest market of the pipeline benchmark. */
export const size = { underlyings: 20, instruments: 8_000, accounts: 3 }
export const fullRate = 200_000
/** Orders a second of each side while their times are measured. It is below the broker's limit for an account. */
export const pacePerSecond = 8
/** Orders in flight at once while the orders a second are measured. */
export const inFlight = 8

export interface Options {
  readonly pacedSeconds: number
  readonly burst: number
  readonly rate: number
  /** Postgres waits for the disk. */
  readonly durable: boolean
}
export const defaults: Options = { pacedSeconds: 60, burst: 500, rate: fullRate, durable: false }

const warmSeconds = 10
const warmOrders = 100
const readyMsMax = 120_000
/** The newest lines of the platform's logs that a failed run shows. */
const troublesMax = 20
const owner = Universe.owner
const account: Sessions.Account = { accountId: "orders1", apiKey: "orderskey1", apiSecret: "orderssecret1", userId: "ORDERS1" }
const bareAccount: Sessions.Account = { accountId: "bare1", apiKey: "barekey1", apiSecret: "baresecret1", userId: "BARE1" }

/** Times of one side's paced orders, ms. */
export interface Side {
  /** From the caller's write to the arrival of the order's request at the broker. */
  readonly callToBroker: Times.Times
  /** From the caller's write to its answer. */
  readonly callToAnswer: Times.Times
  /** Null for the bare loop, which saves nothing. */
  readonly stages: Stages | null
  readonly perSecond: number
}

/** The parts of an order's way, ms. */
export interface Stages {
  /** From the caller's write to the saved task: HTTP, every rule, Postgres. */
  readonly accept: Times.Times
  /** From the saved task to the attempt: the command, the executor, every rule again. */
  readonly begin: Times.Times
  /** From the attempt to the arrival at the broker: the saved attempt, and the request. */
  readonly send: Times.Times
  /** From the saved task to the arrival at the broker. */
  readonly acceptToBroker: Times.Times
}

export interface Phase {
  readonly name: "quiet" | "full feed"
  readonly platform: Side
  readonly bare: Side
  /** Ticks a second that were written to the platform's sockets, and read from them. */
  readonly sentPerSecond: number
  readonly readPerSecond: number
  /** How far the market's sender fell behind its schedule, ms. */
  readonly senderLateMs: number
  /** Processor seconds per second by part, while the orders were paced. */
  readonly cores: Readonly<Record<string, number>>
  readonly coresElsewhere: number
}

export interface Result {
  readonly options: Options
  readonly phases: ReadonlyArray<Phase>
  readonly orders: number
  /** Tags or ids that the broker has twice, or not at all. */
  readonly wrong: number
  readonly troubles: ReadonlyArray<string>
}

export interface Truth {
  readonly order_id: string
  readonly tag: string | null
  readonly account_id: string
  readonly received_at_ms: number
}

const contractOf = async (desk: Child.Child, { instruments, underlyings }: Universe.Universe): Promise<Desk.Contract> => {
  const tokens = new Map((underlyings[0]?.nearest ?? []).map((token, at) => [token, at]))
  const near = instruments
    .filter(({ token }) => tokens.has(token))
    .toSorted((a, b) => (tokens.get(a.token) ?? 0) - (tokens.get(b.token) ?? 0))
  const symbols = near.map(({ exchange, tradingsymbol }) => Instrument.symbolKey(exchange, tradingsymbol))
  const found = await desk.call<Desk.Contract | undefined>("contract", symbols)
  if (found === undefined) throw new Error("the two markets list no common contract")
  return found
}

/** The executor runs the account, and the account is live. */
const goLive = async (world: World.World): Promise<void> => {
  const url = `http://127.0.0.1:${world.port}`
  const headers = { authorization: `Bearer ${world.jwt}`, "content-type": "application/json" }
  const body = JSON.stringify({ mode: "live", confirm: account.accountId })
  const set = await fetch(`${url}/accounts/${account.accountId}/mode`, { method: "PUT", headers, body })
  if (set.status !== 200) throw new Error(`the account is not live: ${set.status} ${await set.text()}`)
  const isReady = async () => {
    const health = (await (await fetch(`${url}/health`, { headers })).json()) as {
      readonly executors: Readonly<Record<string, { readonly state: string }>>
    }
    return health.executors[account.accountId]?.state === "ready"
  }
  for (const endMs = performance.now() + readyMsMax; !(await isReady()); await sleep(500))
    if (performance.now() > endMs) throw new Error("the executor is not ready")
}

export interface Sides {
  readonly platform: Callers.Caller
  readonly bare: Callers.Caller
  /** Returns the broker's orders by id. */
  readonly truth: () => Promise<ReadonlyMap<string, Truth>>
}

let numbers = 0

/** Places orders of both sides alternately at the same pace, so that other work on the machine affects both. */
const paced = async ({ bare, platform }: Sides, seconds: number) => {
  const everyMs = 1_000 / pacePerSecond
  const startMs = performance.now()
  const calls: { readonly platform: Array<Promise<Callers.Call>>; readonly bare: Array<Promise<Callers.Call>> } = { platform: [], bare: [] }
  for (let at = 0; at < seconds * pacePerSecond; at++) {
    await sleep(Math.max(0, startMs + at * everyMs - performance.now()))
    calls.platform.push(platform.place(++numbers))
    await sleep(Math.max(0, startMs + (at + 0.5) * everyMs - performance.now()))
    calls.bare.push(bare.place(++numbers))
  }
  return { platform: await Promise.all(calls.platform), bare: await Promise.all(calls.bare) }
}

/** Orders a second with some in flight all the time. */
const burst = async (
  caller: Callers.Caller,
  count: number
): Promise<{ readonly calls: ReadonlyArray<Callers.Call>; readonly perSecond: number }> => {
  const calls: Array<Callers.Call> = []
  let left = count
  const lane = async () => {
    while (left-- > 0) calls.push(await caller.place(++numbers))
  }
  const startMs = performance.now()
  await Promise.all(Array.from({ length: inFlight }, lane))
  return { calls, perSecond: count / ((performance.now() - startMs) / 1_000) }
}

const sideOf = (calls: ReadonlyArray<Callers.Call>, truth: ReadonlyMap<string, Truth>, perSecond: number): Side => {
  const arrivedMs = ({ orderId }: Callers.Call) => truth.get(orderId)?.received_at_ms ?? Number.NaN
  const tasks = calls.flatMap((call) => (call.task === null ? [] : [{ ...call, ...call.task }]))
  const stages = (): Stages => ({
    accept: Times.of(tasks.map(({ acceptedAtMs, calledAtMs }) => acceptedAtMs - calledAtMs)),
    begin: Times.of(tasks.map(({ acceptedAtMs, begunAtMs }) => begunAtMs - acceptedAtMs)),
    send: Times.of(tasks.map((it) => arrivedMs(it) - it.begunAtMs)),
    acceptToBroker: Times.of(tasks.map((it) => arrivedMs(it) - it.acceptedAtMs))
  })
  return {
    callToBroker: Times.of(calls.map((call) => arrivedMs(call) - call.calledAtMs)),
    callToAnswer: Times.of(calls.map(({ answeredAtMs, calledAtMs }) => answeredAtMs - calledAtMs)),
    stages: tasks.length === 0 ? null : stages(),
    perSecond
  }
}

/** The market beside the orders. */
export interface Market {
  /** The measured processes, by part. */
  readonly pids: Machine.Parts
  /** Ticks sent so far, and bytes of them that the platform has not read. */
  readonly ticks: () => Promise<number>
  readonly buffered: () => Promise<number>
}

export const measure = async (
  name: Phase["name"],
  { buffered, pids, ticks }: Market,
  sides: Sides,
  { burst: count, pacedSeconds }: Pick<Options, "burst" | "pacedSeconds">
) => {
  const [before, ticksBefore, bufferedBefore] = [Machine.sample(pids), await ticks(), await buffered()]
  const { bare, platform } = await paced(sides, pacedSeconds)
  const [after, ticksAfter, bufferedAfter] = [Machine.sample(pids), await ticks(), await buffered()]
  // Each side runs twice, alternately, and its better result counts, because other programs use the machine too.
  const bursts = { platform: [] as Array<Awaited<ReturnType<typeof burst>>>, bare: [] as Array<Awaited<ReturnType<typeof burst>>> }
  for (let round = 0; round < 2; round++) {
    bursts.platform.push(await burst(sides.platform, count))
    bursts.bare.push(await burst(sides.bare, count))
  }
  const truth = await sides.truth()
  const seconds = (after.atMs - before.atMs) / 1_000
  const best = (of: ReadonlyArray<{ readonly perSecond: number }>) => Math.max(...of.map(({ perSecond }) => perSecond))
  const cores = Object.fromEntries(Object.keys(pids).map((part) => [part, ((after.cpu[part] ?? 0) - (before.cpu[part] ?? 0)) / seconds]))
  const all = [...platform, ...bare, ...[...bursts.platform, ...bursts.bare].flatMap(({ calls }) => calls)]
  const phase: Omit<Phase, "senderLateMs"> = {
    name,
    platform: sideOf(platform, truth, best(bursts.platform)),
    bare: sideOf(bare, truth, best(bursts.bare)),
    sentPerSecond: (ticksAfter - ticksBefore) / seconds,
    readPerSecond: (ticksAfter - ticksBefore - (bufferedAfter - bufferedBefore) / packetBytes) / seconds,
    cores,
    coresElsewhere: (after.busy - before.busy) / seconds - Object.values(cores).reduce((sum, used) => sum + used, 0)
  }
  return { phase, calls: all }
}
/** A full packet with its length. */
const packetBytes = 186

/** Calls whose order the broker does not have exactly once. */
export const wrongOf = (calls: ReadonlyArray<Callers.Call>, orders: ReadonlyArray<Truth>): number => {
  const ids = new Map<string, number>()
  const tags = new Map<string, number>()
  for (const { order_id, tag } of orders) {
    ids.set(order_id, (ids.get(order_id) ?? 0) + 1)
    if (tag !== null) tags.set(tag, (tags.get(tag) ?? 0) + 1)
  }
  const twice = [...tags.values()].filter((count) => count > 1).length
  return twice + calls.filter(({ orderId }) => ids.get(orderId) !== 1).length + Math.abs(orders.length - calls.length)
}

export const truthAt = (adminUrl: string) => async (): Promise<ReadonlyArray<Truth>> => {
  const { data } = (await (await fetch(`${adminUrl}/orders`)).json()) as { readonly data: ReadonlyArray<Truth> }
  return data
}

export const run = async (ground: Ground, options: Options, say: (text: string) => void): Promise<Result> => {
  const spec = { ...size, nowMs: Date.now() }
  const basePrices = { NIFTY: Universe.make(spec).underlyings[0]?.spot ?? 0 }
  const desk = await Child.start("../orders/Desk", { accounts: [account, bareAccount], basePrices } satisfies Desk.Spec)
  const stops: Array<() => unknown> = [desk.stop]
  try {
    const where = await desk.call<Desk.Where>("where")
    const { accountId, apiKey, apiSecret, userId } = account
    const row = { account_id: accountId, api_key: apiKey, api_secret: apiSecret, user_id: userId, root: where.url, ws_root: where.wsUrl }
    const more: World.More = {
      accounts: [{ ...row, login: "auto", owners: [owner] }],
      env: { MARKET_MODE: "synthetic" }, // the exchange is open at any hour
      program: "orders/Platform.js",
      hasOrders: true
    }
    const world = await World.open(ground, { kind: "platform", shape: "split", spec, rate: options.rate, more })
    stops.unshift(world.close)
    const contract = await contractOf(desk, world.universe)
    await goLive(world)
    const truth = truthAt(where.adminUrl)
    const sides: Sides = {
      platform: Callers.platform(world.port, world.jwt, accountId, contract),
      bare: await Callers.bare(where.url, bareAccount, contract),
      truth: async () => new Map((await truth()).map((order) => [order.order_id, order]))
    }
    stops.unshift(sides.platform.close, sides.bare.close)
    const market: Market = {
      pids: world.pids,
      ticks: () => world.load.call<number>("ticks"),
      buffered: () => world.load.call<number>("buffered")
    }
    say("warming up")
    const warm = [...(await burst(sides.platform, warmOrders)).calls, ...(await burst(sides.bare, warmOrders)).calls]
    say("orders in a quiet market")
    const quiet = await measure("quiet", market, sides, options)
    say(`orders at ${options.rate} ticks/s`)
    await world.load.call("start", { rate: options.rate })
    await sleep(warmSeconds * 1_000)
    const full = await measure("full feed", market, sides, options).catch((error) => {
      throw new Error(`${error.message}\n${world.troubles().slice(-troublesMax).join("\n")}`)
    })
    const { lateEndMs } = await world.load.call<{ readonly lateEndMs: number }>("stop")
    const calls = [...warm, ...quiet.calls, ...full.calls]
    return {
      options,
      phases: [
        { ...quiet.phase, senderLateMs: 0 },
        { ...full.phase, senderLateMs: lateEndMs }
      ],
      orders: calls.length,
      wrong: wrongOf(calls, await truth()),
      troubles: world.troubles()
    }
  } finally {
    for (const stop of stops) await stop()
  }
}
