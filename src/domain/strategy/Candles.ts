import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as BarSession from "../market/BarSession.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Premium from "./Premium.ts"
import type { Leg, OpenCandle, Pending, Strategy } from "./Strategy.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

export type Candle = StrategyMessage.Candle

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

/** What valuing the instants of strategies leads to. */
export interface Sink {
  readonly rules: RuleSet.RuleSet | undefined
  readonly eventMs: number
  readonly seq: number
  readonly take: (strategy: Strategy, candle: Closed) => void
  /** A price came for a minute that is closed already. */
  readonly late: () => void
}

const close = (strategy: Strategy, { eventMs, seq, take }: Sink): void => {
  if (strategy.candle !== null) take(strategy, closed(strategy, eventMs, seq, strategy.candle))
  strategy.candle = null
}

/** Closes the candle of a minute that event time has left. */
export const closeBefore = (strategy: Strategy, sink: Sink): void => {
  const minuteMs = IndiaTime.minuteFloor(sink.eventMs)
  if (minuteMs <= strategy.openFromMs) return
  close(strategy, sink)
  strategy.openFromMs = minuteMs
}

const settledPrice = (leg: Leg): number => leg.price

/** Adds the value at a complete instant to its minute. */
const valueInstant = (strategy: Strategy, sink: Sink, atMs: number): void => {
  const minuteMs = IndiaTime.minuteFloor(atMs)
  if (minuteMs < strategy.openFromMs) {
    sink.late()
    return
  }
  const value = strategy.unpriced.length > 0 ? null : Premium.net(strategy.legs, settledPrice)
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

const isInSession = (rules: RuleSet.RuleSet | undefined, leg: Leg, atMs: number): boolean => {
  if (rules === undefined) return true
  const { session } = leg
  const current = session !== null && BarSession.holds(session, rules, atMs) ? session : BarSession.sessionAt(rules, leg.place, atMs)
  leg.session = current
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

/** Values the instants before `untilMs` in order of time. All prices received at one instant count as one event. */
export const settle = (strategy: Strategy, untilMs: number, sink: Sink): void => {
  const ready = takeReady(strategy, untilMs)
  /** True if any price of the instant came within its session. A snapshot at night gives a price but no traded minute. */
  let isTrading = false
  for (let at = 0; at < ready.length; at++) {
    const tick = ready[at] as Pending
    for (const leg of strategy.legs) {
      if (leg.contract.instrument_token !== tick.token) continue
      isTrading ||= isInSession(sink.rules, leg, tick.atMs)
      if (tick.atMs < leg.priceMs) continue
      leg.price = tick.price
      leg.priceMs = tick.atMs
    }
    if (ready[at + 1]?.atMs === tick.atMs) continue
    if (isTrading) valueInstant(strategy, sink, tick.atMs)
    isTrading = false
  }
}
