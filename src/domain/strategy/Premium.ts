import * as Money from "../Money.ts"
import * as Position from "./Position.ts"

/**
 * The replaced system's m2m, sum(last price x quantity x direction) with BUY -1 and SELL +1, in rupees. It is the net premium of the
 * legs, not a profit: it falls when long legs gain. A leg without quantity counts as zero.
 */
export const m2m = (
  legs: Iterable<{ readonly direction: Position.Direction; readonly quantity: number; readonly ltp: Money.Decimal }>
): Money.Decimal => {
  let sum = Money.zero
  for (const leg of legs) sum = sum.minus(leg.ltp.times(Position.signed(leg.direction, leg.quantity)))
  return sum
}

/** Money in 1e-7 rupees, the finest price on the wire: a safe integer, or a bigint beyond that. */
export type Units = number | bigint
export const unitsPerRupee = 1e7
export const toMoney = (units: Units): Money.Decimal => new Money.Decimal(`${units}e-7`)

/** The money as whole units; null if it is not a whole number of them, or beyond 2^53. */
export const ofMoney = (money: Money.Decimal): number | null => {
  const units = money.times(unitsPerRupee)
  return units.isInteger() && units.abs().lte(Number.MAX_SAFE_INTEGER) ? units.toNumber() : null
}

const places = 7

/** The text of `toMoney`, without a Decimal for each value: marks come many thousand times a second. */
export const textOf = (units: Units): string => {
  if (typeof units === "bigint") return Money.format(toMoney(units))
  const size = Math.abs(units)
  let rest = size % unitsPerRupee
  const whole = `${units < 0 ? "-" : ""}${(size - rest) / unitsPerRupee}`
  if (rest === 0) return whole
  let digits = places
  for (; rest % 10 === 0; digits--) rest /= 10
  return `${whole}.${String(rest).padStart(digits, "0")}`
}

/** Holdings of instruments, one row each: a signed quantity (BUY +), and the units of money per unit of its price. */
export interface Holdings {
  readonly position: Float64Array
  readonly factor: Float64Array
}

/** `m2m` of the rows from `from` to before `to` in integers, equally exact. Prices are integers, NaN if unknown. Null while a row has no price. */
export const net = (rows: Holdings, prices: Float64Array, from: number, to: number): Units | null => {
  const { factor, position } = rows
  let sum = 0
  for (let at = from; at < to; at++) {
    const price = prices[at] as number
    if (Number.isNaN(price)) return null
    const term = price * (factor[at] as number) * -(position[at] as number)
    sum += term
    // Beyond 2^53 doubles skip integers.
    if (!Number.isSafeInteger(term) || !Number.isSafeInteger(sum)) return bigNet(rows, prices, from, to)
  }
  return sum
}

const bigNet = ({ factor, position }: Holdings, prices: Float64Array, from: number, to: number): bigint | null => {
  let sum = 0n
  for (let at = from; at < to; at++) {
    const price = prices[at] as number
    if (Number.isNaN(price)) return null
    sum -= BigInt(price) * BigInt(factor[at] as number) * BigInt(position[at] as number)
  }
  return sum
}
