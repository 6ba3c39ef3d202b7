import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as Segments from "../rules/Segments.ts"
import { shipped } from "../rules/Shipped.ts"
import type { UnknownRule } from "../rules/UnknownRule.ts"

/** A row of Kite's instruments dump, valid for one trade date: exchanges reuse tokens after expiry. */
export interface Instrument {
  /** Kite's instrument_token, 1 to 2^32-1; its lowest byte is the segment. */
  readonly token: number
  readonly exchangeToken: number
  readonly tradingsymbol: string
  /** For futures and options, the underlying's symbol. It may be empty in old dumps. */
  readonly name: string
  /** "YYYY-MM-DD"; null for an instrument that does not expire. */
  readonly expiry: string | null
  /** Integer in the token's price units (`priceScale`); 0 if the instrument has no strike. */
  readonly strike: number
  /** Integer in the token's price units; 0 for indices. */
  readonly tickSize: number
  readonly lotSize: number
  readonly instrumentType: InstrumentType
  /** Kite's segment text, such as NFO-OPT or INDICES. */
  readonly segment: string
  readonly exchange: string
}

export type InstrumentType = "EQ" | "FUT" | "CE" | "PE"
export type Kind = "INDEX" | InstrumentType
/** The order of kinds in lists: underlyings, futures, options. */
export const kindRank: Readonly<Record<Kind, number>> = { INDEX: 0, EQ: 1, FUT: 2, CE: 3, PE: 3 }

export const Segment = { NSE: 1, NFO: 2, CDS: 3, BSE: 4, BFO: 5, BCD: 6, MCX: 7, MCXSX: 8, INDICES: 9, NCO: 12 } as const

/** Kite's segment number: the token's lowest byte. */
export const segmentOf = (token: number): number => token & 0xff

/** Price units per rupee on the wire, from the rulebook. A token of an unknown segment is an error; paise are never assumed. */
export const unitsOf = (token: number): Either.Either<number, UnknownRule> => Segments.divisor(shipped.segments, token)

/** `unitsOf` for the token of an instrument. `parseCsv` rejects rows without a unit, so a missing one here is a defect. */
export const priceScale = (token: number): number => Either.getOrThrowWith(unitsOf(token), (unknown) => unknown)

/** Kite's exchange of an instrument: that of its segment. An index has the exchange of its underlying. */
export const exchangeOf = (token: number, underlyingExchange: string): string => {
  const { name } = Either.getOrThrowWith(Segments.unitOf(shipped.segments, token), (unknown) => unknown)
  return isIndex(token) ? underlyingExchange : name
}

/** Index packets have another layout, and an index is not tradable. */
export const isIndex = (token: number): boolean => segmentOf(token) === Segment.INDICES

export const kindOf = (instrument: Instrument): Kind => (isIndex(instrument.token) ? "INDEX" : instrument.instrumentType)

export const isOption = (instrument: Instrument): boolean => instrument.instrumentType === "CE" || instrument.instrumentType === "PE"

/** The strike in rupees as a tradingsymbol prints it: "24500", "187.5". */
export const strikeText = (instrument: Instrument): string => Money.format(Money.toDecimal(instrument.strike, priceScale(instrument.token)))

/** Derivatives exchange to the exchange where its underlyings trade. */
const underlyingExchange: ReadonlyMap<string, string> = new Map([
  ["NFO", "NSE"],
  ["BFO", "BSE"],
  ["MCX", "MCX"],
  ["CDS", "CDS"],
  ["BCD", "BCD"],
  ["NCO", "NCO"]
])

/** Kite's index names to the `name` that their futures and options carry. */
const indexAlias: ReadonlyMap<string, string> = new Map([
  ["NIFTY 50", "NIFTY"],
  ["NIFTY BANK", "BANKNIFTY"],
  ["NIFTY FIN SERVICE", "FINNIFTY"],
  ["NIFTY MID SELECT", "MIDCPNIFTY"],
  ["NIFTY NEXT 50", "NIFTYNXT50"],
  ["SNSX50", "SENSEX50"]
])

/** The name that an index's derivatives carry ("NIFTY 50" is NIFTY), or the index's own name if it has no derivatives. */
export const indexName = (tradingsymbol: string): string => indexAlias.get(tradingsymbol) ?? tradingsymbol

export interface Underlying {
  readonly exchange: string
  readonly name: string
}

/** The underlying of a derivative of this exchange and name; null without a name or if the exchange is unknown. */
export const underlyingNamed = (exchange: string, name: string): Underlying | null => {
  const traded = underlyingExchange.get(exchange)
  return traded === undefined || name === "" ? null : { exchange: traded, name }
}

/**
 * The underlying that prices an instrument. The index "NIFTY 50", its futures and its options all give NSE NIFTY. Null for a derivative
 * without a name or of an unknown exchange.
 */
export const underlyingOf = (instrument: Instrument): Underlying | null => {
  const kind = kindOf(instrument)
  if (kind === "INDEX") return { exchange: instrument.exchange, name: indexName(instrument.tradingsymbol) }
  if (kind === "EQ") return { exchange: instrument.exchange, name: instrument.tradingsymbol }
  return underlyingNamed(instrument.exchange, instrument.name)
}

/** All instruments of one trade date. One map never mixes dates: the key of an instrument is (trade date, token). */
export interface Master {
  /** "YYYY-MM-DD". */
  readonly tradeDate: string
  readonly byToken: ReadonlyMap<number, Instrument>
  /** By `symbolKey`. */
  readonly bySymbol: ReadonlyMap<string, Instrument>
}

export const symbolKey = (exchange: string, tradingsymbol: string): string => `${exchange}:${tradingsymbol}`

/** The master of a trade date. If two rows share a token or a symbol, the first one wins, as in `parseCsv`. */
export const makeMaster = (tradeDate: string, instruments: Iterable<Instrument>): Master => {
  const byToken = new Map<number, Instrument>()
  const bySymbol = new Map<string, Instrument>()
  for (const instrument of instruments) {
    const key = symbolKey(instrument.exchange, instrument.tradingsymbol)
    if (byToken.has(instrument.token) || bySymbol.has(key)) continue
    byToken.set(instrument.token, instrument)
    bySymbol.set(key, instrument)
  }
  return { tradeDate, byToken, bySymbol }
}

export const bySymbol = (master: Master, exchange: string, tradingsymbol: string): Instrument | undefined =>
  master.bySymbol.get(symbolKey(exchange, tradingsymbol))

/** Kite's columns in Kite's order. */
export const columns = [
  "instrument_token",
  "exchange_token",
  "tradingsymbol",
  "name",
  "last_price",
  "expiry",
  "strike",
  "tick_size",
  "lot_size",
  "instrument_type",
  "segment",
  "exchange"
] as const
type Column = (typeof columns)[number]

export interface Rejected {
  /** Line number in the file; the header is line 1. */
  readonly line: number
  readonly reason: string
  /** Set if an earlier line has the same token. */
  readonly repeatedToken?: number
}

export interface Parsed {
  readonly instruments: ReadonlyArray<Instrument>
  readonly rejected: ReadonlyArray<Rejected>
}

/**
 * Reads one record from `start` by RFC 4180: quoted fields may contain commas, doubled quotes and line ends. Null if a quote never
 * closes.
 */
const quotedRecord = (text: string, start: number): { readonly fields: Array<string>; readonly end: number } | null => {
  const fields: Array<string> = []
  let at = start
  while (true) {
    let field = ""
    if (text[at] === '"') {
      at++
      while (true) {
        const close = text.indexOf('"', at)
        if (close < 0) return null
        field += text.slice(at, close)
        at = close + 1
        if (text[at] !== '"') break
        field += '"'
        at++
      }
    }
    const from = at
    while (at < text.length && text[at] !== "," && text[at] !== "\n") at++
    field += text[at] === "," ? text.slice(from, at) : text.slice(from, at).replace(/\r$/, "")
    fields.push(field)
    if (text[at] !== ",") return { fields, end: Math.min(at + 1, text.length) }
    at++
  }
}

/**
 * Each non-empty record with the line it starts on. `fields` is null if a quote never closes. Nearly every line has no quote and is
 * split directly.
 */
function* records(text: string): Generator<{ readonly fields: Array<string> | null; readonly line: number }, void, void> {
  let line = 1
  let at = text.startsWith("\uFEFF") ? 1 : 0
  while (at < text.length) {
    let end = text.indexOf("\n", at)
    if (end < 0) end = text.length
    const raw = text.slice(at, text[end - 1] === "\r" ? end - 1 : end)
    if (!raw.includes('"')) {
      if (raw !== "") yield { fields: raw.split(","), line }
      line++
      at = end + 1
      continue
    }
    const record = quotedRecord(text, at)
    yield { fields: record?.fields ?? null, line }
    // A quote that never closes invalidates its own line only.
    const next = record?.end ?? end + 1
    for (let from = text.indexOf("\n", at); from >= 0 && from < next; from = text.indexOf("\n", from + 1)) line++
    at = next
  }
}

const wholeNumber = (text: string, max: number): number | null => {
  if (!/^\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return value <= max ? value : null
}

const instrumentTypes: ReadonlySet<string> = new Set(["EQ", "FUT", "CE", "PE"] satisfies ReadonlyArray<InstrumentType>)
const isInstrumentType = (text: string): text is InstrumentType => instrumentTypes.has(text)

/**
 * One row, or the reason to reject it. `dates` caches the check of each expiry text: a dump has a hundred thousand rows but a few dozen
 * dates.
 */
const parseRow = (
  fields: ReadonlyArray<string>,
  index: Readonly<Record<Column, number>>,
  dates: Map<string, boolean>
): Instrument | string => {
  const field = (column: Column): string => fields[index[column]] ?? ""
  const token = wholeNumber(field("instrument_token"), 2 ** 32 - 1)
  if (token === null || token === 0) return `instrument_token "${field("instrument_token")}" is not a whole number from 1 to 4294967295`
  const exchangeToken = wholeNumber(field("exchange_token"), 2 ** 32 - 1)
  if (exchangeToken === null) return `exchange_token "${field("exchange_token")}" is not a whole number`
  const tradingsymbol = field("tradingsymbol")
  const exchange = field("exchange")
  if (tradingsymbol === "") return "tradingsymbol is empty"
  if (exchange === "") return "exchange is empty"
  const instrumentType = field("instrument_type")
  if (!isInstrumentType(instrumentType)) return `instrument_type "${instrumentType}" is not one of EQ, FUT, CE, PE`
  const expiry = field("expiry")
  if (expiry === "" && instrumentType !== "EQ") return `expiry is empty on a ${instrumentType}`
  if (expiry !== "") {
    const known = dates.get(expiry) ?? IndiaTime.isIsoDate(expiry)
    dates.set(expiry, known)
    if (!known) return `expiry "${expiry}" is not a day YYYY-MM-DD`
  }
  const units = unitsOf(token)
  if (Either.isLeft(units)) return units.left.message
  const scale = units.right
  const strike = Money.scaled(field("strike"), scale)
  if (Either.isLeft(strike)) return `strike ${strike.left.message}`
  const tickSize = Money.scaled(field("tick_size"), scale)
  if (Either.isLeft(tickSize)) return `tick_size ${tickSize.left.message}`
  if (strike.right < 0 || tickSize.right < 0) return "strike and tick_size cannot be negative"
  const lotSize = wholeNumber(field("lot_size"), 2 ** 32 - 1)
  if (lotSize === null) return `lot_size "${field("lot_size")}" is not a whole number`
  return {
    token,
    exchangeToken,
    tradingsymbol,
    name: field("name"),
    expiry: expiry === "" ? null : expiry,
    strike: strike.right,
    tickSize: tickSize.right,
    lotSize,
    instrumentType,
    segment: field("segment"),
    exchange
  }
}

const columnIndex = (header: ReadonlyArray<string>): Record<Column, number> | string => {
  const missing = columns.filter((column) => column !== "last_price" && !header.includes(column))
  if (missing.length > 0) return `the header lacks ${missing.join(", ")}`
  return Object.fromEntries(columns.map((column) => [column, header.indexOf(column)])) as Record<Column, number>
}

/** Rows read in one step: about 5 ms of work. */
const rowsOfStep = 2_000

/**
 * Reads Kite's instruments CSV (GET /instruments); columns are found by their header names. Invalid rows are rejected with the line and
 * the reason. So is the second of two rows with the same token, or the same exchange and tradingsymbol. A header that cannot be read
 * rejects the whole file.
 */
export const parseCsv = (text: string): Parsed => {
  const steps = parseCsvInSteps(text)
  while (true) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** `parseCsv` in steps of a few milliseconds, so that a streaming process can do other work in between. */
export function* parseCsvInSteps(text: string): Generator<void, Parsed, void> {
  const instruments: Array<Instrument> = []
  const rejected: Array<Rejected> = []
  const dates = new Map<string, boolean>()
  const tokens = new Set<number>()
  const symbols = new Set<string>()
  let header: { readonly width: number; readonly index: Record<Column, number> | string } | null = null
  const accept = (row: Instrument, line: number): void => {
    const key = symbolKey(row.exchange, row.tradingsymbol)
    if (tokens.has(row.token))
      return void rejected.push({ line, reason: `instrument_token ${row.token} is already on an earlier line`, repeatedToken: row.token })
    if (symbols.has(key)) return void rejected.push({ line, reason: `${key} is already on an earlier line` })
    tokens.add(row.token)
    symbols.add(key)
    instruments.push(row)
  }
  const read = (fields: Array<string> | null, line: number): void => {
    if (fields === null) return void rejected.push({ line, reason: "a quote never closes" })
    if (header === null) {
      header = { width: fields.length, index: columnIndex(fields) }
      if (typeof header.index === "string") rejected.push({ line, reason: header.index })
      return
    }
    if (typeof header.index === "string") return
    if (fields.length !== header.width)
      return void rejected.push({ line, reason: `${fields.length} fields, but the header has ${header.width}` })
    const row = parseRow(fields, header.index, dates)
    if (typeof row === "string") rejected.push({ line, reason: row })
    else accept(row, line)
  }
  let count = 0
  for (const { fields, line } of records(text)) {
    read(fields, line)
    if (++count % rowsOfStep === 0) yield
  }
  if (header === null) rejected.push({ line: 1, reason: "the file is empty" })
  return { instruments, rejected }
}

const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** Kite prints its decimals with at least one place: 24500.0, 0.05. */
const decimalText = (int: number, scale: number): string => {
  const text = Money.format(Money.toDecimal(int, scale))
  return text.includes(".") ? text : `${text}.0`
}

/**
 * Writes the instruments as Kite's CSV, line ends \n; last_price is 0.0 as in Kite's own file. `parseCsv` reads the same instruments
 * back.
 */
export const formatCsv = (instruments: Iterable<Instrument>): string => {
  const lines: Array<string> = [columns.join(",")]
  for (const it of instruments) {
    const scale = priceScale(it.token)
    lines.push(
      [
        it.token,
        it.exchangeToken,
        quote(it.tradingsymbol),
        quote(it.name),
        "0.0",
        it.expiry ?? "",
        decimalText(it.strike, scale),
        decimalText(it.tickSize, scale),
        it.lotSize,
        it.instrumentType,
        quote(it.segment),
        quote(it.exchange)
      ].join(",")
    )
  }
  return `${lines.join("\n")}\n`
}
