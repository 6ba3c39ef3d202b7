import { Effect, Either } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import type { Decimal } from "../../domain/Money.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import type { Direction } from "../../domain/record/StrategyDefinition.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import * as Multiplier from "../../domain/strategy/Multiplier.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { Valuation } from "../chains/Valuation.ts"
import { found, instrumentBySymbol, instrumentsLoaded } from "../shared/Lookup.ts"

/** A leg as a client requests it. */
export interface WantedLeg {
  readonly tradingsymbol: string
  readonly exchange: string
  readonly direction: Direction
  readonly quantity: number
  readonly entry_price: Decimal
}

/** Why a quantity cannot be valued: the rulebook does not know its units, or the number of units is too large. */
export const countProblem = (
  rules: RuleSet.RuleSet,
  nowMs: number,
  instrument: { readonly exchange: string; readonly tradingsymbol: string },
  quantity: number
): string | undefined =>
  Either.match(Multiplier.of(rules.segments, instrument, nowMs), {
    onLeft: (unknown) => unknown.message,
    onRight: (multiplier) => (Number.isSafeInteger(quantity * multiplier) ? undefined : `too many: each is ${multiplier} units`)
  })

/** Finds the instruments of requested legs, and makes what the store saves. */
export const make = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const accounts = yield* Accounts
  const valuation = yield* Valuation
  const rules = yield* RuleBook

  const toSave = (instrument: Instrument.Instrument, { direction, quantity, entry_price }: WantedLeg) => ({
    leg: {
      instrumentToken: instrument.token,
      tradingsymbol: instrument.tradingsymbol,
      exchange: instrument.exchange,
      direction,
      quantity,
      entryPrice: entry_price
    },
    subscribe: { segment: instrument.segment, requestedMode: "FULL" as const, accounts: accounts.streaming() }
  })
  return {
    /** One leg, or a 404 when the day's instruments do not contain it. */
    one: (wanted: WantedLeg) =>
      Effect.gen(function* () {
        yield* instrumentsLoaded(registry)
        const instrument = yield* found("Instrument", instrumentBySymbol(registry, wanted.exchange, wanted.tradingsymbol))
        const problem = countProblem(rules.current(), valuation.nowMs(), instrument, wanted.quantity)
        if (problem !== undefined) return yield* Problem.invalidFields([{ field: "tradingsymbol", message: problem }])
        return toSave(instrument, wanted)
      }),
    /** All legs, or a 422 that names each leg whose instrument the day's instruments do not contain. */
    all: (wanted: ReadonlyArray<WantedLeg>) =>
      Effect.gen(function* () {
        if (wanted.length > 0) yield* instrumentsLoaded(registry)
        const pairs = wanted.map((one) => ({ one, instrument: instrumentBySymbol(registry, one.exchange, one.tradingsymbol) }))
        const errors = pairs.flatMap(({ instrument }, at) =>
          instrument === undefined ? [{ field: `instruments.${at}.tradingsymbol`, message: "no such instrument" }] : []
        )
        for (const [at, { one, instrument }] of pairs.entries()) {
          const problem = instrument === undefined ? undefined : countProblem(rules.current(), valuation.nowMs(), instrument, one.quantity)
          if (problem !== undefined) errors.push({ field: `instruments.${at}.tradingsymbol`, message: problem })
        }
        if (errors.length > 0) return yield* Problem.invalidFields(errors)
        return pairs.flatMap(({ one, instrument }) => (instrument === undefined ? [] : [toSave(instrument, one)]))
      })
  } as const
})
