import * as IndiaTime from "../IndiaTime.ts"
import type { Bar } from "../indicators/Indicator.ts"
import type * as Money from "../Money.ts"
import * as Forward from "../options/Forward.ts"
import * as Position from "../strategy/Position.ts"
import * as ProfitAndLoss from "../strategy/ProfitAndLoss.ts"
import { isPrice } from "./Basis.ts"

/** One month's future: price in rupees, open interest in units (NaN while unknown), expiry in UTC milliseconds. */
export interface Contract {
  readonly price: number
  readonly openInterest: number
  readonly expiryAtMs: number
}

export interface Rollover {
  /**
   * Open interest beyond the near month / open interest of all months x 100. Null without any open interest, and unless that of the near
   * and of the next month is known. Later months of unknown open interest are left out.
   */
  readonly percent: number | null
  /** next - near, rupees: the price of holding a long position for another month. This and the next two are null without both prices. */
  readonly spread: number | null
  /** spread / near x 100. */
  readonly costPercent: number | null
  /** ln(next / near) / years between the expiries: the yearly carry the roll implies, continuously compounded. */
  readonly carry: number | null
}

export const unknown: Rollover = { percent: null, spread: null, costPercent: null, carry: null }

const isKnown = ({ openInterest }: Contract): boolean => openInterest >= 0

const percentRolled = (near: Contract, later: ReadonlyArray<Contract>): number | null => {
  if (![near, ...later.slice(0, 1)].every(isKnown)) return null
  const beyond = later.filter(isKnown).reduce((sum, contract) => sum + contract.openInterest, 0)
  const all = near.openInterest + beyond
  return all > 0 ? (100 * beyond) / all : null
}

/** The roll of an underlying's near future into the later months, which must be sorted by expiry. */
export const rollover = (near: Contract, later: ReadonlyArray<Contract>): Rollover => {
  const percent = percentRolled(near, later)
  const next = later[0]
  if (next === undefined || !isPrice(near.price) || !isPrice(next.price)) return { ...unknown, percent }
  const spread = next.price - near.price
  const years = IndiaTime.yearsTo(next.expiryAtMs, near.expiryAtMs)
  return {
    percent,
    spread,
    costPercent: (100 * spread) / near.price,
    carry: Forward.carryOf(near.price, next.price, years)
  }
}

/** A position carried from one month into the next: closed at `closePrice`, opened again at `openPrice`, rupees per unit. */
export interface Roll {
  readonly direction: Position.Direction
  readonly quantity: number
  readonly entryPrice: Money.Decimal
  /** The next three are null while unknown. */
  readonly closePrice: Money.Decimal | null
  readonly openPrice: Money.Decimal | null
  /** Last price of the new month. */
  readonly ltp: Money.Decimal | null
}

/** A value is null unless every price that it needs is known. */
export interface RollReport {
  /** Profit made in the near month. */
  readonly realised: Money.Decimal | null
  /** Profit made so far in the new month. */
  readonly unrealised: Money.Decimal | null
  /** Spread paid at the roll, (open - close) x signed quantity. It is not a loss by itself: the new month's price contains it. */
  readonly rollCost: Money.Decimal | null
  readonly total: Money.Decimal | null
}

const opposite = (direction: Position.Direction): Position.Direction => (direction === "BUY" ? "SELL" : "BUY")

/** P&L of a rolled position. Each month is a separate instrument, so its P&L is computed like a strategy's. */
export const rollProfit = ({ direction, quantity, entryPrice, closePrice, openPrice, ltp }: Roll): RollReport => {
  const opened = (price: Money.Decimal) => ProfitAndLoss.fill(ProfitAndLoss.empty, { direction, quantity, price })
  const closed = (price: Money.Decimal) =>
    ProfitAndLoss.report(ProfitAndLoss.fill(opened(entryPrice), { direction: opposite(direction), quantity, price }), price).total
  const realised = closePrice === null ? null : closed(closePrice)
  const unrealised = openPrice === null || ltp === null ? null : ProfitAndLoss.report(opened(openPrice), ltp).total
  const rollCost =
    openPrice === null || closePrice === null ? null : openPrice.minus(closePrice).times(Position.signed(direction, quantity))
  return { realised, unrealised, rollCost, total: realised === null || unrealised === null ? null : realised.plus(unrealised) }
}

/** One contract's bars, sorted by time, and the last instant at which the series follows it (Infinity for the newest contract). */
export interface Segment {
  readonly contract: string
  readonly untilMs: number
  readonly bars: ReadonlyArray<Bar>
}

/**
 * none: prices as traded, with the jumps. back_difference: older contracts are shifted by the price difference at each roll, so returns
 * in rupees are real. back_ratio: older contracts are scaled, so returns in percent are real. forward_difference: newer contracts are
 * shifted instead, so published values never change.
 */
export type Adjustment = "none" | "back_difference" | "back_ratio" | "forward_difference"

export interface ContinuousBar extends Bar {
  readonly contract: string
}

export interface NoCommonBar {
  readonly from: string
  readonly to: string
}

export type Continuous =
  | { readonly bars: ReadonlyArray<ContinuousBar>; readonly error: null }
  /** Two contracts have no bar in common up to the roll: the jump between them cannot be known. */
  | { readonly bars: null; readonly error: NoCommonBar }

interface Junction {
  readonly old: number
  readonly next: number
}

/** Closes of both contracts at the last instant up to the roll at which both have a bar with a price. */
const junction = (old: Segment, next: Segment): Junction | null => {
  const closes = new Map(next.bars.map((bar) => [bar.atMs, bar.close]))
  for (let index = old.bars.length - 1; index >= 0; index--) {
    const bar = old.bars[index]
    const close = bar === undefined || bar.atMs > old.untilMs ? undefined : closes.get(bar.atMs)
    if (bar !== undefined && close !== undefined && isPrice(bar.close) && isPrice(close)) return { old: bar.close, next: close }
  }
  return null
}

/** How one segment's prices are changed: scaled, then shifted. */
interface Shift {
  readonly factor: number
  readonly offset: number
}

/** One shift per segment, computed from the junctions between neighbours. A junction without a jump ("none") shifts nothing. */
const shifts = (junctions: ReadonlyArray<Junction>, adjustment: Adjustment): ReadonlyArray<Shift> => {
  const out: Array<Shift> = [{ factor: 1, offset: 0 }]
  if (adjustment === "forward_difference") {
    let offset = 0
    for (const { old, next } of junctions) {
      offset += old - next
      out.push({ factor: 1, offset })
    }
    return out
  }
  let [factor, offset] = [1, 0]
  for (const { old, next } of junctions.toReversed()) {
    if (adjustment === "back_ratio") factor *= next / old
    else offset += next - old
    out.unshift({ factor, offset })
  }
  return out
}

/**
 * One series over contracts sorted by expiry. Each bar comes from the contract that the series follows at that instant. The jump at a
 * roll is the difference of both closes at the last common bar up to it.
 */
export const continuous = (segments: ReadonlyArray<Segment>, adjustment: Adjustment): Continuous => {
  const junctions: Array<Junction> = []
  for (const [index, next] of segments.entries()) {
    const old = segments[index - 1]
    if (old === undefined) continue
    const found = adjustment === "none" ? { old: 0, next: 0 } : junction(old, next)
    if (found === null) return { bars: null, error: { from: old.contract, to: next.contract } }
    junctions.push(found)
  }
  const bySegment = shifts(junctions, adjustment)
  const bars: Array<ContinuousBar> = []
  for (const [index, segment] of segments.entries()) {
    const fromMs = segments[index - 1]?.untilMs ?? Number.NEGATIVE_INFINITY
    const { factor, offset } = bySegment[index] ?? { factor: 1, offset: 0 }
    const move = (price: number): number => price * factor + offset
    for (const bar of segment.bars) {
      if (bar.atMs <= fromMs || bar.atMs > segment.untilMs) continue
      bars.push({
        ...bar,
        open: move(bar.open),
        high: move(bar.high),
        low: move(bar.low),
        close: move(bar.close),
        contract: segment.contract
      })
    }
  }
  return { bars, error: null }
}
