import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { CandleRepo } from "../../store/strategies/CandleRepo.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Changes } from "../shared/Changes.ts"
import { foundOption, notFound, ownedStrategy } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { Views } from "../views/Views.ts"
import * as NewLegs from "./NewLegs.ts"
import * as StrategyLegs from "./StrategyLegs.ts"

const summaryView = (row: StrategyRepo.Strategy) => ({
  strategy_id: row.strategyId,
  name: row.name,
  description: row.description,
  tags: row.tags,
  status: row.status,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString()
})
const candleView = ({ minute, open, high, low, close, totalPnl }: CandleRepo.Candle) => ({
  timestamp: minute.toISOString(),
  open,
  high,
  low,
  close,
  total_pnl: totalPnl
})

export const StrategiesHttp = HttpApiBuilder.group(
  Api,
  "strategies",
  Effect.fnUntraced(function* (handlers) {
    const strategies = yield* StrategyRepo
    const candles = yield* CandleRepo
    const newLegs = yield* NewLegs.make
    const legs = yield* StrategyLegs.make
    const changes = yield* Changes
    const views = yield* Views
    const clock = yield* MarketClock
    const rules = yield* RuleBook

    const whole = (row: StrategyRepo.Strategy, legs: ReadonlyArray<StrategyRepo.Leg>) => ({
      ...summaryView(row),
      instruments: legs.map(StrategyLegs.view),
      latest: views.strategies.mark(row.owner, row.strategyId) ?? null
    })
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
          const { name, description = null, tags, instruments } = payload
          const wanted = yield* newLegs.all(instruments)
          const { strategy, legs: created } = yield* orProblem(strategies.create(user.id, { name, description, tags }, wanted))
          if (created.length > 0) yield* changes.poke("subscriptions")
          yield* changes.pokeStrategy(user.id, strategy.strategyId, "created")
          return whole(strategy, created)
        })
      )
      .handle("get", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const owned = yield* ownedStrategy(strategies, user.id, path.id)
          return whole(owned.strategy, owned.legs)
        })
      )
      .handle("change", ({ path, payload }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const before = yield* ownedStrategy(strategies, user.id, path.id)
          const row = yield* Effect.flatMap(orProblem(strategies.update(user.id, path.id, payload)), foundOption("Strategy"))
          yield* changes.pokeStrategy(user.id, path.id, "changed")
          return whole(row, before.legs)
        })
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const removed = yield* orProblem(strategies.remove(user.id, path.id))
          if (!removed) return yield* notFound("Strategy")
          yield* changes.pokeStrategy(user.id, path.id, "deleted")
          return { message: "Strategy deleted" }
        })
      )
      .handle("legs", ({ path, urlParams }) => legs.list(path.id, urlParams))
      .handle("addLeg", ({ path, payload }) => legs.add(path.id, payload))
      .handle("addLegs", ({ path, payload }) => legs.addAll(path.id, payload.instruments))
      .handle("changeLeg", ({ path, payload }) => legs.change(path.id, path.leg_id, payload))
      .handle("removeLeg", ({ path }) => legs.remove(path.id, path.leg_id))
      .handle("m2m", ({ path, urlParams: { from, to, interval, limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          if (from !== undefined && to !== undefined && from > to) return yield* Problem.reversedSpan()
          const { legs } = yield* ownedStrategy(strategies, user.id, path.id)
          const found = yield* orProblem(
            candles.range({
              owner: user.id,
              strategyId: path.id,
              intervalMinutes: interval,
              gridOpenMs: InstrumentHours.gridOpenOfAllMs(rules.current(), legs, clock.unsafeNow()),
              limit,
              offset,
              ...(from === undefined ? {} : { from }),
              ...(to === undefined ? {} : { to })
            })
          )
          return {
            candles: found.candles.map(candleView),
            total: found.total,
            limit,
            offset
          }
        })
      )
  })
)
