import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, table } from "../Entry.ts"
import { median } from "../Median.ts"
import * as Run from "./Run.ts"

const file = "bench/reports/churn"
const lagMaxSeconds = 1
/** The largest ratio of the last third's memory to the second's. More is growth. */
const growthMax = 1.15

const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`

const parts = ({ seconds }: Run.Result): ReadonlyArray<string> => Object.keys(seconds[0]?.memory ?? {})
const memoryOf = (seconds: ReadonlyArray<Run.Second>, part: string) => median(seconds.map(({ memory }) => memory[part] ?? 0))
/** The seconds of one third of the churn, without the settling after it. */
const third = ({ seconds, minutes }: Run.Result, which: 0 | 1 | 2): ReadonlyArray<Run.Second> =>
  seconds.filter(({ atSeconds }) => Math.floor((atSeconds / (minutes * 60)) * 3) === which)
const growthOf = (result: Run.Result, part: string): number => memoryOf(third(result, 2), part) / memoryOf(third(result, 1), part)

const entriesOf = (result: Run.Result): ReadonlyArray<Entry> => {
  const lags = result.seconds.map(({ lagSeconds }) => lagSeconds)
  const notOk = result.seconds.filter(({ reason }) => reason !== null).length
  const growth = parts(result).map((part) => ({ part, factor: growthOf(result, part) }))
  const { before, after, settledSeconds } = result
  return [
    {
      id: "BE-ISO-01",
      name: `${Run.strategiesEach} strategies made and removed every ${Run.roundSeconds} s and ${Run.connectionsPerSecond} connections a second: everybody's values stay below ${lagMaxSeconds} s old`,
      ok: result.refused === 0 && Math.max(...lags) < lagMaxSeconds && result.disconnects === 0,
      measured: `made ${count(result.made)}, removed ${count(result.removed)}, refused ${result.refused}, ${count(result.connections)} connections; oldest values ${Math.max(...lags).toFixed(2)} s, ${notOk} of ${result.seconds.length} looks at /health not ok, ${result.disconnects} disconnections from NATS`
    },
    {
      id: "BE-ISO-01",
      name: "memory is flat after the first third",
      ok: growth.every(({ factor }) => factor < growthMax),
      measured: growth.map(({ part, factor }) => `${part} x ${factor.toFixed(2)}`).join(", ")
    },
    {
      id: "BE-ISO-01",
      name: "consumers, actors and snapshots are as before",
      ok: settledSeconds !== null,
      measured: `${before.consumers} consumers, ${before.actors} actors, ${before.snapshotMessages} messages of snapshots before; ${after.consumers}, ${after.actors}, ${after.snapshotMessages} ${settledSeconds === null ? "at the end" : `${Math.round(settledSeconds)} s after`}`
    }
  ]
}

const markdown = (result: Run.Result, entries: ReadonlyArray<Entry>): string =>
  [
    "# Churn",
    "",
    `\`npm run bench -- churn --minutes ${result.minutes}\` on ${machineKind}; one process of both roles, NATS, Postgres and the broker's stand-in on the same`,
    `cores. The market sends ${count(Run.marketRate)} ticks/s of ${count(Run.size.instruments)} instruments of ${Run.size.underlyings} underlyings. Each strategy has ${Run.legsEach} legs.`,
    "",
    ...table(entries),
    "",
    "| memory, MB | first third | second | last |",
    "|---|---:|---:|---:|",
    ...parts(result).map(
      (part) => `| ${part} | ${([0, 1, 2] as const).map((which) => Math.round(memoryOf(third(result, which), part))).join(" | ")} |`
    ),
    "",
    ...[...new Set(result.seconds.flatMap(({ reason }) => reason ?? []))].map((reason) => `/health said: ${reason}.\n`),
    `Actors that were rebuilt from a keyframe: ${count(result.rebuilds)}.`,
    "",
    ...(result.troubles.length === 0 ? [] : ["## What was odd", "", ...result.troubles.slice(0, 10).map((line) => `- ${line}`), ""])
  ].join("\n")

/** Writes the report and returns its text. */
export const write = (result: Run.Result): string => {
  const root = process.cwd()
  const entries = entriesOf(result)
  const text = markdown(result, entries)
  writeFileSync(join(root, `${file}.json`), `${JSON.stringify({ name: "churn", machine: machineKind, entries, ...result }, null, 2)}\n`)
  writeFileSync(join(root, `${file}.md`), text)
  return text
}
