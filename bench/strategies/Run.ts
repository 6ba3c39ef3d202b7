/** The cost of many strategies, compared with the same platform without any. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Ground } from "../pipeline/Ground.ts"
import * as Machine from "../pipeline/Machine.ts"
import * as World from "../pipeline/World.ts"

export const countsDefault = [0, 500, 5_000]
export const size = { underlyings: 20, instruments: 4_000, accounts: 1 }
export const marketRate = 5_000
export const measuredSeconds = 40
const warmSeconds = 30
/** Every strategy has its first value within this time. */
const valuedMsMax = 180_000

export interface Result {
  readonly strategies: number
  /** Processor seconds per second by process. */
  readonly cores: Readonly<Record<string, number>>
  /** Resident memory at the end, in MB. */
  readonly memory: Readonly<Record<string, number>>
  readonly marksPerSecond: number
  readonly snapshotBytesPerSecond: number
  readonly snapshotsPerSecond: number
  /** Age of an output's newest values in seconds, the largest of all looks; and of the median look. */
  readonly lagSecondsMax: number
  readonly lagSecondsMedian: number
  /** Share of both processors that everything on the machine took. */
  readonly busyShare: number
  readonly troubles: number
}

const valuesOf = (metrics: string, name: string): ReadonlyArray<number> =>
  metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.split(" ").at(-1)))

/** Counts the messages on some subjects. */
const counting = ({ nc }: World.World, subject: string) => {
  const seen = { messages: 0, bytes: 0 }
  const subscription = nc.subscribe(subject, {
    callback: (_, message) => {
      seen.messages++
      seen.bytes += message.data.length
    }
  })
  return { seen: () => ({ ...seen }), stop: () => subscription.unsubscribe() }
}

/** Waits until the stream holds a value of every strategy. */
const allValued = async ({ nc }: World.World, strategies: number) => {
  const jsm = await nc.jetstreamManager({ checkAPI: false })
  const endMs = performance.now() + valuedMsMax
  while (true) {
    const { state } = await jsm.streams.info("STRAT", { subjects_filter: "strat.m2m.>" })
    const valued = Object.keys(state.subjects ?? {}).length
    if (valued === strategies) return
    if (performance.now() > endMs) throw new Error(`${valued} of ${strategies} strategies have a value`)
    await sleep(1_000)
  }
}

const medianOf = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const measure = async (world: World.World, strategies: number): Promise<Result> => {
  const marks = counting(world, "strat.m2m.>")
  const snapshots = counting(world, "$KV.snapshots.>")
  const [marksBefore, snapshotsBefore, first] = [marks.seen(), snapshots.seen(), Machine.sample(world.pids)]
  const lags: Array<number> = []
  for (let second = 0; second < measuredSeconds; second++) {
    await sleep(1_000)
    lags.push(Math.max(0, ...valuesOf(await world.metrics(), "output_lag_seconds")))
  }
  const [marksAfter, snapshotsAfter, last] = [marks.seen(), snapshots.seen(), Machine.sample(world.pids)]
  const seconds = (last.atMs - first.atMs) / 1_000
  marks.stop()
  snapshots.stop()
  const ofParts = (value: (part: string) => number) => Object.fromEntries(Object.keys(world.pids).map((part) => [part, value(part)]))
  return {
    strategies,
    cores: ofParts((part) => ((last.cpu[part] ?? 0) - (first.cpu[part] ?? 0)) / seconds),
    memory: ofParts((part) => Machine.residentBytes(world.pids[part] ?? 0) / 1e6),
    marksPerSecond: (marksAfter.messages - marksBefore.messages) / seconds,
    snapshotBytesPerSecond: (snapshotsAfter.bytes - snapshotsBefore.bytes) / seconds,
    snapshotsPerSecond: (snapshotsAfter.messages - snapshotsBefore.messages) / seconds,
    lagSecondsMax: Math.max(...lags),
    lagSecondsMedian: medianOf(lags),
    busyShare: (last.busy - first.busy) / seconds / 2,
    troubles: world.troubles().length
  }
}

/** `profile` names a folder for processor profiles. */
export const run = async (ground: Ground, strategies: number, profile?: string): Promise<Result> => {
  const spec = { ...size, nowMs: Date.now() }
  const world = await World.open(ground, { kind: "platform", shape: "split", spec, rate: marketRate, strategies, profile })
  try {
    await world.load.call("start", { rate: marketRate })
    await allValued(world, strategies)
    await sleep(warmSeconds * 1_000)
    return await measure(world, strategies)
  } finally {
    await world.close()
  }
}
