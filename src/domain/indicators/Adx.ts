import * as Atr from "./Atr.ts"
import type { Bar, Indicator } from "./Indicator.ts"
import * as Wilder from "./Wilder.ts"

/**
 * How the three sums are seeded. talib: with bars 1 to period - 1, so bar `period` is smoothed already. wilder: with bars 1 to period
 * (his book).
 */
export type Seed = "talib" | "wilder"

export interface State {
  readonly bar: Pick<Bar, "high" | "low" | "close"> | null
  /** Number of bars that have a previous bar. */
  readonly count: number
  readonly plus: number
  readonly minus: number
  readonly range: number
  readonly dx: Wilder.State
}

export interface Values extends Readonly<Record<string, number | null>> {
  readonly adx: number | null
  readonly plus_di: number | null
  readonly minus_di: number | null
  readonly dx: number | null
}

const none: Values = { adx: null, plus_di: null, minus_di: null, dx: null }

/** Wilder's directional movement: the larger of the two moves, when it is positive. */
const movement = (bar: Bar, previous: Pick<Bar, "high" | "low">): readonly [plus: number, minus: number] => {
  const up = bar.high - previous.high
  const down = previous.low - bar.low
  return [up > down && up > 0 ? up : 0, down > up && down > 0 ? down : 0]
}

const percent = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole)

/**
 * Average directional index by Wilder, 0 to 100. DI and DX start at bar `period`, ADX at 2 x `period` - 1. All are 0 without any
 * movement.
 */
export const make = (period: number, seed: Seed = "talib"): Indicator<State, Values> => {
  const seeds = seed === "talib" ? period - 1 : period
  return {
    initial: { bar: null, count: 0, plus: 0, minus: 0, range: 0, dx: Wilder.initial },
    next: (state, bar) => {
      if (state.bar === null) return [{ ...state, bar }, none]
      const [plus, minus] = movement(bar, state.bar)
      const count = state.count + 1
      const smooth = (sum: number, value: number): number => (count <= seeds ? sum + value : sum - sum / period + value)
      const sums = {
        bar,
        count,
        plus: smooth(state.plus, plus),
        minus: smooth(state.minus, minus),
        range: smooth(state.range, Atr.trueRange(bar, state.bar.close))
      }
      if (count < period) return [{ ...sums, dx: state.dx }, none]
      const plusDi = percent(sums.plus, sums.range)
      const minusDi = percent(sums.minus, sums.range)
      const value = percent(Math.abs(plusDi - minusDi), plusDi + minusDi)
      const dx = Wilder.step(state.dx, period, value)
      return [
        { ...sums, dx },
        { adx: Wilder.read(dx, period), plus_di: plusDi, minus_di: minusDi, dx: value }
      ]
    }
  }
}
