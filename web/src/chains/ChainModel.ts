import type { ChainUpdate, OptionRow, StrikeRow } from "../gateway/Contract.ts"

export type Side = "call" | "put"
export type Head = Omit<ChainUpdate, "strikes" | "kind" | "type">

export interface ChainModel {
  readonly rows: Map<number, StrikeRow>
  /** Strikes that changed since they were drawn, and removed strikes. */
  readonly dirty: Set<number>
  readonly gone: Set<number>
  head: Head | undefined
  /** Time of the newest quote, ISO. */
  newest: string | undefined
  /** Values of a full bar. They grow only in steps, so that one bar's growth seldom redraws all others. */
  oiMax: number
  changeMax: number
}

export const make = (): ChainModel => ({
  rows: new Map(),
  dirty: new Set(),
  gone: new Set(),
  head: undefined,
  newest: undefined,
  oiMax: 1,
  changeMax: 1
})

/** The next 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8 or 10 times a power of ten. */
export const scaleOf = (value: number): number => {
  if (value <= 1) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return (([1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8] as const).find((step) => step * power >= value) ?? 10) * power
}

const measure = (model: ChainModel, option: OptionRow | null): void => {
  if (option === null) return
  model.oiMax = Math.max(model.oiMax, option.oi ?? 0)
  model.changeMax = Math.max(model.changeMax, Math.abs(option.oi_change ?? 0))
  if (option.as_of !== null && option.as_of > (model.newest ?? "")) model.newest = option.as_of
}

/** Applies an update. `dirty` and `gone` then hold what to draw, until drawing clears them. */
export const apply = (model: ChainModel, update: ChainUpdate): void => {
  const { strikes, kind, type: _, ...head } = update
  model.head = head
  const before = [model.oiMax, model.changeMax]
  if (kind === "chain") {
    const there = new Set(strikes.map(({ strike }) => strike))
    for (const strike of model.rows.keys()) {
      if (there.has(strike)) continue
      model.rows.delete(strike)
      model.dirty.delete(strike)
      model.gone.add(strike)
    }
  }
  for (const row of strikes) {
    model.rows.set(row.strike, row)
    model.dirty.add(row.strike)
    model.gone.delete(row.strike)
    measure(model, row.call)
    measure(model, row.put)
  }
  model.oiMax = scaleOf(model.oiMax)
  model.changeMax = scaleOf(model.changeMax)
  if (before[0] !== model.oiMax || before[1] !== model.changeMax) for (const strike of model.rows.keys()) model.dirty.add(strike)
}

export const optionAt = (model: ChainModel, strike: number, side: Side): OptionRow | undefined =>
  model.rows.get(strike)?.[side] ?? undefined

/** Strikes ascending. */
export const strikesOf = (model: ChainModel): ReadonlyArray<number> => [...model.rows.keys()].sort((a, b) => a - b)
