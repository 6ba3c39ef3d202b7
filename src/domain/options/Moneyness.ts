/**
 * Moneyness labels of a strike ladder: ATM is the listed strike nearest the reference (the forward), the lower of two
 * equally near; OTM1, OTM2, ... and ITM1, ITM2, ... count listed strikes away from it, so a gap in the ladder is one step.
 */
import type { OptionKind } from "./BlackScholes.ts"

/** `ATM`, or `OTM` / `ITM` with the number of strikes from it. */
export type Label = "ATM" | `OTM${number}` | `ITM${number}`

/** A label in numbers: strikes out of the money, negative in the money, 0 at the money. */
export type Steps = number

/** Steps that a label may ask for; ladders are shorter. */
export const STEPS_MAX = 999

/** Row of the listed strike nearest `reference` among the first `count`, ascending; -1 without strikes or reference. O(log n). */
export const atmRow = (strike: Float64Array, count: number, reference: number): number => {
  if (count === 0 || !(reference > 0)) return -1
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((strike[middle] as number) < reference) low = middle + 1
    else high = middle
  }
  // `low` is the first strike not below the reference (or the last strike of all).
  if (low === 0) return 0
  const below = reference - (strike[low - 1] as number)
  const above = Math.abs((strike[low] as number) - reference)
  return below <= above ? low - 1 : low
}

/** Steps of a row: a call is out of the money above the at-the-money row, a put below it. */
export const stepsOf = (kind: OptionKind, row: number, atm: number): Steps => (kind === "CE" ? row - atm : atm - row)

/** The row that is `steps` out of the money; may lie outside the ladder. */
export const rowOf = (kind: OptionKind, steps: Steps, atm: number): number => (kind === "CE" ? atm + steps : atm - steps)

export const labelOf = (steps: Steps): Label => (steps === 0 ? "ATM" : steps > 0 ? `OTM${steps}` : `ITM${-steps}`)

/** Label of a row of a ladder. */
export const label = (kind: OptionKind, row: number, atm: number): Label => labelOf(stepsOf(kind, row, atm))

const form = /^(?:ATM|(OTM|ITM)([1-9]\d{0,2}))$/

/** Steps of a label's text, undefined when it is none (`OTM0`, `OTM01` and lower case are none). */
export const parse = (text: string): Steps | undefined => {
  const match = form.exec(text)
  if (match === null) return undefined
  const [, side, digits] = match
  if (side === undefined) return 0
  const steps = Number(digits)
  return side === "OTM" ? steps : -steps
}
