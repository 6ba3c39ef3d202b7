import { median } from "./Median.ts"

/** One call does `units` of the measured work. Its result keeps the compiler from removing the work. */
export interface Work {
  readonly units: number
  readonly run: () => number
}

export interface Measured {
  readonly name: string
  /** The counted unit, such as "options". */
  readonly unit: string
  /** Medians of the rounds, in units per second of one core's processor time. */
  readonly ours: number
  readonly baseline: number | null
  readonly baselineName: string | null
  /** Median of the ratios of the rounds. */
  readonly ratio: number | null
  readonly rounds: number
}

const rounds = 9
/** Least processor time of a round. */
const roundMicrosMin = 150_000

let sink = 0
/** The sum of all results of the work, read once at the end. */
export const total = (): number => sink

/** Units per second of this process's processor time. Other work on the machine does not count. */
const rate = (work: Work, calls: number): { readonly perSecond: number; readonly micros: number } => {
  const before = process.cpuUsage()
  for (let i = 0; i < calls; i++) sink += work.run()
  const { user, system } = process.cpuUsage(before)
  const micros = Math.max(1, user + system)
  return { perSecond: (work.units * calls * 1e6) / micros, micros }
}

/** Number of calls per round. Finding it also warms the code up. */
const callsOf = (work: Work): number => {
  let calls = 1
  for (;;) {
    const { micros } = rate(work, calls)
    if (micros >= roundMicrosMin) return Math.ceil((calls * roundMicrosMin) / micros)
    calls *= 2
  }
}

/** Measures our code and the baseline alternately in rounds, so that anything that slows the machine slows both. */
export const race = (name: string, unit: string, ours: Work, baseline?: Work & { readonly name: string }): Measured => {
  const [calls, baselineCalls] = [callsOf(ours), baseline === undefined ? 0 : callsOf(baseline)]
  const own: Array<number> = []
  const theirs: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    own.push(rate(ours, calls).perSecond)
    if (baseline !== undefined) theirs.push(rate(baseline, baselineCalls).perSecond)
  }
  return {
    name,
    unit,
    ours: median(own),
    baseline: baseline === undefined ? null : median(theirs),
    baselineName: baseline?.name ?? null,
    ratio: baseline === undefined ? null : median(own.map((value, round) => value / (theirs[round] ?? Number.NaN))),
    rounds
  }
}
