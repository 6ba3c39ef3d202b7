/** Finds what has become slower since the committed report. */
import { median } from "../Median.ts"

/** Time or work relative to a baseline, round by round. The baseline runs on the same machine in the same minutes. */
export interface Figure {
  readonly name: string
  readonly rounds: ReadonlyArray<number>
}
export interface Facts {
  /** Kind of machine and runtime. */
  readonly machine: string
  readonly figures: ReadonlyArray<Figure>
}
export interface Slower {
  readonly name: string
  /** Medians of the rounds. */
  readonly before: number
  readonly now: number
}
export interface Comparison {
  readonly against:
    | "the committed report"
    | "nothing: there is no committed report"
    | "nothing: the committed report is from another machine"
  readonly slower: ReadonlyArray<Slower>
  /** Figures in the committed report that this run lacks. An unmeasured figure may be slower too. */
  readonly gone: ReadonlyArray<string>
}

/** A figure that is slower by more than this share is a regression. */
export const tolerance = 0.1

/** The middle half of the rounds: without the best and the worst quarter. */
const middle = (values: ReadonlyArray<number>): readonly [best: number, worst: number] => {
  const sorted = values.toSorted((a, b) => a - b)
  const last = sorted.length - 1
  return [sorted[Math.floor(last / 4)] ?? Number.NaN, sorted[Math.ceil((3 * last) / 4)] ?? Number.NaN]
}

/** A figure is slower if its median is, and if the middle halves do not overlap. Overlapping halves may differ by chance. */
const isSlower = (before: Figure, now: Figure): boolean =>
  median(now.rounds) > (1 + tolerance) * median(before.rounds) && middle(now.rounds)[0] > middle(before.rounds)[1]

export const compare = (before: Facts | undefined, now: Facts): Comparison => {
  if (before === undefined) return { against: "nothing: there is no committed report", slower: [], gone: [] }
  if (before.machine !== now.machine) return { against: "nothing: the committed report is from another machine", slower: [], gone: [] }
  const measured = new Map(now.figures.map((figure) => [figure.name, figure]))
  return {
    against: "the committed report",
    slower: before.figures.flatMap((old) => {
      const figure = measured.get(old.name)
      return figure !== undefined && isSlower(old, figure)
        ? [{ name: old.name, before: median(old.rounds), now: median(figure.rounds) }]
        : []
    }),
    gone: before.figures.map(({ name }) => name).filter((name) => !measured.has(name))
  }
}
