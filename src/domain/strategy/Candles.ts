import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as BarSession from "../market/BarSession.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import type { Entry, Hours, LineColumns } from "./LineColumns.ts"
import * as Premium from "./Premium.ts"
import type { OpenCandle, Pending, Strategy } from "./Strategy.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

/** A closed candle with its numbers before they become text. */
export interface Closed {
  readonly message: StrategyMessage.Candle
  readonly exact: Float64Array
}

/** The message of a candle that the strategy closes because of the record's message `seq`. */
const closed = (strategy: Strategy, eventMs: number, seq: number, candle: OpenCandle): Closed => ({
  message: {
    v: 1,
    as_of: IndiaTime.isoTime(Math.max(eventMs, candle.minuteMs + IndiaTime.minuteMs)),
    seq,
    strategy_id: strategy.strategyId,
    timestamp: IndiaTime.isoTime(candle.minuteMs),
    open: Premium.toMoney(candle.open),
    high: Premium.toMoney(candle.high),
    low: Premium.toMoney(candle.low),
    close: Premium.toMoney(candle.close),
    total_pnl: strategy.profit === null ? null : new Money.Decimal(strategy.profit)
  },
  exact: Float64Array.of(candle.minuteMs, Number(candle.open), Number(candle.high), Number(candle.low), Number(candle.close))
})

/** Receives the results of valuing strategies. */
export interface Sink {
  readonly rules: RuleSet.RuleSet | undefined
  readonly eventMs: number
  readonly seq: number
  readonly take: (strategy: Strategy, candle: Closed) => void
  /** Called if a price came for a minute that is already closed. */
  readonly late: () => void
}

const close = (strategy: Strategy, { eventMs, seq, take }: Sink): void => {
  if (strategy.candle !== null) take(strategy, closed(strategy, eventMs, seq, strategy.candle))
  strategy.candle = null
}

/** Closes the candle of a minute that event time has passed. */
export const closeBefore = (strategy: Strategy, sink: Sink): void => {
  const minuteMs = IndiaTime.minuteFloor(sink.eventMs)
  if (minuteMs <= strategy.openFromMs) return
  close(strategy, sink)
  strategy.openFromMs = minuteMs
}

/** The premium of legs at their newest prices. */
const netOf = (columns: LineColumns, from: number, to: number): Premium.Units | null => {
  const { last, priceRow, prices } = columns
  for (let at = from; at < to; at++) last[at] = prices.price[priceRow[at] as number] as number
  return Premium.net(columns, last, from, to)
}

/** Adds the value at a complete instant to its minute. */
const valueInstant = (columns: LineColumns, { legsFrom, legsTo, strategy }: Entry, sink: Sink, atMs: number): void => {
  const minuteMs = IndiaTime.minuteFloor(atMs)
  if (minuteMs < strategy.openFromMs) {
    sink.late()
    return
  }
  const value = strategy.unpriced.length > 0 ? null : netOf(columns, legsFrom, legsTo)
  if (value === null) return
  if (strategy.candle?.minuteMs === minuteMs) {
    if (value > strategy.candle.high) strategy.candle.high = value
    if (value < strategy.candle.low) strategy.candle.low = value
    strategy.candle.close = value
    return
  }
  close(strategy, sink)
  strategy.candle = { minuteMs, open: value, high: value, low: value, close: value }
  strategy.openFromMs = minuteMs
}

const isInSession = (rules: RuleSet.RuleSet | undefined, hours: Hours, atMs: number): boolean => {
  if (rules === undefined) return true
  const { session } = hours
  const current = session !== null && BarSession.holds(session, rules, atMs) ? session : BarSession.sessionAt(rules, hours.place, atMs)
  hours.session = current
  return atMs >= current.opensAtMs && atMs < current.closesAtMs
}

/** Takes the prices before `untilMs` in order of time. The sort is stable: prices of the same instant stay in stream order. */
const takeReady = (strategy: Strategy, untilMs: number): ReadonlyArray<Pending> => {
  const { pending } = strategy
  let isOrdered = true
  let later = 0
  let beforeMs = Number.NEGATIVE_INFINITY
  for (const { atMs } of pending) {
    if (atMs < beforeMs) isOrdered = false
    if (atMs >= untilMs) later++
    beforeMs = atMs
  }
  strategy.pending = later === 0 ? [] : pending.filter(({ atMs }) => atMs >= untilMs)
  const ready = later === 0 ? pending : pending.filter(({ atMs }) => atMs < untilMs)
  return isOrdered ? ready : ready.sort((a, b) => a.atMs - b.atMs)
}

/** Gives a price to the strategy's legs in that instrument; true if one of them is in its session. */
const takePrice = (columns: LineColumns, { legsFrom, legsTo }: Entry, { rules }: Sink, tick: Pending): boolean => {
  const { hours, hoursAt, priceRow, prices, token } = columns
  let isTrading = false
  for (let at = legsFrom; at < legsTo; at++) {
    if (token[at] !== tick.token) continue
    isTrading ||= isInSession(rules, hours[hoursAt[at] as number] as Hours, tick.atMs)
    const row = priceRow[at] as number
    if (tick.atMs < (prices.atMs[row] as number)) continue
    prices.price[row] = tick.price
    prices.atMs[row] = tick.atMs
  }
  return isTrading
}

/** Values the instants before `untilMs` in order of time. All prices received at one instant count as one event. */
export const settle = (columns: LineColumns, entry: Entry, untilMs: number, sink: Sink): void => {
  const ready = takeReady(entry.strategy, untilMs)
  /** True if any price of the instant came within its session. A snapshot at night gives a price but no traded minute. */
  let isTrading = false
  for (let at = 0; at < ready.length; at++) {
    const tick = ready[at] as Pending
    if (takePrice(columns, entry, sink, tick)) isTrading = true
    if (ready[at + 1]?.atMs === tick.atMs) continue
    if (isTrading) valueInstant(columns, entry, sink, tick.atMs)
    isTrading = false
  }
}
