/** Times as Kite's interfaces write them: Indian time, in text without a time zone. */
import { ParseResult, Schema } from "effect"
import * as IndiaTime from "../IndiaTime.ts"

const form = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})$/

/** UNIX ms of a "yyyy-mm-dd hh:mm:ss" in Indian time, whatever this host's time zone; null if there is no such moment. */
export const instantMs = (text: string): number | null => {
  const [, day, time] = form.exec(text) ?? []
  if (day === undefined || time === undefined) return null
  const atMs = Date.parse(`${day}T${time}+05:30`)
  // Date.parse reads 30 February as 2 March.
  return Number.isNaN(atMs) || format(atMs) !== `${day} ${time}` ? null : atMs
}

/** "yyyy-mm-dd hh:mm:ss" of an instant, truncated to whole seconds. */
export const format = (atMs: number): string => new Date(atMs + IndiaTime.istOffsetMs).toISOString().slice(0, 19).replace("T", " ")

const candleForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:?\d{2}$/

/** UNIX ms of a candle's time such as 2026-08-19T09:15:00+0530; null if there is no such moment. */
export const candleMs = (text: string): number | null => {
  const atMs = candleForm.test(text) ? Date.parse(text.replace(/([+-]\d{2})(\d{2})$/, "$1:$2")) : Number.NaN
  return Number.isNaN(atMs) ? null : atMs
}

/** The time of a candle as Kite writes it: 2026-08-19T09:15:00+0530. */
export const candleText = (atMs: number): string => `${format(atMs).replace(" ", "T")}+0530`

/** A moment in Kite's answers. Encoding writes Kite's own format again. */
export const IstDateTime: Schema.Schema<Date, string> = Schema.transformOrFail(Schema.String, Schema.ValidDateFromSelf, {
  strict: true,
  decode: (text, _options, ast) => {
    const atMs = instantMs(text)
    return atMs === null
      ? ParseResult.fail(new ParseResult.Type(ast, text, "is not a time yyyy-mm-dd hh:mm:ss"))
      : ParseResult.succeed(new Date(atMs))
  },
  encode: (date) => ParseResult.succeed(format(date.getTime()))
})
