import { Effect, Either, Mailbox, Option, Schema } from "effect"
import { Accounts } from "../broker/Accounts.ts"
import * as Money from "../domain/Money.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import type { Contract, Reference } from "../domain/market/Reference.ts"
import * as Holdings from "../domain/strategy/Holdings.ts"
import type * as StrategyMessage from "../domain/strategy/StrategyMessage.ts"
import { FillRepo } from "../store/FillRepo.ts"
import { InstrumentRegistry } from "../store/InstrumentRegistry.ts"
import { StrategyRepo } from "../store/StrategyRepo.ts"
import { SubscriptionRepo } from "../store/SubscriptionRepo.ts"
import { JetStream } from "../streams/JetStream.ts"
import * as KeyValue from "../streams/KeyValue.ts"
import * as Subject from "../streams/Subject.ts"
import * as Subjects from "../streams/Subjects.ts"
import { Leases } from "./Leases.ts"
import * as Placement from "./Placement.ts"
import { Replaced, requestHeader } from "./RecordActor.ts"
import * as TickerActor from "./TickerActor.ts"

export const kind = "director"
const key = Subject.kvKey(kind, "1")
/** It is told of changes; this is how long a change that nobody told of may take. */
const lookEveryMs = 5_000
/** Definitions can age out of the record: every so many looks they are compared with it again. */
const recheckEveryLooks = 60
/** Changes told of and not looked at yet; one look serves them all. */
const pokesMax = 100
const encoder = new TextEncoder()
const encodeDesired = Schema.encodeSync(TickerActor.Desired)

/** An instrument as the record describes it. */
export const contractOf = (instrument: Instrument.Instrument): Contract => {
  const scale = Instrument.priceScale(instrument.token)
  return {
    instrument_token: instrument.token,
    tradingsymbol: instrument.tradingsymbol,
    segment: instrument.segment,
    kind: Instrument.kindOf(instrument),
    expiry: instrument.expiry,
    strike: Money.toNumber(instrument.strike, scale),
    tick_size: Money.toNumber(instrument.tickSize, scale),
    lot_size: instrument.lotSize
  }
}

/** The fills of one strategy by instrument. */
type Fills = ReadonlyMap<string, Holdings.Traded>

const noFills: Fills = new Map()

/** A strategy as the record describes it; what has no instrument today is named and left without a price. */
const definitionOf = (
  { strategy, legs }: StrategyRepo.StrategyWithLegs,
  fills: Fills,
  priced: (token: number) => StrategyMessage.Priced | null
): StrategyMessage.Definition => {
  const known = legs.flatMap((leg): Array<StrategyMessage.Leg> => {
    const by = priced(leg.instrumentToken)
    return by === null ? [] : [{ leg_id: leg.legId, ...by, direction: leg.direction, quantity: leg.quantity, entry_price: leg.entryPrice }]
  })
  const unpriced = legs.filter((leg) => leg.quantity !== 0 && priced(leg.instrumentToken) === null).map(({ legId }) => legId)
  // A fill may be older than its token's present meaning.
  const traded = Holdings.inDefinition(legs, fills, ({ instrumentToken, tradingsymbol }) => {
    const by = priced(instrumentToken)
    return by?.contract.tradingsymbol === tradingsymbol ? by : null
  })
  return {
    v: 1,
    strategy_id: strategy.strategyId,
    owner: strategy.owner,
    legs: known,
    ...(unpriced.length === 0 ? {} : { unpriced }),
    ...(traded === undefined ? {} : { traded })
  }
}

/** Everything that should exist, as definitions for the record and keys for the bucket of actors. */
export interface Plan {
  readonly definitions: ReadonlyMap<string, Uint8Array>
  readonly actors: ReadonlyMap<string, string>
  /** Tokens whose instrument is not in the master: they cannot be streamed. */
  readonly unknown: ReadonlyArray<number>
  /** Tokens whose account is not configured, or that have none: nobody streams them. */
  readonly unassigned: ReadonlyArray<number>
}

export const plan = (options: {
  readonly accounts: ReadonlyArray<string>
  readonly subscriptions: ReadonlyArray<{
    readonly instrumentToken: number
    readonly requestedMode: string
    readonly accountId: string | null
  }>
  readonly strategies: ReadonlyArray<StrategyRepo.StrategyWithLegs>
  readonly fills: (strategyId: number) => Fills
  readonly instrument: (token: number) => Instrument.Instrument | undefined
}): Plan => {
  const definitions = new Map<string, Uint8Array>()
  const actors = new Map<string, string>()
  const unknown: Array<number> = []
  const unassigned: Array<number> = []
  const tickers = new Map<string, Array<TickerActor.Desired["instruments"][number]>>(options.accounts.map((account) => [account, []]))
  const references = new Map<string, { readonly exchange: string; readonly underlying: string; readonly contracts: Array<Contract> }>()

  for (const { instrumentToken, requestedMode, accountId } of options.subscriptions) {
    const instrument = options.instrument(instrumentToken)
    const under = instrument === undefined ? null : Instrument.underlyingOf(instrument)
    if (instrument === undefined || under === null) {
      unknown.push(instrumentToken)
      continue
    }
    const id = Instrument.symbolKey(under.exchange, under.name)
    const reference = references.get(id) ?? { exchange: under.exchange, underlying: under.name, contracts: [] }
    references.set(id, reference)
    reference.contracts.push(contractOf(instrument))
    const ticker = tickers.get(accountId ?? "")
    if (ticker === undefined) unassigned.push(instrumentToken)
    ticker?.push({
      instrument_token: instrumentToken,
      mode: requestedMode.toLowerCase() as "ltp" | "quote" | "full",
      exchange: under.exchange,
      underlying: under.name
    })
  }
  for (const { exchange, underlying, contracts } of references.values()) {
    const value: Reference = { v: 1, exchange, underlying, instruments: contracts.sort((a, b) => a.instrument_token - b.instrument_token) }
    definitions.set(Subjects.MarketReference.at({ exchange, underlying }), Subjects.MarketReference.encode(value))
    actors.set(Subject.kvKey("greeks", exchange, underlying), "")
    actors.set(Subject.kvKey("bars", exchange, underlying), "")
  }
  const priced = (token: number): StrategyMessage.Priced | null => {
    const instrument = options.instrument(token)
    const under = instrument === undefined ? null : Instrument.underlyingOf(instrument)
    if (instrument !== undefined && under !== null) {
      return { exchange: under.exchange, underlying: under.name, contract: contractOf(instrument) }
    }
    unknown.push(token)
    return null
  }
  for (const of of options.strategies) {
    if (of.strategy.status !== "active") continue
    const { owner, strategyId } = of.strategy
    const definition = definitionOf(of, options.fills(strategyId), priced)
    const names = { owner, strategy: String(strategyId) }
    definitions.set(Subjects.StrategyDefinition.at(names), Subjects.StrategyDefinition.encode(definition))
    actors.set(Subject.kvKey("m2m", names.owner, names.strategy), "")
  }
  for (const [account, instruments] of tickers) actors.set(TickerActor.key(account), encodeDesired({ v: 1, instruments }))
  return { definitions, actors, unknown: [...new Set(unknown)], unassigned }
}

/**
 * Turns what people created in Postgres into definitions in the record and actors in the bucket, in that order: a token's meaning stands
 * in the record before its first packet can. While Postgres is away everything stays as it was.
 */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const subscriptions = yield* SubscriptionRepo
  const strategies = yield* StrategyRepo
  const fills = yield* FillRepo
  const registry = yield* InstrumentRegistry
  const jetStream = yield* JetStream
  const leases = yield* Leases
  const bucket = yield* KeyValue.open(Placement.bucket)

  return Effect.gen(function* () {
    const lease = yield* leases.of(key)
    // After a freeze another director may have written what is newer than our look.
    const stillOurs = Effect.suspend(() => (lease.isHeld() ? Effect.void : new Replaced({ key })))
    const defined = new Map<string, string>() // definition text by subject, as the record has it
    const placed = new Map<string, string>() // value by key, as the bucket has it
    /** Folded fills by strategy, true for its newest fill. */
    const traded = new Map<number, { readonly fillId: number; readonly fills: Fills }>()
    let looks = 0
    const warned = new Map<string, string>() // tokens by text
    const warn = (text: string, all: ReadonlyArray<number>) => {
      const tokens = all.join(",")
      const isNews = tokens !== "" && warned.get(text) !== tokens
      warned.set(text, tokens)
      return isNews ? Effect.annotateLogs(Effect.logWarning(text), { tokens }) : Effect.void
    }

    const define = (subject: string, value: Uint8Array, requestId: string) =>
      Effect.gen(function* () {
        const text = new TextDecoder().decode(value)
        if (!defined.has(subject)) {
          const found = yield* jetStream.last(Subjects.MarketReference.stream, subject)
          if (Option.isSome(found)) defined.set(subject, new TextDecoder().decode(found.value.data))
        }
        if (defined.get(subject) === text) return
        yield* stillOurs
        yield* jetStream.publish(subject, value, { headers: { [requestHeader]: requestId } })
        defined.set(subject, text)
      })
    const place = (wanted: ReadonlyMap<string, string>) =>
      Effect.gen(function* () {
        if (placed.size === 0) {
          for (const key of yield* bucket.keys()) {
            const held = yield* bucket.get(key)
            if (Option.isSome(held)) placed.set(key, new TextDecoder().decode(held.value.value))
          }
        }
        for (const [key, value] of wanted) {
          if (placed.get(key) === value) continue
          yield* stillOurs
          yield* bucket.put(key, encoder.encode(value))
          placed.set(key, value)
        }
        for (const key of [...placed.keys()].filter((key) => !wanted.has(key))) {
          yield* stillOurs
          yield* bucket.remove(key)
          placed.delete(key)
        }
      })
    const forget = () => {
      defined.clear()
      placed.clear()
    }
    /** Folds anew what has new fills: an older trade may have been imported, and first in, first out depends on it. */
    const readFills = Effect.gen(function* () {
      const newest = yield* fills.newest
      const present = new Set(newest.map(({ strategyId }) => strategyId))
      for (const strategyId of traded.keys()) if (!present.has(strategyId)) traded.delete(strategyId)
      for (const { strategyId, fillId } of newest) {
        if (traded.get(strategyId)?.fillId !== fillId) {
          traded.set(strategyId, { fillId, fills: Holdings.traded(yield* fills.ofStrategy(strategyId)) })
        }
      }
    })
    const look = (requestId: string) =>
      Effect.gen(function* () {
        if (registry.current() === undefined) yield* registry.load()
        if (looks++ % recheckEveryLooks === 0) forget()
        yield* readFills
        const { definitions, actors, unknown, unassigned } = plan({
          accounts: accounts.ids,
          subscriptions: yield* subscriptions.active,
          strategies: yield* strategies.all,
          fills: (strategyId) => traded.get(strategyId)?.fills ?? noFills,
          instrument: registry.byToken
        })
        yield* warn("instruments are not in the master and cannot be streamed", unknown)
        yield* warn("subscriptions are on no configured account and are not streamed: give them one", unassigned)
        yield* Effect.forEach(definitions, ([subject, value]) => define(subject, value, requestId), { discard: true })
        yield* place(actors)
      }).pipe(Effect.withSpan("Director.look"))

    const pokes = yield* Mailbox.make<string>({ capacity: pokesMax, strategy: "sliding" })
    const poked = (data: Uint8Array) =>
      void pokes.unsafeOffer(
        Either.match(Subjects.Changed.decodeEither(data), { onLeft: () => "-", onRight: ({ request_id }) => request_id })
      )
    yield* Effect.acquireRelease(
      Effect.sync(() => jetStream.nc.subscribe(Subjects.Changed.filter(), { callback: (error, msg) => error === null && poked(msg.data) })),
      (subscription) => Effect.sync(() => subscription.unsubscribe())
    )
    let requestId = "-"
    while (true) {
      yield* stillOurs
      const done = yield* Effect.either(look(requestId)).pipe(Effect.annotateLogs({ request_id: requestId }))
      if (Either.isLeft(done)) {
        forget()
        yield* Effect.logWarning("cannot look at subscriptions and strategies, everything stays as it is", String(done.left))
      }
      const told = yield* pokes.takeAll.pipe(Effect.timeoutOption(lookEveryMs))
      requestId = Option.match(told, { onNone: () => "-", onSome: ([ids]) => [...new Set(ids)].join(",") || "-" })
    }
  }).pipe(Effect.scoped)
})
