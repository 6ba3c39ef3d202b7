import { Effect, Option } from "effect"
import type { Accounts } from "../../broker/Accounts.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { type InstrumentRegistry, instrumentsAway } from "../../store/instruments/InstrumentRegistry.ts"
import type { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { orProblem } from "./StoreProblem.ts"

/** The kinds of things that a request may not find. */
export type Thing =
  | "API key"
  | "Account"
  | "Alert"
  | "Backfill"
  | "Basket"
  | "Calendar entry"
  | "Corporate action"
  | "Expiry"
  | "Instrument"
  | "Label"
  | "Leg"
  | "Order task"
  | "Strategy"
  | "Strike"
  | "Subscription"
  | "Symbol"
  | "Underlying"
  | "Window"

export const notFoundText = <T extends Thing>(thing: T): `${T} not found` => `${thing} not found`
export const notFound = (thing: Thing): Problem.NotFound => new Problem.NotFound({ detail: notFoundText(thing) })

/** The value, or a 404 that names the thing. */
export const found = <A>(thing: Thing, value: A | undefined): Effect.Effect<A, Problem.NotFound> =>
  value === undefined ? Effect.fail(notFound(thing)) : Effect.succeed(value)
export const foundOption =
  (thing: Thing) =>
  <A>(value: Option.Option<A>): Effect.Effect<A, Problem.NotFound> =>
    found(thing, Option.getOrUndefined(value))

/** The day's instrument by exchange and symbol, each as written or in lower case. */
export const instrumentBySymbol = (
  registry: InstrumentRegistry,
  exchange: string,
  tradingsymbol: string
): Instrument.Instrument | undefined => {
  const at = exchange.toUpperCase()
  return registry.bySymbol(at, tradingsymbol) ?? registry.bySymbol(at, tradingsymbol.toUpperCase())
}

/** Fails with 422 if there is no such account. */
export const accountKnown = (accounts: Accounts, id: string): Effect.Effect<void, Problem.Invalid> =>
  accounts.knows(id) ? Effect.void : Effect.fail(Problem.invalidField("account_id", "no such account"))

/** Fails with 503 until the day's instruments are loaded. Without them nothing can be called missing. */
export const instrumentsLoaded = (registry: InstrumentRegistry): Effect.Effect<void, Problem.Unavailable> =>
  Effect.suspend(() => (registry.current() === undefined ? Effect.fail(new Problem.Unavailable({ detail: instrumentsAway })) : Effect.void))

/** A user's strategy with its legs. Another user's strategy is not found. */
export const ownedStrategy = (strategies: StrategyRepo, owner: string, strategyId: number) =>
  Effect.flatMap(orProblem(strategies.byId(owner, strategyId)), foundOption("Strategy"))
