import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Option } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import { canExist } from "../../contract/shared/Input.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { WindowRepo, windowsPerUserMax } from "../../store/WindowRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { instrumentsAway, orProblem } from "../shared/StoreProblem.ts"

const view = (row: WindowRepo.Row) => ({
  window_id: row.windowId,
  exchange: row.exchange,
  underlying: row.underlying,
  expiries: row.expiries,
  strikes: row.strikes,
  requested_mode: row.requestedMode,
  created_at: row.createdAt.toISOString()
})

const missing = () => new Problem.NotFound({ detail: "Window not found" })

export const WindowsHttp = HttpApiBuilder.group(
  Api,
  "windows",
  Effect.fnUntraced(function* (handlers) {
    const windows = yield* WindowRepo
    const registry = yield* InstrumentRegistry
    const changes = yield* Changes

    /** The exchange on which the underlying trades: the named one, or the only one. */
    const exchangeOf = (underlying: string, named: string | undefined) =>
      Effect.suspend((): Effect.Effect<string, Problem.Unavailable | Problem.NotFound | Problem.Invalid> => {
        if (registry.current() === undefined) return Effect.fail(new Problem.Unavailable({ detail: instrumentsAway }))
        const exchanges = registry.exchangesOf(underlying).filter((exchange) => named === undefined || exchange === named.toUpperCase())
        const [exchange, ...others] = exchanges
        if (exchange === undefined) return Effect.fail(new Problem.NotFound({ detail: "Underlying not found" }))
        return others.length === 0
          ? Effect.succeed(exchange)
          : Effect.fail(Problem.invalidField("exchange", `${underlying} trades on ${exchanges.join(", ")}: name one`))
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
          const found = canExist(path.id) ? yield* orProblem(windows.byId(path.id)) : Option.none()
          if (Option.isNone(found)) return yield* missing()
          if (user.role !== "admin" && found.value.createdBy !== user.id) return yield* new Problem.Forbidden({ detail: "Forbidden" })
          yield* orProblem(windows.remove(path.id))
          yield* changes.poke("subscriptions")
          return { message: "Window deleted" }
        })
      )
  })
)
