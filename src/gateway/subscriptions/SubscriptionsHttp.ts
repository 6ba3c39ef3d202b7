import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Match } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import { CurrentUser, type User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { isIdentity } from "../../domain/Ids.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as SubscriptionBatch from "../../store/subscriptions/SubscriptionBatch.ts"
import type { Refusal } from "../../store/subscriptions/SubscriptionPlaces.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { accountKnown, found, foundOption, instrumentsLoaded, notFound } from "../shared/Lookup.ts"
import { noRoomText, orProblem, tooManyText } from "../shared/StoreProblem.ts"
import { mayChange } from "./SubscriptionRights.ts"

type Row = SubscriptionRepo.Row

interface Patch {
  readonly status?: Row["status"] | undefined
  readonly requested_mode?: Row["requestedMode"] | undefined
  readonly account_id?: string | undefined
}
const patchOf = ({ status, requested_mode, account_id }: Patch) => ({
  ...(status === undefined ? {} : { status }),
  ...(requested_mode === undefined ? {} : { requestedMode: requested_mode }),
  ...(account_id === undefined ? {} : { accountId: account_id })
})

const view = (row: Row) => ({
  instrument_token: row.instrumentToken,
  tradingsymbol: row.tradingsymbol,
  segment: row.segment,
  status: row.status,
  requested_mode: row.requestedMode,
  account_id: row.accountId,
  ...(row.endedReason === null ? {} : { ended_reason: row.endedReason }),
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString()
})

/** The text does not name the strategy, because the caller may not be allowed to know it. */
const needed = () => new Problem.Conflict({ detail: "Subscription is needed by a strategy" })

const refusedText = Match.typeTags<Refusal>()({ AccountFull: noRoomText, LimitReached: tooManyText, TakesAway: () => "Forbidden" })

const keptByWindow = () => new Problem.Conflict({ detail: "Subscription is kept by a window: delete the window" })
const isKeptByWindow = (row: Row) => row.status === "active" && row.origin === "window"

export const SubscriptionsHttp = HttpApiBuilder.group(
  Api,
  "subscriptions",
  Effect.fnUntraced(function* (handlers) {
    const subscriptions = yield* SubscriptionRepo
    const registry = yield* InstrumentRegistry
    const accounts = yield* Accounts
    const changes = yield* Changes
    const saveAll = yield* SubscriptionBatch.make(accounts)

    const known = (account: string | undefined) => (account === undefined ? Effect.void : accountKnown(accounts, account))
    const callerOf = ({ id, role }: User) => ({ createdBy: id, isAdmin: role === "admin", refusedText })

    /** Saves what can be saved of a batch, and names the rest with the reason. */
    const saveBatch = (user: User, batch: ReadonlyArray<SubscriptionBatch.Wanted>) =>
      Effect.gen(function* () {
        yield* instrumentsLoaded(registry)
        const saved = yield* orProblem(saveAll(callerOf(user), batch))
        if (saved.created + saved.updated > 0) yield* changes.poke("subscriptions")
        return saved
      })

    const existing = (token: number) =>
      isIdentity(token)
        ? Effect.flatMap(orProblem(subscriptions.byToken(token)), foundOption("Subscription"))
        : Effect.fail(notFound("Subscription"))

    const mine = (token: number) =>
      Effect.gen(function* () {
        const user = yield* CurrentUser
        const row = yield* existing(token)
        if (!mayChange(user, row)) return yield* new Problem.Forbidden({ detail: "Forbidden" })
        return row
      })

    return handlers
      .handle("list", ({ urlParams }) =>
        Effect.map(orProblem(subscriptions.list(urlParams)), ({ rows, total }) => ({
          subscriptions: rows.map(view),
          total,
          limit: urlParams.limit,
          offset: urlParams.offset
        }))
      )
      .handle("save", ({ payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* known(payload.account_id)
          yield* instrumentsLoaded(registry)
          const instrument = yield* found("Instrument", registry.byToken(payload.instrument_token))
          yield* orProblem(subscriptions.save(SubscriptionBatch.saveOf(callerOf(user), instrument, payload), accounts.streaming()))
          yield* changes.poke("subscriptions")
          return { message: "Subscription created", instrument_token: instrument.token }
        })
      )
      .handle("saveAll", ({ payload }) => Effect.flatMap(CurrentUser, (user) => saveBatch(user, payload.subscriptions)))
      .handle("get", ({ path }) => Effect.map(existing(path.token), view))
      .handle("change", ({ path, payload }) =>
        Effect.gen(function* () {
          yield* known(payload.account_id)
          const row = yield* mine(path.token)
          if (payload.status === "inactive" && isKeptByWindow(row)) return yield* keptByWindow()
          const changed = yield* orProblem(subscriptions.patch(row.instrumentToken, patchOf(payload), row)).pipe(
            Effect.catchTag("SubscriptionNeeded", () => Effect.fail(needed()))
          )
          yield* changes.poke("subscriptions")
          return view(yield* foundOption("Subscription")(changed))
        })
      )
      .handle("deactivate", ({ path }) =>
        Effect.gen(function* () {
          const row = yield* mine(path.token)
          if (isKeptByWindow(row)) return yield* keptByWindow()
          const ended = yield* orProblem(subscriptions.deactivate(row.instrumentToken, row)).pipe(
            Effect.catchTag("SubscriptionNeeded", () => Effect.fail(needed()))
          )
          yield* foundOption("Subscription")(ended)
          yield* changes.poke("subscriptions")
          return { message: "Subscription deactivated" }
        })
      )
      .handle("reload", () =>
        Effect.gen(function* () {
          const away = new Problem.Unavailable({ detail: "NATS unavailable" })
          if (!changes.isConnected()) return yield* away
          const total = yield* orProblem(subscriptions.count("active"))
          yield* Effect.catchTag(changes.notify("subscriptions"), "NatsError", () => Effect.fail(away))
          return { message: "Reload requested", active_subscriptions: total }
        })
      )
  })
)
