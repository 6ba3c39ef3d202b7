import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Money } from "../../domain/Money.ts"
import { Mode } from "../../domain/orders/OrderMessage.ts"
import { actions } from "../../domain/orders/StrategyLimits.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, listedFields, Name, Page, PositiveMoney, Text, WholeNumberBetween } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import { Account, NewAccount } from "./LinkedAccount.ts"

const AccountPath = Input({ id: Name(64) })
const countMax = 1_000_000
const Count = WholeNumberBetween(1, countMax)
const secondsMax = 3_600
const Seconds = Schema.JsonNumber.pipe(
  Schema.between(0.001, secondsMax, { message: () => `expected a number of seconds up to ${secondsMax}` })
)

const Action = Schema.Literal(...actions)
const described = {
  totalLots: "The most lots of all futures and options together, long or short, with open orders; null: no limit",
  loss: "Rupees of loss of one day after charges, realised or not; null: no limit",
  action:
    "What happens when the loss reaches the limit: `block` stops the account, so that its orders only lower positions until the release; `square_off` also closes its positions; null: orders that open a position are refused as long as the loss lasts"
}
const SquareOff = Schema.Struct({
  mode: Mode,
  status: Schema.Literal("running", "done", "incomplete", "released").annotations({
    description: "`done`: nothing is left; `incomplete`: a person must look; `released`: the release ended it"
  }),
  message: Schema.NullOr(Schema.String).annotations({ description: "What is being done, or what is left; null before the first look" }),
  rounds: Schema.Int.annotations({ description: "How often closing orders were made" }),
  updated_at: Schema.String
}).annotations({ identifier: "AccountSquareOff" })
const LossStop = Schema.Struct({
  stop_id: Schema.Int.annotations({ description: "Number of the stop" }),
  action: Action,
  reason: Schema.String.annotations({ description: "Which limit was reached, and by which value" }),
  profit: Money.annotations({ description: "The day's profit at the stop, rupees" }),
  max_daily_loss: Money.annotations({ description: "The limit that it reached, rupees" }),
  at: Schema.String.annotations({ description: "When the account was stopped, ISO 8601" }),
  square_off: Schema.NullOr(SquareOff).annotations({ description: "How far the positions are closed; null with `block`" })
}).annotations({ identifier: "AccountLossStop" })
const Limits = Schema.Struct({
  account_id: Schema.String,
  max_order_value: Schema.NullOr(Money),
  max_position_lots: Schema.NullOr(Schema.Int),
  max_total_lots: Schema.NullOr(Schema.Int).annotations({ description: described.totalLots }),
  max_daily_loss: Schema.NullOr(Money).annotations({ description: described.loss }),
  loss_action: Schema.NullOr(Action).annotations({ description: described.action }),
  max_orders_per_day: Schema.NullOr(Schema.Int),
  price_band_percent: Schema.NullOr(Money),
  duplicate_window_s: Schema.NullOr(Schema.Number),
  state: Schema.Literal("open", "stopped").annotations({ description: "`stopped`: no order opens a position until the release" }),
  stop: Schema.NullOr(LossStop).annotations({ description: "The stop that is not released yet; null if there is none" })
}).annotations({ identifier: "AccountLimits" })
/** The first step of a release answers with a token, and the second step with the state. */
const LossReleased = Schema.Struct({
  state: Schema.Literal("stopped", "open"),
  release_token: Schema.NullOr(Schema.String),
  valid_until: Schema.NullOr(Schema.String)
}).annotations({ identifier: "AccountLossReleased" })
const ModeOf = Schema.Struct({ account_id: Schema.String, mode: Mode }).annotations({ identifier: "AccountMode" })
const Stopped = Schema.Struct({
  state: Schema.Literal("killed"),
  cancelled: Schema.Array(Schema.String),
  not_cancelled: Schema.Array(Schema.String),
  accounts_unread: Schema.Array(Schema.String),
  cancelled_tasks: Schema.Array(Schema.String),
  at: Schema.String
}).annotations({
  identifier: "OrdersStopped"
})
/** The first step of a release answers with a token, and the second step with the state. */
const Released = Schema.Struct({
  state: Schema.Literal("killed", "open"),
  release_token: Schema.NullOr(Schema.String),
  valid_until: Schema.NullOr(Schema.String)
}).annotations({ identifier: "OrdersReleased" })
/** Whether orders may be sent. `scope` says what is stopped: this account, or all accounts, which only an administrator releases. */
const StopState = Schema.Struct({
  account_id: Schema.String,
  state: Schema.Literal("killed", "open"),
  scope: Schema.NullOr(Schema.Literal("account", "all")).annotations({
    description: "`account`: this account is stopped; `all`: every account is, and an administrator releases them; null: not stopped"
  }),
  reason: Schema.NullOr(Schema.String).annotations({ description: "The reason that was given; null: not stopped" }),
  at: Schema.NullOr(Schema.String).annotations({ description: "When orders were stopped, ISO 8601; null: not stopped" })
}).annotations({ identifier: "AccountStop" })
const Reason = Input({ reason: Name(200) })
const Release = Input({ release_token: Schema.optional(Text(64)) })

export class AccountsApi extends HttpApiGroup.make("accounts")
  .add(
    HttpApiEndpoint.get("list", "/accounts")
      .setUrlParams(Page)
      .addSuccess(
        Schema.Struct({
          accounts: Schema.Array(Account).annotations({ description: "Accounts of ACCOUNTS_FILE first, then linked ones" }),
          ...listedFields
        })
      )
  )
  .add(HttpApiEndpoint.post("link", "/accounts").setPayload(NewAccount).addSuccess(Account, { status: 201 }).addError(Problem.conflict))
  .add(HttpApiEndpoint.get("get", "/accounts/:id").setPath(AccountPath).addSuccess(Account).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.del("remove", "/accounts/:id")
      .setPath(AccountPath)
      .addSuccess(Schema.Struct({ message: Schema.String }))
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .add(HttpApiEndpoint.get("limits", "/accounts/:id/limits").setPath(AccountPath).addSuccess(Limits).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.put("setLimits", "/accounts/:id/limits")
      .setPath(AccountPath)
      .setPayload(
        Input({
          max_order_value: Schema.NullOr(PositiveMoney),
          max_position_lots: Schema.NullOr(Count),
          max_total_lots: Schema.optionalWith(Schema.NullOr(Count).annotations({ description: described.totalLots }), {
            default: () => null
          }),
          max_daily_loss: Schema.NullOr(PositiveMoney).annotations({ description: described.loss }),
          loss_action: Schema.optionalWith(Schema.NullOr(Action).annotations({ description: described.action }), { default: () => null }),
          max_orders_per_day: Schema.NullOr(Count),
          price_band_percent: Schema.NullOr(PositiveMoney),
          duplicate_window_s: Schema.NullOr(Seconds)
        })
      )
      .addSuccess(Limits)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.post("releaseLimits", "/accounts/:id/limits/release")
      .setPath(AccountPath)
      .setPayload(Release)
      .addSuccess(LossReleased)
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .add(HttpApiEndpoint.get("mode", "/accounts/:id/mode").setPath(AccountPath).addSuccess(ModeOf).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.put("setMode", "/accounts/:id/mode")
      .setPath(AccountPath)
      .setPayload(Input({ mode: Mode, confirm: Schema.optional(Name(64)) }))
      .addSuccess(ModeOf)
      .addError(Problem.notFound)
  )
  .add(HttpApiEndpoint.get("stop", "/accounts/:id/kill").setPath(AccountPath).addSuccess(StopState).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.post("kill", "/accounts/:id/kill")
      .setPath(AccountPath)
      .setPayload(Reason)
      .addSuccess(Stopped)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.post("release", "/accounts/:id/kill/release")
      .setPath(AccountPath)
      .setPayload(Release)
      .addSuccess(Released)
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .add(HttpApiEndpoint.post("killAll", "/kill").setPayload(Reason).addSuccess(Stopped).addError(Problem.forbidden))
  .add(
    HttpApiEndpoint.post("releaseAll", "/kill/release")
      .setPayload(Release)
      .addSuccess(Released)
      .addError(Problem.forbidden)
      .addError(Problem.conflict)
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "Accounts at brokers, and how their orders are limited and stopped") {}
