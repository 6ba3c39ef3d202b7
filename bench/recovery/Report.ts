import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, table } from "../Entry.ts"
import * as Run from "./Run.ts"

const file = "bench/reports/recovery"
const reloadSecondsMax = 30
const pauseSecondsMax = 2
const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`

const seconds = (value: number | null): string => (value === null ? "never" : value.toFixed(1))

const movedSecondsMax = 5
/** The limit lasts as long as the time that is allowed, so instruments that tick again sooner have moved to another account. */
const limitedEntry = (outcomes: Run.Result["outcomes"]): Entry => {
  const outcome = outcomes.find(({ name }) => name === Run.limited)
  const noticed = outcome?.noticedSeconds ?? null
  const silence = outcome === undefined || outcome.healedSeconds === null ? null : outcome.silenceSeconds
  return {
    id: "TC-MATL-040",
    name: `a 429 to an account that also loses its socket is noticed, and its instruments tick again, within ${movedSecondsMax} s`,
    ok: noticed !== null && noticed < movedSecondsMax && silence !== null && silence < movedSecondsMax,
    measured: `noticed after, s: ${seconds(noticed)}; longest silence of an instrument, s: ${seconds(silence)}`
  }
}

const entriesOf = ({ outcomes, reload }: Run.Result): ReadonlyArray<Entry> => [
  {
    id: "TC-PERF-022",
    name: `a reload of ${Run.reloaded} into ${Run.instruments} takes less than ${reloadSecondsMax} s, no instrument pauses for ${pauseSecondsMax} s, and no tick is lost`,
    ok: reload.seconds < reloadSecondsMax && reload.pauseSeconds < pauseSecondsMax && reload.holes === 0 && reload.ticks > 0,
    measured: `${reload.seconds.toFixed(1)} s at ${count(reload.packetsPerSecond)} ticks/s; the longest pause of an instrument ${reload.pauseSeconds.toFixed(2)} s; ${count(reload.ticks)} ticks in the record, ${count(reload.holes)} holes`
  },
  limitedEntry(outcomes)
]

const markdown = (result: Run.Result): string =>
  [
    "# Recovery",
    "",
    `\`npm run bench -- recovery\` on ${machineKind}, a shared machine. ${Run.instruments + Run.reloaded} instruments of ${Run.accounts.length} accounts that stand in for one another, ${Run.rate} ticks a second of`,
    "each during the faults, in one process of both roles; NATS, Postgres and simulator on the same cores. A client of the simulator gets the same packets: what it has and the record lacks is lost. During the reload every tick proves the one before it: the day's volume grows by its quantity.",
    "",
    ...table(entriesOf(result)),
    "",
    "| fault | noticed after, s | ticks again after, s | longest silence of an instrument, s | ticks sent until `/health` was as before | lost |",
    "|---|---:|---:|---:|---:|---:|",
    ...result.outcomes.map(
      ({ healedSeconds, lost, name, noticedSeconds, sent, silenceSeconds }) =>
        `| ${name} | ${seconds(noticedSeconds)} | ${seconds(healedSeconds)} | ${silenceSeconds.toFixed(1)} | ${count(sent)} | ${count(lost)} |`
    ),
    "",
    `Noticed: \`/health\` says so, or does not answer. Ticks again: the first packet of the last instrument that had been silent for more than ${Run.silentMsMin / 1_000} s; 0.0 if none was. The faults`,
    "concern one of the three accounts, NATS and the process concern all. An account without a connection for two seconds hands its instruments on, so a reconnect that succeeds sooner moves nothing. A mute socket sends heartbeats and no ticks; it counts as mute after a minute, because illiquid instruments are silent too.",
    ""
  ].join("\n")

/** Writes the report and returns its text. */
export const write = (result: Run.Result): string => {
  const text = markdown(result)
  const kept = { name: "recovery", machine: machineKind, entries: entriesOf(result), ...result }
  writeFileSync(join(process.cwd(), `${file}.json`), `${JSON.stringify(kept, null, 2)}\n`)
  writeFileSync(join(process.cwd(), `${file}.md`), text)
  return text
}
