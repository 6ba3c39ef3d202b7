/** The cells to run: the whole matrix, or a part chosen by the command line. */
import type { Cell } from "./Run.ts"
import type { Kind, Shape } from "./World.ts"

export interface Options {
  readonly rates: ReadonlyArray<number>
  readonly underlyings: ReadonlyArray<number>
  /** Measured seconds of a platform cell, over all its phases. */
  readonly seconds: number
  readonly shape: Shape
  readonly kinds: ReadonlyArray<Kind>
  readonly profile: boolean
  /** True if only a part of the matrix is requested. The committed report is not changed then. */
  readonly some: boolean
}

const allRates = [5_000, 30_000, 75_000, 200_000]
const allUnderlyings = [1, 20, 200]
/** With it the whole matrix takes about twenty minutes on a quiet machine of two cores. */
const secondsDefault = 7

const numbers = (text: string | undefined, fallback: ReadonlyArray<number>): ReadonlyArray<number> =>
  text === undefined ? fallback : text.split(",").map(Number)

const usage = `npm run bench -- pipeline [--rates 5000,30000] [--underlyings 1,20] [--seconds 7] [--shape split|one] [--only platform|bare] [--profile]`

export const options = (args: ReadonlyArray<string>): Options => {
  const known = ["--rates", "--underlyings", "--seconds", "--shape", "--only", "--profile"]
  const unknown = args.filter((arg) => arg.startsWith("--") && !known.includes(arg))
  if (unknown.length > 0) throw new Error(`${unknown.join(" ")}: not known. ${usage}`)
  const of = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined)
  const only = of("--only")
  const wanted: Options = {
    rates: numbers(of("--rates"), allRates),
    underlyings: numbers(of("--underlyings"), allUnderlyings),
    seconds: Number(of("--seconds") ?? secondsDefault),
    shape: of("--shape") === "one" ? "one" : "split",
    kinds: only === "platform" || only === "bare" ? [only] : ["platform", "bare"],
    profile: args.includes("--profile"),
    some: ["--rates", "--underlyings", "--only"].some((name) => args.includes(name))
  }
  if ([...wanted.rates, ...wanted.underlyings, wanted.seconds].some((value) => !(value > 0))) throw new Error(usage)
  return wanted
}

/** Instruments and accounts of the behaviours for a rate. Kite carries 3,000 instruments per connection. */
const sizes = [
  { upTo: 5_000, instruments: 500, accounts: 1 },
  { upTo: 20_000, instruments: 1_000, accounts: 1 },
  { upTo: 30_000, instruments: 2_000, accounts: 2 },
  { upTo: 75_000, instruments: 3_000, accounts: 2 },
  { upTo: Number.POSITIVE_INFINITY, instruments: 8_000, accounts: 3 }
]
const perUnderlyingMax = 2_000
const perUnderlyingMin = 10

const sized = (rate: number, underlyings: number) => {
  const size = sizes.find(({ upTo }) => rate <= upTo) ?? { instruments: 500, accounts: 1 }
  return {
    rate,
    underlyings,
    accounts: size.accounts,
    instruments: Math.max(perUnderlyingMin * underlyings, Math.min(size.instruments, perUnderlyingMax * underlyings))
  }
}

/** One client for a fifth of the time, 50 and 200 for two fifths each. */
const phases = (seconds: number) => [
  { clients: 1, seconds: seconds / 5 },
  { clients: 50, seconds: (2 * seconds) / 5 },
  { clients: 200, seconds: (2 * seconds) / 5 }
]
/** Long enough for Node's compiler, which after two seconds still uses a third of the processor time. */
const warmSeconds = 5
/** If a behaviour limits memory growth, memory is compared with itself: after the first growth, over a longer run. */
const steady = { warmSeconds: 8, longer: 2 }

/** Additional runs of a pair over 20 underlyings. Their median counts. */
const roundsMore = 4
const ramp = [200_000, 300_000, 400_000, 500_000, 600_000]
const rampSeconds = 3

/** Platform and bare pipeline of a rate and a number of underlyings run one after the other, so that both meet the same machine. */
export const cells = ({ rates, underlyings, seconds, shape, kinds, some, profile }: Options): ReadonlyArray<Cell> => {
  const usual = (rate: number, count: number) => {
    const isSteady = !some && rate === 5_000 && count === 20
    const lasting = isSteady ? steady.longer * seconds : seconds
    return { ...sized(rate, count), phases: phases(lasting), warmSeconds: isSteady ? steady.warmSeconds : warmSeconds }
  }
  const platform = (rate: number, count: number, as = shape): Cell => ({ kind: "platform", shape: as, ...usual(rate, count) })
  // The same start, so that both are equally compiled when they are compared.
  const bare = (rate: number, count: number): Cell => {
    const like = usual(rate, count)
    return { kind: "bare", shape, ...like, phases: like.phases.filter(({ clients }) => clients <= 50) }
  }
  const roundsOf = (rate: number): ReadonlyArray<Cell> =>
    Array.from({ length: roundsMore }, (_, at) => {
      const other = bare(rate, 20)
      const own: Cell = { ...other, kind: "platform" }
      return [
        { ...own, round: at + 1 },
        { ...other, round: at + 1 }
      ]
    }).flat()
  const asked = rates.flatMap((rate) =>
    underlyings.flatMap((count) => [
      ...(kinds.includes("platform") ? [platform(rate, count)] : []),
      // The comparison with a target uses 20 underlyings. The others are run where wake-ups or ticks dominate.
      ...(kinds.includes("bare") && (some || count === 20 || rate === 30_000 || rate === 200_000) ? [bare(rate, count)] : [])
    ])
  )
  if (some || profile) return asked
  const other = shape === "one" ? "split" : "one"
  const beyond: Cell = { ...platform(75_000, 20), phases: [75_000, ...ramp].map((rate) => ({ clients: 50, seconds: rampSeconds, rate })) }
  return [...asked, ...rates.flatMap(roundsOf), platform(20_000, 20), platform(200_000, 20, other), beyond]
}
