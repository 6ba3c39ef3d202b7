import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Money } from "../../domain/Money.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { Direction } from "../../domain/record/StrategyDefinition.ts"
import { legsMax } from "../../domain/strategy/Limits.ts"
import { Mark } from "../../domain/strategy/StrategyMessage.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, Instant, listedFields, Name, NonNegativeMoney, Page, pageFields, Text, WholeNumber, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

export const Status = Schema.Literal("active", "archived")

const summary = {
  strategy_id: Schema.Int,
  name: Schema.String,
  description: Schema.NullOr(Schema.String),
  tags: Schema.Array(Schema.String),
  status: Status,
  created_at: Schema.String,
  updated_at: Schema.String
}
const Summary = Schema.Struct(summary).annotations({ identifier: "StrategySummary" })

export const Leg = Schema.Struct({
  leg_id: Schema.Int,
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  exchange: Schema.String,
  direction: Direction,
  quantity: Schema.Int,
  entry_price: Money
}).annotations({ identifier: "Leg" })

/** `latest` is the newest strat.m2m, or null before the first. */
export const Strategy = Schema.Struct({ ...summary, instruments: Schema.Array(Leg), latest: Schema.NullOr(Mark) }).annotations({
  identifier: "Strategy"
})

/** `open` to `close` are the net premium m2m. `total_pnl` is the P&L at the end, or null if it was unknown. */
const Candle = Schema.Struct({
  timestamp: Schema.String,
  open: Money,
  high: Money,
  low: Money,
  close: Money,
  total_pnl: Schema.NullOr(Money)
}).annotations({
  identifier: "StrategyCandle"
})

const intervalNames = [...KiteHistory.intervals.map(({ short }) => short), ...KiteHistory.intervals.map(({ name }) => name)]
const intervalOf = (text: string): KiteHistory.Interval | undefined =>
  KiteHistory.intervals.find(({ name, short }) => text === short || text === name)
/** An interval by our name or Kite's name, decoded to minutes. */
const Interval = Schema.transform(
  Schema.String.pipe(
    Schema.filter((text) => intervalOf(text) !== undefined, {
      message: () => `expected one of ${intervalNames.join(", ")}`,
      jsonSchema: { type: "string", enum: intervalNames }
    })
  ),
  Schema.Int,
  {
    strict: true,
    decode: (text) => intervalOf(text)?.minutes ?? 1,
    encode: (minutes) => KiteHistory.byMinutes(minutes)?.short ?? "1m"
  }
)

const Id = Input({ id: WholeNumber })
const LegPath = Input({ id: WholeNumber, leg_id: WholeNumber })
const Tags = Schema.Array(Name(64)).pipe(Schema.maxItems(50))
const TagsOrNull = Schema.transform(Schema.NullOr(Tags), Schema.typeSchema(Tags), {
  strict: true,
  decode: (tags) => tags ?? [],
  encode: (tags) => tags
})
const Quantity = Schema.Int.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER, { message: () => "expected a whole number, zero or more" }))
const NewLeg = Input({
  tradingsymbol: Name(64),
  exchange: Name(16),
  direction: Direction,
  quantity: Quantity,
  entry_price: NonNegativeMoney
})
const legsAtMost = <A, I>(legs: Schema.Array$<Schema.Schema<A, I>>) =>
  legs.pipe(Schema.maxItems(legsMax, { message: () => `at most ${legsMax} legs` }))

export class StrategiesApi extends HttpApiGroup.make("strategies")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Page)
      .addSuccess(Schema.Struct({ strategies: Schema.Array(Summary), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("create", "/")
      .setPayload(
        Input({
          name: Name(200),
          description: Schema.optionalWith(Text(2000), { nullable: true }),
          tags: withDefault(TagsOrNull, () => []),
          instruments: withDefault(legsAtMost(Schema.Array(NewLeg)), () => [])
        })
      )
      .addSuccess(Strategy, { status: 201 })
  )
  .add(HttpApiEndpoint.get("get", "/:id").setPath(Id).addSuccess(Strategy).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.patch("change", "/:id")
      .setPath(Id)
      .setPayload(
        Input({
          name: Schema.optional(Name(200)),
          description: Schema.optional(Schema.NullOr(Text(2000))),
          tags: Schema.optional(Tags),
          status: Schema.optional(Status)
        })
      )
      .addSuccess(Strategy)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.del("remove", "/:id")
      .setPath(Id)
      .addSuccess(Schema.Struct({ message: Schema.String }))
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.get("legs", "/:id/instruments")
      .setPath(Id)
      .setUrlParams(Page)
      .addSuccess(Schema.Struct({ instruments: Schema.Array(Leg), ...listedFields }))
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.post("addLeg", "/:id/instruments")
      .setPath(Id)
      .setPayload(NewLeg)
      .addSuccess(Leg, { status: 201 })
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.post("addLegs", "/:id/instruments/batch")
      .setPath(Id)
      .setPayload(Input({ instruments: legsAtMost(Schema.Array(NewLeg)).pipe(Schema.minItems(1, { message: () => "at least one leg" })) }))
      .addSuccess(Schema.Struct({ instruments: Schema.Array(Leg) }), { status: 201 })
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.patch("changeLeg", "/:id/instruments/:leg_id")
      .setPath(LegPath)
      .setPayload(
        Input({
          direction: Schema.optional(Direction),
          quantity: Schema.optional(Quantity),
          entry_price: Schema.optional(NonNegativeMoney)
        })
      )
      .addSuccess(Leg)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.del("removeLeg", "/:id/instruments/:leg_id")
      .setPath(LegPath)
      .addSuccess(Schema.Struct({ message: Schema.String }))
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.get("m2m", "/:id/m2m")
      .setPath(Id)
      .setUrlParams(
        Input({
          from: Schema.optional(Instant),
          to: Schema.optional(Instant),
          interval: withDefault(Interval, () => 1),
          ...pageFields
        })
      )
      .addSuccess(Schema.Struct({ candles: Schema.Array(Candle), ...listedFields }))
      .addError(Problem.notFound)
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/strategies")
  .annotate(OpenApi.Description, "Strategies of users, marked to market. Each belongs to its owner alone") {}
