import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { type Entry, table } from "../Entry.ts"
import * as Run from "./Run.ts"

const file = "bench/reports/placement"
/** A lease of 8 s, and one second until the next process takes it. */
const silenceSecondsMax = 9
const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`
const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)
const seconds = (value: number): string => value.toFixed(2)

const entriesOf = (rounds: ReadonlyArray<Run.Round>): ReadonlyArray<Entry> => [
  {
    id: "BE-OPS-05",
    name: `no actor is without a process for longer than ${silenceSecondsMax} s, whether its process is killed, stopped or frozen`,
    ok: rounds.length > 0 && rounds.every(({ othersSilence, silence }) => Math.max(silence.most, othersSilence) <= silenceSecondsMax),
    measured: `${seconds(Math.max(...rounds.map(({ othersSilence, silence }) => Math.max(silence.most, othersSilence))))} s at most, ${sum(rounds.map(({ moved }) => moved))} actors moved in ${rounds.length} rounds`
  },
  {
    id: "BE-OPS-05",
    name: "no actor runs in two processes, also when a frozen one goes on, and each next process has a larger epoch",
    ok: rounds.every(({ doubles, sameEpochs }) => doubles + sameEpochs === 0),
    measured: `${sum(rounds.map(({ doubles }) => doubles))} signs of life under an older epoch, ${sum(rounds.map(({ sameEpochs }) => sameEpochs))} epochs that did not grow`
  }
]

const markdown = (rounds: ReadonlyArray<Run.Round>): string =>
  [
    "# Placement",
    "",
    `\`npm run bench -- placement\` on ${machineKind}, a shared machine. ${Run.processes} processes share ${Run.actors} actors (\`PLACEMENT=cluster\`, leases of ${Run.ttlSeconds} s). Each actor gives a sign of life`,
    "every 100 ms while its process holds its lease, and does nothing else. The process with the most actors gets the signal. A frozen one goes on three seconds after its actors run elsewhere.",
    "",
    ...table(entriesOf(rounds)),
    "",
    "| signal | actors of the process | nobody ran them for, s: median | most | nobody ran another actor for, s: most | signs of life under an older epoch |",
    "|---|---:|---:|---:|---:|---:|",
    ...rounds.map(
      ({ doubles, moved, othersSilence, signal, silence }) =>
        `| ${signal} | ${moved} | ${seconds(silence.median)} | ${seconds(silence.most)} | ${seconds(othersSilence)} | ${doubles} |`
    ),
    "",
    "Another actor moves when a process joins, because the actors are shared evenly again.",
    ""
  ].join("\n")

/** Writes the report and returns its text. */
export const write = (rounds: ReadonlyArray<Run.Round>): string => {
  const text = markdown(rounds)
  const kept = { name: "placement", machine: machineKind, entries: entriesOf(rounds), rounds }
  writeFileSync(join(process.cwd(), `${file}.json`), `${JSON.stringify(kept, null, 2)}\n`)
  writeFileSync(join(process.cwd(), `${file}.md`), text)
  return text
}
