import { Schema } from "effect"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type { Contract, Reference } from "../../domain/record/Reference.ts"
import type * as StrategyDefinition from "../../domain/record/StrategyDefinition.ts"
import * as Holdings from "../../domain/strategy/Holdings.ts"
import type * as Multiplier from "../../domain/strategy/Multiplier.ts"
import type { IndicatorSubscriptionRepo } from "../../store/indicators/IndicatorSubscriptionRepo.ts"
import type { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as IndicatorActor from "../indicators/IndicatorActor.ts"
import * as BarActor from "../market/BarActor.ts"
import * as GreeksActor from "../market/GreeksActor.ts"
import * as TickerActor from "../market/TickerActor.ts"
import type * as TickerSession from "../market/TickerSession.ts"
import * as ExecutorActor from "../orders/ExecutorActor.ts"
import * as M2mActor from "../strategies/M2mActor.ts"

const encodeIndicators = Schema.encodeSync(IndicatorActor.Desired)

/** An instrument as the record describes it. */
export const contractOf = (instrument: Instrument.Instrument, multiplierOf: Multiplier.MultiplierOf, previousOi?: number): Contract => {
  const multiplier = multiplierOf(instrument)
  const scale = Instrument.priceScale(instrument.token)
  return {
    instrument_token: instrument.token,
    tradingsymbol: instrument.tradingsymbol,
    segment: instrument.segment,
    kind: Instrument.kindOf(instrument),
    expiry: instrument.expiry,
    strike: Money.toNumber(instrument.strike, scale),
    tick_size: Money.toNumber(instrument.tickSize, scale),
    lot_size: instrument.lotSize,
    ...(multiplier === 1 ? {} : { multiplier }),
    ...(previousOi === undefined ? {} : { previous_oi: previousOi })
  }
}

/**
 * An instrument as a leg or fill names it. It is found by name, because the stored token dates from the day of its creation, and exchanges
 * reuse tokens.
 */
interface Named {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly instrumentToken: number
}

/** The fills of one strategy by instrument. */
export type Fills = ReadonlyMap<string, Holdings.Traded>

export const noFills: Fills = new Map()

/** A strategy as the record describes it. A leg whose instrument is missing today is listed and has no price. */
const definitionOf = (
  { strategy, legs }: StrategyRepo.StrategyWithLegs,
  fills: Fills,
  priced: (named: Named) => StrategyDefinition.Priced | null,
  settlements: Holdings.Settlements,
  multiplierOf: Multiplier.MultiplierOf
): StrategyDefinition.Definition => {
  const settled = legs.flatMap((leg) => {
    const final = settlements(leg)
    return final === undefined ? [] : [{ leg_id: leg.legId, tradingsymbol: leg.tradingsymbol, ...final }]
  })
  const open = legs.filter((leg) => settlements(leg) === undefined)
  const known = open.flatMap((leg): Array<StrategyDefinition.Leg> => {
    const by = priced(leg)
    return by === null ? [] : [{ leg_id: leg.legId, ...by, direction: leg.direction, quantity: leg.quantity, entry_price: leg.entryPrice }]
  })
  const unpriced = open.filter((leg) => leg.quantity !== 0 && priced(leg) === null).map(({ legId }) => legId)
  const traded = Holdings.inDefinition(legs, fills, priced, settlements, multiplierOf)
  return {
    v: 1,
    strategy_id: strategy.strategyId,
    owner: strategy.owner,
    legs: known,
    ...(settled.length === 0 ? {} : { settled }),
    ...(unpriced.length === 0 ? {} : { unpriced }),
    ...(traded === undefined ? {} : { traded })
  }
}

/** A strategy's part of the plan. */
interface Planned {
  readonly fills: Fills
  readonly subject: string
  readonly definition: Uint8Array
  readonly actor: string
  /** Tokens of its instruments that are not in the master. */
  readonly unknown: ReadonlyArray<number>
}

/**
 * The planned parts of strategies, by the strategy's object. They are valid for one master, one rulebook, one day and one set of
 * settlements. If any of these changes, start with an empty map.
 */
export type Before = WeakMap<StrategyRepo.StrategyWithLegs, Planned>

/** An instrument that should be streamed, and the account of its subscription. */
export interface Streamed extends TickerSession.Desired {
  readonly home: string
}

/** Everything that should exist, as definitions for the record, keys for the bucket of actors, and instruments to stream. */
export interface Plan {
  readonly definitions: ReadonlyMap<string, Uint8Array>
  readonly actors: ReadonlyMap<string, string>
  readonly streamed: ReadonlyArray<Streamed>
  /** Tokens whose instrument is not in the master: they cannot be streamed. */
  readonly unknown: ReadonlyArray<number>
  /** Tokens without an account, or whose account is not configured: no account streams them. */
  readonly unassigned: ReadonlyArray<number>
}

/** For each streamed expiry, the number of listed options. */
const listedOptions = (listed: ReadonlyArray<Instrument.Instrument>, streamed: ReadonlyArray<Contract>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { kind, expiry } of streamed) if ((kind === "CE" || kind === "PE") && expiry !== null) counts[expiry] = 0
  for (const one of listed) {
    const count = Instrument.isOption(one) ? counts[one.expiry ?? ""] : undefined
    if (count !== undefined) counts[one.expiry as string] = count + 1
  }
  return counts
}

/** The input of a plan. */
export interface Sources {
  readonly accounts: ReadonlyArray<string>
  readonly subscriptions: ReadonlyArray<{
    readonly instrumentToken: number
    readonly tradingsymbol: string
    readonly requestedMode: string
    readonly accountId: string | null
  }>
  readonly strategies: ReadonlyArray<StrategyRepo.StrategyWithLegs>
  /** The wanted indicators of each instrument and timeframe. */
  readonly indicators: ReadonlyArray<IndicatorSubscriptionRepo.Wanted>
  readonly fills: (strategyId: number) => Fills
  /** The day's instrument with this token. */
  readonly instrument: (token: number) => Instrument.Instrument | undefined
  /** The day's instrument with this name. */
  readonly bySymbol: (exchange: string, tradingsymbol: string) => Instrument.Instrument | undefined
  /** All instruments of an underlying that the exchange lists. */
  readonly ofUnderlying: (exchange: string, underlying: string) => ReadonlyArray<Instrument.Instrument>
  readonly settlements: Holdings.Settlements
  readonly multiplierOf: Multiplier.MultiplierOf
  /** By token, the open interest at the end of the session before the day of a recording. */
  readonly previousOi: ReadonlyMap<number, number>
  /** The trading day that the instruments are of. */
  readonly tradeDate: string | null
  /** The parts of earlier plans. Without them every strategy is planned again. */
  readonly before?: Before
}

/** A strategy's definition and actor. */
const plan = (sources: Sources, of: StrategyRepo.StrategyWithLegs, fills: Fills): Planned => {
  const unknown: Array<number> = []
  const priced = ({ exchange, tradingsymbol, instrumentToken }: Named): StrategyDefinition.Priced | null => {
    const instrument = sources.bySymbol(exchange, tradingsymbol)
    const under = instrument === undefined ? null : Instrument.underlyingOf(instrument)
    if (instrument !== undefined && under !== null) {
      return { exchange: under.exchange, underlying: under.name, contract: contractOf(instrument, sources.multiplierOf) }
    }
    unknown.push(instrumentToken)
    return null
  }
  const { owner, strategyId } = of.strategy
  const definition = definitionOf(of, fills, priced, sources.settlements, sources.multiplierOf)
  return {
    fills,
    subject: Subjects.StrategyDefinition.at({ owner, strategy: String(strategyId) }),
    definition: Subjects.StrategyDefinition.encode(definition),
    actor: M2mActor.keyOf(definition),
    unknown
  }
}

/** The parts of all active strategies. A strategy that has not changed since `before` was filled keeps its part. */
const plannedStrategies = (sources: Sources): ReadonlyArray<Planned> =>
  sources.strategies.flatMap((of) => {
    if (of.strategy.status !== "active") return []
    const fills = sources.fills(of.strategy.strategyId)
    const before = sources.before?.get(of)
    if (before?.fills === fills) return [before]
    const part = plan(sources, of, fills)
    sources.before?.set(of, part)
    return [part]
  })

export const make = (options: Sources): Plan => {
  const definitions = new Map<string, Uint8Array>()
  const actors = new Map<string, string>()
  const unknown: Array<number> = []
  const unassigned: Array<number> = []
  const accounts = new Set(options.accounts)
  const streamed: Array<Streamed> = []
  const references = new Map<string, { readonly exchange: string; readonly underlying: string; readonly contracts: Array<Contract> }>()

  for (const { instrumentToken, tradingsymbol, requestedMode, accountId } of options.subscriptions) {
    const named = options.instrument(instrumentToken)
    // The token may belong to another contract today, so the name must match too.
    const instrument = named?.tradingsymbol === tradingsymbol ? named : undefined
    const under = instrument === undefined ? null : Instrument.underlyingOf(instrument)
    if (instrument === undefined || under === null) {
      unknown.push(instrumentToken)
      continue
    }
    const id = Instrument.symbolKey(under.exchange, under.name)
    const reference = references.get(id) ?? { exchange: under.exchange, underlying: under.name, contracts: [] }
    references.set(id, reference)
    reference.contracts.push(contractOf(instrument, options.multiplierOf, options.previousOi.get(instrumentToken)))
    if (accountId === null || !accounts.has(accountId)) unassigned.push(instrumentToken)
    else {
      const mode = requestedMode.toLowerCase() as "ltp" | "quote" | "full"
      streamed.push({ instrument_token: instrumentToken, mode, exchange: under.exchange, underlying: under.name, home: accountId })
    }
  }
  for (const { exchange, underlying, contracts } of references.values()) {
    const day = options.tradeDate === null ? {} : { trade_date: options.tradeDate }
    const value: Reference = {
      v: 1,
      exchange,
      underlying,
      ...day,
      instruments: contracts.sort((a, b) => a.instrument_token - b.instrument_token),
      listed_options: listedOptions(options.ofUnderlying(exchange, underlying), contracts)
    }
    definitions.set(Subjects.MarketReference.at({ exchange, underlying }), Subjects.MarketReference.encode(value))
    actors.set(GreeksActor.key(exchange, underlying), "")
    actors.set(BarActor.key(exchange, underlying), "")
  }
  for (const { actor, definition, subject, unknown: missing } of plannedStrategies(options)) {
    definitions.set(subject, definition)
    actors.set(actor, "")
    unknown.push(...missing)
  }
  for (const { exchange, tradingsymbol, minutes, indicators } of options.indicators) {
    const timeframe = KiteHistory.byMinutes(minutes)
    // An expired contract gets no more bars.
    if (timeframe === undefined || options.bySymbol(exchange, tradingsymbol) === undefined) continue
    actors.set(IndicatorActor.key(exchange, tradingsymbol, timeframe.short), encodeIndicators({ v: 1, indicators }))
  }
  for (const account of accounts) {
    actors.set(TickerActor.key(account), "")
    actors.set(ExecutorActor.key(account), "")
  }
  return { definitions, actors, streamed, unknown: [...new Set(unknown)], unassigned }
}
