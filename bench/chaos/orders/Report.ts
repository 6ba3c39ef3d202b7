/** The report of a run, as Markdown. */
import * as Cases from "./Cases.ts"
import * as Run from "./Run.ts"

export interface Result {
  readonly broker: string
  readonly protocol: ReadonlyArray<Run.Verdict>
  readonly naive: ReadonlyArray<Run.Verdict>
  readonly random: Run.RandomResult
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

export const isGood = ({ naive, protocol, random }: Result): boolean =>
  !protocol.some(isWrong) && !random.verdicts.some(isWrong) && naive.some(isTwice)

export const write = (result: Result): string => {
  const { broker, naive, protocol, random } = result
  const faults = Object.entries(random.faults)
    .map(([kind, times]) => `${kind} ${times}`)
    .join(", ")
  return `${[
    "# Orders under kills and faults",
    "",
    "`npm run chaos -- orders` wrote this file. An executor is a process of its own; a kill is `kill -9`. The broker's own list of orders is the truth.",
    `Broker: ${broker}. Its order book shows a new order after ${Run.lagMs} ms; a late acceptance takes ${Cases.lateMs} ms.`,
    "",
    "| executor | orders | placed twice | result differs from the truth | parked |",
    "|---|---|---|---|---|",
    row("protocol, kills and faults, alone and in pairs", protocol),
    row(`protocol, at random, ${random.kills} kills`, random.verdicts),
    row("naive, kills and faults alone", naive),
    "",
    `Seed of the random part: ${random.seed} (\`--seed ${random.seed} --orders ${random.orders}\`). All parts together met these faults: ${faults}.`,
    "",
    "## Where the protocol was wrong",
    "",
    ...problems([...protocol, ...random.verdicts]),
    "",
    "## Parked cases",
    "",
    "A parked order claims nothing: its outcome never became definite, and a person decides.",
    "",
    ...listed(protocol.filter(isParked), ({ name, orders }) => `${name}: the broker has ${orders === 0 ? "no order" : `${orders} order`}`),
    "",
    "## Where the naive executor was wrong",
    "",
    ...problems(naive)
  ].join("\n")}\n`
}
