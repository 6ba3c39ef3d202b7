import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, table } from "../Entry.ts"
import * as Run from "./Run.ts"

export const name = "strategies"
/** The same benchmark on the version before strategies shared their chains. */
const beforeName = "strategies-before"
const coresMax = 0.3
const lagMaxSeconds = 1
/** A strategy whose values change in every window has this many marks a second. */
const marksPerSecondMax = 4

const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`
const path = (file: string) => join(process.cwd(), "bench/reports", file)

const cores = (value: number): string => value.toFixed(2)

/** The cost of a run's strategies in one process: its processor time less that of the run without strategies. */
const added = (result: Run.Result, baseline: Run.Result, part: string): number => (result.cores[part] ?? 0) - (baseline.cores[part] ?? 0)

/** The cost if every strategy had all its marks. A process that gets too little processor time conflates marks. */
const atFullRate = (result: Run.Result, baseline: Run.Result): number =>
  (added(result, baseline, "actors") * result.strategies * marksPerSecondMax) / result.marksPerSecond

export const line = (result: Run.Result): string =>
  `${result.strategies} strategies: ${Object.entries(result.cores)
    .map(([part, value]) => `${part} ${cores(value)}`)
    .join(
      ", "
    )} cores, ${count(result.marksPerSecond)} marks/s, ${count(result.snapshotBytesPerSecond / 1e3)} kB/s of snapshots, values ${result.lagSecondsMax.toFixed(2)} s old at most`

const rows = (results: ReadonlyArray<Run.Result>): ReadonlyArray<string> => {
  const [baseline] = results
  if (baseline === undefined) return []
  return [
    "| strategies | actors, cores | NATS, cores | gateway, cores | actors more than without | per mark | at 4 marks/s each | marks/s | snapshots, kB/s | actors, MB | newest values, s: median, largest |",
    "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ...results.map((result) => {
      const { lagSecondsMax, lagSecondsMedian, marksPerSecond, memory, snapshotBytesPerSecond, strategies } = result
      const more = added(result, baseline, "actors")
      const isCompared = result !== baseline && marksPerSecond > 0
      const each = isCompared ? `${Math.round((more / marksPerSecond) * 1e6)} us` : ""
      const whole = isCompared ? cores(atFullRate(result, baseline)) : ""
      return `| ${count(strategies)} | ${cores(result.cores["actors"] ?? 0)} | ${cores(result.cores["nats"] ?? 0)} | ${cores(result.cores["gateway"] ?? 0)} | ${result === baseline ? "" : cores(more)} | ${each} | ${whole} | ${count(marksPerSecond)} | ${count(snapshotBytesPerSecond / 1e3)} | ${count(memory["actors"] ?? 0)} | ${lagSecondsMedian.toFixed(2)}, ${lagSecondsMax.toFixed(2)} |`
    })
  ]
}

const entriesOf = (results: ReadonlyArray<Run.Result>): ReadonlyArray<Entry> => {
  const [baseline] = results
  const most = results.at(-1)
  if (baseline === undefined || most === undefined || most === baseline) return []
  const more = added(most, baseline, "actors")
  const whole = atFullRate(most, baseline)
  return [
    {
      id: "BE-ISO-01",
      name: `${count(most.strategies)} strategies of 4 legs over ${Run.size.underlyings} underlyings at ${count(Run.marketRate)} ticks/s cost less than ${coresMax} core in the actors`,
      ok: whole < coresMax,
      measured: `${cores(more)} core for ${count(most.marksPerSecond)} marks/s; ${cores(whole)} core for all ${count(most.strategies * marksPerSecondMax)}`
    },
    ...results.map((result) => ({
      id: "BE-ISO-01",
      name: `with ${count(result.strategies)} strategies values stay below ${lagMaxSeconds} s old`,
      ok: result.lagSecondsMax < lagMaxSeconds,
      measured: `${result.lagSecondsMax.toFixed(2)} s at most, while the machine's processors were ${Math.round(result.busyShare * 100)} % busy`
    }))
  ]
}

const before = (): ReadonlyArray<string> => {
  const file = path(`${beforeName}.json`)
  if (!existsSync(file)) return []
  const { results } = JSON.parse(readFileSync(file, "utf8")) as { readonly results: ReadonlyArray<Run.Result> }
  return [
    "## Before strategies shared their chains",
    "",
    "The version before had an actor for each strategy, which kept all prices of its underlyings and solved every strike again.",
    "",
    ...rows(results),
    ""
  ]
}

const markdown = (results: ReadonlyArray<Run.Result>): string =>
  [
    "# Strategies",
    "",
    `\`npm run bench -- strategies\` on ${machineKind}; NATS, Postgres and the broker's stand-in on the same cores, which other work shared: everything`,
    `together took ${results.map(({ busyShare }) => `${Math.round(busyShare * 100)} %`).join(", ")} of them. The market sends ${count(Run.marketRate)} ticks/s of ${count(Run.size.instruments)} instruments of ${Run.size.underlyings} underlyings. Each strategy has`,
    `4 legs near the money of one underlying. ${Run.measuredSeconds} s are measured after every strategy has a value. A core is a processor second per second.`,
    "A process that gets too little of the machine falls behind, conflates marks, and costs less than it would: *at 4 marks/s each* is the cost per mark times all marks.",
    "",
    ...table(entriesOf(results)),
    "",
    ...rows(results),
    "",
    ...before()
  ].join("\n")

/** Writes the report and returns its text. */
export const write = (out: string, results: ReadonlyArray<Run.Result>): string => {
  const text = markdown(results)
  writeFileSync(
    path(`${out}.json`),
    `${JSON.stringify({ name: out, machine: machineKind, entries: entriesOf(results), results }, null, 2)}\n`
  )
  if (out === name) writeFileSync(path(`${out}.md`), text)
  return text
}
