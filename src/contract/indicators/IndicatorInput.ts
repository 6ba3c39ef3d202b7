import { Either, Schema } from "effect"
import * as Catalogue from "../../domain/indicators/Catalogue.ts"
import { indicatorsMax } from "../../domain/indicators/Series.ts"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Symbol, Text } from "../shared/Input.ts"

const ReadyValue = Schema.declare(
  (value): value is Catalogue.Ready => typeof value === "object" && value !== null && "indicator" in value,
  {
    identifier: "ReadyIndicator"
  }
)
const problemOf = (text: string): string | undefined =>
  Either.match(Catalogue.parse(text), { onLeft: (error) => error.message, onRight: () => undefined })
/** An indicator with its settings in brackets: "rsi(period=21)". Settings that are left out take their defaults. */
export const Indicator = Schema.transform(
  Text(Catalogue.textMax).pipe(Schema.filter((text) => problemOf(text), { jsonSchema: { type: "string", maxLength: Catalogue.textMax } })),
  ReadyValue,
  { strict: true, decode: (text) => Either.getOrThrow(Catalogue.parse(text)), encode: ({ id }) => id }
)
const counted = <A, I>(item: Schema.Schema<A, I>) =>
  Schema.Array(item).pipe(
    Schema.minItems(1, { message: () => "expected at least one indicator" }),
    Schema.maxItems(indicatorsMax, { message: () => `expected at most ${indicatorsMax} indicators` })
  )
/** In a body. */
export const Indicators = counted(Indicator)
/** In a query, with commas between them. */
export const IndicatorsText = Schema.compose(
  Schema.transform(Schema.String, Schema.Array(Schema.String), {
    strict: true,
    decode: Catalogue.split,
    encode: (texts) => texts.join(",")
  }),
  Indicators
)

/** The bars that indicators are computed on. */
export const series = { symbol: Symbol, timeframe: HistoryInput.Interval }
