/** One cell of the matrix: a world, a rate, phases with growing numbers of clients, and the results. */
import { setTimeout as sleep } from "node:timers/promises"
import * as Subjects from "../../src/streams/Subjects.ts"
import { median } from "../Median.ts"
import * as Audit from "./Audit.ts"
import type * as Bare from "./Bare.ts"
import type { Seen } from "./Clients.ts"
import type { Ground } from "./Ground.ts"
import { Histogram, type Latency, summary } from "./Histogram.ts"
import type { Sent } from "./Load.ts"
import * as Machine from "./Machine.ts"
import * as Universe from "./Universe.ts"
import * as World from "./World.ts"

export interface Cell {
  readonly kind: World.Kind
  readonly shape: World.Shape
  readonly rate: number
  readonly underlyings: number
  readonly instruments: number
  readonly accounts: number
  /** Clients of each phase, and its measured time. */
  readonly phases: ReadonlyArray<{ readonly clients: number; readonly seconds: number; readonly rate?: number }>
  /** Seconds of sending before the first phase, so that compilation and first growth are not measured. */
  readonly warmSeconds: number
  /** Number of the round of a repeated pair: one run is not enough on a shared machine. */
  readonly round?: number
  readonly profile?: string | undefined
}

export interface Phase {
  readonly clients: number
  readonly rate: number
  readonly seconds: number
  /** Ticks per second written to the platform's sockets in this phase, and read from them. */
  readonly sentPerSecond: number
  readonly readPerSecond: number
  /** Processor seconds per million ticks read, by part, and for all measured parts together. */
  readonly cpuPerMillion: Readonly<Record<string, number>>
  readonly cpuPerMillionAll: number
  /** Cores used, by part. */
  readonly cores: Readonly<Record<string, number>>
  /** Cores of the broker's stand-in and of the clients, which do not count. */
  readonly coresAround: Readonly<Record<string, number>>
  /** Cores that other programs on the machine used; almost none on a quiet machine. */
  readonly coresElsewhere: number
  /** From the socket's read (the receive time in the frame's header) to the client. */
  readonly toClient: Latency
  /** From the broker's write to the client, including the queue at the socket. */
  readonly fromBroker: Latency
  readonly clientTicksPerSecond: number
  readonly missed: number
  readonly disordered: number
  readonly conflated: number
  readonly closed: number
  readonly chains: number
  readonly marks: number
  /** Bytes of packets that waited before the platform at the end of the phase. */
  readonly bufferedBytes: number
  /** True if less than half a second of packets waited, so the platform keeps up. */
  readonly isKeptUp: boolean
}

export interface Result {
  readonly cell: Cell
  readonly phases: ReadonlyArray<Phase>
  readonly sent: number
  readonly stored: number
  readonly foldedByGreeks: number
  readonly foldedByBars: number
  /** For the underlyings that strategies hold. */
  readonly foldedByStrategies: number
  readonly dueToStrategies: number
  readonly missing: number
  readonly double: number
  readonly foreign: number
  readonly packetsPerFrame: number
  /** From the socket's read to the stream. */
  readonly toStream: Latency
  /** Time from sending the last packet to storing it. */
  readonly drainedMs: number
  /** From the first packet to the first output of every underlying. */
  readonly startSeconds: number
  readonly senderLateMs: number
  /** Largest resident memory while measured: by part, and of all parts except the broker's stand-in and the server. */
  readonly memoryMax: Readonly<Record<string, number>>
  readonly platformMemoryMax: number
  /** Growth of the platform's memory from the start of the first phase to the end of the last one (medians of a quarter each). */
  readonly memoryGrowth: number
  readonly problems: ReadonlyArray<string>
  readonly isExact: boolean
  readonly isHeld: boolean
}

/**
 * Shares of the rate with which the sending begins. If it began at the full rate, compilation would take the processor for seconds, unlike
 * at a real market's opening.
 */
const warmShares = [0.1, 0.3, 0.6]
const warmStepMs = 1_000
const settleMs = 300
const quietMs = 400
const drainMsMax = 30_000
const startMsMax = 30_000
/** If the last packet is stored later than this after it was sent, the platform did not keep up. */
const heldWithinMs = 1_000
const pollMs = 100
const keptUpSeconds = 0.5
const packetBytes = 186
/** If more bytes than this wait before the platform, later and heavier phases give no information. */
const bufferedBytesMax = 256 * 1_024 * 1_024

const specOf = ({ underlyings, instruments, accounts }: Cell): Universe.Spec => ({ underlyings, instruments, accounts, nowMs: Date.now() })

/** Waits until the record has been quiet for a while and the actors have answered its last frame. */
const drained = async (world: World.World, kind: World.Kind): Promise<ReadonlyArray<string>> => {
  const jsm = await world.nc.jetstreamManager()
  const endMs = Date.now() + drainMsMax
  let count = -1
  let sinceMs = Date.now()
  while (Date.now() < endMs) {
    const { state } = await jsm.streams.info("MD_FRAMES", { subjects_filter: "md.frame.>" })
    const now = Object.values(state.subjects ?? {}).reduce((sum, messages) => sum + messages, 0)
    if (now !== count) {
      count = now
      sinceMs = Date.now()
    } else if (Date.now() - sinceMs > quietMs && (kind === "bare" || (await Audit.isCovered(world.nc, world.universe)))) return []
    await sleep(pollMs)
  }
  return [`the record or the actors were still behind after ${drainMsMax / 1_000} s`]
}

/** Waits until every underlying has published, because the start of hundreds of actors is not measured. Returns the seconds it took. */
const started = async (world: World.World): Promise<number> => {
  const jsm = await world.nc.jetstreamManager()
  const sinceMs = performance.now()
  while (performance.now() - sinceMs < startMsMax) {
    const { state } = await jsm.streams.info("MD_TICK", { subjects_filter: ">" })
    if (Object.keys(state.subjects ?? {}).length >= world.universe.underlyings.length) break
    await sleep(pollMs)
  }
  return (performance.now() - sinceMs) / 1_000
}

interface Measured {
  readonly clients: number
  readonly rate: number
  readonly before: Machine.Sample
  readonly after: Machine.Sample
  readonly fromMs: number
  readonly untilMs: number
  readonly ticks: number
  readonly seen: Seen
  readonly bufferedBytes: number
}

const measure = async (
  world: World.World,
  phase: { readonly clients: number; readonly seconds: number },
  rate: number
): Promise<Measured> => {
  await world.clients.call("connect", phase.clients)
  await sleep(settleMs)
  await world.clients.call("begin")
  const ticksBefore = await world.load.call<number>("ticks")
  const pids = { ...world.pids, load: world.load.pid, clients: world.clients.pid }
  const fromMs = Date.now()
  const before = Machine.sample(pids)
  await sleep(phase.seconds * 1_000)
  const after = Machine.sample(pids)
  const untilMs = Date.now()
  const ticks = (await world.load.call<number>("ticks")) - ticksBefore
  const bufferedBytes = await world.load.call<number>("buffered")
  const seen = await world.clients.call<Seen>("end")
  return { clients: phase.clients, rate, before, after, fromMs, untilMs, ticks, seen, bufferedBytes }
}

const phaseOf = (world: World.World, sent: Sent, record: Audit.Stored, measured: Measured): Phase => {
  const { before, after, ticks, seen } = measured
  const seconds = (after.atMs - before.atMs) / 1_000
  const used = (part: string) => (after.cpu[part] ?? 0) - (before.cpu[part] ?? 0)
  const cpu = Object.keys(world.pids).map((part) => [part, used(part)] as const)
  const all = cpu.reduce((sum, [, seconds]) => sum + seconds, 0)
  const around = ["load", "clients"].map((part) => [part, used(part) / seconds] as const)
  const read = record.readBetween(measured.fromMs, measured.untilMs)
  const [toClient, fromBroker] = [new Histogram(), new Histogram()]
  for (let at = 0; at < seen.row.length; at++) {
    const [row = 0, tick = 0, atMs = 0] = [seen.row[at], seen.tick[at], seen.atMs[at]]
    const received = record.receivedMs.get(row)?.[tick] ?? 0
    if (received > 0) toClient.add(atMs - received)
    fromBroker.add(atMs - Audit.sentAtMs(world.universe, sent, row, tick))
  }
  const perMillion = (seconds: number) => (seconds * 1e6) / read
  return {
    clients: measured.clients,
    rate: measured.rate,
    seconds,
    sentPerSecond: ticks / seconds,
    readPerSecond: read / seconds,
    cpuPerMillion: Object.fromEntries(cpu.map(([part, used]) => [part, perMillion(used)])),
    cpuPerMillionAll: perMillion(all),
    cores: Object.fromEntries(cpu.map(([part, used]) => [part, used / seconds])),
    coresAround: Object.fromEntries(around),
    coresElsewhere: (after.busy - before.busy - all) / seconds - around.reduce((sum, [, cores]) => sum + cores, 0),
    toClient: summary(toClient),
    fromBroker: summary(fromBroker),
    clientTicksPerSecond: seen.ticks / seconds,
    missed: seen.missed,
    disordered: seen.disordered,
    conflated: seen.conflated,
    closed: seen.closed,
    chains: seen.chains,
    marks: seen.marks,
    bufferedBytes: measured.bufferedBytes,
    isKeptUp: measured.bufferedBytes < keptUpSeconds * measured.rate * packetBytes
  }
}

const memoryOf = (seen: ReadonlyMap<string, ReadonlyArray<number>>, from: number) => {
  const parts = [...seen].map(([part, values]) => [part, values.slice(from)] as const)
  const own = parts.filter(([part]) => part !== "nats").map(([, values]) => values)
  const sums = (own[0] ?? []).map((_, at) => own.reduce((sum, values) => sum + (values[at] ?? 0), 0))
  const quarter = Math.max(1, sums.length >> 2)
  return {
    memoryMax: Object.fromEntries(parts.map(([part, values]) => [part, Math.max(0, ...values)])),
    platformMemoryMax: Math.max(0, ...sums),
    memoryGrowth: median(sums.slice(-quarter)) / median(sums.slice(0, quarter)) - 1
  }
}

const foldedOf = async (world: World.World, record: Audit.Stored, bare: Bare.State | undefined) => {
  if (bare !== undefined) {
    return {
      greeks: bare.foldedTicks,
      bars: bare.foldedTicks,
      strategies: 0,
      due: 0,
      problems: bare.refused === 0 ? [] : [`bare: ${bare.refused} frames refused`]
    }
  }
  const greeks = await Audit.foldedByGreeks(world.nc, world.universe, record)
  const bars = await Audit.foldedByBars(world.nc, world.universe, record)
  const strategies = await Audit.foldedByStrategies(world.nc, world.universe, record)
  const held = Universe.strategiesOf(world.universe).map(({ exchange, name }) => Subjects.Frame.at({ exchange, underlying: name }))
  return {
    greeks: greeks.ticks,
    bars: bars.ticks,
    strategies: strategies.ticks,
    due: held.reduce((sum, subject) => sum + (record.ticksOf.get(subject) ?? 0), 0),
    problems: [...greeks.problems, ...bars.problems, ...strategies.problems].slice(0, 10)
  }
}

/** Runs one cell. Everything that it started has ended when it returns. */
export const run = async (ground: Ground, cell: Cell): Promise<Result> => {
  const world = await World.open(ground, { kind: cell.kind, shape: cell.shape, spec: specOf(cell), rate: cell.rate, profile: cell.profile })
  try {
    const memory = Machine.watchMemory(world.pids)
    const first = cell.phases[0]?.rate ?? cell.rate
    await world.load.call("start", { rate: first * (warmShares[0] ?? 1) })
    const startSeconds = await started(world)
    for (const share of [...warmShares, 1]) {
      await world.load.call("stop")
      await world.load.call("start", { rate: first * share })
      if (share < 1) await sleep(warmStepMs)
    }
    await sleep(cell.warmSeconds * 1_000)
    const fromSample = memory.count()
    const fromMs = Date.now()
    const measured: Array<Measured> = []
    for (const phase of cell.phases) {
      const rate = phase.rate ?? cell.rate
      if (measured.length > 0 && rate !== measured.at(-1)?.rate) {
        await world.load.call("stop")
        await world.load.call("start", { rate })
      }
      measured.push(await measure(world, phase, rate))
      if ((measured.at(-1)?.bufferedBytes ?? 0) > bufferedBytesMax) break
    }
    const untilMs = Date.now()
    const seenMemory = memory.stop()
    const sent = await world.load.call<Sent>("stop")
    const late = await drained(world, cell.kind)
    const bare = await world.bareState()
    await world.stopMeasured()
    const rows = new Set(measured.flatMap(({ seen }) => [...new Set(seen.row)]))
    const record = await Audit.stored(world.nc, world.universe, sent, { rows, fromMs, untilMs })
    const folded = await foldedOf(world, record, bare)
    const total = sent.ticks.reduce((sum, ticks) => sum + ticks, 0)
    const lastSentMs = Math.max(...sent.messages.map(({ atMs }) => atMs.at(-1) ?? 0))
    const drainedMs = Math.max(0, record.lastStoredMs - lastSentMs)
    const problems = [
      ...late,
      ...folded.problems,
      ...(world.troubles().length > 0
        ? [`the logs have ${world.troubles().length} warnings or errors, the first: ${world.troubles()[0]}`]
        : [])
    ]
    const isExact =
      record.missing + record.double + record.foreign === 0 &&
      total === record.ticks &&
      folded.greeks === total &&
      folded.bars === total &&
      folded.strategies === folded.due &&
      folded.problems.length === 0
    return {
      cell,
      phases: measured.map((one) => phaseOf(world, sent, record, one)),
      sent: total,
      stored: record.ticks,
      foldedByGreeks: folded.greeks,
      foldedByBars: folded.bars,
      foldedByStrategies: folded.strategies,
      dueToStrategies: folded.due,
      missing: record.missing,
      double: record.double,
      foreign: record.foreign,
      packetsPerFrame: record.ticks / Math.max(1, record.frames),
      toStream: summary(record.toStream),
      drainedMs,
      startSeconds,
      senderLateMs: sent.lateEndMs,
      ...memoryOf(seenMemory, fromSample),
      problems,
      isExact,
      isHeld: isExact && drainedMs < heldWithinMs && sent.lateEndMs < heldWithinMs
    }
  } finally {
    await world.close()
  }
}
