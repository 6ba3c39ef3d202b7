import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Option } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { isIdentity } from "../../domain/Ids.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as Caller from "../../store/owners/Caller.ts"
import { WindowRepo, windowsPerUserMax } from "../../store/subscriptions/WindowRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { found, foundOption, instrumentsLoaded } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

const view = (row: WindowRepo.Row) => ({
  window_id: row.windowId,
  exchange: row.exchange,
  underlying: row.underlying,
  expiries: row.expiries,
  strikes: row.strikes,
  requested_mode: row.requestedMode,
  created_at: row.createdAt.toISOString()
})

export const WindowsHttp = HttpApiBuilder.group(
  Api,
  "windows",
  Effect.fnUntraced(function* (handlers) {
    const windows = yield* WindowRepo
    const registry = yield* InstrumentRegistry
    const changes = yield* Changes

    /** The exchange on which the underlying trades: the named one, or the only one. */
    const exchangeOf = (underlying: string, named: string | undefined) =>
      Effect.gen(function* () {
        yield* instrumentsLoaded(registry)
        const exchanges = registry.exchangesOf(underlying).filter((exchange) => named === undefined || exchange === named.toUpperCase())
        const [first, ...others] = exchanges
        const exchange = yield* found("Underlying", first)
        return others.length === 0
          ? exchange
          : yield* Problem.invalidField("exchange", `${underlying} trades on ${exchanges.join(", ")}: name one`)
      })

    return handlers
      .handle("list", ({ urlParams }) =>
        Effect.map(orProblem(windows.list(urlParams)), ({ rows, total }) => ({ windows: rows.map(view), total, ...urlParams }))
      )
      .handle("create", ({ payload }) =>
        Effect.gen(function* () {
          const { id } = yield* CurrentUser
          const exchange = yield* exchangeOf(payload.underlying, payload.exchange)
          const { underlying, expiries, strikes, requested_mode } = payload
          const created = yield* orProblem(
            windows.create({ exchange, underlying, expiries, strikes, requestedMode: requested_mode, createdBy: id })
          )
          if (Option.isNone(created))
            return yield* new Problem.Conflict({ detail: `You have ${windowsPerUserMax} windows, the most one may have: delete one first` })
          yield* changes.poke("subscriptions")
          return view(created.value)
        })
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const window = yield* foundOption("Window")(isIdentity(path.id) ? yield* orProblem(windows.byId(path.id)) : Option.none())
          if (user.role !== "admin" && window.createdBy !== user.id) return yield* new Problem.Forbidden({ detail: "Forbidden" })
          yield* Caller.asOwner(window.createdBy)(orProblem(windows.remove(path.id)))
          yield* changes.poke("subscriptions")
          return { message: "Window deleted" }
        })
      )
  })
)
