import { Effect, Either, Mailbox, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Holdings from "../../domain/strategy/Holdings.ts"
import * as Multiplier from "../../domain/strategy/Multiplier.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { IndicatorSubscriptionRepo } from "../../store/indicators/IndicatorSubscriptionRepo.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { SettlementRepo } from "../../store/settlements/SettlementRepo.ts"
import { FillRepo } from "../../store/strategies/FillRepo.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { simulatedMarket } from "../instruments/InstrumentLoader.ts"
import { Leases, stillHeld } from "../runtime/Leases.ts"
import * as Definitions from "./Definitions.ts"
import * as InstrumentPlaces from "./InstrumentPlaces.ts"
import * as Plan from "./Plan.ts"
import * as Reconciliation from "./Reconciliation.ts"
import * as Roster from "./Roster.ts"

export const kind = Reconciliation.kind
const key = Subject.kvKey(kind, "1")
/** The director is notified of changes. A change without a notification is found within this time. */
const lookEveryMs = 5_000
/** After this many looks the director reads its written definitions and actors again: they can age out or be deleted by hand. */
const recheckEveryLooks = 60
/** The most notifications that may wait; one look serves all of them. */
const pokesMax = 100

/** Reads the folded fills of every strategy that has fills. */
const fillsOf = (repo: FillRepo, multiplierOf: Multiplier.MultiplierOf) => {
  /** By strategy: its folded fills, valid as long as `fillId` is its newest fill. */
  const folded = new Map<number, { readonly fillId: number; readonly fills: Plan.Fills }>()
  /**
   * Folds a strategy again from the start when it has new fills: an older trade may have been imported, and first in, first out depends on
   * it.
   */
  return Effect.gen(function* () {
    const newest = yield* repo.newest
    const present = new Set(newest.map(({ strategyId }) => strategyId))
    for (const strategyId of folded.keys()) if (!present.has(strategyId)) folded.delete(strategyId)
    for (const { strategyId, fillId } of newest) {
      if (folded.get(strategyId)?.fillId === fillId) continue
      folded.set(strategyId, { fillId, fills: Holdings.traded(yield* repo.ofStrategy(strategyId), multiplierOf) })
    }
    return (strategyId: number): Plan.Fills => folded.get(strategyId)?.fills ?? Plan.noFills
  })
}

/**
 * Open interest at the end of the session before the day that a recording plays, by token. Without it, changes count from the day's first
 * value.
 */
const previousOi = Effect.map(
  simulatedMarket,
  Option.match({
    onNone: () => new Map<number, number>(),
    onSome: ({ instruments = [], previous_oi = [] }) =>
      new Map(
        instruments.flatMap((token, row) => {
          const oi = previous_oi[row] ?? null
          return oi === null ? [] : [[token, oi] as const]
        })
      )
  })
).pipe(
  Effect.catchAll((error) =>
    Effect.as(
      Effect.logWarning("no open interest of the previous session from the simulator, changes count from the first value", String(error)),
      new Map<number, number>()
    )
  )
)

/** Asks for `previousOi` once on each day of market time. */
const previousOiByDay = (today: () => string) => {
  let known: { readonly day: string; readonly oi: ReadonlyMap<number, number> } | undefined
  return Effect.gen(function* () {
    const day = today()
    if (known?.day !== day) known = { day, oi: yield* previousOi }
    return known.oi
  })
}

/** Keeps the planned parts of strategies for the next plan. They are dropped when anything else that they depend on changes. */
const plannedBefore = () => {
  let known: { readonly of: ReadonlyArray<unknown>; readonly before: Plan.Before } | undefined
  return (...of: ReadonlyArray<unknown>): Plan.Before => {
    if (known === undefined || of.some((one, nth) => one !== known?.of[nth])) known = { of, before: new WeakMap() }
    return known.before
  }
}

/** Logs a warning about tokens once, and again only when the tokens change. */
const warner = () => {
  const warned = new Map<string, string>() // tokens by text
  return (text: string, all: ReadonlyArray<number>) => {
    const tokens = all.join(",")
    const isNews = tokens !== "" && warned.get(text) !== tokens
    warned.set(text, tokens)
    return isNews ? Effect.annotateLogs(Effect.logWarning(text), { tokens }) : Effect.void
  }
}

/** Subjects of changes that concern no actor of the roster. */
const elsewhere: ReadonlySet<string> = new Set(["labels", "keys"].map((what) => Subjects.Changed.at({ what })))

/** The ids of the requests that changed something, from the notifications. */
const changes = ({ nc }: Pick<JetStream, "nc">) =>
  Effect.gen(function* () {
    const pokes = yield* Mailbox.make<string>({ capacity: pokesMax, strategy: "sliding" })
    const poked = (subject: string, data: Uint8Array) =>
      !elsewhere.has(subject) &&
      void pokes.unsafeOffer(
        Either.match(Subjects.Changed.decodeEither(data), { onLeft: () => "-", onRight: ({ request_id }) => request_id })
      )
    yield* LiveMessages.listen(nc, Subjects.Changed.filter(), ({ data, subject }) => poked(subject, data))
    return Effect.map(
      Effect.timeoutOption(pokes.takeAll, lookEveryMs),
      Option.match({ onNone: () => "-", onSome: ([ids]) => [...new Set(ids)].join(",") || "-" })
    )
  })

/**
 * Turns what people created in Postgres into definitions in the record and then into actors in the bucket. In this order a token's definition
 * is in the record before its first packet. While Postgres is away nothing changes.
 */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const subscriptions = yield* SubscriptionRepo
  const strategies = yield* StrategyRepo
  const fillRepo = yield* FillRepo
  const settlements = yield* SettlementRepo
  const indicators = yield* IndicatorSubscriptionRepo
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock
  const book = yield* RuleBook
  const jetStream = yield* JetStream
  const leases = yield* Leases
  const definitionsFrom = yield* Definitions.make
  const rosterFrom = yield* Roster.make
  const placesFrom = yield* InstrumentPlaces.make

  return Effect.gen(function* () {
    const lease = yield* leases.of(key)
    const stillOurs = stillHeld(lease, key)
    const definitions = definitionsFrom(stillOurs)
    const roster = rosterFrom(stillOurs)
    const places = yield* placesFrom(stillOurs)
    const multiplierOf: Multiplier.MultiplierOf = (one) => Multiplier.lookup(book.current().segments, marketClock.unsafeNow())(one)
    const readFills = fillsOf(fillRepo, multiplierOf)
    const readStrategies = strategies.follow()
    const before = plannedBefore()
    const warn = warner()
    const previous = previousOiByDay(() => IndiaTime.istDate(marketClock.unsafeNow()))
    let looks = 0
    const forget = Effect.suspend(() => {
      definitions.forget()
      roster.forget()
      return places.forget
    })

    const look = (requestId: string) =>
      Effect.gen(function* () {
        if (registry.current() === undefined) yield* registry.load()
        if (looks++ % recheckEveryLooks === 0) yield* forget
        const settled = yield* settlements.ofHoldings
        const today = IndiaTime.istDate(marketClock.unsafeNow())
        const plan = Plan.make({
          accounts: accounts.ids(),
          fills: yield* readFills,
          subscriptions: yield* subscriptions.active,
          strategies: yield* readStrategies,
          indicators: yield* indicators.wanted,
          instrument: registry.byToken,
          bySymbol: registry.bySymbol,
          ofUnderlying: registry.ofUnderlying,
          settlements: Holdings.settlementsOf(settled),
          multiplierOf,
          previousOi: yield* previous,
          tradeDate: registry.current()?.tradeDate ?? null,
          before: before(registry.current(), book.current(), today, JSON.stringify(settled))
        })
        yield* warn("instruments are not in the master and cannot be streamed", plan.unknown)
        yield* warn("subscriptions are on no configured account and are not streamed: give them one", plan.unassigned)
        yield* definitions.settle(plan.definitions, requestId)
        yield* places.settle(plan.streamed)
        yield* roster.settle(plan.actors)
      }).pipe(Effect.withSpan("Director.look"))

    const nextChange = yield* changes(jetStream)
    const keepLooking = Effect.gen(function* () {
      let requestId = "-"
      while (true) {
        yield* stillOurs
        const done = yield* Effect.either(look(requestId)).pipe(Effect.annotateLogs({ request_id: requestId }))
        if (Either.isLeft(done)) {
          yield* forget
          yield* Effect.logWarning("cannot apply the stored subscriptions and strategies, trying again", String(done.left))
        } else if (requestId !== "-")
          yield* Effect.annotateLogs(Effect.logInfo("stored subscriptions and strategies are applied"), { request_id: requestId })
        requestId = yield* nextChange
      }
    })
    // Placing instruments runs separately, so that they can move to another account while Postgres is away.
    return yield* Effect.raceFirst(keepLooking, places.follow)
  }).pipe(Effect.scoped)
})
