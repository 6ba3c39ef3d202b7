import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { bufferBytesMaxDefault } from "../../src/streams/frames/Lanes.ts"
import { count, type Entry, table } from "../Entry.ts"
import * as Run from "./Run.ts"

const file = "bench/reports/outage"
/** Growth of a process beyond the buffers of all its accounts: sockets, headers and what waits for the garbage collector. */
const growthMBMax = 384
const freshSecondsMax = 60

const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`
const memoryMBMax = (Run.size.accounts * bufferBytesMaxDefault) / 1e6 + growthMBMax

const entriesOf = (result: Run.Result): ReadonlyArray<Entry> => {
  const { bufferedBytesMax, broken, clients, clientsClosed, clientsTold, freshSeconds, holes, memory, received, stored } = result
  const held = Object.entries(result.held)
  const growth = Object.entries(memory).map(([part, { before, most }]) => ({ part, before, most, grown: most - before }))
  return [
    {
      id: "BE-REC-02",
      name: "every packet that a ticker received is stored, or counted in a break of the record",
      ok: broken > 0 && received === stored + broken && holes === 0,
      measured: `${count(received)} received, ${count(stored)} stored, ${count(broken)} in ${count(result.breaks)} breaks of ${count(result.lanesBroken)} underlyings and accounts; ${count(received - stored - broken)} unaccounted, ${count(holes)} holes in the frames' numbers`
    },
    {
      id: "BE-REC-02",
      name: "every client of /ws/ticks learns that packets are missing, and keeps its connection",
      ok: clientsTold === clients && clientsClosed === 0,
      measured: `${clientsTold} of ${clients} clients, ${clientsClosed} closed`
    },
    {
      id: "TC-PERF-030",
      name: `no process grows by more than the accounts' buffers and ${growthMBMax} MB`,
      ok: growth.every(({ grown }) => grown < memoryMBMax),
      measured: `${growth.map(({ part, before, most }) => `${part} ${Math.round(before)} to ${Math.round(most)} MB`).join(", ")}; the tickers report at most ${count(bufferedBytesMax / 1e6)} MB in a buffer`
    },
    {
      id: "TC-PERF-030",
      name: `what clients hold is less than ${Run.heldSecondsMax} s old within ${freshSecondsMax} s after NATS returned: ticks, chains and marks`,
      ok: held.every(([, { freshSeconds }]) => freshSeconds !== null && freshSeconds < freshSecondsMax),
      measured: held
        .map(
          ([kind, { freshSeconds, secondsBefore }]) =>
            `${kind} ${freshSeconds === null ? "never" : `after ${freshSeconds.toFixed(1)} s`} (before, ${secondsBefore.toFixed(2)} s old)`
        )
        .join(", ")
    },
    {
      id: "TC-PERF-030",
      name: `values are less than a second old within ${freshSecondsMax} s after NATS returned`,
      ok: freshSeconds !== null && freshSeconds < freshSecondsMax,
      measured: `${freshSeconds === null ? "never" : `after ${freshSeconds.toFixed(1)} s`}; before, they were ${result.lagSecondsBefore.toFixed(2)} s old`
    }
  ]
}

const markdown = (result: Run.Result, entries: ReadonlyArray<Entry>): string =>
  [
    "# NATS away",
    "",
    `\`npm run bench -- outage\` on ${machineKind}; actors and gateway as two processes, with NATS, Postgres and the broker's stand-in on the same cores.`,
    `The market sends ${count(result.rate)} ticks/s of ${count(Run.size.instruments)} instruments of ${Run.size.underlyings} underlyings through ${Run.size.accounts} accounts, ${count(result.sent)} in all. The server of NATS is`,
    `killed with SIGKILL and started again after ${result.awaySeconds} s with the same store. Each account has room for ${count(bufferBytesMaxDefault / 1e6)} MB of packets; what comes after that is dropped and counted.`,
    "`test/platform/failures/Room.test.ts` shows on a recorded day that the bars of such a gap say incomplete and are filled from the broker's history.",
    "",
    ...table(entries),
    "",
    ...(result.troubles.length === 0 ? [] : ["## What was logged", "", ...result.troubles.slice(0, 10).map((line) => `- ${line}`), ""])
  ].join("\n")

/** Writes the report and returns its text. */
export const write = (result: Run.Result): string => {
  const root = process.cwd()
  const entries = entriesOf(result)
  const text = markdown(result, entries)
  writeFileSync(join(root, `${file}.json`), `${JSON.stringify({ name: "outage", machine: machineKind, entries, ...result }, null, 2)}\n`)
  writeFileSync(join(root, `${file}.md`), text)
  return text
}
