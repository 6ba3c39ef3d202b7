import { Config, Effect, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Life from "../../domain/market/Life.ts"
import type * as ExpiryInstant from "../../domain/rules/ExpiryInstant.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { StrategyRepo } from "../../store/StrategyRepo.ts"
import { SubscriptionRepo } from "../../store/SubscriptionRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import { simulatedMarket } from "../market/InstrumentLoader.ts"

const underlyings = ["NIFTY", "BANKNIFTY"]
const expiriesEach = 2
const strikesEachSide = 20
/** Strikes from the money of the demo condor's short and long options. */
const shortOffset = 2
const longOffset = 4

type Instruments = ReadonlyArray<Instrument.Instrument>

const quoteKey = (instrument: Instrument.Instrument) => Instrument.symbolKey(instrument.exchange, instrument.tradingsymbol)

const strikesAround = (options: Instruments, spotUnits: number): ReadonlyArray<number> => {
  const strikes = [...new Set(options.map(({ strike }) => strike))].sort((a, b) => a - b)
  let atm = 0
  for (const [at, strike] of strikes.entries()) if (Math.abs(strike - spotUnits) < Math.abs((strikes[atm] ?? 0) - spotUnits)) atm = at
  return strikes.slice(Math.max(0, atm - strikesEachSide), atm + strikesEachSide + 1)
}

/** Spot, nearest future, and the options around the money of the nearest expiries. */
export const aroundTheMoney = (members: Instruments, spotUnits: number, rules: ExpiryInstant.Rules, nowMs: number): Instruments => {
  const alive = members.filter((one) => Life.instrumentShownUntilMs(rules, one) > nowMs)
  const spot = alive.filter((one) => Instrument.kindOf(one) === "INDEX" || Instrument.kindOf(one) === "EQ")
  const byExpiry = (a: Instrument.Instrument, b: Instrument.Instrument) => ((a.expiry ?? "") < (b.expiry ?? "") ? -1 : 1)
  const future = alive
    .filter((one) => one.instrumentType === "FUT")
    .sort(byExpiry)
    .slice(0, 1)
  const options = alive.filter(Instrument.isOption)
  const expiries = [...new Set(options.map(({ expiry }) => expiry ?? ""))].sort().slice(0, expiriesEach)
  return [
    ...spot,
    ...future,
    ...expiries.flatMap((expiry) => {
      const chain = options.filter((option) => option.expiry === expiry)
      const near = new Set(strikesAround(chain, spotUnits))
      return chain.filter(({ strike }) => near.has(strike))
    })
  ]
}

/** An iron condor of the nearest expiry: sells the nearer call and put, buys the farther ones. */
export const ironCondor = (options: Instruments, spotUnits: number) => {
  const expiry = options.map((one) => one.expiry ?? "").sort()[0]
  const chain = options.filter((one) => one.expiry === expiry)
  const strikes = strikesAround(chain, spotUnits)
  let atm = 0
  for (const [at, strike] of strikes.entries()) if (Math.abs(strike - spotUnits) < Math.abs((strikes[atm] ?? 0) - spotUnits)) atm = at
  const leg = (offset: number, instrumentType: "CE" | "PE", direction: "BUY" | "SELL") =>
    chain
      .filter((one) => one.instrumentType === instrumentType && one.strike === strikes[atm + offset])
      .map((instrument) => ({ instrument, direction }))
  return [
    ...leg(-longOffset, "PE", "BUY"),
    ...leg(-shortOffset, "PE", "SELL"),
    ...leg(shortOffset, "CE", "SELL"),
    ...leg(longOffset, "CE", "BUY")
  ]
}

/**
 * Gives an empty database something to look at: subscriptions around the money (or all that a recording has) and a demo iron condor of the
 * user that SEED_USER names. Anything already there, and nothing is touched.
 */
export const seed = Effect.gen(function* () {
  const user = yield* Config.option(Config.nonEmptyString("SEED_USER"))
  const subscriptions = yield* SubscriptionRepo
  const strategies = yield* StrategyRepo
  if (Option.isNone(user) || !(yield* subscriptions.isEmpty) || (yield* strategies.all).length > 0) return
  const accounts = yield* Accounts
  const broker = yield* Broker
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock
  const rules = yield* RuleBook
  const market = yield* simulatedMarket
  const rest = yield* broker.rest(accounts.ids[0] ?? "")
  const createdBy = user.value

  const recorded = Option.flatMapNullable(market, ({ instruments }) => instruments).pipe(Option.getOrElse((): ReadonlyArray<number> => []))
  const recordedOf = Option.flatMapNullable(market, ({ underlying }) => underlying)
  const names = Option.match(recordedOf, { onNone: () => underlyings, onSome: (name) => [name] })
  const members = names.flatMap((name) => registry.exchangesOf(name).map((exchange) => registry.ofUnderlying(exchange, name)))
  const spots = members.flatMap((of) => of.filter((one) => Instrument.kindOf(one) === "INDEX"))
  const quoted = yield* rest.ltp(spots.map(quoteKey))
  const spotUnits = (of: Instruments): number => {
    const spot = of.find((one) => Instrument.kindOf(one) === "INDEX")
    const price = spot === undefined ? undefined : quoted[quoteKey(spot)]?.last_price
    return spot === undefined || price === undefined ? 0 : Math.round(price * Instrument.priceScale(spot.token))
  }
  const wanted: Instruments =
    recorded.length > 0
      ? recorded.flatMap((token) => registry.byToken(token) ?? [])
      : members.flatMap((of) => aroundTheMoney(of, spotUnits(of), rules.current(), marketClock.unsafeNow()))
  const first = members.find((of) => wanted.some((one) => of.includes(one)))
  const options = wanted.filter((one) => Instrument.isOption(one) && first?.includes(one) === true)
  const legs = first === undefined ? [] : ironCondor(options, spotUnits(first))
  // Asked for before anything is written: a start that fails here begins again with an empty database.
  const prices = legs.length === 0 ? {} : yield* rest.ltp(legs.map(({ instrument }) => quoteKey(instrument)))
  yield* subscriptions.addAll(
    wanted.map(({ token, tradingsymbol, segment }) => ({
      instrumentToken: token,
      tradingsymbol,
      segment,
      requestedMode: "FULL" as const,
      createdBy
    })),
    accounts.ids
  )
  if (legs.length === 0) return
  const demo = {
    name: "Demo iron condor",
    description: "Made at the first start: sells the nearer call and put, buys the farther ones.",
    tags: ["demo"]
  }
  const { strategy } = yield* strategies.create(
    createdBy,
    demo,
    legs.map(({ instrument, direction }) => ({
      leg: {
        instrumentToken: instrument.token,
        tradingsymbol: instrument.tradingsymbol,
        exchange: instrument.exchange,
        direction,
        quantity: instrument.lotSize,
        entryPrice: new Money.Decimal(prices[quoteKey(instrument)]?.last_price ?? 0)
      },
      subscribe: { segment: instrument.segment, accounts: accounts.ids }
    }))
  )
  yield* Effect.logInfo("seeded").pipe(
    Effect.annotateLogs({ subscriptions: wanted.length, strategy_id: strategy.strategyId, user: createdBy })
  )
})
