/** Greeks of the holdings: the sum of signed quantity (bought +) times the Greeks of one unit. */

const names = ["delta", "gamma", "theta", "vega", "rho"] as const

/** In any unit; NaN if unknown. */
export type Greeks = Record<(typeof names)[number], number>

export const each = (of: (name: (typeof names)[number]) => number): Greeks => ({
  delta: of("delta"),
  gamma: of("gamma"),
  theta: of("theta"),
  vega: of("vega"),
  rho: of("rho")
})

export const none: Greeks = each(() => Number.NaN)

/** A future, a share or an index moves with its price and has no other sensitivity. */
export const ofUnderlying: Greeks = each((name) => (name === "delta" ? 1 : 0))

export const times = (quantity: number, unit: Greeks): Greeks => each((name) => quantity * unit[name])

/** Greeks of all positions together. A number that is unknown for one position is NaN. */
export const net = (positions: Iterable<Greeks>): Greeks => {
  let sum = each(() => 0)
  for (const position of positions) {
    const before = sum
    sum = each((name) => before[name] + position[name])
  }
  return sum
}
