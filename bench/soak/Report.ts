import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, table, yes } from "../Entry.ts"
import { median } from "../Median.ts"
import * as Run from "./Run.ts"
import type * as Watch from "./Watch.ts"

const file = "bench/reports/soak"
/** Shares of an hour. */
const growthPerHourMax = 0.05
/** A handle that is open by chance at one look is none that leaked. */
const handlesMore = 2
const fibersMore = 20
/** A soak that proves the row. A shorter one only tries the program. */
export const minutesMin = 20

const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`

/** The looks of one third of the run. */
const third = ({ handles, minutes }: Run.Result, which: 0 | 1 | 2): ReadonlyArray<Watch.Handles> =>
  handles.filter(({ atSeconds }) => Math.min(2, Math.floor((atSeconds / (minutes * 60)) * 3)) === which)
const of = (result: Run.Result, which: 0 | 1 | 2, what: keyof Watch.Handles): number => median(third(result, which).map((one) => one[what]))

const growthPerHour = (result: Run.Result): number => {
  const [middle, last] = [of(result, 1, "megabytes"), of(result, 2, "megabytes")]
  return (last / middle - 1) * (60 / (result.minutes / 3))
}

const findings = (result: Run.Result) => {
  const growth = growthPerHour(result)
  const grown = (what: "descriptors" | "sockets" | "fibers") => of(result, 2, what) - of(result, 1, what)
  return [
    {
      name: "loss: every minute of the simulator's truth has an equal bar, or the record states the interruption",
      ok: result.differences.length === 0 && result.equal > 0,
      measured: `${count(result.equal)} minutes equal, ${count(result.interrupted)} interrupted by a fault and stated, ${count(result.differences.length)} different`
    },
    {
      name: "double owners: no frame of an older ticker after one of a newer",
      ok: result.doubles === 0 && result.frames > 0,
      measured: `${count(result.doubles)} of ${count(result.frames)} frames`
    },
    {
      name: "growth: memory grows by less than 5 % an hour after the first third",
      ok: growth < growthPerHourMax,
      measured: `${Math.round(of(result, 1, "megabytes"))} MB in the second third, ${Math.round(of(result, 2, "megabytes"))} MB in the last: ${(growth * 100).toFixed(1)} % an hour`
    },
    {
      name: "leaks: as many descriptors, sockets and fibers in the last third as in the second",
      ok: grown("descriptors") <= handlesMore && grown("sockets") <= handlesMore && grown("fibers") <= fibersMore,
      measured: (["descriptors", "sockets", "fibers"] as const)
        .map((what) => `${what} ${of(result, 1, what)}, then ${of(result, 2, what)}`)
        .join("; ")
    },
    { name: "healing: every account streams at the end", ok: result.isHealed, measured: result.isHealed ? "all" : "not all" }
  ]
}

export const isGood = (result: Run.Result): boolean => findings(result).every(({ ok }) => ok)

const markdown = (result: Run.Result, entries: ReadonlyArray<Entry>): string =>
  [
    "# Soak",
    "",
    `\`npm run soak -- --minutes ${result.minutes} --seed ${result.seed}\` on ${machineKind}, shared with other programs. ${result.days.length} simulated days at ${Run.speed} times their`,
    `speed, a tick of each instrument every ${Run.stepSeconds} s of market time, ${Run.accounts.length} accounts that stand in for one another; platform, NATS, Postgres and simulator on the same cores.`,
    "",
    ...(entries.length > 0
      ? table(entries)
      : [
          "| what | ok | measured |",
          "|---|---|---|",
          ...findings(result).map(({ name, ok, measured }) => `| ${name} | ${yes(ok)} | ${measured} |`)
        ]),
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
  const entries = isLong ? (["TC-PERF-011", "TC-PERF-040"] as const).flatMap((id) => findings(result).map((one) => ({ id, ...one }))) : []
  const text = markdown(result, entries)
  if (isLong) {
    const { handles, troubles, differences, ...rest } = result
    const kept = { name: "soak", machine: machineKind, entries, ...rest, differences: differences.slice(0, 20), troubles: troubles.length }
    writeFileSync(join(process.cwd(), `${file}.json`), `${JSON.stringify(kept, null, 2)}\n`)
    writeFileSync(join(process.cwd(), `${file}.md`), text)
  }
  return text
}
