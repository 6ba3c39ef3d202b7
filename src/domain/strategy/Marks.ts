import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as BarSession from "../market/BarSession.ts"
import * as Freshness from "../market/Freshness.ts"
import type * as ChainState from "../options/ChainState.ts"
import * as Rounding from "../options/Rounding.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Feed from "./Feed.ts"
import * as LineColumns from "./LineColumns.ts"
import * as NetGreeks from "./NetGreeks.ts"
import * as Premium from "./Premium.ts"
import type { Leg, Line, Sent, Strategy } from "./Strategy.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

/** A feed's data that all strategies of an instant share. */
interface Rows {
  readonly feed: Feed.Feed
  /** By row: whether it has a fresh price, once a strategy has asked. */
  readonly freshness: Uint8Array
}
const [notAsked, fresh, stale] = [0, 1, 2] as const

/** One moment at which strategies are valued. Made once for all of them, because there are thousands. */
export interface Instant {
  readonly asOf: string
  /** The record's message that causes the marks. */
  readonly seq: number
  readonly columns: LineColumns.LineColumns
  /** By feed of the columns. */
  readonly rows: ReadonlyArray<Rows>
  /** True if the line has no price, or a stale one. */
  readonly isUnpriced: (feed: Feed.Feed, line: Line) => boolean
}

/** Net Greeks per year and per 1.00; NaN if one is unknown. */
export type Net = Omit<NetGreeks.Greeks, "rho">

/** The Greeks of the holdings before rounding, summed as NetGreeks.net does. */
export const netGreeks = (columns: LineColumns.LineColumns, { heldFrom, heldTo, strategy }: LineColumns.Entry): Net => {
  if (strategy.unvalued) return NetGreeks.none
  const net = { delta: 0, gamma: 0, theta: 0, vega: 0 }
  for (let at = heldFrom; at < heldTo; at++) {
    const quantity = columns.units[at] as number
    const option = columns.side[at] as number
    if (option === LineColumns.noChain) return NetGreeks.none
    if (option === LineColumns.noOption) {
      net.delta += quantity
      continue
    }
    const side = columns.sides[option] as ChainState.Side
    const strike = columns.strike[at] as number
    net.delta += quantity * (side.delta[strike] as number)
    net.gamma += quantity * (side.gamma[strike] as number)
    net.theta += quantity * (side.theta[strike] as number)
    net.vega += quantity * (side.vega[strike] as number)
  }
  return net
}

/** The instant at which the age of a line's price is judged. A share's price does not move in the closing auction of its exchange. */
const judgedAt = (rules: RuleSet.RuleSet | undefined, eventMs: number): ((line: Line) => number) => {
  const byExchange = new Map<string, number>()
  return ({ contract, feed }) => {
    if (rules === undefined || contract.kind !== "EQ") return eventMs
    const { exchange, name } = Feed.underlyingOf(feed)
    const known = byExchange.get(exchange)
    if (known !== undefined) return known
    // The definition lacks the other contracts of the underlying, so every share counts as one with derivatives.
    const place = BarSession.placeOf(rules, { exchange, underlying: name }, contract, true)
    const judged = Freshness.judgedAtMs(rules, place, eventMs)
    byExchange.set(exchange, judged)
    return judged
  }
}

/** `rules` decide which instants are inside a session; they are absent for a market that never closes. */
export const instant = (
  columns: LineColumns.LineColumns,
  rules: RuleSet.RuleSet | undefined,
  { staleAfterMs, eventMs, seq }: { readonly staleAfterMs: number; readonly eventMs: number; readonly seq: number }
): Instant => {
  const judgedMs = judgedAt(rules, eventMs)
  return {
    asOf: IndiaTime.isoTime(eventMs),
    seq,
    columns,
    rows: columns.feeds.map((feed) => ({ feed, freshness: new Uint8Array(feed.quotes.contracts.length) })),
    isUnpriced: ({ quotes }, line) =>
      Number.isNaN(quotes.lastPrice[line.row]) || judgedMs(line) - (quotes.pricedMs[line.row] as number) > staleAfterMs
  }
}

/** True if the line has no fresh price. A row's answer counts for all lines with its contract. */
const isMissing = ({ columns, isUnpriced, rows }: Instant, at: number): boolean => {
  const { feed, freshness } = rows[columns.feed[at] as number] as Rows
  const row = columns.row[at] as number
  // A line with another contract of the same token may be judged at another instant.
  if (columns.isOwn[at] === 0) return isUnpriced(feed, columns.lines[at] as Line)
  if (freshness[row] === notAsked) freshness[row] = isUnpriced(feed, columns.lines[at] as Line) ? stale : fresh
  return freshness[row] === stale
}

/** Takes the newest prices of lines into their column; true if a line has no fresh one. */
const takeLast = (at: Instant, from: number, to: number): boolean => {
  const { columns, rows } = at
  let isAnyMissing = false
  for (let line = from; line < to; line++) {
    const { quotes } = (rows[columns.feed[line] as number] as Rows).feed
    columns.last[line] = quotes.lastPrice[columns.row[line] as number] as number
    if (isMissing(at, line)) isAnyMissing = true
  }
  return isAnyMissing
}

const nothing: ReadonlyArray<number> = []

const missingOf = (at: Instant, { legsFrom, legsTo, strategy }: LineColumns.Entry): ReadonlyArray<number> => {
  const missing = [...strategy.unpriced]
  for (let line = legsFrom; line < legsTo; line++) if (isMissing(at, line)) missing.push((strategy.legs[line - legsFrom] as Leg).legId)
  return missing.sort((a, b) => a - b)
}

/** A strategy's values at an instant, as they are published. */
export const valuesOf = (at: Instant, entry: LineColumns.Entry): Sent => {
  const { columns } = at
  const { heldFrom, heldTo, legsFrom, legsTo, strategy } = entry
  const { cost, holdings, legs, realised, unpriced, unvalued } = strategy
  const isLegMissing = takeLast(at, legsFrom, legsTo)
  // Without fills the holdings are the legs, as in most strategies.
  const areLegs = holdings === legs
  const isHeldMissing = areLegs ? isLegMissing : takeLast(at, heldFrom, heldTo)
  const missing = isLegMissing || unpriced.length > 0 ? missingOf(at, entry) : nothing
  const units = unpriced.length > 0 ? null : Premium.net(columns, columns.last, legsFrom, legsTo)
  const net = netGreeks(columns, entry)
  return {
    units,
    heldUnits: unvalued ? null : areLegs ? units : Premium.net(columns, columns.last, heldFrom, heldTo),
    cost,
    realised,
    delta: Rounding.units.delta(net.delta),
    gamma: Rounding.units.gamma(net.gamma),
    theta: Rounding.units.theta(net.theta),
    vega: Rounding.units.vega(net.vega),
    complete: missing.length === 0 && !unvalued && !isHeldMissing,
    missing
  }
}

/** True if both are published with the same numbers. */
export const isSame = (a: Sent, b: Sent): boolean =>
  a.units === b.units &&
  a.heldUnits === b.heldUnits &&
  Rounding.same(a.delta, b.delta) &&
  Rounding.same(a.gamma, b.gamma) &&
  Rounding.same(a.theta, b.theta) &&
  Rounding.same(a.vega, b.vega) &&
  a.complete === b.complete &&
  a.cost === b.cost &&
  a.realised === b.realised &&
  a.missing.length === b.missing.length &&
  a.missing.every((legId, nth) => legId === b.missing[nth])

/** Profit is (price - entry) x signed quantity: the negated premium minus what was paid. As text, and with what is realised. */
const profitOf = (
  { cost, costUnits, realised, realisedUnits }: Strategy,
  heldUnits: Premium.Units
): readonly [unrealised: string, total: string] => {
  if (typeof heldUnits === "number" && costUnits !== null && realisedUnits !== null) {
    const unrealised = -heldUnits - costUnits
    const total = unrealised + realisedUnits
    if (Number.isSafeInteger(unrealised) && Number.isSafeInteger(total)) return [Premium.textOf(unrealised), Premium.textOf(total)]
  }
  const unrealised = Money.zero.minus(Premium.toMoney(heldUnits)).minus(cost)
  return [Money.format(unrealised), Money.format(unrealised.plus(realised))]
}

export const messageOf = ({ asOf, seq }: Instant, strategy: Strategy, sent: Sent): StrategyMessage.PublishedMark => {
  const { units, heldUnits, complete, missing } = sent
  const [unrealised, total] = heldUnits === null ? [null, null] : profitOf(strategy, heldUnits)
  return {
    v: 1,
    as_of: asOf,
    seq,
    strategy_id: strategy.strategyId,
    m2m: units === null ? null : Premium.textOf(units),
    unrealised_pnl: unrealised,
    realised_pnl: strategy.realised,
    total_pnl: total,
    net_delta: Rounding.fromUnits(sent.delta, Rounding.places.delta),
    net_gamma: Rounding.fromUnits(sent.gamma, Rounding.places.gamma),
    net_theta: Rounding.fromUnits(sent.theta, Rounding.places.theta),
    net_vega: Rounding.fromUnits(sent.vega, Rounding.places.vega),
    complete,
    missing
  }
}

/** A mark's numbers before rounding. */
export const exactOf = ({ heldUnits, units }: Sent, net: Net): Float64Array =>
  Float64Array.from(
    [...[units, heldUnits].map((value) => (value === null ? Number.NaN : Number(value))), net.delta, net.gamma, net.theta, net.vega],
    Rounding.canonical
  )
