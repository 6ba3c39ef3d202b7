import { Schema } from "effect"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type { Contract, Reference } from "../../domain/record/Reference.ts"
import type * as StrategyDefinition from "../../domain/record/StrategyDefinition.ts"
import * as Holdings from "../../domain/strategy/Holdings.ts"
import type { StrategyRepo } from "../../store/StrategyRepo.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as BarActor from "../market/BarActor.ts"
import * as GreeksActor from "../market/GreeksActor.ts"
import * as TickerActor from "../market/TickerActor.ts"
import * as M2mActor from "../strategies/M2mActor.ts"

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
export type Fills = ReadonlyMap<string, Holdings.Traded>

export const noFills: Fills = new Map()

/** A strategy as the record describes it; what has no instrument today is named and left without a price. */
const definitionOf = (
  { strategy, legs }: StrategyRepo.StrategyWithLegs,
  fills: Fills,
  priced: (token: number) => StrategyDefinition.Priced | null
): StrategyDefinition.Definition => {
  const known = legs.flatMap((leg): Array<StrategyDefinition.Leg> => {
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

export const make = (options: {
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
    actors.set(GreeksActor.key(exchange, underlying), "")
    actors.set(BarActor.key(exchange, underlying), "")
  }
  const priced = (token: number): StrategyDefinition.Priced | null => {
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
    actors.set(M2mActor.key(names.owner, names.strategy), "")
  }
  for (const [account, instruments] of tickers) actors.set(TickerActor.key(account), encodeDesired({ v: 1, instruments }))
  return { definitions, actors, unknown: [...new Set(unknown)], unassigned }
}
