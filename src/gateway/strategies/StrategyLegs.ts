import { Effect } from "effect"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import type { Decimal } from "../../domain/Money.ts"
import type { Direction } from "../../domain/record/StrategyDefinition.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { foundOption, notFound, ownedStrategy } from "../shared/Lookup.ts"
import { type Paging, pageOf } from "../shared/Paging.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as NewLegs from "./NewLegs.ts"

/** The fields of a leg that a client may change. */
interface LegPatch {
  readonly direction?: Direction | undefined
  readonly quantity?: number | undefined
  readonly entry_price?: Decimal | undefined
}

export const view = (leg: StrategyRepo.Leg) => ({
  leg_id: leg.legId,
  instrument_token: leg.instrumentToken,
  tradingsymbol: leg.tradingsymbol,
  exchange: leg.exchange,
  direction: leg.direction,
  quantity: leg.quantity,
  entry_price: leg.entryPrice
})

/** The legs of one strategy of the caller: list, add, change and remove. */
export const make = Effect.gen(function* () {
  const strategies = yield* StrategyRepo
  const changes = yield* Changes
  const newLegs = yield* NewLegs.make
  const announce = (owner: string, strategyId: number) =>
    Effect.zip(changes.poke("subscriptions"), changes.pokeStrategy(owner, strategyId, "changed"))

  return {
    list: (strategyId: number, { limit, offset }: Paging) =>
      Effect.gen(function* () {
        const user = yield* CurrentUser
        const { legs } = yield* ownedStrategy(strategies, user.id, strategyId)
        return { instruments: pageOf(legs, { limit, offset }).map(view), total: legs.length, limit, offset }
      }),
    add: (strategyId: number, wanted: NewLegs.WantedLeg) =>
      Effect.gen(function* () {
        const user = yield* CurrentUser
        yield* ownedStrategy(strategies, user.id, strategyId)
        const { leg, subscribe } = yield* newLegs.one(wanted)
        const added = yield* Effect.flatMap(orProblem(strategies.addLeg(user.id, strategyId, leg, subscribe)), foundOption("Strategy"))
        yield* announce(user.id, strategyId)
        return view(added)
      }),
    addAll: (strategyId: number, wanted: ReadonlyArray<NewLegs.WantedLeg>) =>
      Effect.gen(function* () {
        const user = yield* CurrentUser
        yield* ownedStrategy(strategies, user.id, strategyId)
        const all = yield* newLegs.all(wanted)
        const added = yield* Effect.flatMap(orProblem(strategies.addLegs(user.id, strategyId, all)), foundOption("Strategy"))
        yield* announce(user.id, strategyId)
        return { instruments: added.map(view) }
      }),
    change: (strategyId: number, legId: number, { direction, quantity, entry_price }: LegPatch) =>
      Effect.gen(function* () {
        const user = yield* CurrentUser
        yield* ownedStrategy(strategies, user.id, strategyId)
        const patch = { direction, quantity, entryPrice: entry_price }
        const changed = yield* Effect.flatMap(orProblem(strategies.changeLeg(user.id, strategyId, legId, patch)), foundOption("Leg"))
        yield* changes.pokeStrategy(user.id, strategyId, "changed")
        return view(changed)
      }),
    remove: (strategyId: number, legId: number) =>
      Effect.gen(function* () {
        const user = yield* CurrentUser
        yield* ownedStrategy(strategies, user.id, strategyId)
        const removed = yield* orProblem(strategies.removeLeg(user.id, strategyId, legId))
        if (!removed) return yield* notFound("Leg")
        yield* changes.pokeStrategy(user.id, strategyId, "changed")
        return { message: "Leg removed" }
      })
  } as const
})
