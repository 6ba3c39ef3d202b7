import { ParseResult, Schema } from "effect"

const form = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})$/

/**
 * Kite's "yyyy-mm-dd hh:mm:ss" is Indian time without saying so: the instant in milliseconds, whatever zone this host lives in. Null: no such moment.
 */
export const instantMs = (text: string): number | null => {
  const [, day, time] = form.exec(text) ?? []
  if (day === undefined || time === undefined) return null
  const atMs = Date.parse(`${day}T${time}+05:30`)
  // The parser takes 30 February for 2 March.
  const back = new Date(atMs + 19_800_000)
  return Number.isNaN(atMs) || back.toISOString().slice(0, 19) !== `${day}T${time}` ? null : atMs
}

/** An instant as Kite's parameters take it; whole seconds. */
export const format = (atMs: number): string => new Date(atMs + 19_800_000).toISOString().slice(0, 19).replace("T", " ")

const candleForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:?\d{2}$/
/** The stamp of a candle, such as 2026-08-19T09:15:00+0530, in milliseconds; null: no such moment. */
export const candleMs = (text: string): number | null => {
  const atMs = candleForm.test(text) ? Date.parse(text.replace(/([+-]\d{2})(\d{2})$/, "$1:$2")) : Number.NaN
  return Number.isNaN(atMs) ? null : atMs
}

/** A moment in Kite's answers; encoded back in Kite's own form. */
export const IstDateTime: Schema.Schema<Date, string> = Schema.transformOrFail(Schema.String, Schema.ValidDateFromSelf, {
  strict: true,
  decode: (text, _options, ast) => {
    const atMs = instantMs(text)
    return atMs === null
      ? ParseResult.fail(new ParseResult.Type(ast, text, "is no time yyyy-mm-dd hh:mm:ss"))
      : ParseResult.succeed(new Date(atMs))
  },
  encode: (date) => ParseResult.succeed(format(date.getTime()))
})
