/**
 * Moneyness labels of a strike ladder. ATM is the listed strike nearest the reference (the forward); of two equally near, the lower
 * one. OTM1, OTM2, ... and ITM1, ITM2, ... count listed strikes away from it, so a gap in the ladder counts as one step.
 */
import type { OptionKind } from "./BlackScholes.ts"

/** A label as a number of strikes: positive out of the money, negative in the money, 0 at the money. */
export type Steps = number

/** Row of the listed strike nearest `reference` among the first `count`, which ascend. -1 without strikes or reference. O(log n). */
export const atmRow = (strike: Float64Array, count: number, reference: number): number => {
  if (count === 0 || !(reference > 0)) return -1
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((strike[middle] as number) < reference) low = middle + 1
    else high = middle
  }
  // `low` is the first strike at or above the reference, or the last strike.
  if (low === 0) return 0
  const below = reference - (strike[low - 1] as number)
  const above = Math.abs((strike[low] as number) - reference)
  return below <= above ? low - 1 : low
}

/** The row that is `steps` out of the money: a call is out of the money above the at-the-money row, a put below it. It may be outside the ladder. */
export const rowOf = (kind: OptionKind, steps: Steps, atm: number): number => (kind === "CE" ? atm + steps : atm - steps)

/** The label of a row, the inverse of `rowOf` and `parse`. */
export const label = (kind: OptionKind, row: number, atm: number): string => {
  const steps: Steps = kind === "CE" ? row - atm : atm - row
  return steps === 0 ? "ATM" : steps > 0 ? `OTM${steps}` : `ITM${-steps}`
}

const form = /^(?:ATM|(OTM|ITM)([1-9]\d{0,2}))$/

/** Steps of a label's text, at most 999, or undefined if the text is not a label (such as `OTM0`, `OTM01` and lower case). */
export const parse = (text: string): Steps | undefined => {
  const match = form.exec(text)
  if (match === null) return undefined
  const [, side, digits] = match
  if (side === undefined) return 0
  const steps = Number(digits)
  return side === "OTM" ? steps : -steps
}
