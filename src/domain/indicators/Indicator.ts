import type { Ohlcv } from "../market/Ohlcv.ts"

/** Prices in rupees, volume in units. */
export type Bar = Ohlcv

/** Named outputs of one bar; null until enough bars have been seen. */
export type Values = Readonly<Record<string, number | null>>

/**
 * One definition for streaming and batch. `next` takes the state after the previous bar, and a bar; it never mutates that state. So an
 * open bar can be recomputed from the state before it each time it changes. The result does not depend on how the bars arrived. States
 * are plain data.
 */
export interface Indicator<State, V extends Values = Values> {
  readonly initial: State
  // A method, so that one list can hold indicators with different states.
  next(state: State, bar: Bar): readonly [State, V]
}

/** Runs the indicator over closed bars; returns one value per bar. */
export const batch = <S, V extends Values>(indicator: Indicator<S, V>, bars: Iterable<Bar>): ReadonlyArray<V> => {
  const values: Array<V> = []
  let state = indicator.initial
  for (const bar of bars) {
    const [next, value] = indicator.next(state, bar)
    state = next
    values.push(value)
  }
  return values
}

/** A running indicator: the state before the open bar, and the latest values of the open bar. */
export interface Live<State, V extends Values = Values> {
  readonly before: State
  readonly after: State
  /** When the open bar started; null before the first bar. */
  readonly atMs: number | null
  readonly values: V | null
}

export const start = <S, V extends Values>(indicator: Indicator<S, V>): Live<S, V> => ({
  before: indicator.initial,
  after: indicator.initial,
  atMs: null,
  values: null
})

/**
 * Applies the latest version of a bar. The same `atMs` replaces the open bar; a later one closes it and opens the next. An earlier one
 * belongs to a closed bar and changes nothing: to correct that, the caller starts again from its history.
 */
export const update = <S, V extends Values>(indicator: Indicator<S, V>, live: Live<S, V>, bar: Bar): Live<S, V> => {
  if (live.atMs !== null && bar.atMs < live.atMs) return live
  const before = bar.atMs === live.atMs ? live.before : live.after
  const [after, values] = indicator.next(before, bar)
  return { before, after, atMs: bar.atMs, values }
}
