import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Label, Place } from "../../domain/labels/LabelMessage.ts"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { Input, Instant, listedFields, Name, pageFields, Symbol, Text, WholeNumber, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** The mark has room for so many characters. */
const Short = Name(2)
const Long = Name(500)
const Color = Schema.String.pipe(
  Schema.filter((text) => /^#[0-9a-fA-F]{6}$/.test(text), {
    message: () => "expected a colour such as #2962ff",
    jsonSchema: { type: "string", pattern: "^#[0-9a-fA-F]{6}$" }
  })
)
const Id = Input({ id: WholeNumber })

const Marks = Schema.Array(
  Schema.Struct({
    id: described(Schema.Int, "Number of the label"),
    time: described(Schema.Int, "UNIX seconds"),
    color: Schema.Struct({ border: Schema.String, background: Schema.String }),
    text: Schema.String,
    label: Schema.String,
    labelFontColor: Schema.String,
    minSize: Schema.Int
  }).annotations({ identifier: "Mark" })
)
export const TimescaleMarks = Schema.Array(
  Schema.Struct({
    id: described(Schema.Int, "Number of the label"),
    time: described(Schema.Int, "UNIX seconds"),
    color: Schema.String,
    label: Schema.String,
    tooltip: Schema.Array(Schema.String)
  }).annotations({ identifier: "TimescaleMark" })
)
const span = { from: Schema.optional(HistoryInput.From), to: Schema.optional(HistoryInput.To) }
const ofChart = { symbol: Symbol, ...span, resolution: withDefault(Text(8), () => "") }

/** The caller's own labels. */
export class LabelsApi extends HttpApiGroup.make("labels")
  .add(
    HttpApiEndpoint.get("list", "/labels")
      .setUrlParams(Input({ symbol: Schema.optional(Symbol), ...span, ...pageFields }))
      .addSuccess(Schema.Struct({ labels: Schema.Array(Label), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("create", "/labels")
      .setPayload(
        Input({
          symbol: Symbol,
          time: Instant,
          text: Long,
          label: withDefault(Short, () => "L"),
          color: withDefault(Color, () => "#2962ff"),
          place: withDefault(Place, () => "bar" as const)
        })
      )
      .addSuccess(Label, { status: 201 })
  )
  .add(
    HttpApiEndpoint.patch("change", "/labels/:id")
      .setPath(Id)
      .setPayload(
        Input({
          time: Schema.optional(Instant),
          text: Schema.optional(Long),
          label: Schema.optional(Short),
          color: Schema.optional(Color),
          place: Schema.optional(Place)
        })
      )
      .addSuccess(Label)
  )
  .add(
    HttpApiEndpoint.del("remove", "/labels/:id")
      .setPath(Id)
      .addSuccess(Schema.Struct({ message: Schema.String }))
  )
  .add(HttpApiEndpoint.get("marks", "/marks").setUrlParams(Input(ofChart)).addSuccess(Marks))
  .add(HttpApiEndpoint.get("timescaleMarks", "/timescale_marks").setUrlParams(Input(ofChart)).addSuccess(TimescaleMarks))
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "The caller's notes on instruments, and the marks that charts make of them") {}
