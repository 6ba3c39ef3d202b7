import * as IndiaTime from "../IndiaTime.ts"
import * as Instrument from "./Instrument.ts"

/**
 * Kite's tradingsymbol grammar, and OpenAlgo's form as an alias that is only printed.
 *
 *     equity   = NAME [ "-" SERIES ]                   INFY, CENTRALBK-BE, BAJAJ-AUTO
 *     index    = NAME                                  NIFTY 50
 *     monthly  = NAME YY MMM ( "FUT" | STRIKE ( "CE" | "PE" ) )      NIFTY24NOV24000CE: carries no day
 *     weekly   = NAME YY M DD ( "FUT" | STRIKE ( "CE" | "PE" ) )     NIFTY24N2124000CE: 21 November 2024; M is 1-9, O, N, D
 *     openalgo = NAME DD MMM YY ( "FUT" | STRIKE ( "CE" | "PE" ) )   NIFTY28NOV2424000CE: one form for both
 *
 * A symbol states its expiry as a date or only as a month. Only the instrument master knows the day of a month's expiry. Source: Zerodha's
 * forum 7104, 8981, 13658; OpenAlgo's symbol-format page.
 */
export type Parsed = Equity | Index | Future | Option

export interface Index {
  readonly kind: "INDEX"
  readonly name: string
}
export interface Equity {
  readonly kind: "EQ"
  readonly name: string
  /** The trading series if the symbol states it ("BE" of CENTRALBK-BE). */
  readonly series: string | null
}
export interface Future {
  readonly kind: "FUT"
  readonly name: string
  readonly expiry: Printed
}
export interface Option {
  readonly kind: "CE" | "PE"
  readonly name: string
  readonly expiry: Printed
  /** Decimal text in rupees as printed: "24000", "187.5". */
  readonly strike: string
}

/** An expiry as a symbol states it: a date or a month. */
export type Printed = { readonly form: "date"; readonly date: string } | { readonly form: "month"; readonly month: string }

/** Longest text that is parsed as a symbol. */
export const lengthMax = 64
/** Kite began in 2015. An earlier year means that the symbol was split at the wrong place. */
export const yearMin = 2015

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
/** Letter O, not zero, for October. */
const monthLetters = "123456789OND"
/** Underlyings that end in digits. Without a list of names a weekly date could be split inside them. */
const digitNames: ReadonlySet<string> = new Set(["NIFTYNXT50", "SENSEX50"])
/** BSE indices. Their names have no space, so they look like shares. */
const bareIndices: ReadonlySet<string> = new Set(["SENSEX", "BANKEX", "SNSX50"])

const tail = String.raw`(?:(FUT)|((?:0|[1-9]\d*)(?:\.\d+)?)(CE|PE))`
const monthly = new RegExp(`^(.+)(\\d\\d)(${months.join("|")})${tail}$`)
const weekly = new RegExp(`^(\\d\\d)([1-9OND])(\\d\\d)${tail}$`)
const derivativeLike = /[\d.](?:CE|PE|FUT)$|\d[A-Z]{3}FUT$/
const printable = /^[\p{L}\p{N}\p{P}\p{S} ]+$/u

const contract = (
  name: string,
  expiry: Printed,
  future: string | undefined,
  strike: string | undefined,
  side: string | undefined
): Future | Option =>
  future === undefined ? { kind: side === "CE" ? "CE" : "PE", name, expiry, strike: strike ?? "" } : { kind: "FUT", name, expiry }

const yearOf = (twoDigits: string | undefined): number => 2000 + Number(twoDigits)
const two = (n: number): string => String(n).padStart(2, "0")

const parseMonthly = (text: string): Future | Option | null => {
  const match = monthly.exec(text)
  if (match === null) return null
  const [, name = "", yy, month = "", future, strike, side] = match
  const year = yearOf(yy)
  if (year < yearMin) return null
  const printed: Printed = { form: "month", month: `${year}-${two(months.indexOf(month) + 1)}` }
  return contract(name, printed, future, strike, side)
}

const parseWeeklyAt = (text: string, cut: number): Future | Option | null => {
  const match = weekly.exec(text.slice(cut))
  if (match === null) return null
  const [, yy, letter = "", dd, future, strike, side] = match
  const date = yearOf(yy) < yearMin ? null : IndiaTime.isoDate(yearOf(yy), monthLetters.indexOf(letter) + 1, Number(dd))
  return date === null ? null : contract(text.slice(0, cut), { form: "date", date }, future, strike, side)
}

/**
 * The longest known name wins. Without a list of names, the shortest name that leaves a real date wins, but never a split inside
 * `digitNames`.
 */
const parseWeekly = (text: string, names: ReadonlySet<string> | undefined): Future | Option | null => {
  let shortest: Future | Option | null = null
  let longestKnown: Future | Option | null = null
  for (let cut = 1; cut < text.length - 5; cut++) {
    const found = parseWeeklyAt(text, cut)
    if (found === null) continue
    shortest ??= found
    if ((names ?? digitNames).has(found.name)) longestKnown = found
  }
  return longestKnown ?? (names === undefined ? shortest : null)
}

const parseCash = (text: string): Equity | Index => {
  if (text.includes(" ") || bareIndices.has(text)) return { kind: "INDEX", name: text }
  // Series have two characters: CENTRALBK-BE has one, BAJAJ-AUTO has none.
  const match = /^(.+)-([A-Z0-9]{2})$/.exec(text)
  return { kind: "EQ", name: match?.[1] ?? text, series: match?.[2] ?? null }
}

/**
 * Parses a Kite tradingsymbol; null if it matches no form. With `names` (the master's underlyings), a derivative's name must be among
 * them; the longest match wins. Without `names`, a rule separates names that end in digits from the date; it can fail for bonds such as
 * 726GS2033.
 */
export const parse = (text: string, names?: ReadonlySet<string>): Parsed | null => {
  if (text.length > lengthMax || text.trim() !== text || !printable.test(text)) return null
  const month = parseMonthly(text)
  if (month !== null && (names === undefined || names.has(month.name))) return month
  const week = parseWeekly(text, names)
  if (week !== null) return week
  return derivativeLike.test(text) ? null : parseCash(text)
}

const printExpiry = (expiry: Printed): string => {
  if (expiry.form === "month") return `${expiry.month.slice(2, 4)}${months[Number(expiry.month.slice(5)) - 1]}`
  return `${expiry.date.slice(2, 4)}${monthLetters[Number(expiry.date.slice(5, 7)) - 1]}${expiry.date.slice(8)}`
}

/** The tradingsymbol as Kite prints it: `print(parse(text))` is `text`. */
export const print = (symbol: Parsed): string => {
  switch (symbol.kind) {
    case "INDEX":
      return symbol.name
    case "EQ":
      return symbol.series === null ? symbol.name : `${symbol.name}-${symbol.series}`
    case "FUT":
      return `${symbol.name}${printExpiry(symbol.expiry)}FUT`
    default:
      return `${symbol.name}${printExpiry(symbol.expiry)}${symbol.strike}${symbol.kind}`
  }
}

/** Whether a master row's expiry matches the one that the symbol states. */
export const agrees = (expiry: Printed, date: string): boolean =>
  expiry.form === "date" ? expiry.date === date : date.startsWith(`${expiry.month}-`)

/** OpenAlgo's date, "28NOV24". */
const openAlgoDate = (date: string): string => `${date.slice(8)}${months[Number(date.slice(5, 7)) - 1]}${date.slice(2, 4)}`

/**
 * OpenAlgo's form of a symbol. `date` is the master's expiry; a weekly symbol contains its own. Null if the day is missing or
 * contradicts the symbol.
 */
export const toOpenAlgo = (symbol: Parsed, date: string | null): string | null => {
  if (symbol.kind === "EQ") return print(symbol)
  if (symbol.kind === "INDEX") return openAlgoIndex(symbol.name)
  const day = date ?? (symbol.expiry.form === "date" ? symbol.expiry.date : null)
  if (day === null || !agrees(symbol.expiry, day)) return null
  const stem = `${symbol.name}${openAlgoDate(day)}`
  return symbol.kind === "FUT" ? `${stem}FUT` : `${stem}${symbol.strike}${symbol.kind}`
}

/** OpenAlgo writes an index in capitals without spaces and hyphens. An index with derivatives has its derivatives' name. */
const openAlgoIndex = (tradingsymbol: string): string => {
  const name = Instrument.indexName(tradingsymbol)
  return name === tradingsymbol ? tradingsymbol.toUpperCase().replaceAll(/[ -]/g, "") : name
}
