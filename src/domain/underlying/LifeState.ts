import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as Quotes from "../market/Quotes.ts"
import * as SettlementValue from "../options/SettlementValue.ts"
import type { Happening, SettlementSource } from "../record/Lives.ts"
import type { Contract } from "../record/Reference.ts"
import * as Day from "../rules/Day.ts"
import * as ExpiryInstant from "../rules/ExpiryInstant.ts"
import * as Hours from "../rules/Hours.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"

/** The packet with the closing price may arrive a little after the price is due. The settlement waits this long for it. */
const closeGraceMs = 60_000
/** Settled and expired contracts to remember. Their references leave the record a day later. */
const rememberedMax = 20_000

/** The lives of one underlying's contracts. Plain data, mutated in place by its one owner. */
export interface LifeState {
  /** By tradingsymbol: when a contract expires, and from when its settlement price is known. */
  readonly ends: Map<
    string,
    { readonly contract: Contract; readonly exchange: string; readonly endsMs: number; readonly settlesMs: number }
  >
  readonly expired: Set<string>
  readonly settled: Set<string>
  /** By tradingsymbol, from the newest reference. */
  readonly contracts: Map<string, Contract>
}

export const make = (): LifeState => ({ ends: new Map(), expired: new Set(), settled: new Set(), contracts: new Map() })

interface Names {
  readonly exchange: string
  readonly underlying: string
}

/**
 * When the settlement price of a day's contracts is known: at the close of the cash market, or at their expiry if there is no cash
 * market.
 */
const settlesAtMs = (rules: RuleSet.RuleSet, names: Names, hasSpot: boolean, expiry: string, endsMs: number): number => {
  if (!hasSpot) return endsMs
  const closes = Either.flatMap(Segments.ofExchange(rules.segments, names.exchange, names.underlying), (segment) =>
    Hours.closeKnownAtMs(rules, segment, "cas", Day.ofIso(expiry))
  )
  return Math.max(endsMs, Either.getOrElse(closes, () => null) ?? endsMs)
}

const hasSpot = (contracts: Iterable<Contract>): boolean => {
  for (const { kind } of contracts) if (kind === "INDEX" || kind === "EQ") return true
  return false
}

/** Notes when a contract expires and settles. If its expiry is unknown, the contract never expires by a guess. */
const noteEnd = (lives: LifeState, rules: RuleSet.RuleSet, names: Names, hasSpot: boolean, contract: Contract): void => {
  const { expiry } = contract
  const unit = Segments.unitOf(rules.segments, contract.instrument_token)
  if (expiry === null || Either.isLeft(unit)) return
  const exchange = unit.right.name
  const endsMs = ExpiryInstant.expiresAtMs(rules, { exchange, underlying: names.underlying, expiry })
  if (Either.isLeft(endsMs)) return
  const settlesMs = settlesAtMs(rules, names, hasSpot, expiry, endsMs.right) + closeGraceMs
  lives.ends.set(contract.tradingsymbol, { contract, exchange, endsMs: endsMs.right, settlesMs })
}

/** Applies other rules: a contract that has not settled may expire or settle at another instant. */
export const onRules = (lives: LifeState, rules: RuleSet.RuleSet, names: Names): void => {
  const spot = hasSpot(lives.contracts.values())
  for (const [symbol, contract] of lives.contracts) if (!lives.settled.has(symbol)) noteEnd(lives, rules, names, spot, contract)
}

/**
 * Applies a reference and returns what is new or changed. The caller drops the result before the first clock, because the process may
 * be rebuilding its state.
 */
export const onReference = (
  lives: LifeState,
  rules: RuleSet.RuleSet,
  names: Names,
  contracts: ReadonlyArray<Contract>
): ReadonlyArray<Happening> => {
  const happenings: Array<Happening> = []
  const spot = hasSpot(contracts)
  for (const contract of contracts) {
    const before = lives.contracts.get(contract.tradingsymbol)
    lives.contracts.set(contract.tradingsymbol, contract)
    if (before === undefined) happenings.push({ kind: "listed", contract })
    else if (JSON.stringify(before) !== JSON.stringify(contract)) happenings.push({ kind: "changed", contract, before })
    noteEnd(lives, rules, names, spot, contract)
  }
  return happenings
}

/**
 * The price in rupees on which a day's contracts settle: of the spot, otherwise of the future that expires first. Null if that price is
 * not from the day.
 */
const settledOn = (quotes: Quotes.Quotes, expiry: string): { readonly price: number; readonly source: SettlementSource } | null => {
  const spot = Quotes.spotRow(quotes)
  const row = spot >= 0 ? spot : quotes.contracts.findIndex((one) => one.kind === "FUT" && (one.expiry ?? "") >= expiry)
  const price = quotes.lastPrice[row] ?? Number.NaN
  const timeMs = quotes.timeMs[row] ?? Number.NaN
  if (Number.isNaN(price) || Number.isNaN(timeMs) || IndiaTime.istDate(timeMs) !== expiry) return null
  return { price: Quotes.rupees(quotes, row, price), source: spot >= 0 ? "underlying_close" : "future_last_price" }
}

const remember = (set: Set<string>, symbol: string): void => {
  if (set.size >= rememberedMax) set.clear()
  set.add(symbol)
}

/**
 * The events that a clock causes: expiries, and settlements whose price is known. A price unknown at the end of its day is not invented
 * later.
 */
export const onClock = (lives: LifeState, quotes: Quotes.Quotes, eventMs: number): ReadonlyArray<Happening> => {
  const happenings: Array<Happening> = []
  for (const [symbol, { contract, exchange, endsMs, settlesMs }] of lives.ends) {
    if (eventMs < endsMs) continue
    if (!lives.expired.has(symbol)) {
      remember(lives.expired, symbol)
      happenings.push({ kind: "expired", contract, exchange })
    }
    if (eventMs < settlesMs) continue
    lives.ends.delete(symbol)
    if (lives.settled.has(symbol)) continue
    const base = settledOn(quotes, contract.expiry ?? "")
    if (base === null) continue
    remember(lives.settled, symbol)
    const price = SettlementValue.of(contract.kind, Money.ofNumber(contract.strike), Money.ofNumber(base.price))
    happenings.push({ kind: "settled", contract, exchange, price, source: base.source })
  }
  return happenings
}
