import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as BarSession from "../market/BarSession.ts"
import * as Freshness from "../market/Freshness.ts"
import * as Rounding from "../options/Rounding.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Feed from "./Feed.ts"
import * as NetGreeks from "./NetGreeks.ts"
import * as Premium from "./Premium.ts"
import { isOption, type Line, multiplierOf, type Strategy } from "./Strategy.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

export interface Instant {
  readonly feeds: Feed.Feeds
  /** Decides which instants are inside a session; absent for a market that never closes. */
  readonly rules: RuleSet.RuleSet | undefined
  readonly staleAfterMs: number
  readonly eventMs: number
  /** The record's message that causes the mark. */
  readonly seq: number
}

/** Net Greeks per year and per 1.00; NaN if one is unknown. */
export type Net = Omit<NetGreeks.Greeks, "rho">

/** A strategy's values at an instant, before they become a message. */
export interface Values {
  readonly units: Premium.Units | null
  readonly heldUnits: Premium.Units | null
  readonly net: Net
  readonly complete: boolean
  /** Ascending. */
  readonly missing: ReadonlyArray<number>
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
const judgedAt = ({ rules, eventMs }: Instant): ((line: Line) => number) => {
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

/** The feed of a line. Most strategies have one feed, so the last one is remembered. */
const feedsOf = (feeds: Feed.Feeds): ((line: Line) => Feed.Feed) => {
  let key: string | undefined
  let feed: Feed.Feed
  return (line) => {
    if (line.feed !== key) {
      key = line.feed
      feed = Feed.of(feeds, key)
    }
    return feed
  }
}

export const valuesOf = (at: Instant, strategy: Strategy): Values => {
  const { holdings, legs, unpriced, unvalued } = strategy
  const feedOf = feedsOf(at.feeds)
  const priceOf = (line: Line) => feedOf(line).quotes.lastPrice[line.row] as number
  const judgedMs = judgedAt(at)
  const isMissing = (line: Line) =>
    Number.isNaN(priceOf(line)) || judgedMs(line) - (feedOf(line).quotes.pricedMs[line.row] as number) > at.staleAfterMs
  const missing = [...unpriced]
  for (const leg of legs) if (isMissing(leg)) missing.push(leg.legId)
  return {
    units: unpriced.length > 0 ? null : Premium.net(legs, priceOf),
    heldUnits: unvalued ? null : Premium.net(holdings, priceOf),
    net: netGreeks(feedOf, strategy),
    complete: missing.length === 0 && !unvalued && !holdings.some(isMissing),
    missing: missing.sort((a, b) => a - b)
  }
}

/** The numbers of a mark as text: two marks with the same text have the same numbers. */
export const textOf = ({ cost, realised }: Strategy, { units, heldUnits, net, complete, missing }: Values): string => {
  const { delta, gamma, theta, vega } = Rounding.units
  return `${units} ${heldUnits} ${cost} ${realised} ${delta(net.delta)} ${gamma(net.gamma)} ${theta(net.theta)} ${vega(net.vega)} ${complete} ${missing}`
}

export const messageOf = ({ eventMs, seq }: Instant, strategy: Strategy, values: Values): StrategyMessage.Mark => {
  const { units, heldUnits, net, complete, missing } = values
  // Profit is (price - entry) x signed quantity: the negated premium minus what was paid.
  const unrealised = heldUnits === null ? null : Money.zero.minus(Premium.toMoney(heldUnits)).minus(strategy.cost)
  const realised = new Money.Decimal(strategy.realised)
  return {
    v: 1,
    as_of: IndiaTime.isoTime(eventMs),
    seq,
    strategy_id: strategy.strategyId,
    m2m: units === null ? null : Premium.toMoney(units),
    unrealised_pnl: unrealised,
    realised_pnl: realised,
    total_pnl: unrealised === null ? null : unrealised.plus(realised),
    net_delta: Rounding.published("delta", net.delta),
    net_gamma: Rounding.published("gamma", net.gamma),
    net_theta: Rounding.published("theta", net.theta),
    net_vega: Rounding.published("vega", net.vega),
    complete,
    missing
  }
}

export const exactOf = ({ units, heldUnits, net }: Values): Float64Array =>
  Float64Array.from(
    [...[units, heldUnits].map((value) => (value === null ? Number.NaN : Number(value))), net.delta, net.gamma, net.theta, net.vega],
    Rounding.canonical
  )
