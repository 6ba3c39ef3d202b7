import { Effect, Either } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import type { User } from "../../contract/shared/Authentication.ts"
import { canExist } from "../../contract/shared/Input.ts"
import { takesAway, type Wanted } from "../../domain/accounts/SubscriptionRights.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import type { LimitReached } from "../../store/LimitReached.ts"
import type { AccountFull, Save } from "../../store/subscriptions/SubscriptionPlaces.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { instrumentsLoaded, notFoundText } from "../shared/Lookup.ts"
import { noRoomText, orProblem, tooManyText } from "../shared/StoreProblem.ts"
import { mayChange } from "./SubscriptionRights.ts"

type Row = SubscriptionRepo.Row

export const saveOf = (user: User, instrument: Instrument.Instrument, { requested_mode, account_id }: Wanted): Save => ({
  instrumentToken: instrument.token,
  tradingsymbol: instrument.tradingsymbol,
  segment: instrument.segment,
  requestedMode: requested_mode,
  createdBy: user.id,
  ...(account_id === undefined ? {} : { accountId: account_id })
})

const refusedText = (error: AccountFull | LimitReached): string => (error._tag === "AccountFull" ? noRoomText(error) : tooManyText(error))

/** Saves many subscriptions with one request. */
export const make = Effect.gen(function* () {
  const subscriptions = yield* SubscriptionRepo
  const registry = yield* InstrumentRegistry
  const accounts = yield* Accounts
  const changes = yield* Changes

  /** Why one subscription of a batch cannot be saved; undefined when it can. */
  const refusal = (user: User, instrument: Instrument.Instrument | undefined, row: Row | undefined, wanted: Wanted) => {
    if (instrument === undefined) return notFoundText("Instrument")
    if (wanted.account_id !== undefined && !accounts.ids().some((id) => id === wanted.account_id)) return "account_id: no such account"
    return row !== undefined && !mayChange(user, row) && takesAway(row, wanted, instrument.tradingsymbol) ? "Forbidden" : undefined
  }

  /** Saves what can be saved of a batch, and names the rest with the reason. */
  const saveAll = (user: User, batch: ReadonlyArray<Wanted & { readonly instrument_token: number }>) =>
    Effect.gen(function* () {
      yield* instrumentsLoaded(registry)
      const before = yield* orProblem(subscriptions.byTokens(batch.map((one) => one.instrument_token).filter(canExist)))
      const rows = new Map(before.map((row) => [row.instrumentToken, row]))
      const refused: Array<{ readonly instrument_token: number; readonly message: string }> = []
      const saves = batch.flatMap((wanted) => {
        const instrument = registry.byToken(wanted.instrument_token)
        const message = refusal(user, instrument, rows.get(wanted.instrument_token), wanted)
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
