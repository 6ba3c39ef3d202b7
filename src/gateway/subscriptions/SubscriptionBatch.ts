import { Effect, Either, Match } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import type { User } from "../../contract/shared/Authentication.ts"
import type { Wanted } from "../../domain/accounts/SubscriptionRights.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import type { Refusal, Save } from "../../store/subscriptions/SubscriptionPlaces.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { instrumentsLoaded, notFoundText } from "../shared/Lookup.ts"
import { noRoomText, orProblem, tooManyText } from "../shared/StoreProblem.ts"

export const saveOf = (user: User, instrument: Instrument.Instrument, { requested_mode, account_id }: Wanted): Save => ({
  instrumentToken: instrument.token,
  tradingsymbol: instrument.tradingsymbol,
  segment: instrument.segment,
  requestedMode: requested_mode,
  createdBy: user.id,
  isAdmin: user.role === "admin",
  ...(account_id === undefined ? {} : { accountId: account_id })
})

const refusedText = Match.typeTags<Refusal>()({ AccountFull: noRoomText, LimitReached: tooManyText, TakesAway: () => "Forbidden" })

/** Saves many subscriptions with one request. */
export const make = Effect.gen(function* () {
  const subscriptions = yield* SubscriptionRepo
  const registry = yield* InstrumentRegistry
  const accounts = yield* Accounts
  const changes = yield* Changes

  /** Why one subscription of a batch cannot be saved; undefined when it can. */
  const refusal = (instrument: Instrument.Instrument | undefined, wanted: Wanted) => {
    if (instrument === undefined) return notFoundText("Instrument")
    const isKnown = wanted.account_id === undefined || accounts.ids().some((id) => id === wanted.account_id)
    return isKnown ? undefined : "account_id: no such account"
  }

  /** Saves what can be saved of a batch, and names the rest with the reason. */
  const saveAll = (user: User, batch: ReadonlyArray<Wanted & { readonly instrument_token: number }>) =>
    Effect.gen(function* () {
      yield* instrumentsLoaded(registry)
      const refused: Array<{ readonly instrument_token: number; readonly message: string }> = []
      const saves = batch.flatMap((wanted) => {
        const instrument = registry.byToken(wanted.instrument_token)
        const message = refusal(instrument, wanted)
        if (message === undefined && instrument !== undefined) return [saveOf(user, instrument, wanted)]
        refused.push({ instrument_token: wanted.instrument_token, message: message ?? notFoundText("Instrument") })
        return []
      })
      const saved = yield* orProblem(subscriptions.saveAll(saves, accounts.streaming()))
      for (const [at, one] of saved.entries()) {
        if (Either.isLeft(one)) refused.push({ instrument_token: saves[at]?.instrumentToken ?? 0, message: refusedText(one.left) })
      }
      const done = saved.filter(Either.isRight)
      const created = done.filter(({ right }) => right.created).length
      if (done.length > 0) yield* changes.poke("subscriptions")
      return { created, updated: done.length - created, refused }
    })

  return { saveAll } as const
})
