/** The instruments that the simulated exchanges list on each day, from the rulebook. A new contract takes the token of an expired one. */
import { Either } from "effect"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Symbol from "../../domain/market/Symbol.ts"
import * as Day from "../../domain/rules/Day.ts"
import * as Expiries from "../../domain/rules/Expiries.ts"
import * as ExpiryInstant from "../../domain/rules/ExpiryInstant.ts"
import type * as Facts from "../../domain/rules/Facts.ts"
import * as Hours from "../../domain/rules/Hours.ts"
import * as Quantities from "../../domain/rules/Quantities.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import * as Segments from "../../domain/rules/Segments.ts"
import type { UnknownRule } from "../../domain/rules/UnknownRule.ts"
import * as Contracts from "../Contracts.ts"
import type * as SyntheticSettings from "../synthetic/SyntheticSettings.ts"

/** An underlying of the simulated days and how many of its contracts are listed. */
export interface Product extends SyntheticSettings.Product {
  /** Strikes on either side of the base price. */
  readonly strikesEachSide: number
}

/** A commodity. Its exchange lists no spot, and only its dump states when a contract expires. */
export interface Commodity extends Product {
  /** Kite's exchange. */
  readonly exchange: string
  readonly strikeStep: number
  readonly tick: number
  /** Day of the month on which futures and options expire, or the trading day before it. */
  readonly futureDay: number
  readonly optionDay: number
}

export interface Listed {
  readonly instrument: Instrument.Instrument
  /** Index into the products. */
  readonly product: number
  readonly segment: Facts.Segment
  readonly security: Hours.Security
  /** Infinity for an instrument that does not expire. */
  readonly expiresAtMs: number
}

export interface DayListing {
  readonly day: Day.Day
  readonly listed: ReadonlyArray<Listed>
}

export const isCommodity = (product: Product): product is Commodity => "exchange" in product

/** Returns a rule's answer. If the rulebook lacks a rule that the simulated days need, the simulator stops at its start. */
export const known = <A>(answer: Either.Either<A, UnknownRule>): A => Either.getOrThrowWith(answer, (unknown) => unknown)

const exchangeTokenBase = 2_000_000

/** A contract that has no token yet. */
type Draft = Omit<Instrument.Instrument, "token" | "exchangeToken">

const paise = 100

const underlyingOf = (product: Product): Contracts.Underlying => {
  const found = Contracts.underlyingByName.get(product.name)
  if (found === undefined) throw new RangeError(`${product.name} is not in Contracts.underlyings`)
  return found
}

interface Terms {
  readonly exchange: string
  readonly strikeStep: number
  readonly futureTick: number
  readonly optionTick: number
}

const termsOf = (product: Product): Terms => {
  if (isCommodity(product)) return { ...product, futureTick: product.tick, optionTick: product.tick }
  const { derivatives, strikeStep, futureTick, optionTick } = underlyingOf(product)
  return { exchange: derivatives, strikeStep, futureTick, optionTick }
}

const printed = (contract: "weekly" | "monthly", expiry: string): Symbol.Printed =>
  contract === "weekly" ? { form: "date", date: expiry } : { form: "month", month: expiry.slice(0, 7) }

const draft = (
  rules: RuleSet.RuleSet,
  product: Product,
  day: Day.Day,
  expiry: { readonly iso: string; readonly contract: "weekly" | "monthly" },
  kind: "FUT" | "CE" | "PE",
  strike: number
): Draft => {
  const terms = termsOf(product)
  const on = printed(expiry.contract, expiry.iso)
  const text = String(strike / paise)
  return {
    tradingsymbol: Symbol.print(
      kind === "FUT" ? { kind, name: product.name, expiry: on } : { kind, name: product.name, expiry: on, strike: text }
    ),
    name: product.name,
    expiry: expiry.iso,
    strike,
    tickSize: kind === "FUT" ? terms.futureTick : terms.optionTick,
    // Kite's dump counts commodities in contracts.
    lotSize: isCommodity(product) ? 1 : known(Quantities.lot(rules, terms.exchange, product.name, expiry.iso, Day.iso(day))).quantity,
    instrumentType: kind,
    segment: `${terms.exchange}-${kind === "FUT" ? "FUT" : "OPT"}`,
    exchange: terms.exchange
  }
}

const strikesOf = (product: Product): ReadonlyArray<number> => {
  const { strikeStep } = termsOf(product)
  const middle = Math.round((product.basePrice * paise) / strikeStep)
  return Array.from({ length: 2 * product.strikesEachSide + 1 }, (_, at) => (middle - product.strikesEachSide + at) * strikeStep)
}

const optionsOf = (
  rules: RuleSet.RuleSet,
  product: Product,
  day: Day.Day,
  expiry: { readonly iso: string; readonly contract: "weekly" | "monthly" }
): ReadonlyArray<Draft> =>
  strikesOf(product).flatMap((strike) => (["CE", "PE"] as const).map((kind) => draft(rules, product, day, expiry, kind, strike)))

/** Contracts of an index or share that are listed on a day, including those that expire on it. */
const byRule = (rules: RuleSet.RuleSet, product: Product, day: Day.Day): ReadonlyArray<Draft> => {
  const { exchange } = termsOf(product)
  const ahead = Expiries.after(rules, exchange, product.name, day - 1)
  const first = (contract: "weekly" | "monthly", count: number) =>
    ahead
      .filter((one) => one.contract === contract)
      .slice(0, count)
      .map((one) => ({ iso: Day.iso(one.day), contract }))
  const monthlies = first("monthly", product.monthlies)
  return [
    ...monthlies.map((expiry) => draft(rules, product, day, expiry, "FUT", 0)),
    ...[...first("weekly", product.weeklies), ...monthlies].flatMap((expiry) => optionsOf(rules, product, day, expiry))
  ]
}

/** The day of a month, or the last trading day before it. */
const tradingDayAt = (rules: RuleSet.RuleSet, segment: Facts.Segment, wanted: Day.Day): Day.Day => {
  let day = wanted
  while (!known(Hours.isTradingDay(rules, segment, day))) day--
  return day
}

const ofCommodity = (rules: RuleSet.RuleSet, product: Commodity, day: Day.Day): ReadonlyArray<Draft> => {
  const segment = known(Segments.ofExchange(rules.segments, product.exchange, product.name))
  const months = Array.from({ length: product.monthlies + 1 }, (_, ahead) => Day.firstOfMonth(Day.yearOf(day), Day.monthOf(day) + ahead))
  const expiries = (ofMonth: number) =>
    months
      .map((first) => tradingDayAt(rules, segment, first + ofMonth - 1))
      .filter((expiry) => expiry >= day)
      .slice(0, product.monthlies)
      .map((expiry) => ({ iso: Day.iso(expiry), contract: "monthly" as const }))
  return [
    ...expiries(product.futureDay).map((expiry) => draft(rules, product, day, expiry, "FUT", 0)),
    ...expiries(product.optionDay).flatMap((expiry) => optionsOf(rules, product, day, expiry))
  ]
}

/** The kind of security that decides the hours. A share without derivatives is not in the closing auction. */
const securityOf = (type: Instrument.InstrumentType, { monthlies }: Product): Hours.Security => {
  if (type === "EQ") return monthlies > 0 ? "cas" : "other"
  return type === "FUT" ? "future" : "option"
}

const listedOf = (rules: RuleSet.RuleSet, products: ReadonlyArray<Product>, at: number, instrument: Instrument.Instrument): Listed => {
  const { exchange, expiry } = instrument
  const underlying = products[at]?.name ?? ""
  return {
    instrument,
    product: at,
    segment: known(Segments.ofExchange(rules.segments, exchange, underlying)),
    security: securityOf(instrument.instrumentType, products[at] as Product),
    expiresAtMs: expiry === null ? Number.POSITIVE_INFINITY : known(ExpiryInstant.expiresAtMs(rules, { exchange, underlying, expiry }))
  }
}

const lowByteOf = (rules: RuleSet.RuleSet, exchange: string): number => {
  const unit = rules.segments.units.find((one) => one?.name === exchange)
  if (unit === undefined) throw new RangeError(`the rulebook has no unit of ${exchange}`)
  return unit.lowByte
}

/** The tokens in use and the free ones, by exchange. The token that has been free longest is reused first. */
class Tokens {
  readonly #bySymbol = new Map<string, number>()
  readonly #free = new Map<string, Array<number>>()
  #next = exchangeTokenBase

  release(present: ReadonlySet<string>): void {
    for (const [key, token] of this.#bySymbol) {
      if (present.has(key)) continue
      this.#bySymbol.delete(key)
      const exchange = key.slice(0, key.indexOf(":"))
      this.#free.set(exchange, [...(this.#free.get(exchange) ?? []), token])
    }
  }

  of(exchange: string, tradingsymbol: string): number {
    const key = Instrument.symbolKey(exchange, tradingsymbol)
    const token = this.#bySymbol.get(key) ?? this.#free.get(exchange)?.shift() ?? this.#next++
    this.#bySymbol.set(key, token)
    return token
  }
}

/** The listings of all days, in order. */
export const listings = (
  rules: RuleSet.RuleSet,
  products: ReadonlyArray<Product>,
  days: ReadonlyArray<Day.Day>
): ReadonlyArray<DayListing> => {
  const tokens = new Tokens()
  return days.map((day) => {
    const drafts = products.flatMap((product, at) =>
      (isCommodity(product) ? ofCommodity(rules, product, day) : byRule(rules, product, day)).map((one) => ({ one, at }))
    )
    tokens.release(new Set(drafts.map(({ one }) => Instrument.symbolKey(one.exchange, one.tradingsymbol))))
    const spots = products.flatMap((product, at) =>
      isCommodity(product) ? [] : [listedOf(rules, products, at, Contracts.spotInstrument(underlyingOf(product)))]
    )
    const contracts = drafts.map(({ one, at }) => {
      const exchangeToken = tokens.of(one.exchange, one.tradingsymbol)
      const token = Contracts.tokenOf(exchangeToken, lowByteOf(rules, one.exchange))
      return listedOf(rules, products, at, { token, exchangeToken, ...one })
    })
    return { day, listed: [...spots, ...contracts] }
  })
}
