import { Effect } from "effect"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as Holdings from "../../domain/strategy/Holdings.ts"
import * as Multiplier from "../../domain/strategy/Multiplier.ts"
import { FillRepo } from "../../store/FillRepo.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { SettlementRepo } from "../../store/SettlementRepo.ts"
import { StrategyRepo } from "../../store/StrategyRepo.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import { noQuote, type Quote, Valuation } from "../chains/Valuation.ts"
import { ownedStrategy } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** One holding with its instrument and quote. `instrument` is undefined when the day's instruments do not contain it. */
export interface Line {
  readonly holding: Holdings.Holding
  readonly instrument: Instrument.Instrument | undefined
  readonly quote: Quote
}

export interface Book {
  readonly lines: ReadonlyArray<Line>
  /** Symbols of open holdings whose price is missing or stale. */
  readonly missing: ReadonlyArray<string>
}

/** What a strategy holds according to its legs and fills, with the newest prices. */
export class StrategyBook extends Effect.Service<StrategyBook>()("gateway/strategies/StrategyBook", {
  effect: Effect.gen(function* () {
    const strategies = yield* StrategyRepo
    const fills = yield* FillRepo
    const settlements = yield* SettlementRepo
    const registry = yield* InstrumentRegistry
    const valuation = yield* Valuation
    const rules = yield* RuleBook

    const line = (holding: Holdings.Holding): Line => {
      const instrument = registry.bySymbol(holding.exchange, holding.tradingsymbol)
      return { holding, instrument, quote: instrument === undefined ? noQuote : valuation.quote(instrument) }
    }
    const isMissing = ({ holding, quote }: Line): boolean => holding.state.netQuantity !== 0 && (quote.lastPrice === null || quote.isStale)

    return {
      /** Another user's strategy is not found. */
      of: (owner: string, strategyId: number) =>
        Effect.gen(function* () {
          const { legs } = yield* ownedStrategy(strategies, owner, strategyId)
          const multiplierOf = Multiplier.lookup(rules.current().segments, valuation.nowMs())
          const traded = Holdings.traded(yield* orProblem(fills.list(owner, strategyId)), multiplierOf)
          const settled = Holdings.settlementsOf(yield* orProblem(settlements.ofHoldings))
          const lines = Holdings.holdings(legs, traded, settled, multiplierOf).map(line)
          const missing = new Set(lines.filter(isMissing).map(({ holding }) => holding.tradingsymbol))
          return { lines, missing: [...missing] } satisfies Book
        })
    } as const
  })
}) {}
