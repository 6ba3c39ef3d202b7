/** One run: users over HTTP, many readers and one heavy one, ten readers of a quiet market, and the same with a bare server. */
import { setTimeout as sleep } from "node:timers/promises"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Audit from "../pipeline/Audit.ts"
import * as Child from "../pipeline/Child.ts"
import type { Ground } from "../pipeline/Ground.ts"
import type { Sent } from "../pipeline/Load.ts"
import * as Machine from "../pipeline/Machine.ts"
import type * as Universe from "../pipeline/Universe.ts"
import type * as Bare from "./Bare.ts"
import type * as Readers from "./Readers.ts"
import * as Times from "./Times.ts"
import type * as Users from "./Users.ts"
import * as World from "./World.ts"

export const size = { underlyings: 5, instruments: 1_000, accounts: 1 }
/** Ticks a second while everything except the ten readers is measured. */
export const marketRate = 2_000
const userCounts = [100, 500, 1_000]
export const rounds = 5
export const roundSeconds = 2
/** Waits until the connections of the next stage are open and the server has caught up. */
const warmSeconds = 5
/**
 * The further time with the first users after their rounds, because for more than half a minute a request takes less and less processor
 * time.
 */
export const coldSeconds = 25
const bareColdSeconds = 10
/** If other work uses more cores than this, users are measured again, up to a number of times. The quietest run counts. */
export const othersMax = 0.25
const againMax = 2
const coldUsers = 100
const marketWarmSeconds = 5
const settleMsMax = 20_000
const pollMs = 50

export type Weight = "simple" | "complex"
export interface Asked extends Users.Ask {
  readonly weight: Weight
  /** A text that a complete answer contains. */
  readonly has: RegExp
}
export const readers = 500
const instrumentsEach = 5
/** The heavy client reads as many instruments as give this many ticks a second. */
export const heavyPerSecond = 1_000
const heavyInstruments = (heavyPerSecond * size.instruments) / marketRate
const pingsPerSecond = 100
const tickFrameBytes = '{"type":"tick","filling":""}'.length
export const ten = { clients: 10, rate: 100, seconds: 10 }

/** All requests, of any name. */
export const all = "all"
/** The results of one span of a stage. */
export interface Round {
  /** By name of the request, and of all requests; for WebSockets, of the pings. */
  readonly times: Readonly<Record<string, Times.Times>>
  /** Number of answered requests or received messages. */
  readonly count: number
  /** Processor time of the measured server's process, ms per request or message. */
  readonly cpuMs: number
}
export interface Asking {
  readonly users: number
  /** Times over all rounds and the time after them, by name of the request, and weighted. */
  readonly byName: Readonly<Record<string, Times.Times>>
  readonly byWeight: Readonly<Record<Weight, Times.Times>>
  readonly perSecond: number
  readonly megabytesPerSecond: number
  readonly failed: number
  readonly failure: string | null
  readonly lateMaxMs: number
  readonly cores: Readonly<Record<string, number>>
  readonly rounds: ReadonlyArray<Round>
}
export interface Reading {
  readonly clients: number
  readonly messagesPerSecond: number
  /** Mean length of a message in bytes. */
  readonly bytesEach: number
  readonly heavyPerSecond: number
  /** From the broker's write to the client: for all clients, and for the heavy one. */
  readonly delivery: Times.Times
  readonly heavyDelivery: Times.Times
  readonly deliveryRounds: ReadonlyArray<Times.Times>
  readonly pings: Times.Times
  readonly missed: number
  readonly disordered: number
  readonly conflated: number
  readonly closed: number
  readonly cores: Readonly<Record<string, number>>
  readonly rounds: ReadonlyArray<Round>
}
export interface Ten {
  readonly sent: number
  /** Ticks that each client received, each once and in order. */
  readonly got: ReadonlyArray<number>
  readonly isWhole: boolean
  readonly delivery: Times.Times
}
export interface Result {
  readonly asks: ReadonlyArray<Asked>
  /** The first requests after the start, which include compilation. */
  readonly cold: Asking
  readonly asking: ReadonlyArray<Asking>
  readonly reading: Reading
  readonly ten: Ten
  readonly bare: { readonly asking: Asking; readonly reading: Pick<Reading, "rounds" | "pings" | "messagesPerSecond"> }
  readonly troubles: ReadonlyArray<string>
}

const flat = (parts: ReadonlyArray<Float64Array>): Float64Array => Float64Array.from(parts.flatMap((part) => [...part]))

/** Indicators of a chart, at the newest bar of each stored instrument and timeframe. */
const indicatorPaths = (symbols: ReadonlyArray<string>): ReadonlyArray<string> =>
  symbols.flatMap((symbol) =>
    World.timeframes.map((timeframe) => {
      const query = new URLSearchParams({ symbol, timeframe, indicators: "ema,rsi,macd,supertrend" })
      return `/indicators/current?${query}`
    })
  )

const asksOf = ({ universe, strategyIds, past, symbols }: World.World): ReadonlyArray<Asked> => {
  const [nifty] = universe.underlyings
  const [strategyId] = strategyIds
  const of = `symbol=${nifty?.name}&expiry=${nifty?.expiry}`
  return [
    { name: "/fo/strikes", paths: [`/fo/strikes?${of}`], perSecond: 100, weight: "simple", has: /"iv":0\.\d.*"delta":/ },
    { name: "/strategies", paths: ["/strategies"], perSecond: 50, weight: "simple", has: /"strategy_id":/ },
    {
      name: "/indicators/current",
      paths: indicatorPaths(symbols),
      perSecond: 200,
      weight: "simple",
      has: /"warning":null.*"ema":\d.*"rsi":\d.*"hist":-?\d.*"direction":-?1/
    },
    { name: "/fo/gex", paths: [`/fo/gex?${of}`], perSecond: 5, weight: "complex", has: /"total":-?\d/ },
    { name: "/fo/oi-analysis", paths: [`/fo/oi-analysis?${of}`], perSecond: 5, weight: "complex", has: /"call_oi":[1-9]/ },
    {
      name: "/strategies/{id}/payoff",
      paths: [`/strategies/${strategyId}/payoff`],
      perSecond: 5,
      weight: "complex",
      has: /"break_evens":\[/
    },
    {
      name: "/udf/history",
      paths: [
        `/udf/history?symbol=${encodeURIComponent(symbols[0] ?? "")}&resolution=1&from=${past.fromMs / 1_000}&to=${past.toMs / 1_000}`
      ],
      perSecond: 5,
      weight: "complex",
      has: /"s":"ok".*"c":\[\d/
    }
  ]
}

/** Each answer once, as text. It waits while an answer is missing or empty. */
const answersOf = async ({ port, jwt }: World.World, asks: ReadonlyArray<Asked>): Promise<Readonly<Record<string, string>>> => {
  const bodies: Record<string, string> = {}
  const endMs = performance.now() + settleMsMax
  for (const { path, has } of asks.flatMap(({ paths, has }) => paths.map((path) => ({ path, has })))) {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${jwt}` } })
      const text = await response.text()
      if (response.status === 200 && has.test(text)) {
        bodies[path] = text
        break
      }
      if (performance.now() > endMs) throw new Error(`${path} answers ${response.status} ${text.slice(0, 300)}`)
      await sleep(pollMs)
    }
  }
  return bodies
}

interface Measured<A> {
  readonly taken: ReadonlyArray<A>
  /** Seconds of each round, and processor seconds of the whole machine and by part. */
  readonly spans: ReadonlyArray<{ readonly seconds: number; readonly busy: number; readonly cpu: Readonly<Record<string, number>> }>
}

/** Measures the processor time of a process in each round, without a pause between rounds. */
const inRounds = async <A>(pids: Machine.Parts, take: () => Promise<A>): Promise<Measured<A>> => {
  const taken: Array<A> = []
  const spans: Array<Measured<A>["spans"][number]> = []
  await take()
  let before = Machine.sample(pids)
  for (let round = 0; round < rounds; round++) {
    await sleep(roundSeconds * 1_000)
    taken.push(await take())
    const after = Machine.sample(pids)
    const cpu = Object.keys(pids).map((part) => [part, (after.cpu[part] ?? 0) - (before.cpu[part] ?? 0)])
    spans.push({ seconds: (after.atMs - before.atMs) / 1_000, busy: after.busy - before.busy, cpu: Object.fromEntries(cpu) })
    before = after
  }
  return { taken, spans }
}
const secondsOf = ({ spans }: Measured<unknown>): number => spans.reduce((sum, { seconds }) => sum + seconds, 0)
/** By part, and for everything else on the machine: Postgres, and programs that are not part of the benchmark. */
const coresOf = (measured: Measured<unknown>): Readonly<Record<string, number>> => {
  const { spans } = measured
  const of = (value: (span: (typeof spans)[number]) => number) => spans.reduce((sum, span) => sum + value(span), 0) / secondsOf(measured)
  const parts = Object.keys(spans[0]?.cpu ?? {})
  const others = ({ busy, cpu }: (typeof spans)[number]) => busy - Object.values(cpu).reduce((sum, used) => sum + used, 0)
  return { ...Object.fromEntries(parts.map((part) => [part, of(({ cpu }) => cpu[part] ?? 0)])), others: of(others) }
}
const othersOf = ({ cores }: Asking): number => cores["others"] ?? 0
const cpuMsOf = ({ spans }: Measured<unknown>, at: number, part: string, count: number): number =>
  ((spans[at]?.cpu[part] ?? 0) * 1_000) / Math.max(1, count)

/** Users of a server whose process is `part` of `pids`. */
const ask = async (
  users: Child.Child,
  load: Users.Load & { readonly asks: ReadonlyArray<Asked> },
  pids: Machine.Parts,
  part: string,
  unmeasuredSeconds: number
): Promise<Asking> => {
  await users.call("start", load)
  await sleep(unmeasuredSeconds * 1_000)
  const measured = await inRounds({ ...pids, users: users.pid }, () => users.call<Users.Answered>("take"))
  const last = await users.call<Users.Answered>("stop")
  const everything = [...measured.taken, last]
  const of = (some: ReadonlyArray<Users.Answered>, wanted: (ask: Asked) => boolean) =>
    Times.of(flat(load.asks.filter(wanted).flatMap(({ name }) => some.map(({ times }) => times[name] ?? new Float64Array()))))
  const named = (some: ReadonlyArray<Users.Answered>) =>
    Object.fromEntries(load.asks.map(({ name }) => [name, of(some, (one) => one.name === name)]))
  const sum = (value: (answered: Users.Answered) => number, some: ReadonlyArray<Users.Answered> = everything) =>
    some.reduce((total, answered) => total + value(answered), 0)
  const countOf = ({ times }: Users.Answered) => Object.values(times).reduce((total, values) => total + values.length, 0)
  return {
    users: load.users,
    byName: named(everything),
    byWeight: {
      simple: of(everything, ({ weight }) => weight === "simple"),
      complex: of(everything, ({ weight }) => weight === "complex")
    },
    perSecond: sum(countOf, measured.taken) / secondsOf(measured),
    megabytesPerSecond: sum(({ bytes }) => bytes, measured.taken) / secondsOf(measured) / 1e6,
    failed: sum(({ failed }) => failed),
    failure: everything.find(({ failure }) => failure !== null)?.failure ?? null,
    lateMaxMs: Math.max(...everything.map(({ lateMaxMs }) => lateMaxMs)),
    cores: coresOf(measured),
    rounds: measured.taken.map((answered, at) => ({
      times: { ...named([answered]), [all]: of([answered], () => true) },
      count: countOf(answered),
      cpuMs: cpuMsOf(measured, at, part, countOf(answered))
    }))
  }
}

/** An index's ticks carry no number. */
const numberedRows = ({ instruments }: Universe.Universe): ReadonlyArray<number> =>
  instruments.flatMap(({ token }, row) => (Instrument.isIndex(token) ? [] : [row]))

/** One client that reads half of the market, and others that read a few instruments each. */
const wishesOf = (universe: Universe.Universe): ReadonlyArray<ReadonlyArray<number>> => {
  const rows = numberedRows(universe)
  const some = (first: number, count: number) => Array.from({ length: count }, (_, at) => rows[(first + at) % rows.length] ?? 0)
  return [some(0, heavyInstruments), ...Array.from({ length: readers - 1 }, (_, at) => some(at * instrumentsEach, instrumentsEach))]
}

type Wish = Pick<Readers.Wish, "port" | "jwt">
const read = async (child: Child.Child, wish: Readers.Wish, pids: Machine.Parts, part: string) => {
  await child.call("connect", wish)
  await sleep(warmSeconds * 1_000)
  const measured = await inRounds({ ...pids, readers: child.pid }, () => child.call<Readers.Seen>("take"))
  await child.call("disconnect")
  const messages = measured.taken.reduce((sum, seen) => sum + seen.ticks, 0)
  return {
    taken: measured.taken,
    seconds: secondsOf(measured),
    cores: coresOf(measured),
    messagesPerSecond: messages / secondsOf(measured),
    bytesEach: measured.taken.reduce((sum, seen) => sum + seen.bytes, 0) / Math.max(1, messages),
    pings: Times.of(flat(measured.taken.map(({ pings }) => pings))),
    rounds: measured.taken.map(({ ticks, pings }, at) => ({
      times: { pings: Times.of(pings) },
      count: ticks,
      cpuMs: cpuMsOf(measured, at, part, ticks)
    }))
  }
}

/** From the broker's write to the selected clients, ms. */
const deliveries = (universe: Universe.Universe, sent: Sent, seen: Readers.Seen, wanted: (client: number) => boolean): Float64Array =>
  Float64Array.from(
    [...seen.atMs].flatMap((atMs, at) =>
      wanted(seen.client[at] ?? -1) ? [atMs - Audit.sentAtMs(universe, sent, seen.row[at] ?? 0, seen.tick[at] ?? 0)] : []
    )
  )

const readMarket = async (
  world: World.World,
  child: Child.Child,
  wish: Wish
): Promise<{ readonly reading: Reading; readonly sent: Sent }> => {
  const rows = wishesOf(world.universe)
  const { taken, seconds, ...common } = await read(child, { ...wish, rows }, world.pids, "gateway")
  const sent = await world.load.call<Sent>("stop")
  const of = (some: ReadonlyArray<Readers.Seen>, wanted: (client: number) => boolean) =>
    Times.of(flat(some.map((seen) => deliveries(world.universe, sent, seen, wanted))))
  const sum = (value: (seen: Readers.Seen) => number) => taken.reduce((total, seen) => total + value(seen), 0)
  const heavy = of(taken, (client) => client === 0)
  const reading = {
    ...common,
    clients: rows.length,
    heavyPerSecond: heavy.samples / seconds,
    delivery: of(taken, () => true),
    heavyDelivery: heavy,
    deliveryRounds: taken.map((seen) => of([seen], () => true)),
    missed: sum(({ missed }) => missed),
    disordered: sum(({ disordered }) => disordered),
    conflated: sum(({ conflated }) => conflated),
    closed: sum(({ closed }) => closed)
  }
  return { reading, sent }
}

/** Ten clients that read the whole market at a hundred ticks a second, from its first to its last tick. */
const readTen = async (world: World.World, child: Child.Child, wish: Wish, before: Sent): Promise<Ten> => {
  const { universe, load } = world
  const rows = numberedRows(universe)
  await child.call("connect", { ...wish, rows: Array.from({ length: ten.clients }, () => rows) })
  await load.call("start", { rate: ten.rate })
  await sleep(ten.seconds * 1_000)
  const sent = await load.call<Sent>("stop")
  const sentOf = (row: number) => Audit.sentOf(universe, sent, row) - Audit.sentOf(universe, before, row)
  const expected = rows.reduce((sum, row) => sum + sentOf(row), 0)
  const endMs = performance.now() + settleMsMax
  while ((await child.call<number>("ticks")) < expected * ten.clients && performance.now() < endMs) await sleep(pollMs)
  const seen = await child.call<Readers.Seen>("take")
  await child.call("disconnect")
  const got = Array.from({ length: ten.clients }, () => 0)
  for (const client of seen.client) got[client] = (got[client] ?? 0) + 1
  return {
    sent: expected,
    got,
    isWhole: got.every((count) => count === expected) && seen.missed + seen.disordered + seen.conflated + seen.closed === 0,
    delivery: Times.of(deliveries(universe, sent, seen, () => true))
  }
}

/** Ends all programs that it started. */
export const run = async (ground: Ground, say: (text: string) => void): Promise<Result> => {
  const stops: Array<() => Promise<void>> = []
  const started = async (module: string, spec: unknown) => {
    const child = await Child.start(`../load/${module}`, spec)
    stops.unshift(child.stop)
    return child
  }
  try {
    const spec: Universe.Spec = { ...size, nowMs: Date.now() }
    const world = await World.open(ground, spec, marketRate)
    stops.unshift(world.close)
    const users = await started("Users", {})
    const child = await started("Readers", { ...spec, pingsPerSecond } satisfies Readers.Spec)
    await world.load.call("start", { rate: marketRate })
    await sleep(marketWarmSeconds * 1_000)
    const asks = asksOf(world)
    const bodies = await answersOf(world, asks)
    const wish = { port: world.port, jwt: world.jwt }
    const parts = { ...world.pids, load: world.load.pid }
    say("the first users")
    const cold = await ask(users, { ...wish, users: coldUsers, asks }, parts, "gateway", 0)
    const asking: Array<Asking> = []
    for (const count of userCounts) {
      say(`${count} users`)
      const measure = (unmeasuredSeconds: number) => ask(users, { ...wish, users: count, asks }, parts, "gateway", unmeasuredSeconds)
      let quietest = await measure(asking.length === 0 ? coldSeconds : warmSeconds)
      for (let again = 0; again < againMax && othersOf(quietest) > othersMax; again++) {
        say(`${count} users again: something else took ${othersOf(quietest).toFixed(2)} cores`)
        const next = await measure(warmSeconds)
        if (othersOf(next) < othersOf(quietest)) quietest = next
      }
      asking.push(quietest)
    }
    say(`${readers} WebSocket clients`)
    const { reading, sent } = await readMarket(world, child, wish)
    say("ten WebSocket clients")
    const tenResult = await readTen(world, child, wish, sent)
    say("the bare server")
    const bare = await started("Bare", {})
    const tick = `{"type":"tick","filling":"${"-".repeat(Math.max(0, Math.round(reading.bytesEach) - tickFrameBytes))}"}`
    await bare.call("answer", { bodies, tick, perInstrument: marketRate / size.instruments } satisfies Bare.Spec)
    const there = { port: await bare.call<number>("port"), jwt: world.jwt }
    const pids = { bare: bare.pid }
    const bareAsking = await ask(users, { ...there, users: userCounts[1] ?? 0, asks }, pids, "bare", bareColdSeconds)
    const { rounds, pings, messagesPerSecond } = await read(child, { ...there, rows: wishesOf(world.universe) }, pids, "bare")
    const troubles = world.troubles()
    return {
      asks,
      cold,
      asking,
      reading,
      ten: tenResult,
      bare: { asking: bareAsking, reading: { rounds, pings, messagesPerSecond } },
      troubles
    }
  } finally {
    for (const stop of stops) await stop()
  }
}
