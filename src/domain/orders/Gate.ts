import { Either } from "effect"
import { hasTrigger, isPriced, type OrderType, type Product, type Validity, type Variety } from "../accounts/OrderAttributes.ts"
import * as Money from "../Money.ts"
import * as Instrument from "../market/Instrument.ts"
import * as InstrumentHours from "../market/InstrumentHours.ts"
import * as BrokerLimits from "../rules/BrokerLimits.ts"
import * as Day from "../rules/Day.ts"
import * as Hours from "../rules/Hours.ts"
import * as Quantities from "../rules/Quantities.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"
import * as Exposure from "./Exposure.ts"

/** The names of the rules, as a refusal carries them. */
export type Rule =
  | "kill_switch"
  | "account_stop"
  | "trading_hours"
  | "lot_size"
  | "tick_size"
  | "freeze_quantity"
  | "price_band"
  | "market_protection"
  | "max_value"
  | "position_limit"
  | "total_limit"
  | "loss_limit"
  | "duplicate"
  | "rate_limit"
export interface Refusal {
  readonly rule: Rule
  readonly message: string
}

/** A new order. Prices are rupees. */
export interface Order {
  readonly variety: Variety
  readonly side: "BUY" | "SELL"
  readonly quantity: number
  readonly product: Product
  readonly orderType: OrderType
  readonly price: Money.Decimal | null
  readonly triggerPrice: Money.Decimal | null
  readonly validity: Validity
  /** Percent of the price, or -1 if the broker shall choose it. */
  readonly marketProtection: Money.Decimal | null
}

/** An account's limits; null means no limit. */
export interface Limits {
  readonly maxOrderValue: Money.Decimal | null
  readonly maxPositionLots: number | null
  /** The limit for all contracts together, long or short, with all open orders. Shares are not traded in lots and do not count. */
  readonly maxTotalLots: number | null
  readonly maxDailyLoss: Money.Decimal | null
  readonly maxOrdersPerDay: number | null
  readonly priceBandPercent: Money.Decimal | null
  readonly duplicateWindowMs: number | null
}

export const unlimited: Limits = {
  maxOrderValue: null,
  maxPositionLots: null,
  maxTotalLots: null,
  maxDailyLoss: null,
  maxOrdersPerDay: null,
  priceBandPercent: null,
  duplicateWindowMs: null
}

/** All that the checks need to know besides the order. */
export interface Situation {
  readonly rules: RuleSet
  readonly atMs: number
  readonly instrument: Instrument.Instrument
  /** Futures or options on the share exist, so that it takes part in the closing auction. */
  readonly hasDerivatives: boolean
  readonly lastPrice: Money.Decimal | null
  readonly limits: Limits
  /** Why orders are stopped, for the account or for all; null if they are not. */
  readonly killed: string | null
  /** Why the account's stop forbids orders that open a position; null if there is no stop. */
  readonly lossStop: string | null
  /** Today's profit of the account after charges, realised or not; negative for a loss. Null if unknown. */
  readonly dayProfit: Money.Decimal | null
  /** The account's position in the instrument (short below zero) and its open orders, by the broker's figures. Null if unknown. */
  readonly exposure: Exposure.Exposure | null
  /** The most lots that all other contracts of the account can reach with its open orders. Null if unknown. */
  readonly otherLots: number | null
  /** When the account last sent an order with the same terms; null if never. */
  readonly sameTermsAtMs: number | null
  /** Orders that all instances sent for the account in the last second, the last minute, and today. */
  readonly sent: { readonly second: number; readonly minute: number; readonly day: number }
}

type Check = (order: Order, situation: Situation) => string | null

const dayOf = ({ atMs }: Pick<Situation, "atMs">): string => Day.iso(Day.at(atMs))

const killSwitch: Check = (_order, { killed }) => (killed === null ? null : `orders are stopped: ${killed}`)

/** Whether an order only reduces a position, and so adds no risk. False while the position is unknown. */
const onlyLowers = ({ quantity, side }: Order, exposure: Exposure.Exposure | null): boolean =>
  exposure !== null && Exposure.filledOf(side, quantity, exposure) <= 0

const accountStop: Check = (order, { exposure, lossStop }) => {
  if (lossStop === null || onlyLowers(order, exposure)) return null
  return exposure === null
    ? `the account is stopped, and its position is not known: ${lossStop}`
    : `the account is stopped, and only orders that lower a position pass: ${lossStop}`
}

/** An after-market order (AMO) is collected by the broker while the market is closed, so no phase of the exchange decides it. */
const tradingHours: Check = (order, { atMs, hasDerivatives, instrument, rules }) => {
  if (order.variety === "amo") return null
  const place = InstrumentHours.placeOf(rules, instrument, hasDerivatives)
  if (place === undefined) return `the rulebook does not know the hours of ${instrument.exchange}`
  return Either.match(Hours.phaseAt(rules, place.segment, place.security, atMs), {
    onLeft: ({ message }) => message,
    onRight: (phase) => {
      const name = Hours.nameOf(phase)
      if (phase === Hours.closed) return `${instrument.exchange} is closed`
      const accepted = rules.documents.sessions.phases.find((it) => it.phase === name)?.orders
      const type = order.orderType === "MARKET" ? "market" : "limit"
      const isStop = hasTrigger(order.orderType) || order.validity === "IOC"
      // A phase that names its order types collects orders for an auction, in which a stop or an IOC order has no meaning.
      return accepted === undefined || (accepted.includes(type) && !isStop) ? null : `${name} takes no such order`
    }
  })
}

const lotSize: Check = ({ quantity }, { instrument }) =>
  quantity > 0 && quantity % instrument.lotSize === 0 ? null : `${quantity} is not a multiple of the lot, ${instrument.lotSize}`

const tickSize: Check = ({ price, triggerPrice }, { instrument }) => {
  const tick = Money.toDecimal(instrument.tickSize, Instrument.priceScale(instrument.token))
  const off = [price, triggerPrice].find((it) => it !== null && !it.mod(tick).isZero())
  return off == null ? null : `${Money.format(off)} is not a multiple of the tick, ${Money.format(tick)}`
}

type Listed = Pick<Situation, "rules" | "atMs" | "instrument">

/** The largest quantity of one order; null if the rulebook has none. */
const freezeOf = (situation: Listed): Quantities.Quantity | null => {
  const { exchange, name } = situation.instrument
  return Either.getOrElse(Quantities.freezeQuantity(situation.rules, exchange, name, dayOf(situation)), () => null)
}
/** An uncertain freeze quantity refuses nothing. */
const freezeQuantity: Check = ({ quantity }, situation) => {
  const freeze = freezeOf(situation)
  return freeze === null || freeze.confidence === 0 || quantity <= freeze.quantity
    ? null
    : `${quantity} is above the exchange's largest order, ${freeze.quantity}: send it in slices`
}

const priceBand: Check = (order, { lastPrice, limits: { priceBandPercent } }) => {
  if (priceBandPercent === null || order.price === null || !isPriced(order.orderType)) return null
  if (lastPrice === null) return "the last price is not known, so the price cannot be compared with it"
  const percent = order.price.minus(lastPrice).abs().div(lastPrice).times(100)
  return percent.lte(priceBandPercent)
    ? null
    : `${Money.format(order.price)} is more than ${Money.format(priceBandPercent)} % from the last price, ${Money.format(lastPrice)}`
}

/** The broker's documented bounds of a protection in percent. */
const protectionMax = 100
const marketProtection: Check = (order, situation) => {
  if (isPriced(order.orderType)) return null
  const isRequired = BrokerLimits.policy(situation.rules.documents.broker, "market_protection_required", dayOf(situation)).value
  const given = order.marketProtection
  if (given === null || given.isZero()) return isRequired ? "a market order needs a protection above zero, or -1" : null
  return given.equals(-1) || (given.isPositive() && given.lte(protectionMax)) ? null : `expected -1, or a percentage up to ${protectionMax}`
}

const maxValue: Check = (order, { atMs, instrument, lastPrice, limits: { maxOrderValue }, rules }) => {
  if (maxOrderValue === null) return null
  // The trigger price of a cover order belongs to its stop, so it is not used as the order's price.
  const price = order.price ?? (order.variety === "co" ? null : order.triggerPrice) ?? lastPrice
  if (price === null) return "the last price is not known, so the value of the order is not"
  return Either.match(Segments.multiplier(rules.segments, instrument.exchange, instrument.name, Day.at(atMs)), {
    onLeft: ({ message }) => message,
    onRight: ({ multiplier }) => {
      const value = price.times(order.quantity).times(multiplier)
      return value.lte(maxOrderValue) ? null : `the value ${Money.format(value)} is above the limit, ${Money.format(maxOrderValue)}`
    }
  })
}

/**
 * Checks the position that results if this order and all open ones of its side are filled. An order that only reduces a position passes.
 */
const positionLimit: Check = ({ quantity, side }, { exposure, instrument, limits: { maxPositionLots } }) => {
  if (maxPositionLots === null) return null
  if (exposure === null) return "the position is not known, so it cannot be compared with its limit"
  return Exposure.filledOf(side, quantity, exposure) <= maxPositionLots * instrument.lotSize
    ? null
    : `the position could exceed its limit, ${maxPositionLots} lots`
}

/** Whether an instrument is a future or an option, and so traded in lots. */
export const isContract = ({ expiry }: Pick<Instrument.Instrument, "expiry">): boolean => expiry !== null

/**
 * Checks the sum of all contracts' positions that results if this order and all open ones are filled. An order that only reduces a position
 * passes.
 */
const totalLimit: Check = (order, { exposure, instrument, limits: { maxTotalLots }, otherLots }) => {
  if (maxTotalLots === null || !isContract(instrument) || onlyLowers(order, exposure)) return null
  if (exposure === null || otherLots === null) return "the positions are not known, so they cannot be compared with their limit"
  const own = Exposure.largest(Exposure.withOrder(order.side, order.quantity, exposure)) / instrument.lotSize
  return otherLots + own <= maxTotalLots ? null : `all positions together could exceed their limit, ${maxTotalLots} lots`
}

const lossLimit: Check = (order, { dayProfit, exposure, limits: { maxDailyLoss } }) => {
  if (maxDailyLoss === null || onlyLowers(order, exposure)) return null
  if (dayProfit === null) return "today's profit is not known, so the loss cannot be compared with its limit"
  return dayProfit.negated().lt(maxDailyLoss) ? null : `today's loss has reached its limit, ${Money.format(maxDailyLoss)}`
}

const duplicate: Check = (_order, { atMs, limits: { duplicateWindowMs }, sameTermsAtMs }) =>
  duplicateWindowMs === null || sameTermsAtMs === null || atMs - sameTermsAtMs >= duplicateWindowMs
    ? null
    : `the same order was sent ${atMs - sameTermsAtMs} ms ago`

const budget = (situation: Situation, what: "orders_per_second" | "orders_per_minute" | "orders_per_day"): number =>
  Either.match(BrokerLimits.limit(situation.rules.documents.broker, what, dayOf(situation)), {
    onLeft: () => Number.POSITIVE_INFINITY,
    onRight: ({ value }) => value
  })
const rateLimit: Check = (_order, situation) => {
  const { limits, sent } = situation
  const used = [
    ["second", sent.second, budget(situation, "orders_per_second")],
    ["minute", sent.minute, budget(situation, "orders_per_minute")],
    ["day", sent.day, Math.min(budget(situation, "orders_per_day"), limits.maxOrdersPerDay ?? Number.POSITIVE_INFINITY)]
  ] as const
  const full = used.find(([, count, max]) => count >= max)
  return full === undefined ? null : `${full[1]} orders were sent in this ${full[0]}, the most are ${full[2]}`
}

const checks: ReadonlyArray<readonly [Rule, Check]> = [
  ["kill_switch", killSwitch],
  ["account_stop", accountStop],
  ["trading_hours", tradingHours],
  ["lot_size", lotSize],
  ["tick_size", tickSize],
  ["freeze_quantity", freezeQuantity],
  ["price_band", priceBand],
  ["market_protection", marketProtection],
  ["max_value", maxValue],
  ["position_limit", positionLimit],
  ["total_limit", totalLimit],
  ["loss_limit", lossLimit],
  ["duplicate", duplicate],
  ["rate_limit", rateLimit]
]

/** Every rule that refuses the order; empty if it may be sent. */
export const refusals = (order: Order, situation: Situation): ReadonlyArray<Refusal> =>
  checks.flatMap(([rule, check]) => {
    const message = check(order, situation)
    return message === null ? [] : [{ rule, message }]
  })

/**
 * The quantities of the orders that together make `quantity`, each a multiple of the lot and not above the freeze quantity. One part if no
 * freeze quantity is known. An uncertain one is used too, because smaller orders do no harm. Null if there would be more parts than the
 * broker accepts, or if the freeze quantity is below one lot.
 */
export const slices = (situation: Listed, quantity: number): ReadonlyArray<number> | null => {
  const freeze = freezeOf(situation)
  if (freeze === null || quantity <= freeze.quantity) return [quantity]
  const { lotSize } = situation.instrument
  const largest = Math.floor(freeze.quantity / lotSize) * lotSize
  const slicesMax = Either.match(BrokerLimits.limit(situation.rules.documents.broker, "autoslice_slices", dayOf(situation)), {
    onLeft: () => 1,
    onRight: ({ value }) => value
  })
  if (largest === 0 || Math.ceil(quantity / largest) > slicesMax) return null
  const whole = Array.from({ length: Math.floor(quantity / largest) }, () => largest)
  return quantity % largest === 0 ? whole : [...whole, quantity % largest]
}

/** The most orders of one round that close one position. The next round closes the rest. */
export const closingPartsMax = 100

/**
 * The quantities of the orders that close a position of `quantity`: like `slices`, but up to `closingPartsMax` parts, because each is a
 * separate order.
 */
export const closingParts = (situation: Listed, quantity: number): ReadonlyArray<number> => {
  const freeze = freezeOf(situation)
  const { lotSize } = situation.instrument
  const largest = freeze === null ? quantity : Math.floor(freeze.quantity / lotSize) * lotSize
  if (largest === 0 || quantity <= largest) return [quantity]
  const whole = Array.from({ length: Math.min(closingPartsMax, Math.floor(quantity / largest)) }, () => largest)
  const rest = quantity - whole.length * largest
  return rest === 0 || whole.length === closingPartsMax ? whole : [...whole, rest]
}

/** Whether an order may be modified once more. */
export const mayModify = (situation: Pick<Situation, "rules" | "atMs">, modifications: number): Refusal | null => {
  const on = Day.iso(Day.at(situation.atMs))
  const max = Either.map(BrokerLimits.limit(situation.rules.documents.broker, "modifications_per_order", on), ({ value }) => value)
  return Either.isRight(max) && modifications >= max.right
    ? { rule: "rate_limit", message: `the order was modified ${modifications} times, the most are ${max.right}` }
    : null
}
