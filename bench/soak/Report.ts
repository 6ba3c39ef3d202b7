import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, yes } from "../Entry.ts"
import { median } from "../Median.ts"
import * as Run from "./Run.ts"
import type * as Watch from "./Watch.ts"

const file = "bench/reports/soak"
/** The largest growth of memory in an hour, as a share. */
const growthPerHourMax = 0.05
/** The tolerance for handles that happen to be open at a look without having leaked. */
const handlesMore = 2
const fibersMore = 20
/** The least length of a run that proves the rows. A shorter one only tries the program. */
export const minutesMin = 20

const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`

/** The looks of one third of the run. */
const third = ({ handles, minutes }: Run.Result, which: 0 | 1 | 2): ReadonlyArray<Watch.Handles> =>
  handles.filter(({ atSeconds }) => Math.min(2, Math.floor((atSeconds / (minutes * 60)) * 3)) === which)
const of = (result: Run.Result, which: 0 | 1 | 2, what: keyof Watch.Handles): number => median(third(result, which).map((one) => one[what]))

/** The slope of a straight line through the memory after each collection in the last two thirds, as a share of its mean an hour. */
const growthPerHour = (result: Run.Result): number => {
  const points = [...third(result, 1), ...third(result, 2)].filter(({ heapMegabytes }) => heapMegabytes > 0)
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(({ atSeconds }) => atSeconds)), mean(points.map(({ heapMegabytes }) => heapMegabytes))]
  const covariance = mean(points.map(({ atSeconds, heapMegabytes }) => (atSeconds - x) * (heapMegabytes - y)))
  const variance = mean(points.map(({ atSeconds }) => (atSeconds - x) ** 2))
  return ((covariance / variance) * 3_600) / y
}

/** The rows about growth and leaks. */
const rows = ["TC-PERF-011", "TC-PERF-040"] as const

interface Finding {
  readonly name: string
  readonly ok: boolean
  readonly measured: string
  /** True if the rows of docs/behaviours.md require it. */
  readonly isOfRows: boolean
}

const findings = (result: Run.Result): ReadonlyArray<Finding> => {
  const growth = growthPerHour(result)
  const grown = (what: "descriptors" | "sockets" | "fibers") => of(result, 2, what) - of(result, 1, what)
  return [
    {
      name: "loss: every minute of the simulator's truth has an equal bar, or the record states the interruption",
      ok: result.differences.length === 0 && result.equal > 0,
      measured: `${count(result.equal)} minutes equal, ${count(result.interrupted)} interrupted by a fault and stated, ${count(result.differences.length)} different`,
      isOfRows: false
    },
    {
      name: "double owners: no frame of an older ticker after one of a newer",
      ok: result.doubles === 0 && result.frames > 0,
      measured: `${count(result.doubles)} of ${count(result.frames)} frames`,
      isOfRows: false
    },
    {
      name: "growth: memory grows by less than 5 % an hour after the first third",
      ok: growth < growthPerHourMax,
      measured: `after collecting garbage ${of(result, 1, "heapMegabytes").toFixed(1)} MB in the second third, ${of(result, 2, "heapMegabytes").toFixed(1)} MB in the last: ${(growth * 100).toFixed(1)} % an hour; resident ${Math.round(of(result, 1, "megabytes"))} MB, then ${Math.round(of(result, 2, "megabytes"))} MB`,
      isOfRows: true
    },
    {
      name: "leaks: as many descriptors, sockets and fibers in the last third as in the second",
      ok: grown("descriptors") <= handlesMore && grown("sockets") <= handlesMore && grown("fibers") <= fibersMore,
      measured: (["descriptors", "sockets", "fibers"] as const)
        .map((what) => `${what} ${of(result, 1, what)}, then ${of(result, 2, what)}`)
        .join("; "),
      isOfRows: true
    },
    {
      name: "healing: every account streams at the end",
      ok: result.isHealed,
      measured: result.isHealed ? "all" : "not all",
      isOfRows: false
    }
  ]
}

export const isGood = (result: Run.Result): boolean => findings(result).every(({ ok }) => ok)

const markdown = (result: Run.Result): string =>
  [
    "# Soak",
    "",
    `\`npm run soak -- --minutes ${result.minutes} --seed ${result.seed}\` on ${machineKind}, shared with other programs. ${result.days.length} simulated days at ${Run.speed} times their`,
    `speed, a tick of each instrument every ${Run.stepSeconds} s of market time, ${Run.accounts.length} accounts that stand in for one another; platform, NATS, Postgres and simulator on the same cores.`,
    "",
    "| what | ok | measured |",
    "|---|---|---|",
    ...findings(result).map(({ name, ok, measured }) => `| ${name} | ${yes(ok)} | ${measured} |`),
    "",
    "| fault | times |",
    "|---|---:|",
    ...Object.entries(result.faults).map(([kind, times]) => `| ${kind} | ${times} |`),
    "",
    `The record states ${count(result.breaks)} beginnings and ends of interruptions.`,
    "",
    ...(result.differences.length === 0
      ? []
      : [
          "## Minutes that differ",
          "",
          ...result.differences.slice(0, 20).map(({ bar, place, truth }) => `- ${place}: ${bar}, the truth is ${truth}`),
          ""
        ]),
    ...(result.troubles.length === 0 ? [] : ["## Errors in the log", "", `${count(result.troubles.length)} lines.`, ""])
  ].join("\n")

/** Writes the report and returns its text. Only a run that is long enough is kept as a proof. */
export const write = (result: Run.Result): string => {
  const isLong = result.minutes >= minutesMin
  const text = markdown(result)
  if (isLong) {
    const { handles: _, troubles, differences, ...rest } = result
    const all = findings(result)
    const entries = rows.flatMap((id) => all.flatMap(({ isOfRows, ...one }): ReadonlyArray<Entry> => (isOfRows ? [{ id, ...one }] : [])))
    const found = all.map(({ isOfRows: _, ...one }) => one)
    const kept = {
      name: "soak",
      machine: machineKind,
      entries,
      found,
      ...rest,
      differences: differences.slice(0, 20),
      troubles: troubles.length
    }
    writeFileSync(join(process.cwd(), `${file}.json`), `${JSON.stringify(kept, null, 2)}\n`)
    writeFileSync(join(process.cwd(), `${file}.md`), text)
  }
  return text
}
