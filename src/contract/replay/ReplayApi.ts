import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, Name, pageFields } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/**
 * Subjects of the catalogue that can be replayed. Commands, questions and health are not among them, and neither are subjects that carry
 * messages of several users.
 */
export const streams = [
  "md.frame",
  "md.life",
  "md.break",
  "md.tick",
  "md.bar",
  "opt.delta",
  "opt.chain",
  "opt.minute",
  "und.state",
  "ind",
  "strat.m2m",
  "strat.candle",
  "strat.evt",
  "ord.evt",
  "acct.evt",
  "label.evt"
] as const
export const StreamName = Schema.Literal(...streams)
export type StreamName = typeof StreamName.Type

export const Key = Name(200)

/** A sequence in a stream: as JetStream counts, from 1. */
const Sequence = Schema.transform(
  Schema.String.pipe(
    Schema.filter((text) => /^\d{1,15}$/.test(text), {
      message: () => "expected a sequence, a whole number",
      jsonSchema: { type: "integer", minimum: 0, maximum: 999_999_999_999_999 }
    })
  ),
  Schema.Int,
  { strict: true, decode: Number, encode: String }
).annotations({ description: "A sequence of the stream: the answer begins behind it, and `from` has no effect" })

/** One stored message. `time` is when the server stored it. */
export const Stored = Schema.Struct({
  seq: Schema.Int.annotations({ description: "Sequence in the stream" }),
  time: Schema.String,
  /** The body as it was published; for `md.frame` its bytes in base64 and its header. */
  data: Schema.Record({ key: Schema.String, value: Schema.Unknown }).annotations({
    description: "The body as it was published; of a frame its bytes in base64 and its header"
  })
}).annotations({ identifier: "StoredMessage" })

export class ReplayApi extends HttpApiGroup.make("replay")
  .add(
    HttpApiEndpoint.get("replay", "/replay")
      .setUrlParams(
        Input({
          stream: StreamName,
          key: Key,
          from: Schema.optional(HistoryInput.From),
          to: Schema.optional(HistoryInput.To),
          after: Schema.optional(Sequence),
          limit: pageFields.limit
        })
      )
      .addSuccess(
        Schema.Struct({
          stream: Schema.String,
          key: Schema.String,
          epoch: Schema.Int,
          messages: Schema.Array(Stored),
          next: Schema.NullOr(Schema.Int).annotations({
            description: "Send this as `after` to get the next page; null at the end"
          })
        })
      )
  )
  .middleware(Authentication)
  .addError(Problem.forbidden)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "Messages of the past, as they were published, for as long as their stream keeps them") {}
