import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as BarSession from "../market/BarSession.ts"
import * as Freshness from "../market/Freshness.ts"
import * as Rounding from "../options/Rounding.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Feed from "./Feed.ts"
import * as NetGreeks from "./NetGreeks.ts"
import * as Premium from "./Premium.ts"
import { isOption, type Line, multiplierOf, type Sent, type Strategy } from "./Strategy.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

/** What all strategies of an instant read of a feed. */
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
  readonly feedOf: (line: Line) => Feed.Feed
  /** The last price of a line as a wire integer; NaN without one. */
  readonly priceOf: (line: Line) => number
  /** True if the line has no price, or a stale one. */
  readonly isMissing: (line: Line) => boolean
}

/** Net Greeks per year and per 1.00; NaN if one is unknown. */
export type Net = Omit<NetGreeks.Greeks, "rho">

/** A strategy's values at an instant: as they are published, and its net Greeks before rounding. */
export interface Values {
  readonly sent: Sent
  readonly net: Net
}

/** Sums the Greeks of the holdings as NetGreeks.net does, without an object for each holding: this runs for every strategy and window. */
const netGreeks = (feedOf: (line: Line) => Feed.Feed, { holdings, unvalued }: Strategy): Net => {
  if (unvalued) return NetGreeks.none
  const net = { delta: 0, gamma: 0, theta: 0, vega: 0 }
  for (const line of holdings) {
    const quantity = line.position * multiplierOf(line.contract)
    if (!isOption(line.contract)) {
      net.delta += quantity
      continue
    }
    const side = Feed.sideOf(feedOf(line), line)
    if (side === undefined) return NetGreeks.none
    net.delta += quantity * (side.delta[line.strike] as number)
    net.gamma += quantity * (side.gamma[line.strike] as number)
    net.theta += quantity * (side.theta[line.strike] as number)
    net.vega += quantity * (side.vega[line.strike] as number)
  }
  return net
}

/** The instant to which the age of a line's price counts. A share's price does not move in the closing auction of its exchange. */
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

/** The rows of a line's feed. They are made once for all strategies; most strategies have one feed, so the last one is remembered. */
const rowsOf = (make: (key: string) => Rows): ((line: Line) => Rows) => {
  const known = new Map<string, Rows>()
  let key: string | undefined
  let rows: Rows
  return (line) => {
    if (line.feed !== key) {
      key = line.feed
      rows = known.get(key) ?? make(key)
      known.set(key, rows)
    }
    return rows
  }
}

/** `rules` decide which instants are inside a session; they are absent for a market that never closes. */
export const instant = (
  feeds: Feed.Feeds,
  rules: RuleSet.RuleSet | undefined,
  { staleAfterMs, eventMs, seq }: { readonly staleAfterMs: number; readonly eventMs: number; readonly seq: number }
): Instant => {
  const judgedMs = judgedAt(rules, eventMs)
  const isUnpriced = ({ quotes }: Feed.Feed, line: Line): boolean =>
    Number.isNaN(quotes.lastPrice[line.row]) || judgedMs(line) - (quotes.pricedMs[line.row] as number) > staleAfterMs
  const rows = rowsOf((key) => {
    const feed = Feed.of(feeds, key)
    return { feed, freshness: new Uint8Array(feed.quotes.contracts.length) }
  })
  return {
    asOf: IndiaTime.isoTime(eventMs),
    seq,
    feedOf: (line) => rows(line).feed,
    priceOf: (line) => rows(line).feed.quotes.lastPrice[line.row] as number,
    isMissing: (line) => {
      const { feed, freshness } = rows(line)
      // A line with another contract of the same token may be judged at another instant.
      if (feed.quotes.contracts[line.row] !== line.contract) return isUnpriced(feed, line)
      if (freshness[line.row] === notAsked) freshness[line.row] = isUnpriced(feed, line) ? stale : fresh
      return freshness[line.row] === stale
    }
  }
}

const nothing: ReadonlyArray<number> = []

const missingOf = ({ isMissing }: Instant, { legs, unpriced }: Strategy): ReadonlyArray<number> => {
  if (unpriced.length === 0 && !legs.some(isMissing)) return nothing
  const missing = [...unpriced]
  for (const leg of legs) if (isMissing(leg)) missing.push(leg.legId)
  return missing.sort((a, b) => a - b)
}

export const valuesOf = (at: Instant, strategy: Strategy): Values => {
  const { cost, holdings, legs, realised, unpriced, unvalued } = strategy
  const missing = missingOf(at, strategy)
  const net = netGreeks(at.feedOf, strategy)
  const units = unpriced.length > 0 ? null : Premium.net(legs, at.priceOf)
  // Without fills the holdings are the legs, as in most strategies.
  const areLegs = holdings === legs
  const sent: Sent = {
    units,
    heldUnits: unvalued ? null : areLegs ? units : Premium.net(holdings, at.priceOf),
    cost,
    realised,
    delta: Rounding.units.delta(net.delta),
    gamma: Rounding.units.gamma(net.gamma),
    theta: Rounding.units.theta(net.theta),
    vega: Rounding.units.vega(net.vega),
    complete: missing.length === 0 && !unvalued && (areLegs || !holdings.some(at.isMissing)),
    missing
  }
  return { sent, net }
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

export const exactOf = ({ sent: { units, heldUnits }, net }: Values): Float64Array =>
  Float64Array.from(
    [...[units, heldUnits].map((value) => (value === null ? Number.NaN : Number(value))), net.delta, net.gamma, net.theta, net.vega],
    Rounding.canonical
  )
