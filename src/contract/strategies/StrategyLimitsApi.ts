import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Money } from "../../domain/Money.ts"
import { Mode } from "../../domain/orders/OrderMessage.ts"
import { actions } from "../../domain/orders/StrategyLimits.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, PositiveMoney, WholeNumber, WholeNumberBetween } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const Id = Input({ id: WholeNumber })
const countMax = 1_000_000
const Count = WholeNumberBetween(1, countMax)
const Action = Schema.Literal(...actions).annotations({
  description: "What a stop does: `block` sends no order that opens a position; `square_off` also closes the strategy's positions"
})
const described = {
  lots: "The largest position of the strategy in one instrument with its open orders, in lots; null: no limit",
  totalLots: "The most lots of all futures and options of the strategy together, long or short, with open orders; null: no limit",
  loss: "Rupees of loss of the strategy, by its marks, at which it is stopped; null: no limit",
  orders: "Orders that the strategy may send on one day; null: no limit"
}

const SquareOff = Schema.Struct({
  account_id: Schema.String,
  mode: Mode,
  status: Schema.Literal("running", "done", "incomplete", "released").annotations({
    description: "`done`: nothing is left there; `incomplete`: a person must look; `released`: the release ended it"
  }),
  message: Schema.NullOr(Schema.String).annotations({ description: "What is being done, or what is left; null before the first look" }),
  rounds: Schema.Int.annotations({ description: "How often closing orders were made" }),
  updated_at: Schema.String
}).annotations({ identifier: "StrategySquareOff" })

const Stop = Schema.Struct({
  stop_id: Schema.Int.annotations({ description: "Number of the stop" }),
  action: Action,
  reason: Schema.String.annotations({ description: "Which limit was reached, and by which value" }),
  profit: Money.annotations({ description: "The strategy's profit at the stop, rupees" }),
  max_loss: Money.annotations({ description: "The limit that it reached, rupees" }),
  at: Schema.String.annotations({ description: "When it was stopped, ISO 8601" }),
  square_offs: Schema.Array(SquareOff).annotations({ description: "With `square_off`: each account with orders of the strategy" })
}).annotations({ identifier: "StrategyStop" })

const Limits = Schema.Struct({
  strategy_id: Schema.Int,
  max_position_lots: Schema.NullOr(Schema.Int).annotations({ description: described.lots }),
  max_total_lots: Schema.NullOr(Schema.Int).annotations({ description: described.totalLots }),
  max_loss: Schema.NullOr(Money).annotations({ description: described.loss }),
  max_orders_per_day: Schema.NullOr(Schema.Int).annotations({ description: described.orders }),
  action: Action,
  state: Schema.Literal("open", "stopped").annotations({ description: "`stopped`: it opens no position until it is released" }),
  stop: Schema.NullOr(Stop).annotations({ description: "The stop that is not released yet; null if there is none" })
}).annotations({ identifier: "StrategyLimits" })

export class StrategyLimitsApi extends HttpApiGroup.make("strategyLimits")
  .add(HttpApiEndpoint.get("limits", "/:id/limits").setPath(Id).addSuccess(Limits))
  .add(
    HttpApiEndpoint.put("setLimits", "/:id/limits")
      .setPath(Id)
      .setPayload(
        Input({
          max_position_lots: Schema.NullOr(Count).annotations({ description: described.lots }),
          max_total_lots: Schema.optionalWith(Schema.NullOr(Count).annotations({ description: described.totalLots }), {
            default: () => null
          }),
          max_loss: Schema.NullOr(PositiveMoney).annotations({ description: described.loss }),
          max_orders_per_day: Schema.NullOr(Count).annotations({ description: described.orders }),
          action: Action
        })
      )
      .addSuccess(Limits)
  )
  .add(
    HttpApiEndpoint.del("removeLimits", "/:id/limits")
      .setPath(Id)
      .addSuccess(Schema.Struct({ message: Schema.String }))
      .addError(Problem.conflict)
  )
  .add(HttpApiEndpoint.post("release", "/:id/limits/release").setPath(Id).addSuccess(Limits).addError(Problem.conflict))
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/strategies")
  .annotate(OpenApi.Description, "What a strategy's orders may risk, and the stops that close its positions") {}
