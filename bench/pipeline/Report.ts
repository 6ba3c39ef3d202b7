import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, table, yes } from "../Entry.ts"
import type * as Race from "../Race.ts"
import type { Latency } from "./Histogram.ts"
import type { Cell, Phase, Result } from "./Run.ts"

interface Target {
  readonly name: string
  readonly ok: boolean
  readonly measured: string
}

const MB = 1_024 * 1_024
const few = (value: number, digits = 2): string => (Number.isFinite(value) ? value.toFixed(digits) : "none")
const ms = (value: number | null): string => (value === null ? "none" : value >= 100 ? String(Math.round(value)) : few(value, 1))
const three = ({ p50, p95, p99 }: Latency): string => `${ms(p50)} / ${ms(p95)} / ${ms(p99)}`
const megabytes = (bytes: number): string => String(Math.round(bytes / MB))

export const title = ({ kind, shape, rate, underlyings, instruments, accounts }: Cell): string =>
  `${kind}${shape === "one" ? " in one process" : ""}: ${count(rate)} ticks/s, ${underlyings} underlyings, ${count(instruments)} instruments, ${accounts} accounts`

const platformCores = ({ cores }: Phase): number =>
  Object.entries(cores).reduce((sum, [part, used]) => sum + (part === "nats" ? 0 : used), 0)
const lost = (result: Result): number => result.missing / Math.max(1, result.sent)

export const line = (result: Result): string => {
  const phases = result.phases.map(
    (phase) =>
      `${phase.clients} clients${phase.rate === result.cell.rate ? "" : ` at ${count(phase.rate)}/s`}: ${few(phase.cpuPerMillionAll)} s/M, client ${three(phase.toClient)} ms`
  )
  return `${title(result.cell)}: ${result.isHeld ? "held" : result.isExact ? "exact, not held" : "NOT EXACT"}; ${phases.join("; ")}; to stream ${three(result.toStream)} ms; ${megabytes(result.platformMemoryMax)} MB${result.problems.map((problem) => `\n  ! ${problem}`).join("")}`
}

// ---- judging ------------------------------------------------------------------------------------------------------

const isBelow = (latency: Latency, p50: number, p95: number, p99: number): boolean =>
  (latency.p50 ?? Number.POSITIVE_INFINITY) < p50 &&
  (latency.p95 ?? Number.POSITIVE_INFINITY) < p95 &&
  (latency.p99 ?? Number.POSITIVE_INFINITY) < p99
const none = Number.POSITIVE_INFINITY

const isClean = (result: Result): boolean => result.isExact && result.phases.every(({ missed, disordered }) => missed + disordered === 0)

/** A row about one load: latency from the broker's write to the client with 50 clients, without loss. */
const loadEntry = (
  id: string,
  name: string,
  result: Result | undefined,
  limits: { readonly p95: number; readonly p99?: number; readonly cores?: number; readonly memoryMB?: number; readonly growth?: number }
): Entry => {
  const phase = result?.phases.find(({ clients }) => clients === 50)
  if (result === undefined || phase === undefined) return { id, name, ok: false, measured: "not run" }
  const { p95, p99 = none, cores = none, memoryMB = none, growth = none } = limits
  const ok =
    isClean(result) &&
    isBelow(phase.fromBroker, none, p95, p99) &&
    platformCores(phase) < cores &&
    result.platformMemoryMax < memoryMB * MB &&
    result.memoryGrowth < growth
  const measured = `${title(result.cell)}; broker to client p50/p95/p99 ${three(phase.fromBroker)} ms; ${few(platformCores(phase))} cores and ${megabytes(result.platformMemoryMax)} MB in all platform processes, memory growth ${few(100 * result.memoryGrowth, 1)} %; sent ${count(result.sent)}, stored ${count(result.stored)}, folded ${count(result.foldedByGreeks)}`
  return { id, name, ok, measured }
}

const saturationEntry = (result: Result | undefined): Entry => {
  const id = "TC-PERF-010"
  const name = "3,000 instruments x 25 ticks/s and beyond: saturation point, bottleneck, nothing corrupted"
  if (result === undefined) return { id, name, ok: false, measured: "not run" }
  const kept = result.phases.filter(({ isKeptUp }) => isKeptUp)
  const first = result.phases.find(({ isKeptUp }) => !isKeptUp)
  const last = first ?? result.phases.at(-1)
  const [part = "", cores = 0] = Object.entries(last?.cores ?? {}).toSorted((a, b) => b[1] - a[1])[0] ?? []
  const spent = [...Object.values(last?.cores ?? {}), ...Object.values(last?.coresAround ?? {}), last?.coresElsewhere ?? 0].reduce(
    (sum, used) => sum + used,
    0
  )
  const highest = Math.max(0, ...kept.map(({ rate }) => rate))
  const bottleneck =
    cores > 0.9
      ? `the event loop of ${part} (${few(cores)} cores)`
      : `the machine's ${cpus().length} cores (${few(spent)} in use by everything, of it ${Object.entries(last?.coresAround ?? {})
          .map(([name, used]) => `${name} ${few(used)}`)
          .join(", ")}; most of the platform's in ${part}, ${few(cores)})`
  const ok =
    first !== undefined &&
    (result.phases[0]?.isKeptUp ?? false) &&
    result.double + result.foreign === 0 &&
    lost(result) < 0.05 &&
    result.phases.every(({ closed }) => closed === 0)
  const conflated = result.phases.reduce((sum, phase) => sum + phase.conflated, 0)
  const read = last === undefined ? 0 : last.readPerSecond
  const measured = `kept up to ${count(highest)} ticks/s; ${first === undefined ? "no saturation found up to that" : `at ${count(first.rate)} offered ${count(read)} were read a second`}; bottleneck: ${bottleneck}; lost ${few(100 * lost(result), 3)} %, double ${result.double}, foreign ${result.foreign}, conflated for clients ${count(conflated)}`
  return { id, name, ok, measured }
}

const atMost = 30_000

/** The loads of TC-PERF-001 to -003 belong to tens of underlyings. Hundreds are measured in addition. */
const isUsual = ({ cell }: Result): boolean => cell.underlyings <= 20
const many = (result: Result): boolean => !isUsual(result)

const latencyOf = (
  results: ReadonlyArray<Result>,
  limits: readonly [number, number, number],
  of: (result: Result) => ReadonlyArray<Latency>
): Omit<Target, "name"> => {
  const looked = results.filter(({ cell }) => cell.rate <= atMost)
  const all = looked.flatMap((result) => of(result).map((latency) => ({ result, latency })))
  const worst = all.toSorted((a, b) => (b.latency.p99 ?? none) - (a.latency.p99 ?? none))[0]
  const ok = all.length > 0 && all.every(({ latency }) => isBelow(latency, ...limits))
  const measured =
    worst === undefined
      ? "not run"
      : `worst of ${all.length} at up to ${count(atMost)} ticks/s: p50/p95/p99 ${three(worst.latency)} ms (${title(worst.result.cell)})`
  return { ok, measured }
}
const toStreamOf = ({ toStream }: Result) => [toStream]
const toClientOf = ({ phases }: Result) => phases.map(({ fromBroker }) => fromBroker)
const streamFloors = [20, 50, 100] as const
const clientFloors = [50, 150, 300] as const

interface Told {
  readonly platform: ReadonlyArray<Result>
  readonly other: ReadonlyArray<Result>
  readonly bare: ReadonlyArray<Result>
  /** Pairs that were run again. */
  readonly rounds: ReadonlyArray<Result>
  readonly beyond: Result | undefined
}

const isBeyond = ({ cell }: Result): boolean => cell.phases.some(({ rate }) => rate !== undefined)
const tell = (results: ReadonlyArray<Result>): Told => {
  const shape = results[0]?.cell.shape
  const usual = results.filter((result) => !isBeyond(result) && result.cell.round === undefined)
  return {
    rounds: results.filter(({ cell }) => cell.round !== undefined),
    platform: usual.filter(({ cell }) => cell.kind === "platform" && cell.shape === shape),
    other: usual.filter(({ cell }) => cell.kind === "platform" && cell.shape !== shape),
    bare: usual.filter(({ cell }) => cell.kind === "bare"),
    beyond: results.find(isBeyond)
  }
}

const find = (results: ReadonlyArray<Result>, rate: number, underlyings = 20) =>
  results.find(({ cell }) => cell.rate === rate && cell.underlyings === underlyings)

const entriesOf = ({ platform, beyond }: Told): ReadonlyArray<Entry> => [
  loadEntry("TC-PERF-001", "500 instruments x 10 ticks/s", find(platform, 5_000), { p95: 100, p99: 200, cores: 0.5, growth: 0.1 }),
  loadEntry("TC-PERF-002", "1,000 instruments x 20 ticks/s (backpressure levels aside)", find(platform, 20_000), {
    p95: 150,
    p99: 300,
    cores: 0.7,
    memoryMB: 1_024
  }),
  loadEntry("TC-PERF-003", "2 accounts, 2,000 instruments x 15 ticks/s", find(platform, 30_000), { p95: 150, memoryMB: 1_536 }),
  saturationEntry(beyond),
  {
    id: "TC-PERF-020",
    name: "socket read to stream below 20, 50 and 100 ms, over 1 and 20 underlyings",
    ...latencyOf(platform.filter(isUsual), streamFloors, toStreamOf)
  },
  {
    id: "TC-PERF-021",
    name: "broker's write to WebSocket client below 50, 150 and 300 ms, over 1 and 20 underlyings",
    ...latencyOf(platform.filter(isUsual), clientFloors, toClientOf)
  }
]

/** One run of a pair. */
interface Pair {
  readonly cell: Cell
  readonly platform: number
  readonly bare: number
  readonly ratio: number
  /** Why the pair does not count; null if it does. A side that did less, or caught up in larger batches, used less time per tick. */
  readonly unfair: string | null
}
interface Ratio extends Pair {
  readonly all: ReadonlyArray<Pair>
}
const at50 = (result: Result) => result.phases.find(({ clients }) => clients === 50)
const behindMax = 0.05
const isInStep = (phase: Phase): boolean => Math.abs(phase.readPerSecond / phase.sentPerSecond - 1) < behindMax
const pairOf = (own: Result | undefined, other: Result): ReadonlyArray<Pair> => {
  const [ours, theirs] = [own && at50(own), at50(other)]
  if (own === undefined || ours === undefined || theirs === undefined) return []
  const ratio = ours.cpuPerMillionAll / theirs.cpuPerMillionAll
  const inexact = [own, other].filter(({ isExact }) => !isExact).map(({ cell }) => cell.kind)
  const isEven = isInStep(ours) && isInStep(theirs)
  const unfair = inexact.length > 0 ? `${inexact.join(" and ")} not exact` : isEven ? null : "not kept up"
  return [{ cell: own.cell, platform: ours.cpuPerMillionAll, bare: theirs.cpuPerMillionAll, ratio, unfair }]
}
/** The run with the median ratio among those that count (the worse of two); if none counts, among all. */
const ratiosOf = ({ platform, bare, rounds }: Told): ReadonlyArray<Ratio> =>
  bare.flatMap((other) => {
    const { rate, underlyings } = other.cell
    const again = rounds.filter(({ cell }) => cell.kind === "bare" && cell.rate === rate && cell.underlyings === underlyings)
    const pairs = again.flatMap((bare) =>
      pairOf(
        rounds.find(({ cell }) => cell.kind === "platform" && cell.rate === rate && cell.round === bare.cell.round),
        bare
      )
    )
    const all = [...pairOf(find(platform, rate, underlyings), other), ...pairs].toSorted((a, b) => a.ratio - b.ratio)
    const fair = all.filter(({ unfair }) => unfair === null)
    const counted = fair.length > 0 ? fair : all
    const middle = counted[counted.length >> 1]
    return middle === undefined ? [] : [{ ...middle, all }]
  })

const topRate = 200_000
const ratioMax = 1.3
const ratioTarget = (name: string, ratios: ReadonlyArray<Ratio>): Target => {
  const worst = ratios.toSorted((a, b) => b.ratio - a.ratio)[0]
  return {
    name,
    ok: (worst?.ratio ?? none) <= ratioMax && ratios.every(({ unfair }) => unfair === null),
    measured:
      worst === undefined
        ? "not run"
        : `worst ${few(worst.ratio)} at ${count(worst.cell.rate)} ticks/s (${few(worst.platform)} against ${few(worst.bare)} s a million), median of ${worst.all.filter(({ unfair }) => unfair === null).length} runs that count of ${worst.all.length}`
  }
}

const targetsOf = (told: Told, peer: ReadonlyArray<Race.Measured>): ReadonlyArray<Target> => {
  const top = find(told.platform, topRate)
  const ratios = ratiosOf(told).filter(({ cell }) => cell.underlyings === 20)
  const heaviest = (shape: Cell["shape"]) =>
    [...told.platform, ...told.other]
      .filter(({ cell }) => cell.shape === shape)
      .toSorted((a, b) => b.platformMemoryMax - a.platformMemoryMax)[0]
  const [one, split] = [heaviest("one"), heaviest("split")]
  const memoryOf = (result: Result | undefined) =>
    result === undefined ? "not run" : `${megabytes(result.platformMemoryMax)} MB (${title(result.cell)})`
  const full = peer.find(({ name }) => name.includes("full"))
  return [
    {
      name: "200,000 ticks/s over 20 underlyings held with nothing lost",
      ok: top?.isHeld ?? false,
      measured:
        top === undefined
          ? "not run"
          : `sent ${count(top.sent)}, stored ${count(top.stored)}, folded ${count(top.foldedByGreeks)}; the last one stored ${ms(top.drainedMs)} ms after it was sent`
    },
    ratioTarget(
      "at most 1.3 times the bare pipeline's processor time a tick there",
      ratios.filter(({ cell }) => cell.rate === topRate)
    ),
    ratioTarget(
      "the same at the lower rates",
      ratios.filter(({ cell }) => cell.rate < topRate)
    ),
    {
      name: "under 400 MB of resident memory with actors and gateway in one process",
      ok: one !== undefined && one.platformMemoryMax < 400 * MB,
      measured: `one process ${memoryOf(one)}; both of two together ${memoryOf(split)}`
    },
    { name: "the floors of TC-PERF-020 over 200 underlyings", ...latencyOf(told.platform.filter(many), streamFloors, toStreamOf) },
    { name: "the floors of TC-PERF-021 over 200 underlyings", ...latencyOf(told.platform.filter(many), clientFloors, toClientOf) },
    {
      name: "decoding full packets, which are what the platform streams, at least 100 times as fast as kiteconnect",
      ok: (full?.ratio ?? 0) >= 100,
      measured: full === undefined ? "not run" : `${peer.map((it) => `${count(it.ratio ?? 0)} x (${it.name})`).join(", ")}`
    }
  ]
}

// ---- text ---------------------------------------------------------------------------------------------------------

const partsOf = (of: Readonly<Record<string, number>>, digits: number): string =>
  Object.entries(of)
    .map(([part, value]) => `${part} ${few(value, digits)}`)
    .join(", ")

const phaseRow = (result: Result, phase: Phase): string =>
  `| ${count(phase.rate)} | ${result.cell.underlyings} | ${phase.clients} | ${few(phase.cpuPerMillionAll)} | ${partsOf(phase.cpuPerMillion, 2)} | ${few(platformCores(phase))} | ${three(phase.toClient)} | ${three(phase.fromBroker)} | ${count(phase.clientTicksPerSecond)} | ${phase.missed + phase.disordered} | ${phase.conflated} | ${few(phase.coresElsewhere)} |`
const phaseHead = [
  "| ticks/s | underlyings | clients | CPU s / million | of it | platform cores | socket read to client ms | broker's write to client ms | ticks/s to clients | missed | conflated | cores elsewhere |",
  "|---:|---:|---:|---:|---|---:|---|---|---:|---:|---:|---:|"
]
const cellRow = (result: Result): string => {
  const { cell } = result
  return `| ${count(cell.rate)} | ${cell.underlyings} | ${count(cell.instruments)} | ${cell.accounts} | ${count(result.sent)} | ${count(result.stored)} | ${count(result.foldedByGreeks)} | ${count(result.foldedByBars)} | ${cell.kind === "bare" ? "" : `${count(result.foldedByStrategies)} of ${count(result.dueToStrategies)}`} | ${few(result.packetsPerFrame, 1)} | ${three(result.toStream)} | ${ms(result.drainedMs)} | ${megabytes(result.platformMemoryMax)} | ${megabytes(result.memoryMax["nats"] ?? 0)} | ${yes(result.isExact)} | ${yes(result.isHeld)} |`
}
const cellHead = [
  "| ticks/s | underlyings | instruments | accounts | sent | stored | folded by Greeks | by bars | by M2M | packets a frame | socket read to stream ms | last stored after ms | platform MB | nats MB | equal | held |",
  "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|---|---|"
]
const cells = (results: ReadonlyArray<Result>): ReadonlyArray<string> => [
  ...cellHead,
  ...results.map(cellRow),
  "",
  ...phaseHead,
  ...results.flatMap((result) => result.phases.map((phase) => phaseRow(result, phase)))
]
const section = (name: string, results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  results.length === 0 ? [] : [`## ${name}`, "", ...cells(results), ""]

const pairText = ({ ratio, unfair }: Pair): string => (unfair === null ? few(ratio) : `${few(ratio)} (${unfair})`)

const oddities = (result: Result): ReadonlyArray<string> => {
  const { cell, isExact, stored, sent, foldedByGreeks, problems } = result
  const inexact = `not exact: stored ${count(stored)} and folded ${count(foldedByGreeks)} of ${count(sent)}`
  const name = `${title(cell)}${cell.round === undefined ? "" : `, round ${cell.round + 1}`}`
  return [...(isExact ? [] : [inexact]), ...problems].map((problem) => `- ${name}: ${problem}`)
}

const markdown = (
  told: Told,
  entries: ReadonlyArray<Entry>,
  targets: ReadonlyArray<Target>,
  peer: ReadonlyArray<Race.Measured>,
  machine: string
): string => {
  const shapes = { split: "actors and gateway in a process each", one: "actors and gateway in one process" }
  const shape = told.platform[0]?.cell.shape ?? "split"
  const beyond = told.beyond === undefined ? [] : [told.beyond]
  const odd = [...told.platform, ...told.other, ...told.bare, ...told.rounds, ...beyond].flatMap(oddities)
  return [
    "# Whole pipeline",
    "",
    `\`npm run bench -- pipeline\` on ${machine}; the platform with ${shapes[shape]}. A broker's stand-in (a process of its own, not counted) writes`,
    "full 184-byte packets of prices that move together, mixed over the underlyings, at an exact rate; the platform regroups them into frames in",
    "JetStream (file store, s2), folds them into Greeks, bars and strategies' values and serves WebSocket clients (a process of their own, not counted: of",
    "ten clients eight read about 100 ticks/s each, one a chain, one a strategy). Everything shares the same cores. The bare pipeline does the same",
    "with plain callbacks: same packets, frames, streams, deciders, texts and pace; no Effect, no actors, no snapshots, no resending, no metrics, nothing to Postgres.",
    "",
    "Processor time is user and system time of all threads (`/proc`), per million ticks read from the sockets. *Stored* counts every tick in the record",
    "once, told apart by its number in the volume; *folded* is what the actors' own states say after a clean stop, frame by frame. *Held*: equal, and",
    "the last tick stored within a second of being sent. Times are p50 / p95 / p99. *Cores elsewhere* is other work on the machine: with much of it the",
    "times say little.",
    "",
    ...table([...entries, ...targets.map((target) => ({ id: "target", ...target }))]),
    "",
    ...section(`Platform, ${shapes[shape]}`, told.platform),
    ...section(`Platform, ${shapes[shape === "one" ? "split" : "one"]}`, told.other),
    ...section("Bare pipeline", told.bare),
    ...(ratiosOf(told).length === 0
      ? []
      : [
          "## Against the bare pipeline",
          "",
          "With 50 clients, CPU seconds per million ticks of platform and NATS server: of several runs of a pair the one with the median ratio among those",
          "in which both folded all that was sent, and read it while it was sent (of two the worse).",
          "",
          "| ticks/s | underlyings | platform | bare | ratio | counts | all runs |",
          "|---:|---:|---:|---:|---:|---|---|",
          ...ratiosOf(told).map(
            ({ cell, platform, bare, ratio, unfair, all }) =>
              `| ${count(cell.rate)} | ${cell.underlyings} | ${few(platform)} | ${few(bare)} | ${few(ratio)} | ${unfair ?? "yes"} | ${all.map(pairText).join(", ")} |`
          ),
          ""
        ]),
    ...(told.beyond === undefined ? [] : section("Beyond: more every three seconds, until it is too much", [told.beyond])),
    ...(peer.length === 0
      ? []
      : [
          "## Decoding",
          "",
          "Packets a second of one core, medians of rounds in which both run in turn.",
          "",
          "| what | ours | kiteconnect 5.3.0 | ratio |",
          "|---|---:|---:|---:|",
          ...peer.map((it) => `| ${it.name} | ${count(it.ours)} | ${count(it.baseline ?? 0)} | ${count(it.ratio ?? 0)} x |`),
          ""
        ]),
    ...(odd.length === 0 ? [] : ["## What was odd", "", ...odd, ""])
  ].join("\n")
}

/** Writes the report if everything was run; returns the text in any case. */
export const write = (
  results: ReadonlyArray<Result>,
  peer: ReadonlyArray<Race.Measured>,
  options: { readonly minutes: number; readonly isWhole: boolean }
): string => {
  const told = tell(results)
  const machine = `Node ${process.versions.node}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`
  const entries = options.isWhole ? entriesOf(told) : []
  const targets = options.isWhole ? targetsOf(told, peer) : []
  const text = markdown(told, entries, targets, peer, machine)
  if (!options.isWhole) return text
  const folder = join(process.cwd(), "bench/reports")
  const facts = { name: "pipeline", machine, minutes: options.minutes, entries, targets, peer, ratios: ratiosOf(told), results }
  writeFileSync(join(folder, "pipeline.json"), `${JSON.stringify(facts, null, 2)}\n`)
  writeFileSync(join(folder, "pipeline.md"), text)
  return text
}
