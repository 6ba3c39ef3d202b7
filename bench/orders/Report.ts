import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, table } from "../Entry.ts"
import type * as Times from "../load/Times.ts"
import * as Run from "./Run.ts"

export const name = "orders"
/** How much later the p99 of the sends may be under a full feed, beyond the delay of the bare loop. */
const laterMsMax = 50

const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`
const path = (file: string) => join(process.cwd(), "bench/reports", file)

const ms = (value: number): string => value.toFixed(1)
const three = ({ max, p50, p99 }: Times.Times): string => `${ms(p50)} / ${ms(p99)} / ${ms(max)}`

/** How much later orders reach the broker under the full feed, at p50 and p99. */
const later = ({ phases }: Run.Result) => {
  const [quiet, full] = phases
  const of = (share: "p50" | "p99", side: "platform" | "bare") =>
    quiet === undefined || full === undefined ? Number.NaN : full[side].callToBroker[share] - quiet[side].callToBroker[share]
  return of
}

const entriesOf = (result: Run.Result): ReadonlyArray<Entry> => {
  const { orders, phases, wrong } = result
  const of = later(result)
  const own = of("p99", "platform") - Math.max(0, of("p99", "bare"))
  const full = phases.at(-1)
  return [
    {
      id: "target",
      name: "every order is at the broker exactly once",
      ok: wrong === 0,
      measured: `${count(orders)} orders of both sides, ${count(wrong)} of them missing or doubled`
    },
    {
      id: "target",
      name: `a full feed does not delay a send: at p99 at most ${laterMsMax} ms, beyond what the bare loop loses too`,
      ok: own <= laterMsMax,
      measured: `p50 ${ms(of("p50", "platform"))} ms and p99 ${ms(of("p99", "platform"))} ms later at ${count(full?.sentPerSecond ?? 0)} ticks/s; the bare loop ${ms(of("p50", "bare"))} and ${ms(of("p99", "bare"))} ms`
    }
  ]
}

const sideRow = (phase: Run.Phase, side: "platform" | "bare"): string => {
  const { callToAnswer, callToBroker, perSecond, stages } = phase[side]
  return `| ${phase.name} | ${side} | ${perSecond.toFixed(0)} | ${stages === null ? "" : three(stages.acceptToBroker)} | ${three(callToBroker)} | ${three(callToAnswer)} |`
}

const stageRow = ({ name, platform: { stages } }: Run.Phase): ReadonlyArray<string> =>
  stages === null ? [] : [`| ${name} | ${three(stages.accept)} | ${three(stages.begin)} | ${three(stages.send)} |`]

const marketRow = ({ cores, coresElsewhere, name, readPerSecond, senderLateMs, sentPerSecond }: Run.Phase): string => {
  const parts = Object.entries(cores).map(([part, value]) => `${part} ${value.toFixed(2)}`)
  return `| ${name} | ${count(sentPerSecond)} | ${count(readPerSecond)} | ${ms(senderLateMs)} | ${parts.join(", ")} | ${coresElsewhere.toFixed(2)} |`
}

export const line = ({ bare, name, platform, sentPerSecond }: Run.Phase): string =>
  `${name}: ${platform.perSecond.toFixed(0)} orders/s (bare ${bare.perSecond.toFixed(0)}), to the broker ${three(platform.callToBroker)} ms (bare ${three(bare.callToBroker)}), ${count(sentPerSecond)} ticks/s`

export const markdown = (result: Run.Result): string => {
  const { options, phases, troubles } = result
  return [
    "# Orders",
    "",
    `\`npm run bench -- orders${options.durable ? " --durable" : ""}\` on ${machineKind}; market data, orders and gateway in a process each, NATS, Postgres, the brokers' stand-ins`,
    "and the callers on the same cores. *Platform* is `POST /orders`: every rule, the saved task, the executor, its rules again, and the request to the",
    "broker. *Bare* is a loop that posts the same order straight to the same broker, and keeps nothing.",
    "",
    `For the times, each side places ${Run.pacePerSecond} orders a second for ${options.pacedSeconds} s, in turn, so that whatever else the machine does meets both. For orders a`,
    `second, each side has ${Run.inFlight} orders in flight until ${count(options.burst)} are placed; the better of two rounds counts. The broker allows an account ten orders a second`,
    "and the platform keeps to it; here the platform's process forgets this limit, so that the platform itself is measured.",
    options.durable
      ? "Postgres waits for the disk before it acknowledges, as `npm start` runs it."
      : "Postgres does not wait for the disk here, so that processors are measured and not a shared disk. `--durable` lets it wait, as `npm start` does.",
    "The order's account and the market's accounts share the platform. The market is that of the pipeline benchmark:",
    `${count(Run.size.instruments)} instruments of ${Run.size.underlyings} underlyings over ${Run.size.accounts} accounts.`,
    "",
    ...table(entriesOf(result)),
    "",
    "Times are p50 / p99 / max in ms. The broker notes arrivals in whole milliseconds.",
    "",
    "| market | side | orders/s | accepted to broker | call to broker | call to answer |",
    "|---|---|---:|---|---|---|",
    ...phases.flatMap((phase) => [sideRow(phase, "platform"), sideRow(phase, "bare")]),
    "",
    "Where the time goes. *Accept*: from the caller's write to the saved task. *Begin*: the command, the executor, and every rule again. *Send*:",
    "the saved attempt, and the request. Each stage's times are sorted by themselves, so they do not add up to those above.",
    "",
    "| market | accept | begin | send |",
    "|---|---|---|---|",
    ...phases.flatMap(stageRow),
    "",
    "| market | ticks/s sent | ticks/s read | sender late, ms | cores | cores elsewhere |",
    "|---|---:|---:|---:|---|---:|",
    ...phases.map(marketRow),
    "",
    "*Cores elsewhere* is everything else on the machine: the brokers' stand-ins, the callers, Postgres, and other work.",
    `Warnings and errors in the platform's logs: ${troubles.length}.`,
    ""
  ].join("\n")
}

/** Writes the report and returns its text. */
export const write = (result: Run.Result): string => {
  const text = markdown(result)
  const entries = entriesOf(result)
  writeFileSync(path(`${name}.json`), `${JSON.stringify({ name, machine: machineKind, entries, ...result }, null, 2)}\n`)
  writeFileSync(path(`${name}.md`), text)
  return text
}
