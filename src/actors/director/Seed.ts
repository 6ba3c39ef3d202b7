import { Config, Effect, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import type { UnknownAccount } from "../../broker/KiteError.ts"
import type { KiteRest } from "../../broker/KiteRest.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Life from "../../domain/market/Life.ts"
import * as Moneyness from "../../domain/options/Moneyness.ts"
import * as StrikeWindow from "../../domain/options/StrikeWindow.ts"
import type * as ExpiryInstant from "../../domain/rules/ExpiryInstant.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { type NewWindow, WindowRepo } from "../../store/subscriptions/WindowRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { simulatedMarket } from "../instruments/InstrumentLoader.ts"

const underlyings = ["NIFTY", "BANKNIFTY"]
const seedWindow: StrikeWindow.StrikeWindow = { expiries: 2, strikesEachSide: 20 }
/** How many strikes from the money the demo condor sells and buys. */
const shortOffset = 2
const longOffset = 4

type Instruments = ReadonlyArray<Instrument.Instrument>

const quoteKey = (instrument: Instrument.Instrument) => Instrument.symbolKey(instrument.exchange, instrument.tradingsymbol)

/** The strikes of a chain, ascending, and the row of the strike at the money. */
const ladderOf = (chain: Instruments, spotUnits: number) => {
  const strikes = [...new Set(chain.map(({ strike }) => strike))].sort((a, b) => a - b)
  return { strikes, atm: Math.max(0, Moneyness.atmRow(Float64Array.from(strikes), strikes.length, spotUnits)) }
}

/** The first subscriptions of an empty database: the spot, the nearest future, and the options around the money of the nearest expiries. */
export const aroundTheMoney = (members: Instruments, spotUnits: number, rules: ExpiryInstant.Rules, nowMs: number): Instruments =>
  StrikeWindow.instruments(members, spotUnits, seedWindow, (one) => Life.instrumentShownUntilMs(rules, one) > nowMs)

/** An iron condor of the nearest expiry: sells the nearer call and put, buys the farther ones. */
export const ironCondor = (options: Instruments, spotUnits: number) => {
  const expiry = options.map((one) => one.expiry ?? "").sort()[0]
  const chain = options.filter((one) => one.expiry === expiry)
  const { strikes, atm } = ladderOf(chain, spotUnits)
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

type Legs = ReturnType<typeof ironCondor>

/** The window of an underlying that the first start makes. It follows the money, and takes the next expiry when one ends. */
const windowOf = (members: Instruments): ReadonlyArray<Omit<NewWindow, "createdBy">> => {
  const underlying = members[0] === undefined ? null : Instrument.underlyingOf(members[0])
  if (underlying === null) return []
  const { expiries, strikesEachSide } = seedWindow
  return [{ exchange: underlying.exchange, underlying: underlying.name, expiries, strikes: strikesEachSide, requestedMode: "FULL" }]
}

/** Asks for last prices by "EXCHANGE:TRADINGSYMBOL". */
type Prices = (
  keys: ReadonlyArray<string>
) => Effect.Effect<Effect.Effect.Success<ReturnType<KiteRest["ltp"]>>, Effect.Effect.Error<ReturnType<KiteRest["ltp"]>> | UnknownAccount>

/**
 * The instruments of a recording, or those around the money of the default underlyings with the windows that keep them there; and the legs
 * of the demo strategy.
 */
const choose = (ltp: Prices) =>
  Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const marketClock = yield* MarketClock
    const rules = yield* RuleBook
    const market = yield* simulatedMarket
    const recorded = Option.flatMapNullable(market, ({ instruments }) => instruments)
    const recordedName = Option.flatMapNullable(market, ({ underlying }) => underlying)
    const names = Option.match(recordedName, { onNone: () => underlyings, onSome: (name) => [name] })
    const families = names.flatMap((name) => registry.exchangesOf(name).map((exchange) => registry.ofUnderlying(exchange, name)))
    const spotOf = (family: Instruments) => family.find(({ expiry }) => expiry === null)
    const quoted = yield* ltp(families.flatMap((family) => spotOf(family) ?? []).map(quoteKey))
    const spotUnits = (family: Instruments): number => {
      const spot = spotOf(family)
      const price = spot === undefined ? undefined : quoted[quoteKey(spot)]?.last_price
      return spot === undefined || price === undefined ? 0 : Math.round(price * Instrument.priceScale(spot.token))
    }
    const wanted: Instruments = Option.match(recorded, {
      onNone: () => families.flatMap((family) => aroundTheMoney(family, spotUnits(family), rules.current(), marketClock.unsafeNow())),
      onSome: (tokens) => tokens.flatMap((token) => registry.byToken(token) ?? [])
    })
    const first = families.find((family) => wanted.some((one) => family.includes(one)))
    const options = wanted.filter((one) => Instrument.isOption(one) && first?.includes(one) === true)
    const spot = first === undefined ? 0 : spotUnits(first)
    // Without a spot price the strikes around the money are unknown.
    const legs: Legs = spot === 0 ? [] : ironCondor(options, spot)
    return { wanted, windows: Option.isSome(recorded) ? [] : families.flatMap(windowOf), legs }
  })

const addDemo = (createdBy: string, legs: Legs, prices: Effect.Effect.Success<ReturnType<KiteRest["ltp"]>>) =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const strategies = yield* StrategyRepo
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
        subscribe: { segment: instrument.segment, accounts: accounts.streaming() }
      }))
    )
    return strategy.strategyId
  })

/**
 * Gives an empty database its first content: windows around the money and their subscriptions, or subscriptions to all instruments of a
 * recording, and a demo iron condor of the user SEED_USER. Does nothing if there is any subscription or strategy.
 */
export const seed = Effect.gen(function* () {
  const user = yield* Config.option(Config.nonEmptyString("SEED_USER"))
  const subscriptions = yield* SubscriptionRepo
  const strategies = yield* StrategyRepo
  if (Option.isNone(user) || !(yield* subscriptions.isEmpty) || (yield* strategies.all).length > 0) return
  const accounts = yield* Accounts
  const broker = yield* Broker
  const createdBy = user.value
  const windowRepo = yield* WindowRepo
  const { wanted, windows, legs } = yield* choose((keys) => broker.any((rest) => rest.ltp(keys)))
  // Read the prices before any write: if this fails, the next start finds an empty database again.
  const prices = legs.length === 0 ? {} : yield* broker.any((rest) => rest.ltp(legs.map(({ instrument }) => quoteKey(instrument))))
  yield* subscriptions.addAll(
    wanted.map(({ token, tradingsymbol, segment }) => ({
      instrumentToken: token,
      tradingsymbol,
      segment,
      requestedMode: "FULL" as const,
      createdBy,
      ...(windows.length > 0 ? { origin: "window" as const } : {})
    })),
    accounts.streaming()
  )
  yield* Effect.forEach(windows, (window) => windowRepo.create({ ...window, createdBy }), { discard: true })
  if (legs.length === 0) return
  const strategyId = yield* addDemo(createdBy, legs, prices)
  yield* Effect.logInfo("seeded").pipe(Effect.annotateLogs({ subscriptions: wanted.length, strategy_id: strategyId, user: createdBy }))
})
