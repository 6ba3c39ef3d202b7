import { Effect, Either } from "effect"
import type * as SubscriptionRights from "../../domain/accounts/SubscriptionRights.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../instruments/InstrumentRegistry.ts"
import type { Refusal, Save } from "./SubscriptionPlaces.ts"
import { SubscriptionRepo } from "./SubscriptionRepo.ts"

/** Who asks: a user or a service. `refusedText` names the reason of a refusal in words for this caller. */
export interface Caller {
  readonly createdBy: string
  readonly isAdmin: boolean
  readonly refusedText: (refusal: Refusal) => string
}

/** The accounts of the broker, which the store does not know. */
export interface Accounts {
  readonly knows: (id: string) => boolean
  /** The ids to choose from for an instrument that names no account. */
  readonly streaming: () => ReadonlyArray<string>
}

export interface Wanted extends SubscriptionRights.Wanted {
  readonly instrument_token: number
}

/** An instrument that cannot be subscribed, and why. */
export interface Refused {
  readonly instrument_token: number
  readonly message: string
}

export const saveOf = (
  { createdBy, isAdmin }: Pick<Caller, "createdBy" | "isAdmin">,
  { segment, token, tradingsymbol }: Instrument.Instrument,
  { account_id, requested_mode }: SubscriptionRights.Wanted
): Save => ({
  instrumentToken: token,
  tradingsymbol,
  segment,
  requestedMode: requested_mode,
  createdBy,
  isAdmin,
  ...(account_id === undefined ? {} : { accountId: account_id })
})

/** Saves what can be saved of a batch, and names the rest with the reason. */
export const make = (accounts: Accounts) =>
  Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const subscriptions = yield* SubscriptionRepo

    const checked = (caller: Caller, wanted: Wanted): Either.Either<Save, string> => {
      const instrument = registry.byToken(wanted.instrument_token)
      if (instrument === undefined) return Either.left("Instrument not found")
      return wanted.account_id === undefined || accounts.knows(wanted.account_id)
        ? Either.right(saveOf(caller, instrument, wanted))
        : Either.left("account_id: no such account")
    }

    return (caller: Caller, batch: ReadonlyArray<Wanted>) =>
      Effect.gen(function* () {
        const refused: Array<Refused> = []
        const saves: Array<Save> = []
        for (const wanted of batch) {
          const save = checked(caller, wanted)
          if (Either.isRight(save)) saves.push(save.right)
          else refused.push({ instrument_token: wanted.instrument_token, message: save.left })
        }
        const saved = saves.length === 0 ? [] : yield* subscriptions.saveAll(saves, accounts.streaming())
        for (const [at, one] of saved.entries()) {
          if (Either.isRight(one)) continue
          refused.push({ instrument_token: saves[at]?.instrumentToken ?? 0, message: caller.refusedText(one.left) })
        }
        const done = saved.filter(Either.isRight)
        const created = done.filter(({ right }) => right.created).length
        return { created, updated: done.length - created, refused }
      })
  })
