/**
 * Least squares by Levenberg-Marquardt: D. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", J. SIAM 11, 1963,
 * with central differences and Marquardt's scaling.
 */

/** The differences at a point; undefined if the point is not allowed. All results have the same length. */
export type Residuals = (point: Float64Array) => Float64Array | undefined

export interface Minimum {
  readonly point: Float64Array
  readonly sumOfSquares: number
}

const stepsMax = 200
const dampingFirst = 1e-3
const dampingMax = 1e12
const dampingFactor = 10
/** A step this small, relative to the point, ends the search. */
const converged = 1e-14
const differenceStep = 1e-5

export const sumOfSquares = (values: Float64Array | undefined): number =>
  values === undefined ? Number.POSITIVE_INFINITY : values.reduce((sum, value) => sum + value * value, 0)

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, at) => sum + value * (b[at] as number), 0)

const moved = (point: Float64Array, by: number, distance: number): Float64Array =>
  point.map((value, at) => (at === by ? value + distance : value))

/** The residuals' derivatives, one column per coordinate; undefined beside points that are not allowed. */
const jacobian = (residuals: Residuals, point: Float64Array): ReadonlyArray<Float64Array> | undefined => {
  const columns: Array<Float64Array> = []
  for (const [by, value] of point.entries()) {
    const step = differenceStep * Math.max(1, Math.abs(value))
    const up = residuals(moved(point, by, step))
    const down = residuals(moved(point, by, -step))
    if (up === undefined || down === undefined) return undefined
    columns.push(up.map((one, at) => (one - (down[at] as number)) / (2 * step)))
  }
  return columns
}

/** Solves a symmetric positive definite system by Cholesky factorisation; undefined if it is not one. */
const solve = (matrix: ReadonlyArray<Float64Array>, right: Float64Array): Float64Array | undefined => {
  const size = right.length
  const lower = matrix.map((row) => new Float64Array(row.length))
  const at = (rows: ReadonlyArray<Float64Array>, row: number, column: number): number => rows[row]?.[column] ?? 0
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = at(matrix, row, column)
      for (let i = 0; i < column; i++) rest -= at(lower, row, i) * at(lower, column, i)
      if (row === column && !(rest > 0)) return undefined
      const value = row === column ? Math.sqrt(rest) : rest / at(lower, column, column)
      ;(lower[row] as Float64Array)[column] = value
    }
  }
  const found = right.slice()
  for (let row = 0; row < size; row++) {
    for (let i = 0; i < row; i++) found[row] = (found[row] as number) - at(lower, row, i) * (found[i] as number)
    found[row] = (found[row] as number) / at(lower, row, row)
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let i = row + 1; i < size; i++) found[row] = (found[row] as number) - at(lower, i, row) * (found[i] as number)
    found[row] = (found[row] as number) / at(lower, row, row)
  }
  return found
}

/** Descends from `start` to the nearest minimum; undefined if `start` is not allowed. */
export const minimise = (residuals: Residuals, start: Float64Array): Minimum | undefined => {
  let values = residuals(start)
  if (values === undefined) return undefined
  let point = start
  let sum = sumOfSquares(values)
  let damping = dampingFirst
  for (let step = 0; step < stepsMax && damping < dampingMax; step++) {
    const columns = jacobian(residuals, point)
    if (columns === undefined) break
    const now: Float64Array = values
    const gradient = Float64Array.from(columns, (column) => -dot(column, now))
    const normal = columns.map((a) => Float64Array.from(columns, (b) => dot(a, b)))
    let size = Number.POSITIVE_INFINITY
    while (damping < dampingMax) {
      const damped = normal.map((row, i) => row.map((value, j) => (i === j ? value * (1 + damping) : value)))
      const change = solve(damped, gradient)
      const next = change === undefined ? undefined : point.map((value, at) => value + (change[at] as number))
      const reached = next === undefined ? undefined : residuals(next)
      if (change !== undefined && next !== undefined && reached !== undefined && sumOfSquares(reached) < sum) {
        size = Math.max(...change.map((value, at) => Math.abs(value) / Math.max(1, Math.abs(next[at] as number))))
        point = next
        values = reached
        sum = sumOfSquares(reached)
        damping /= dampingFactor
        break
      }
      damping *= dampingFactor
    }
    if (size < converged) break
  }
  return { point, sumOfSquares: sum }
}
