import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { count, type Entry, table } from "../Entry.ts"
import { median } from "../Median.ts"
import * as Regression from "./Regression.ts"
import * as Run from "./Run.ts"
import type { Times } from "./Times.ts"
import * as World from "./World.ts"

const file = "bench/reports/load"
const few = (value: number): string => (Number.isFinite(value) ? value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2) : "none")
const four = ({ p50, p95, p99, max }: Times): string => [p50, p95, p99, max].map(few).join(" / ")

// ---- judging ------------------------------------------------------------------------------------------------------

type Limits = readonly [p50: number, p95: number, p99: number, max: number]
const limits: Readonly<Record<Run.Weight | "message", Limits>> = {
  simple: [50, 100, 200, 500],
  complex: [200, 500, 1_000, 2_000],
  message: [10, 50, 100, 200]
}
const isWithin = ({ p50, p95, p99, max }: Times, [a, b, c, d]: Limits): boolean => p50 < a && p95 < b && p99 < c && max < d

const askedEntry = ({ users, byWeight, perSecond, failed }: Run.Asking): Entry => ({
  id: "BE-OPS-04",
  name: `${count(users)} users: simple queries below ${limits.simple.join(", ")} ms, complex below ${limits.complex.join(", ")}`,
  ok: failed === 0 && isWithin(byWeight.simple, limits.simple) && isWithin(byWeight.complex, limits.complex),
  measured: `${count(perSecond)} requests/s, ${failed} failed; simple ${four(byWeight.simple)} ms, complex ${four(byWeight.complex)} ms`
})

const isClean = ({ missed, disordered, conflated, closed }: Run.Reading): boolean => missed + disordered + conflated + closed === 0

const entriesOf = ({ asking, reading, ten }: Run.Result): ReadonlyArray<Entry> => [
  ...asking.map(askedEntry),
  {
    id: "BE-OPS-04",
    name: `${Run.readers} WebSocket clients, ${count(Run.heavyPerSecond)} messages/s on one: messages below ${limits.message.join(", ")} ms, nothing lost`,
    ok: isClean(reading) && isWithin(reading.delivery, limits.message) && isWithin(reading.pings, limits.message),
    measured: `${count(reading.messagesPerSecond)} messages/s, ${count(reading.heavyPerSecond)} of them on one; broker's write to client ${four(reading.delivery)} ms (that one ${four(reading.heavyDelivery)} ms), ping to pong ${four(reading.pings)} ms; missed ${reading.missed}, disordered ${reading.disordered}, conflated ${reading.conflated}, closed ${reading.closed}`
  },
  {
    id: "TC-WSS-032",
    name: `${Run.ten.clients} WebSocket clients, ${Run.ten.rate} ticks/s: everyone gets all, broker's write to client p95 below 100 and p99 below 200 ms`,
    ok: ten.isWhole && ten.delivery.p95 < 100 && ten.delivery.p99 < 200,
    measured: `sent ${count(ten.sent)}, each got ${[...new Set(ten.got)].map(count).join(" or ")}; ${four(ten.delivery)} ms`
  }
]

// ---- figures ------------------------------------------------------------------------------------------------------

/** Each round divided by the median of the bare server's rounds. A round without an answer from the bare server has no time. */
const over = (name: string, rounds: ReadonlyArray<number>, bare: ReadonlyArray<number>): Regression.Figure => {
  const baseline = median(bare.filter(Number.isFinite))
  return { name, rounds: rounds.filter(Number.isFinite).map((value) => value / baseline) }
}
const cpu = (rounds: ReadonlyArray<Run.Round>) => rounds.map(({ cpuMs }) => cpuMs)
const fastest = (rounds: ReadonlyArray<Run.Round>, of: string) => rounds.map(({ times }) => times[of]?.p10 ?? Number.NaN)

/**
 * Processor time, and the times of requests that met no queue, because the length of queues depends more than proportionally on the
 * machine's speed. The bare server takes about as long for every answer and answers few of each kind in a round, so all its answers
 * together are the baseline.
 */
const figuresOf = ({ asks, asking, reading, bare }: Run.Result): ReadonlyArray<Regression.Figure> => {
  const rounds = asking.flatMap((one) => one.rounds)
  const least = fastest(bare.asking.rounds, Run.all)
  return [
    over("processor time a request", cpu(rounds), cpu(bare.asking.rounds)),
    ...asks.map(({ name }) => over(`${name}: fastest tenth`, fastest(rounds, name), least)),
    // Pings are not compared: a timer of one millisecond sends them, which is as long as they take.
    over("processor time a WebSocket message", cpu(reading.rounds), cpu(bare.reading.rounds))
  ]
}

const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`

/** The committed report; without a repository, the file on disk. */
const committed = (root: string): Regression.Facts | undefined => {
  const shown = spawnSync("git", ["show", `HEAD:${file}.json`], { cwd: root, encoding: "utf8", maxBuffer: 1 << 24 })
  const inRepository = spawnSync("git", ["rev-parse", "HEAD"], { cwd: root }).status === 0
  try {
    return JSON.parse(inRepository ? shown.stdout : readFileSync(join(root, `${file}.json`), "utf8")) as Regression.Facts
  } catch {
    return undefined
  }
}

// ---- text ---------------------------------------------------------------------------------------------------------

const cores = (of: Readonly<Record<string, number>>): string =>
  Object.entries(of)
    .map(([part, value]) => `${part} ${value.toFixed(2)}`)
    .join(", ")

const regressionText = ({ against, slower, gone }: Regression.Comparison): string => {
  if (against !== "the committed report") return `Compared with ${against}.`
  if (slower.length + gone.length === 0)
    return `Compared with the committed report: nothing is over ${100 * Regression.tolerance} % slower.`
  return [
    `Compared with the committed report, over ${100 * Regression.tolerance} % slower:`,
    "",
    ...slower.map(
      ({ name, before, now }) => `- **${name}**: ${few(before)} then, ${few(now)} now (${few(100 * (now / before - 1))} % slower)`
    ),
    ...gone.map((name) => `- **${name}** is no longer measured`)
  ].join("\n")
}

const requestRows = ({ users, byName }: Run.Asking, asks: ReadonlyArray<Run.Asked>, who: string): ReadonlyArray<string> =>
  asks.map(({ name, perSecond, weight }) => {
    const times = byName[name]
    return `| ${who} | ${count(users)} | ${name} | ${weight} | ${perSecond} | ${times === undefined ? "" : four(times)} |`
  })

const markdown = (
  result: Run.Result,
  entries: ReadonlyArray<Entry>,
  figures: ReadonlyArray<Regression.Figure>,
  comparison: Regression.Comparison
): string => {
  const { asks, cold, asking, reading, bare, troubles } = result
  return [
    "# Load",
    "",
    `\`npm run bench -- load\` on ${machineKind}; actors and gateway in a process each, NATS, Postgres, the broker's stand-in and the clients (a process`,
    `for HTTP and one for WebSockets) on the same cores. The market sends ${count(Run.marketRate)} ticks/s of ${count(Run.size.instruments)} instruments of ${Run.size.underlyings} underlyings all the while.`,
    "",
    "A user is a connection that is kept; together they send each request at its rate, whatever their number. A request's time counts from the instant",
    "at which it was due, not from when it was sent, so a server that stands still is not spared. Complex are what computes over a whole chain or reads",
    `the database for a span of time; everything else is simple. \`/indicators/current\` asks for the EMA, RSI, MACD and Supertrend of ${asks.find(({ name }) => name === "/indicators/current")?.paths.length} charts in turn: each`,
    `underlying and its future, at ${World.timeframes.join(", ")}, over stored minutes. An answer is cached for a second. Times are p50 / p95 / p99 / max in ms.`,
    "",
    ...table(entries),
    "",
    "## Requests",
    "",
    "| server | users | request | | a second | ms |",
    "|---|---:|---|---|---:|---|",
    ...asking.flatMap((one) => requestRows(one, asks, "platform")),
    ...requestRows(bare.asking, asks, "bare"),
    "",
    "| users | requests/s | MB/s | failed | sender late at most, ms | cores |",
    "|---:|---:|---:|---:|---:|---|",
    ...asking.map(
      (one) =>
        `| ${count(one.users)} | ${count(one.perSecond)} | ${few(one.megabytesPerSecond)} | ${one.failed}${one.failure === null ? "" : ` (${one.failure})`} | ${few(one.lateMaxMs)} | ${cores(one.cores)} |`
    ),
    "",
    `Not judged are the first ${Run.rounds * Run.roundSeconds + Run.coldSeconds} s of requests after the start, for which Node compiles the program. In the first ${Run.rounds * Run.roundSeconds} of them:`,
    `simple ${four(cold.byWeight.simple)} ms, complex ${four(cold.byWeight.complex)} ms, ${cold.failed} failed. *Others* is everything else on the machine,`,
    `Postgres with it: users are measured again where it takes more than ${Run.othersMax} cores, and the quietest time counts.`,
    "",
    `${count(reading.clients)} WebSocket clients: ${count(reading.messagesPerSecond)} messages/s of ${count(reading.bytesEach)} bytes; cores: ${cores(reading.cores)}.`,
    "",
    "## Slower than before?",
    "",
    `Each figure is how many times as much as a bare server takes: plain node:http that answers the same bytes, and plain ws that sends as many messages`,
    `of that length, in the same run under the same load (requests: ${count(bare.asking.users)} users). So a slower machine is no regression. Medians of all rounds of ${Run.roundSeconds} s are`,
    "compared, and what overlaps with the middle half of the rounds of before is noise. Of times the fastest tenth counts, which met no queue.",
    "",
    regressionText(comparison),
    "",
    "| figure | times the bare server | rounds, least to most |",
    "|---|---:|---|",
    ...figures.map(
      ({ name, rounds }) => `| ${name} | ${few(median(rounds))} | ${few(Math.min(...rounds))} to ${few(Math.max(...rounds))} |`
    ),
    "",
    ...(troubles.length === 0 ? [] : ["## What was odd", "", ...troubles.slice(0, 10).map((line) => `- ${line}`), ""])
  ].join("\n")
}

/** Writes the report and returns its text. */
export const write = (result: Run.Result, minutes: number): string => {
  const root = process.cwd()
  const entries = entriesOf(result)
  const figures = figuresOf(result)
  const comparison = Regression.compare(committed(root), { machine: machineKind, figures })
  const text = markdown(result, entries, figures, comparison)
  const asks = result.asks.map(({ has: _, ...ask }) => ask)
  const facts = { name: "load", machine: machineKind, minutes, entries, figures, comparison, ...result, asks }
  writeFileSync(join(root, `${file}.json`), `${JSON.stringify(facts, null, 2)}\n`)
  writeFileSync(join(root, `${file}.md`), text)
  return text
}
