import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as AlertRule from "../../domain/alerts/AlertRule.ts"
import * as WebhookAddress from "../../domain/alerts/WebhookAddress.ts"
import { Money, MoneyInput } from "../../domain/Money.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import {
  Expiry,
  Input,
  listedFields,
  Name,
  NonNegativeMoney,
  Page,
  pageFields,
  Symbol,
  Text,
  WholeNumber,
  WholeNumberBetween,
  withDefault
} from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Longest time between two events of an alert, and the default. */
const cooldownMaxS = 86_400
const cooldownDefaultS = 60

const Id = Input({ id: WholeNumber })

/** The value that an alert looks at, as a caller names it. */
const On = Schema.Union(
  Input({ source: Schema.Literal("instrument"), symbol: Symbol, field: AlertRule.InstrumentField }),
  Input({ source: Schema.Literal("chain"), symbol: Symbol, expiry: Expiry, field: AlertRule.ChainField }),
  Input({ source: Schema.Literal("strategy"), strategy_id: Schema.Int, field: AlertRule.StrategyField }),
  Input({ source: Schema.Literal("feed"), account_id: Name(64), field: AlertRule.FeedField })
)
export type On = typeof On.Type

const alert = {
  alert_id: described(Schema.Int, "Number of the alert"),
  name: described(Schema.String, "What its owner calls it"),
  on: AlertRule.Watch,
  condition: AlertRule.Condition,
  threshold: described(Money, "The alert fires at this value too, not only beyond it"),
  hysteresis: described(Money, "How far the value has to come back before the alert may fire again"),
  repeat: described(Schema.Boolean, "Whether it fires again"),
  cooldown_s: described(Schema.Int, "Least time between two events, seconds of market time"),
  status: described(Schema.Literal("active", "paused"), "Whether the alert is evaluated"),
  state: AlertRule.State,
  webhook_url: described(Schema.NullOr(Schema.String), "Where its events are sent"),
  fired_at: described(Schema.NullOr(Schema.String), "Market time of its newest event"),
  created_at: described(Schema.String, "When it was created"),
  updated_at: described(Schema.String, "When its owner changed it last")
}
const Alert = Schema.Struct(alert).annotations({ identifier: "Alert" })
const SavedAlert = Schema.Struct({
  ...alert,
  webhook_secret: described(
    Schema.NullOr(Schema.String),
    "The secret that signs the events sent to the webhook, shown only in this answer; null if no new one was made"
  )
}).annotations({ identifier: "SavedAlert" })

const AlertHistory = Schema.Struct({
  event_id: described(Schema.Int, "Number of the event"),
  as_of: described(Schema.String, "Market time of the value"),
  seq: described(Schema.Int, "Sequence of the message with the value, in the stream of its subject"),
  condition: AlertRule.Condition,
  threshold: described(Money, "The threshold at that time"),
  value: described(Money, "The value that made it fire"),
  delivery: Schema.NullOr(
    Schema.Struct({
      state: described(
        Schema.Literal("waiting", "delivered", "dead"),
        "Whether the webhook has the event; `dead`: no further attempt is made"
      ),
      attempts: described(Schema.Int, "Requests sent so far"),
      error: described(Schema.NullOr(Schema.String), "Why the newest attempt did not succeed")
    })
  )
}).annotations({ identifier: "AlertHistory" })

const WebhookUrl = Text(WebhookAddress.lengthMax)

/** The caller's own alerts. */
export class AlertsApi extends HttpApiGroup.make("alerts")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Page)
      .addSuccess(Schema.Struct({ alerts: Schema.Array(Alert), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("create", "/")
      .setPayload(
        Input({
          name: Name(100),
          on: On,
          condition: AlertRule.Condition,
          threshold: MoneyInput,
          hysteresis: Schema.optional(NonNegativeMoney),
          repeat: withDefault(Schema.Boolean, () => false),
          cooldown_s: withDefault(WholeNumberBetween(0, cooldownMaxS), () => cooldownDefaultS),
          webhook_url: Schema.optional(WebhookUrl)
        })
      )
      .addSuccess(SavedAlert, { status: 201 })
  )
  .add(HttpApiEndpoint.get("get", "/:id").setPath(Id).addSuccess(Alert))
  .add(
    HttpApiEndpoint.patch("change", "/:id")
      .setPath(Id)
      .setPayload(
        Input({
          name: Schema.optional(Name(100)),
          threshold: Schema.optional(MoneyInput),
          hysteresis: Schema.optional(NonNegativeMoney),
          repeat: Schema.optional(Schema.Boolean),
          cooldown_s: Schema.optional(WholeNumberBetween(0, cooldownMaxS)),
          status: Schema.optional(Schema.Literal("active", "paused")),
          webhook_url: Schema.optional(Schema.NullOr(WebhookUrl))
        })
      )
      .addSuccess(SavedAlert)
  )
  .add(
    HttpApiEndpoint.del("remove", "/:id")
      .setPath(Id)
      .addSuccess(Schema.Struct({ message: Schema.String }))
  )
  .add(
    HttpApiEndpoint.get("events", "/:id/events")
      .setPath(Id)
      .setUrlParams(Input(pageFields))
      .addSuccess(Schema.Struct({ events: Schema.Array(AlertHistory), ...listedFields }))
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/alerts")
  .annotate(OpenApi.Description, "The caller's alerts on prices, chains, strategies and market data, and their events") {}
