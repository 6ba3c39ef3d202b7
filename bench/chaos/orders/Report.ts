/** The report of a run, as Markdown. */
import * as Cases from "./Cases.ts"
import * as Run from "./Run.ts"

export interface CasesResult {
  readonly broker: string
  readonly protocol: ReadonlyArray<Run.Verdict>
  readonly naive: ReadonlyArray<Run.Verdict>
  /** How often each kind of fault has happened. */
  readonly faults: Readonly<Record<string, number>>
}

export interface RandomResult {
  readonly broker: string
  readonly protocol: Run.RandomResult
  readonly naive: Run.RandomResult
  readonly faults: Readonly<Record<string, number>>
}

export interface Report {
  /** In bench/reports. */
  readonly file: string
  readonly text: string
  /** The protocol was never wrong. The naive executor must place orders twice, or the harness shows nothing. */
  readonly isGood: boolean
}

const count = (verdicts: ReadonlyArray<Run.Verdict>, holds: (verdict: Run.Verdict) => boolean): number => verdicts.filter(holds).length
const isTwice = ({ orders }: Run.Verdict) => orders > 1
const isWrong = ({ problem }: Run.Verdict) => problem !== null
const isParked = ({ status }: Run.Verdict) => status === "UNKNOWN"

const row = (name: string, verdicts: ReadonlyArray<Run.Verdict>): string =>
  `| ${name} | ${verdicts.length} | ${count(verdicts, isTwice)} | ${count(verdicts, isWrong)} | ${count(verdicts, isParked)} |`

const listed = (verdicts: ReadonlyArray<Run.Verdict>, text: (verdict: Run.Verdict) => string): ReadonlyArray<string> =>
  verdicts.length === 0 ? ["None."] : verdicts.map((verdict) => `- ${text(verdict)}`)

const problems = (verdicts: ReadonlyArray<Run.Verdict>) => listed(verdicts.filter(isWrong), ({ name, problem }) => `${name}: ${problem}`)

const randomRow = (mode: string, { accounts, kills, seconds, verdicts }: Run.RandomResult): string =>
  row(`${mode}, at random over ${accounts} accounts, ${kills} kills, ${Math.round(seconds)} s`, verdicts)

/** Verdicts of the random part by status and by the number of the broker's orders. */
const outcomes = (verdicts: ReadonlyArray<Run.Verdict>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const { orders, status } of verdicts) {
    const name = `| ${status} | ${orders} |`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return ["| result | orders of the broker | keys |", "|---|---|---|", ...[...counts].toSorted().map(([name, keys]) => `${name} ${keys} |`)]
}
const parked = (verdicts: ReadonlyArray<Run.Verdict>): ReadonlyArray<string> =>
  listed(verdicts.filter(isParked), ({ name, orders }) => `${name}: the broker has ${orders === 0 ? "no order" : `${orders} order`}`)

const table = (...rows: ReadonlyArray<string>): ReadonlyArray<string> => [
  "| executor | orders | placed twice | result differs from the truth | parked |",
  "|---|---|---|---|---|",
  ...rows
]

const faultsMet = (faults: Readonly<Record<string, number>>): string =>
  `Faults that happened: ${Object.entries(faults)
    .map(([kind, times]) => `${kind} ${times}`)
    .join(", ")}.`

const about = "An executor is a process of its own; a kill is `kill -9`. The broker's own list of orders is the truth."
const times = `Its order book shows a new order after ${Run.lagMs} ms; a late acceptance takes ${Cases.lateMs} ms.`
const parkedText = "A parked order claims nothing: its outcome never became definite, and a person decides."

export const ofCases = ({ broker, faults, naive, protocol }: CasesResult): Report => ({
  file: "chaos-orders.md",
  isGood: !protocol.some(isWrong) && naive.some(isTwice),
  text: `${[
    "# Orders under kills and faults",
    "",
    `\`npm run chaos -- orders\` wrote this file. ${about}`,
    `Broker: ${broker}. ${times}`,
    "",
    ...table(row("protocol, kills and faults, alone and in pairs", protocol), row("naive, kills and faults alone", naive)),
    "",
    faultsMet(faults),
    "",
    "## Where the protocol was wrong",
    "",
    ...problems(protocol),
    "",
    "## Parked cases",
    "",
    parkedText,
    "",
    ...parked(protocol),
    "",
    "## Where the naive executor was wrong",
    "",
    ...problems(naive)
  ].join("\n")}\n`
})

export const ofRandom = ({ broker, faults, naive, protocol }: RandomResult): Report => ({
  file: "chaos-orders-random.md",
  isGood: !protocol.verdicts.some(isWrong) && naive.verdicts.some(isTwice),
  text: `${[
    "# Orders under random kills and faults",
    "",
    `\`npm run chaos -- orders --random ${protocol.orders} --accounts ${protocol.accounts} --seed ${protocol.seed}\` wrote this file. ${about}`,
    `Broker: ${broker}. ${times}`,
    "",
    ...table(randomRow("protocol", protocol), randomRow("naive", naive)),
    "",
    faultsMet(faults),
    "",
    "## Results of the protocol",
    "",
    "Half of the orders ask to be sent again after an unknown outcome (`resend`); the others are parked (`park`).",
    "",
    ...outcomes(protocol.verdicts),
    "",
    "## Where the protocol was wrong",
    "",
    ...problems(protocol.verdicts),
    "",
    "## Parked orders",
    "",
    parkedText,
    "",
    ...parked(protocol.verdicts),
    "",
    "## Where the naive executor was wrong",
    "",
    ...problems(naive.verdicts)
  ].join("\n")}\n`
})
