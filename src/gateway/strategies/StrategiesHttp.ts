import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { CandleRepo } from "../../store/CandleRepo.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { StrategyRepo } from "../../store/StrategyRepo.ts"
import { Changes } from "../shared/Changes.ts"
import { instrumentsAway, orProblem } from "../shared/StoreProblem.ts"
import { Views } from "../views/Views.ts"

const missing = () => new Problem.NotFound({ detail: "Strategy not found" })
const legMissing = () => new Problem.NotFound({ detail: "Leg not found" })

const orMissing = <A>(found: Option.Option<A>) => Option.match(found, { onNone: () => Effect.fail(missing()), onSome: Effect.succeed })

const summaryView = (row: StrategyRepo.Strategy) => ({
  strategy_id: row.strategyId,
  name: row.name,
  description: row.description,
  tags: row.tags,
  status: row.status,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString()
})
const legView = (leg: StrategyRepo.Leg) => ({
  leg_id: leg.legId,
  instrument_token: leg.instrumentToken,
  tradingsymbol: leg.tradingsymbol,
  exchange: leg.exchange,
  direction: leg.direction,
  quantity: leg.quantity,
  entry_price: leg.entryPrice
})

export const StrategiesHttp = HttpApiBuilder.group(
  Api,
  "strategies",
  Effect.fnUntraced(function* (handlers) {
    const strategies = yield* StrategyRepo
    const candles = yield* CandleRepo
    const registry = yield* InstrumentRegistry
    const accounts = yield* Accounts
    const changes = yield* Changes
    const views = yield* Views

    const whole = (row: StrategyRepo.Strategy, legs: ReadonlyArray<StrategyRepo.Leg>) => ({
      ...summaryView(row),
      instruments: legs.map(legView),
      latest: views.strategies.mark(row.owner, row.strategyId) ?? null
    })
    const owned = (owner: string, id: number) => Effect.flatMap(orProblem(strategies.byId(owner, id)), orMissing)

    return handlers
      .handle("list", ({ urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { rows, total } = yield* orProblem(strategies.list(user.id, urlParams))
          return { strategies: rows.map(summaryView), total, ...urlParams }
        })
      )
      .handle("create", ({ payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const row = yield* orProblem(
            strategies.create(user.id, { name: payload.name, description: payload.description ?? null, tags: payload.tags })
          )
          yield* changes.poke("strategies")
          return whole(row, [])
        })
      )
      .handle("get", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { strategy, legs } = yield* owned(user.id, path.id)
          return whole(strategy, legs)
        })
      )
      .handle("change", ({ path, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { legs } = yield* owned(user.id, path.id)
          const row = yield* Effect.flatMap(orProblem(strategies.update(user.id, path.id, payload)), orMissing)
          yield* changes.poke("strategies")
          return whole(row, legs)
        })
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const removed = yield* orProblem(strategies.remove(user.id, path.id))
          if (!removed) return yield* missing()
          yield* changes.poke("strategies")
          return { message: "Strategy deleted" }
        })
      )
      .handle("legs", ({ path, urlParams: { limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { legs } = yield* owned(user.id, path.id)
          return { instruments: legs.slice(offset, offset + limit).map(legView), total: legs.length, limit, offset }
        })
      )
      .handle("addLeg", ({ path, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* owned(user.id, path.id)
          if (registry.current() === undefined) return yield* new Problem.Unavailable({ detail: instrumentsAway })
          const exchange = payload.exchange.toUpperCase()
          const instrument =
            registry.bySymbol(exchange, payload.tradingsymbol) ?? registry.bySymbol(exchange, payload.tradingsymbol.toUpperCase())
          if (instrument === undefined) return yield* new Problem.NotFound({ detail: "Instrument not found" })
          const added = yield* orProblem(
            strategies.addLeg(
              user.id,
              path.id,
              {
                instrumentToken: instrument.token,
                tradingsymbol: instrument.tradingsymbol,
                exchange: instrument.exchange,
                direction: payload.direction,
                quantity: payload.quantity,
                entryPrice: payload.entry_price
              },
              { segment: instrument.segment, requestedMode: "FULL", accounts: accounts.ids }
            )
          )
          const leg = yield* orMissing(added)
          yield* Effect.zip(changes.poke("subscriptions"), changes.poke("strategies"))
          return legView(leg)
        })
      )
      .handle("removeLeg", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* owned(user.id, path.id)
          const removed = yield* orProblem(strategies.removeLeg(user.id, path.id, path.leg_id))
          if (!removed) return yield* legMissing()
          yield* changes.poke("strategies")
          return { message: "Leg removed" }
        })
      )
      .handle("m2m", ({ path, urlParams: { from, to, interval, limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          if (from !== undefined && to !== undefined && from > to) return yield* Problem.invalidField("from", "must not be after to")
          yield* owned(user.id, path.id)
          const found = yield* orProblem(
            candles.range({
              owner: user.id,
              strategyId: path.id,
              intervalMinutes: interval,
              limit,
              offset,
              ...(from === undefined ? {} : { from }),
              ...(to === undefined ? {} : { to })
            })
          )
          return {
            candles: found.candles.map(({ minute, open, high, low, close }) => ({
              timestamp: minute.toISOString(),
              open,
              high,
              low,
              close
            })),
            total: found.total,
            limit,
            offset
          }
        })
      )
  })
)
