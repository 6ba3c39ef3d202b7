import * as IndiaTime from "../domain/IndiaTime.ts"
import * as Symbol from "../domain/market/Symbol.ts"

/** The answer to one line, as one line of JSON, and the problem with it. With a problem every field but the text is null. */
export interface Answer {
  readonly text: string
  readonly reason: string | null
}

const dayNeeded = "only the instrument master knows the day of a monthly expiry: write it after the symbol, NIFTY24NOVFUT,2024-11-28"

const shown = (tradingsymbol: string, symbol: Symbol.Parsed, day: string | null): object => {
  const derivative = symbol.kind === "EQ" || symbol.kind === "INDEX" ? null : symbol
  const printed = derivative?.expiry
  const openalgo = Symbol.toOpenAlgo(symbol, day)
  return {
    tradingsymbol,
    kind: symbol.kind,
    name: symbol.name,
    series: symbol.kind === "EQ" ? symbol.series : null,
    expiry: printed?.form === "date" ? printed.date : day,
    expiry_month: printed === undefined ? null : printed.form === "date" ? printed.date.slice(0, 7) : printed.month,
    strike: derivative === null || derivative.kind === "FUT" ? null : Number(derivative.strike),
    openalgo,
    ...(openalgo === null ? { openalgo_reason: dayNeeded } : {})
  }
}

const bad = (tradingsymbol: string, reason: string): Answer => ({
  text: JSON.stringify({
    tradingsymbol,
    kind: null,
    name: null,
    series: null,
    expiry: null,
    expiry_month: null,
    strike: null,
    openalgo: null
  }),
  reason
})

/** Reads a Kite tradingsymbol, optionally followed by a comma and the master's expiry day. Strikes are in rupees. */
export const read = (line: string): Answer => {
  const comma = line.lastIndexOf(",")
  const tradingsymbol = (comma < 0 ? line : line.slice(0, comma)).trim()
  const day = comma < 0 ? null : line.slice(comma + 1).trim()
  const symbol = Symbol.parse(tradingsymbol)
  if (symbol === null) return bad(tradingsymbol, `"${tradingsymbol.slice(0, Symbol.lengthMax)}" is not a tradingsymbol`)
  if (day === null) return { text: JSON.stringify(shown(tradingsymbol, symbol, null)), reason: null }
  if (!IndiaTime.isIsoDate(day)) return bad(tradingsymbol, `"${day}" is not a day (YYYY-MM-DD)`)
  if (symbol.kind === "EQ" || symbol.kind === "INDEX") return bad(tradingsymbol, `${tradingsymbol} does not expire`)
  if (!Symbol.agrees(symbol.expiry, day)) return bad(tradingsymbol, `${tradingsymbol} does not expire on ${day}`)
  return { text: JSON.stringify(shown(tradingsymbol, symbol, day)), reason: null }
}
