import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { Expiry, Input, listedFields, Page, pageFields, Symbol, WholeNumber } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Symbols of one request. */
const symbolsMax = 100

const Backfill = Schema.Struct({
  backfill_id: described(Schema.Int, "Number of the backfill"),
  created_by: described(Schema.NullOr(Schema.String), "Who asked for it; only this user and administrators see it, others get null"),
  timeframe: described(Schema.String, "Length of the bars, by Kite's name"),
  from: described(Schema.String, "First day, in India"),
  to: described(Schema.String, "Last day, in India"),
  state: described(Schema.Literal("waiting", "running", "completed", "cancelled"), "Its state"),
  problem: described(Schema.NullOr(Schema.String), "Why it does not progress now; null while it does"),
  instruments: described(Schema.Int, "How many instruments it has"),
  done: described(Schema.Int, "Instruments without a gap that the broker can fill"),
  errors: described(Schema.Int, "Instruments that failed for good"),
  days_missing: described(Schema.Int, "Days whose bars were missing or incomplete, summed over the instruments"),
  requests: described(Schema.Int, "Requests that the broker answered"),
  rows: described(Schema.Int, "Bars written"),
  created_at: described(Schema.String, "When it was asked for"),
  ended_at: described(Schema.NullOr(Schema.String), "When it ended; null while it has not")
}).annotations({ identifier: "Backfill" })

const BackfillInstrument = Schema.Struct({
  exchange: described(Schema.String, "The instrument's exchange"),
  tradingsymbol: described(Schema.String, "Its symbol"),
  state: described(Schema.Literal("waiting", "done", "failed"), "Whether its gaps are filled"),
  days_missing: described(Schema.Int, "Days whose bars were missing or incomplete"),
  requests: described(Schema.Int, "Requests that the broker answered"),
  rows: described(Schema.Int, "Bars written"),
  tries: described(Schema.Int, "Tries that did not succeed"),
  error: described(Schema.NullOr(Schema.String), "Why the last try did not succeed")
}).annotations({ identifier: "BackfillInstrument" })

const Id = Input({ id: WholeNumber })

/** Bars that the store lacks, fetched from the broker. */
export class BackfillApi extends HttpApiGroup.make("backfills")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Page)
      .addSuccess(Schema.Struct({ backfills: Schema.Array(Backfill), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("create", "/")
      .setPayload(
        Input({
          symbols: Schema.optional(
            described(
              Schema.Array(Symbol).pipe(
                Schema.minItems(1, { message: () => "expected at least one symbol" }),
                Schema.maxItems(symbolsMax, { message: () => `at most ${symbolsMax} symbols` })
              ),
              "Instruments; if absent, all that are subscribed now"
            )
          ),
          timeframe: described(HistoryInput.Interval, "Length of the bars: minute, 5minute, ..., day, or 1m, 5m, ..., 1d"),
          from: described(Expiry, "First day, in India"),
          to: described(Expiry, "Last day, in India; bars after the present time do not exist yet")
        })
      )
      .addSuccess(Backfill, { status: 202 })
      .addError(Problem.notFound)
  )
  .add(HttpApiEndpoint.get("get", "/:id").setPath(Id).addSuccess(Backfill).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.get("instruments", "/:id/instruments")
      .setPath(Id)
      .setUrlParams(Input(pageFields))
      .addSuccess(
        Schema.Struct({
          instruments: Schema.Array(BackfillInstrument),
          ...listedFields
        })
      )
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.del("cancel", "/:id")
      .setPath(Id)
      .addSuccess(Backfill)
      .addError(Problem.notFound)
      .addError(Problem.forbidden)
      .addError(Problem.conflict)
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/backfills")
  .annotate(OpenApi.Description, "Bars that the store lacks, fetched from the broker within its limits") {}
