import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Authentication } from "../shared/Authentication.ts"
import { Input, Expiry as IsoDay, pageFields, Symbol } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Kite's exchange. `symbol` is the underlying of a commodity, because a commodity's hours depend on it. */
const place = { exchange: Schema.optionalWith(Symbol, { default: () => "NSE" }), symbol: Schema.optional(Symbol) }

const Session = Schema.Struct({ opens_at: Schema.String, closes_at: Schema.String })
const Phase = Schema.Struct({ phase: Schema.String, starts_at: Schema.String, ends_at: Schema.String, trades: Schema.Boolean })

/** `phase` is "closed" outside all phases and "unknown" if the hours are not published; null if the day is not known. */
export const Status = Schema.Struct({
  exchange: Schema.String,
  segment: Schema.String,
  phase: Schema.String,
  is_trading_day: Schema.NullOr(Schema.Boolean),
  session: Schema.NullOr(Session),
  next_open: Schema.NullOr(Schema.String),
  as_of: Schema.String
}).annotations({ identifier: "CalendarStatus" })

export const Holiday = Schema.Struct({
  date: Schema.String,
  name: Schema.String,
  kind: Schema.String,
  calendars: Schema.Array(Schema.String),
  sessions: Schema.Array(Schema.String),
  confidence: Schema.Int
}).annotations({ identifier: "Holiday" })

export const LabelledExpiry = Schema.Struct({
  date: Schema.String,
  expires_at: Schema.NullOr(Schema.String),
  labels: Schema.Array(Schema.Literal("current_week", "next_week", "current_month", "next_month", "quarter")),
  kind: Schema.Literal("weekly", "monthly", "quarterly")
}).annotations({ identifier: "LabelledExpiry" })

export class CalendarApi extends HttpApiGroup.make("calendar")
  .add(HttpApiEndpoint.get("status", "/status").setUrlParams(Input(place)).addSuccess(Status))
  .add(
    HttpApiEndpoint.get("hours", "/hours")
      .setUrlParams(Input({ ...place, date: Schema.optional(IsoDay) }))
      .addSuccess(
        Schema.Struct({
          exchange: Schema.String,
          segment: Schema.String,
          date: Schema.String,
          session: Schema.NullOr(Session),
          phases: Schema.Array(Phase)
        })
      )
  )
  .add(
    HttpApiEndpoint.get("tradingDays", "/trading-days")
      .setUrlParams(Input({ ...place, from: IsoDay, to: IsoDay }))
      .addSuccess(
        Schema.Struct({ exchange: Schema.String, from: Schema.String, to: Schema.String, trading_days: Schema.Array(Schema.String) })
      )
  )
  .add(
    HttpApiEndpoint.get("nextTradingDay", "/next-trading-day")
      .setUrlParams(Input({ ...place, date: Schema.optional(IsoDay) }))
      .addSuccess(Schema.Struct({ exchange: Schema.String, after: Schema.String, next_trading_day: Schema.String }))
  )
  .add(
    HttpApiEndpoint.get("holidays", "/holidays")
      .setUrlParams(Input({ ...place, from: Schema.optional(IsoDay), to: Schema.optional(IsoDay), ...pageFields }))
      .addSuccess(Schema.Struct({ holidays: Schema.Array(Holiday), total: Schema.Int, limit: Schema.Int, offset: Schema.Int }))
  )
  .add(
    HttpApiEndpoint.get("expiries", "/expiries")
      .setUrlParams(Input({ symbol: Symbol }))
      .addSuccess(Schema.Struct({ symbol: Schema.String, expiries: Schema.Array(LabelledExpiry) }))
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.notFound)
  .prefix("/calendar")
  .annotate(OpenApi.Description, "Sessions, holidays and expiries by the rulebook; what it does not know is a 404 that says so") {}
