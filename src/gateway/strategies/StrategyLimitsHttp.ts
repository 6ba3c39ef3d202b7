import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { type Settings, type SquareOff, StrategyLimitRepo } from "../../store/orders/StrategyLimitRepo.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { ownedStrategy } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** A strategy whose limits nobody has set. */
const unlimited: Settings = { maxPositionLots: null, maxTotalLots: null, maxLoss: null, maxOrdersPerDay: null, action: "block" }

const squareOffView = ({ accountId, message, mode, rounds, status, updatedAt }: SquareOff) => ({
  account_id: accountId,
  mode,
  status,
  message,
  rounds,
  updated_at: updatedAt.toISOString()
})

export const StrategyLimitsHttp = HttpApiBuilder.group(
  Api,
  "strategyLimits",
  Effect.fnUntraced(function* (handlers) {
    const strategies = yield* StrategyRepo
    const repo = yield* StrategyLimitRepo

    /** The caller, who owns the strategy. Another user's strategy does not exist for the caller. */
    const owner = (strategyId: number) => Effect.flatMap(CurrentUser, ({ id }) => Effect.as(ownedStrategy(strategies, id, strategyId), id))
    const view = (strategyId: number) =>
      Effect.map(orProblem(repo.view(strategyId)), ({ settings = unlimited, squareOffs, stop }) => ({
        strategy_id: strategyId,
        max_position_lots: settings.maxPositionLots,
        max_total_lots: settings.maxTotalLots,
        max_loss: settings.maxLoss,
        max_orders_per_day: settings.maxOrdersPerDay,
        action: settings.action,
        state: stop === undefined ? ("open" as const) : ("stopped" as const),
        stop:
          stop === undefined
            ? null
            : {
                stop_id: stop.stopId,
                action: stop.action,
                reason: stop.reason,
                profit: stop.profit,
                max_loss: stop.maxLoss,
                at: stop.stoppedAt.toISOString(),
                square_offs: squareOffs.map(squareOffView)
              }
      }))
    return handlers
      .handle("limits", ({ path: { id } }) => Effect.zipRight(owner(id), view(id)))
      .handle("setLimits", ({ path: { id }, payload }) =>
        Effect.gen(function* () {
          const user = yield* owner(id)
          const settings: Settings = {
            maxPositionLots: payload.max_position_lots,
            maxTotalLots: payload.max_total_lots,
            maxLoss: payload.max_loss,
            maxOrdersPerDay: payload.max_orders_per_day,
            action: payload.action
          }
          yield* orProblem(repo.set(id, settings, user))
          return yield* view(id)
        })
      )
      .handle("removeLimits", ({ path: { id } }) =>
        Effect.gen(function* () {
          const user = yield* owner(id)
          const isRemoved = yield* orProblem(repo.remove(id, user))
          if (!isRemoved) return yield* new Problem.Conflict({ detail: "The strategy is stopped: release it first" })
          return { message: "Strategy limits removed" }
        })
      )
      .handle("release", ({ path: { id } }) =>
        Effect.gen(function* () {
          const user = yield* owner(id)
          const isReleased = yield* orProblem(repo.release(id, user))
          if (!isReleased) return yield* new Problem.Conflict({ detail: "The strategy is not stopped" })
          return yield* view(id)
        })
      )
  })
)
