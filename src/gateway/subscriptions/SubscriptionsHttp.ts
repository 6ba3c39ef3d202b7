import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Either, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import { CurrentUser, type User } from "../../contract/shared/Authentication.ts"
import { canExist } from "../../contract/shared/Input.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { type Save, SubscriptionRepo } from "../../store/SubscriptionRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { instrumentsAway, noRoomText, orProblem } from "../shared/StoreProblem.ts"

type Row = SubscriptionRepo.Row

interface Wanted {
  readonly requested_mode: Row["requestedMode"]
  readonly account_id?: string | undefined
}

const saveOf = (user: User, instrument: Instrument.Instrument, { requested_mode, account_id }: Wanted): Save => ({
  instrumentToken: instrument.token,
  tradingsymbol: instrument.tradingsymbol,
  segment: instrument.segment,
  requestedMode: requested_mode,
  createdBy: user.id,
  ...(account_id === undefined ? {} : { accountId: account_id })
})

const view = (row: Row) => ({
  instrument_token: row.instrumentToken,
  tradingsymbol: row.tradingsymbol,
  segment: row.segment,
  status: row.status,
  requested_mode: row.requestedMode,
  account_id: row.accountId,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString()
})

const missing = () => new Problem.NotFound({ detail: "Subscription not found" })
/** Whose strategy needs it is not the caller's to know. */
const needed = () => new Problem.Conflict({ detail: "Subscription is needed by a strategy" })

const depth = { LTP: 0, QUOTE: 1, FULL: 2 } as const
const mayChange = (user: User, row: Row) => user.role === "admin" || row.createdBy === user.id

/** Adding what is there already may deepen it; taking something away from the others is for the creator. */
const takesAway = (row: Row, wanted: Wanted) =>
  row.status === "active" &&
  (depth[wanted.requested_mode] < depth[row.requestedMode] || (wanted.account_id !== undefined && wanted.account_id !== row.accountId))

export const SubscriptionsHttp = HttpApiBuilder.group(
  Api,
  "subscriptions",
  Effect.fnUntraced(function* (handlers) {
    const subscriptions = yield* SubscriptionRepo
    const registry = yield* InstrumentRegistry
    const accounts = yield* Accounts
    const changes = yield* Changes

    const known = (account: string | undefined) =>
      account === undefined || accounts.ids.some((id) => id === account)
        ? Effect.void
        : Effect.fail(Problem.invalidField("account_id", "no such account"))

    /** Why one of a batch cannot be saved, or undefined. */
    const refusal = (user: User, instrument: Instrument.Instrument | undefined, row: Row | undefined, wanted: Wanted) => {
      if (instrument === undefined) return "Instrument not found"
      if (wanted.account_id !== undefined && !accounts.ids.some((id) => id === wanted.account_id)) return "account_id: no such account"
      return row !== undefined && !mayChange(user, row) && takesAway(row, wanted) ? "Forbidden" : undefined
    }

    const existing = (token: number) =>
      canExist(token)
        ? Effect.flatMap(
            orProblem(subscriptions.byToken(token)),
            Option.match({ onNone: () => Effect.fail(missing()), onSome: Effect.succeed })
          )
        : Effect.fail(missing())

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
          if (registry.current() === undefined) return yield* new Problem.Unavailable({ detail: instrumentsAway })
          const instrument = registry.byToken(payload.instrument_token)
          if (instrument === undefined) return yield* new Problem.NotFound({ detail: "Instrument not found" })
          const before = yield* orProblem(subscriptions.byToken(instrument.token))
          if (Option.exists(before, (row) => !mayChange(user, row) && takesAway(row, payload)))
            return yield* new Problem.Forbidden({ detail: "Forbidden" })
          yield* orProblem(subscriptions.save(saveOf(user, instrument, payload), accounts.ids))
          yield* changes.poke("subscriptions")
          return { message: "Subscription created", instrument_token: instrument.token }
        })
      )
      .handle("saveAll", ({ payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          if (registry.current() === undefined) return yield* new Problem.Unavailable({ detail: instrumentsAway })
          const before = yield* orProblem(subscriptions.byTokens(payload.subscriptions.map((one) => one.instrument_token).filter(canExist)))
          const rows = new Map(before.map((row) => [row.instrumentToken, row]))
          const refused: Array<{ readonly instrument_token: number; readonly message: string }> = []
          const saves = payload.subscriptions.flatMap((wanted) => {
            const instrument = registry.byToken(wanted.instrument_token)
            const message = refusal(user, instrument, rows.get(wanted.instrument_token), wanted)
            if (message === undefined && instrument !== undefined) return [saveOf(user, instrument, wanted)]
            refused.push({ instrument_token: wanted.instrument_token, message: message ?? "Instrument not found" })
            return []
          })
          const saved = yield* orProblem(subscriptions.saveAll(saves, accounts.ids))
          for (const [at, one] of saved.entries()) {
            if (Either.isLeft(one)) refused.push({ instrument_token: saves[at]?.instrumentToken ?? 0, message: noRoomText(one.left) })
          }
          const done = saved.filter(Either.isRight)
          const created = done.filter(({ right }) => right.created).length
          if (done.length > 0) yield* changes.poke("subscriptions")
          return { created, updated: done.length - created, refused }
        })
      )
      .handle("get", ({ path }) => Effect.map(existing(path.token), view))
      .handle("change", ({ path, payload }) =>
        Effect.gen(function* () {
          yield* known(payload.account_id)
          const row = yield* mine(path.token)
          const patch = {
            ...(payload.status === undefined ? {} : { status: payload.status }),
            ...(payload.requested_mode === undefined ? {} : { requestedMode: payload.requested_mode }),
            ...(payload.account_id === undefined ? {} : { accountId: payload.account_id })
          }
          const changed = yield* orProblem(subscriptions.patch(row.instrumentToken, patch)).pipe(
            Effect.catchTag("SubscriptionNeeded", () => Effect.fail(needed()))
          )
          yield* changes.poke("subscriptions")
          return yield* Option.match(changed, { onNone: () => Effect.fail(missing()), onSome: (after) => Effect.succeed(view(after)) })
        })
      )
      .handle("deactivate", ({ path }) =>
        Effect.gen(function* () {
          const row = yield* mine(path.token)
          yield* orProblem(subscriptions.deactivate(row.instrumentToken)).pipe(
            Effect.catchTag("SubscriptionNeeded", () => Effect.fail(needed()))
          )
          yield* changes.poke("subscriptions")
          return { message: "Subscription deactivated" }
        })
      )
      .handle("reload", () =>
        Effect.gen(function* () {
          const away = new Problem.Unavailable({ detail: "NATS unavailable" })
          if (!changes.isConnected()) return yield* away
          const { total } = yield* orProblem(subscriptions.list({ status: "active", limit: 1, offset: 0 }))
          yield* Effect.catchTag(changes.notify("subscriptions"), "NatsError", () => Effect.fail(away))
          return { message: "Reload requested", active_subscriptions: total }
        })
      )
  })
)
