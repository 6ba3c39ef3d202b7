import { Effect } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import type { Decimal } from "../../domain/Money.ts"
import type { Direction } from "../../domain/record/StrategyDefinition.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as Fills from "../../store/strategies/FillRepo.ts"
import { FillRepo } from "../../store/strategies/FillRepo.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { Valuation } from "../chains/Valuation.ts"
import { Changes } from "../shared/Changes.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { foundOption, instrumentBySymbol, instrumentsLoaded, notFoundText, ownedStrategy } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { countProblem } from "./NewLegs.ts"

type Named = Pick<Fills.NewFill, "instrumentToken" | "tradingsymbol" | "exchange">

const full = () => new Problem.Conflict({ detail: `A strategy holds at most ${Fills.fillsMax} fills` })

/** A fill as a client sends it. */
interface WantedFill {
  readonly tradingsymbol: string
  readonly exchange: string
  readonly side: Direction
  readonly quantity: number
  readonly price: Decimal
  readonly executed_at?: Date | undefined
  readonly external_id?: string | undefined
  readonly order_id?: string | undefined
  readonly product?: Fills.NewFill["product"] | undefined
}

/** Records fills of a strategy, and subscribes their instruments. */
export const make = Effect.gen(function* () {
  const strategies = yield* StrategyRepo
  const fills = yield* FillRepo
  const registry = yield* InstrumentRegistry
  const accounts = yield* Accounts
  const changes = yield* Changes
  const valuation = yield* Valuation
  const rules = yield* RuleBook
  const lifetimes = yield* Lifetimes

  /** Today's instrument, else one that the strategy holds already: a trade may be imported after its contract has expired. */
  const resolve = (known: ReadonlyArray<Named>, exchange: string, tradingsymbol: string): Named | undefined => {
    const instrument = instrumentBySymbol(registry, exchange, tradingsymbol)
    if (instrument !== undefined)
      return { instrumentToken: instrument.token, tradingsymbol: instrument.tradingsymbol, exchange: instrument.exchange }
    return known.find((one) => one.exchange === exchange && one.tradingsymbol === tradingsymbol)
  }
  const streamable = (named: Iterable<Named>): ReadonlyArray<Fills.Instrument> =>
    [...new Map(Array.from(named, (one) => [one.instrumentToken, one])).values()].flatMap(({ exchange, tradingsymbol }) => {
      const instrument = registry.bySymbol(exchange, tradingsymbol)
      if (instrument === undefined || lifetimes.hasExpired(instrument)) return []
      return [{ instrumentToken: instrument.token, tradingsymbol, segment: instrument.segment }]
    })

  /** All of them, or none and a 422 that names the first whose instrument is not known. */
  const record = (strategyId: number, wanted: ReadonlyArray<WantedFill>) =>
    Effect.gen(function* () {
      const user = yield* CurrentUser
      const { legs } = yield* ownedStrategy(strategies, user.id, strategyId)
      yield* instrumentsLoaded(registry)
      const known: ReadonlyArray<Named> = [...legs, ...(yield* orProblem(fills.list(user.id, strategyId)))]
      const now = new Date(valuation.nowMs())
      const given: Array<Fills.NewFill> = []
      for (const [at, it] of wanted.entries()) {
        const named = resolve(known, it.exchange.toUpperCase(), it.tradingsymbol)
        if (named === undefined) return yield* Problem.invalidField(`fills.${at}.tradingsymbol`, notFoundText("Instrument"))
        const problem = countProblem(rules.current(), valuation.nowMs(), named, it.quantity)
        if (problem !== undefined) return yield* Problem.invalidField(`fills.${at}.tradingsymbol`, problem)
        given.push({
          instrumentToken: named.instrumentToken,
          tradingsymbol: named.tradingsymbol,
          exchange: named.exchange,
          direction: it.side,
          quantity: it.quantity,
          price: it.price,
          executedAt: it.executed_at ?? now,
          externalId: it.external_id ?? null,
          orderId: it.order_id ?? null,
          product: it.product ?? null
        })
      }
      const recorded = yield* orProblem(fills.record(user.id, strategyId, given, streamable(given), accounts.streaming())).pipe(
        Effect.catchTag("TooManyFills", () => Effect.fail(full()))
      )
      const counts = yield* foundOption("Strategy")(recorded)
      yield* Effect.zip(changes.poke("subscriptions"), changes.poke("strategies"))
      return counts
    })
  return { record } as const
})
