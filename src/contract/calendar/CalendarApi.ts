import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Entries from "../../domain/rules/Entries.ts"
import * as Facts from "../../domain/rules/Facts.ts"
import { Authentication } from "../shared/Authentication.ts"
import {
  Input,
  Expiry as IsoDay,
  listedFields,
  Name,
  oneOf,
  Page,
  pageFields,
  Symbol,
  Text,
  WholeNumber,
  withDefault
} from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Kite's exchange. `symbol` is the underlying of a commodity, because a commodity's hours depend on it. */
const place = { exchange: Schema.optionalWith(Symbol, { default: () => "NSE" }), symbol: Schema.optional(Symbol) }

const Session = Schema.Struct({ opens_at: Schema.String, closes_at: Schema.String })
const Phase = Schema.Struct({ phase: Schema.String, starts_at: Schema.String, ends_at: Schema.String, trades: Schema.Boolean })

/** `phase` is "closed" outside all phases and "unknown" if the hours are not published. `is_trading_day` is null if the day is not known. */
export const Status = Schema.Struct({
  exchange: Schema.String,
  segment: Schema.String,
  phase: Schema.String,
  is_trading_day: Schema.NullOr(Schema.Boolean),
  session: Schema.NullOr(Session),
  next_open: Schema.NullOr(Schema.String),
  rules: Schema.String.annotations({ description: "The rules in force: the last day of the shipped circulars and the newest change" }),
  as_of: Schema.String
}).annotations({ identifier: "CalendarStatus" })

export const Holiday = Schema.Struct({
  id: Schema.NullOr(Schema.Int).annotations({ description: "Id of an administrator's entry; null for a shipped day" }),
  date: Schema.String,
  name: Schema.String,
  kind: Schema.String,
  calendars: Schema.Array(Schema.String),
  sessions: Schema.Array(Schema.String),
  source: Schema.Array(Schema.String),
  confidence: Schema.Int
}).annotations({ identifier: "Holiday" })

const someOf = <A, I>(item: Schema.Schema<A, I>, max: number) =>
  Schema.Array(item).pipe(
    Schema.minItems(1, { message: () => "must not be empty" }),
    Schema.maxItems(max, { message: () => `at most ${max}` })
  )
const TimeOfDay = Facts.TimeOfDay.annotations({ message: () => "expected a time of day such as 15:40" })

/** A day, or one change of hours, has only a few phases. */
const phasesMax = 20

/** An administrator's addition to the shipped rules. `entry` decides which fields it needs. */
const entryFields = {
  entry: withDefault(oneOf(Entries.kinds), () => "day" as const),
  date: Schema.optional(IsoDay),
  name: Schema.optional(Name(200)),
  kind: Schema.optional(oneOf(Facts.DayKind.literals)),
  calendars: Schema.optional(someOf(oneOf(Facts.Calendar.literals), Facts.Calendar.literals.length)),
  sessions: Schema.optional(someOf(Text(100), phasesMax)),
  from: Schema.optional(IsoDay),
  to: Schema.optional(Schema.NullOr(IsoDay)),
  segment: Schema.optional(oneOf(Facts.Segment.literals)),
  security: Schema.optional(oneOf(Facts.CashSecurity.literals)),
  phases: Schema.optional(someOf(Text(100), phasesMax)),
  summer_close: Schema.optional(TimeOfDay),
  winter_close: Schema.optional(TimeOfDay),
  source: someOf(Name(200), 20),
  confidence: withDefault(Facts.Confidence, () => 1 as const),
  note: Schema.optional(Name(1_000))
}

/** Rows per import. A year's list of all exchanges has a few hundred. */
export const importMax = 1_000

/** `rules` names the rules now in force: the shipped ones and the newest change. */
export const SavedEntry = Schema.Struct({ id: Schema.Int, rules: Schema.String, message: Schema.String }).annotations({
  identifier: "SavedCalendarEntry"
})

export const CalendarChange = Schema.Struct({
  version: Schema.Int,
  id: Schema.Int,
  action: Schema.Literal("created", "changed", "deleted"),
  entry: Schema.Literal(...Entries.kinds),
  row: Schema.Record({ key: Schema.String, value: Schema.Unknown }).annotations({ description: "In the form of the shipped files" }),
  changed_by: Schema.String,
  changed_at: Schema.String
}).annotations({ identifier: "CalendarChange" })

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
      .addSuccess(Schema.Struct({ holidays: Schema.Array(Holiday), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("addEntry", "/holidays")
      .setPayload(Input(entryFields))
      .addSuccess(SavedEntry, { status: 201 })
      .addError(Problem.forbidden)
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.put("changeEntry", "/holidays/:id")
      .setPath(Input({ id: WholeNumber }))
      .setPayload(Input(entryFields))
      .addSuccess(SavedEntry)
      .addError(Problem.forbidden)
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.del("removeEntry", "/holidays/:id")
      .setPath(Input({ id: WholeNumber }))
      .addSuccess(SavedEntry)
      .addError(Problem.forbidden)
  )
  .add(
    HttpApiEndpoint.post("importEntries", "/holidays/import")
      .setPayload(Input({ entries: someOf(Input(entryFields), importMax) }))
      .addSuccess(Schema.Struct({ created: Schema.Int, changed: Schema.Int, unchanged: Schema.Int, rules: Schema.String }))
      .addError(Problem.forbidden)
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.get("changes", "/holidays/changes")
      .setUrlParams(Page)
      .addSuccess(Schema.Struct({ changes: Schema.Array(CalendarChange), ...listedFields }))
      .addError(Problem.forbidden)
  )
  .add(
    HttpApiEndpoint.get("expiries", "/expiries")
      .setUrlParams(Input({ symbol: Symbol }))
      .addSuccess(Schema.Struct({ symbol: Schema.String, expiries: Schema.Array(LabelledExpiry) }))
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.notFound)
  .addError(Problem.unavailable)
  .prefix("/calendar")
  .annotate(OpenApi.Description, "Sessions, holidays and expiries by the rulebook. What it does not know is a 404 that names it") {}
