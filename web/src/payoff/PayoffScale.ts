import type { Payoff } from "../gateway/Contract.ts"
import type { Band } from "./Bands.ts"

export const width = 460
export const height = 240
export const edge = { left: 58, right: 10, top: 12, bottom: 24 } as const
/** The diagram extends beyond break-evens, strikes and spot by this share of their span, and at least by this share of the spot. */
const margin = 0.35
const marginMin = 0.015

export interface Range {
  readonly low: number
  readonly high: number
}

/** The interesting part of the curve. The gateway's curve extends far beyond it. */
export const rangeOf = ({ scenario, break_evens, legs, curve }: Payoff, bands: ReadonlyArray<Band>): Range => {
  const sigma = bands.find(({ sigmas }) => sigmas === 1)
  const marks = [scenario.spot, ...break_evens, ...legs.flatMap(({ strike }) => strike ?? []), ...(sigma ? [sigma.low, sigma.high] : [])]
  const [low, high] = [Math.min(...marks), Math.max(...marks)]
  const beyond = Math.max((high - low) * margin, scenario.spot * marginMin)
  return { low: Math.max(low - beyond, curve.spot[0] ?? low), high: Math.min(high + beyond, curve.spot.at(-1) ?? high) }
}

/** Round numbers within a range, about `count` of them. */
export const ticksOf = ({ low, high }: Range, count: number): ReadonlyArray<number> => {
  const raw = (high - low) / count
  if (!(raw > 0)) return []
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= raw) ?? 10) * power
  const first = Math.ceil(low / step)
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, at) => (first + at) * step)
}

export interface Scale {
  readonly spots: Range
  readonly profits: Range
  readonly x: (spot: number) => number
  readonly y: (profit: number) => number
  /** The spot at a horizontal position of the diagram. */
  readonly spotAt: (x: number) => number
}

export const make = (spots: Range, profits: Range): Scale => {
  const spread = profits.high - profits.low || 1
  const inner = width - edge.left - edge.right
  return {
    spots,
    profits,
    x: (spot) => edge.left + ((spot - spots.low) / (spots.high - spots.low)) * inner,
    y: (profit) => edge.top + ((profits.high - profit) / spread) * (height - edge.top - edge.bottom),
    spotAt: (x) => Math.max(spots.low, Math.min(spots.high, spots.low + ((x - edge.left) / inner) * (spots.high - spots.low)))
  }
}

/** A curve's value at a spot, linear between its points; undefined outside. */
export const valueAt = (spots: ReadonlyArray<number>, values: ReadonlyArray<number>, spot: number): number | undefined => {
  const above = spots.findIndex((one) => one >= spot)
  if (above < 0) return undefined
  const [left, right] = [spots[above - 1], spots[above] as number]
  const [before, after] = [values[above - 1], values[above]]
  if (after === undefined) return undefined
  if (left === undefined || before === undefined) return right === spot ? after : undefined
  return before + ((after - before) * (spot - left)) / (right - left)
}
