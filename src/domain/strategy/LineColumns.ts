import type * as BarSession from "../market/BarSession.ts"
import type * as ChainState from "../options/ChainState.ts"
import * as Feed from "./Feed.ts"
import type { LegPrices } from "./LegPrices.ts"
import { isOption, type Leg, type Line, multiplierOf, type Strategy } from "./Strategy.ts"

/** The session of the day of the newest price of a place, for all legs that trade there; null before the first one is asked. */
export interface Hours {
  readonly place: BarSession.Place | null
  session: BarSession.DaySession | null
}

/** Where a strategy's lines are in the columns; `to` is exclusive. Without fills both ranges are the same. */
export interface Entry {
  readonly strategy: Strategy
  readonly legsFrom: number
  readonly legsTo: number
  readonly heldFrom: number
  readonly heldTo: number
}

/**
 * Values in `side`. `noOption`: the line is not an option, so its delta is 1. `noChain`: it is an option without a chain, so it has no
 * Greeks.
 */
export const [noOption, noChain] = [-1, -2] as const

/**
 * The lines of strategies as columns, one row per line. Valuing 5,000 strategies reads their numbers in sequence. As objects they would be
 * scattered over the memory, and waiting for them would take longer than the arithmetic. The columns are made from a state and are not part
 * of it: code that changes strategies or feeds must make them again.
 */
export interface LineColumns {
  readonly entries: ReadonlyArray<Entry>
  readonly feeds: ReadonlyArray<Feed.Feed>
  readonly sides: ReadonlyArray<ChainState.Side>
  readonly hours: ReadonlyArray<Hours>
  readonly lines: ReadonlyArray<Line>
  /** The prices of the state's legs. */
  readonly prices: LegPrices
  /** Index in `feeds`, and the row there. */
  readonly feed: Int32Array
  readonly row: Int32Array
  /** 1 if the feed's row holds the line's own contract, 0 if it holds another one of its token. */
  readonly isOwn: Uint8Array
  /** Index in `sides`, and in the columns there. */
  readonly side: Int32Array
  readonly strike: Int32Array
  readonly position: Float64Array
  readonly factor: Float64Array
  /** Units of the underlying; bought is positive. */
  readonly units: Float64Array
  /** The prices at which a strategy is valued, as wire integers; NaN without one. Valid only while that strategy is valued. */
  readonly last: Float64Array
  /** Of legs: their token, the index in `hours`, and the row in `prices`. */
  readonly token: Float64Array
  readonly hoursAt: Int32Array
  readonly priceRow: Int32Array
}

/** Returns the index of a value in a list, and adds the value if it is new. */
const indexIn = <A>(list: Array<A>, isIt: (one: A) => boolean, make: () => A): number => {
  const at = list.findIndex(isIt)
  return at < 0 ? list.push(make()) - 1 : at
}

const hoursIn = (hours: Array<Hours>, { place }: Leg): number =>
  indexIn(
    hours,
    (one) => one.place?.segment === place?.segment && one.place?.security === place?.security,
    () => ({ place, session: null })
  )

const sideIn = (sides: Array<ChainState.Side>, feed: Feed.Feed, line: Line): number => {
  if (!isOption(line.contract)) return noOption
  const side = Feed.sideOf(feed, line)
  return side === undefined
    ? noChain
    : indexIn(
        sides,
        (one) => one === side,
        () => side
      )
}

/** The columns of these strategies, in their order. */
export const of = (all: Feed.Feeds, prices: LegPrices, strategies: Iterable<Strategy>): LineColumns => {
  const entries: Array<Entry> = []
  const lines: Array<Line> = []
  for (const strategy of strategies) {
    const { holdings, legs } = strategy
    const legsFrom = lines.length
    for (const leg of legs) lines.push(leg)
    const legsTo = lines.length
    if (holdings !== legs) for (const line of holdings) lines.push(line)
    entries.push({ strategy, legsFrom, legsTo, heldFrom: holdings === legs ? legsFrom : legsTo, heldTo: lines.length })
  }
  const [feeds, sides, hours]: [Array<Feed.Feed>, Array<ChainState.Side>, Array<Hours>] = [[], [], []]
  const count = lines.length
  const columns = {
    entries,
    feeds,
    sides,
    hours,
    lines,
    prices,
    feed: new Int32Array(count),
    row: new Int32Array(count),
    isOwn: new Uint8Array(count),
    side: new Int32Array(count),
    strike: new Int32Array(count),
    position: new Float64Array(count),
    factor: new Float64Array(count),
    units: new Float64Array(count),
    last: new Float64Array(count),
    token: new Float64Array(count),
    hoursAt: new Int32Array(count),
    priceRow: new Int32Array(count)
  }
  for (const [at, line] of lines.entries()) {
    const feed = Feed.of(all, line.feed)
    columns.feed[at] = indexIn(
      feeds,
      (one) => one === feed,
      () => feed
    )
    columns.row[at] = line.row
    columns.isOwn[at] = feed.quotes.contracts[line.row] === line.contract ? 1 : 0
    columns.side[at] = sideIn(sides, feed, line)
    columns.strike[at] = line.strike
    columns.position[at] = line.position
    columns.factor[at] = line.factor
    columns.units[at] = line.position * multiplierOf(line.contract)
  }
  for (const { legsFrom, strategy } of entries) {
    for (const [nth, leg] of strategy.legs.entries()) {
      const at = legsFrom + nth
      columns.token[at] = leg.contract.instrument_token
      columns.hoursAt[at] = hoursIn(hours, leg)
      columns.priceRow[at] = leg.priceRow
    }
  }
  return columns
}
