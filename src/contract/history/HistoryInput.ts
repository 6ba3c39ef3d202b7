import { Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"

const named = (text: string): KiteHistory.Interval | undefined => KiteHistory.byAlias(text.toLowerCase())
const names = KiteHistory.intervals.map(({ name }) => name)
const aliases = KiteHistory.intervals.flatMap((one) => one.aliases)

const IntervalValue = Schema.declare((value): value is KiteHistory.Interval => KiteHistory.intervals.some((one) => one === value), {
  identifier: "HistoryInterval"
})
/** minute, 3minute ... day, or 1m, 5m, 1h, 1d. */
export const Interval = Schema.transform(
  Schema.String.pipe(
    Schema.filter((text) => named(text) !== undefined, {
      message: () => `expected one of ${names.join(", ")}`,
      jsonSchema: { type: "string", enum: [...names, ...aliases] }
    })
  ),
  IntervalValue,
  { strict: true, decode: (text) => named(text) as KiteHistory.Interval, encode: ({ name }) => name }
)

const offsetTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/
const indianTime = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2})?$/
const seconds = /^\d{9,10}$/
const day = /^\d{4}-\d{2}-\d{2}$/
const pattern = [seconds, day, offsetTime, indianTime].map(({ source }) => `(?:${source})`).join("|")

/** UTC milliseconds, or NaN if the text is not a time. A day gives its start or its last second. */
const instantMs = (text: string, atEnd: boolean): number => {
  if (seconds.test(text)) return Number(text) * 1_000
  if (!IndiaTime.isIsoDate(text.slice(0, 10))) return Number.NaN
  if (text.length === 10) return IndiaTime.istMidnightMs(text) + (atEnd ? IndiaTime.dayMs - 1_000 : 0)
  if (offsetTime.test(text)) return Date.parse(text.replace(/([+-]\d{2})(\d{2})$/, "$1:$2"))
  return indianTime.test(text) ? Date.parse(`${text.replace(" ", "T")}+05:30`) : Number.NaN
}

const instant = (atEnd: boolean) =>
  Schema.transform(
    Schema.String.pipe(
      Schema.filter((text) => !Number.isNaN(instantMs(text, atEnd)), {
        message: () => "expected a time such as 2026-11-24T09:15:00Z, 2026-11-24 09:15:00 (IST) or 2026-11-24",
        jsonSchema: { type: "string", pattern }
      })
    ),
    Schema.Number,
    { strict: true, decode: (text) => instantMs(text, atEnd), encode: (ms) => IndiaTime.isoTime(ms) }
  )
/** UNIX ms. */
export const From = instant(false)
export const To = instant(true)

export const Flag = Schema.transform(
  Schema.String.pipe(
    Schema.filter((text) => ["true", "false", "1", "0"].includes(text), {
      message: () => "expected true or false",
      jsonSchema: { type: "boolean" }
    })
  ),
  Schema.Boolean,
  { strict: true, decode: (text) => text === "true" || text === "1", encode: String }
)
