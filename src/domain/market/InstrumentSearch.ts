import { Order } from "effect"
import * as Money from "../Money.ts"
import * as Instrument from "./Instrument.ts"

/** Optional conditions of a search. `underlying` is the name that derivatives carry (NIFTY); the index or share itself matches it too. */
export interface Filter {
  readonly exchange?: string | undefined
  readonly segment?: string | undefined
  readonly underlying?: string | undefined
  /** "YYYY-MM-DD". */
  readonly expiry?: string | undefined
  readonly kinds?: ReadonlyArray<Instrument.Kind> | undefined
}

export interface Page {
  readonly limit: number
  readonly offset: number
}

export interface Found {
  readonly instruments: ReadonlyArray<Instrument.Instrument>
  readonly total: number
}

/** The sorted instruments of one trade date with their search texts. Built once, then only read. */
export interface Index {
  readonly instruments: ReadonlyArray<Instrument.Instrument>
  /** By row: the tradingsymbol in capitals without blanks. */
  readonly symbols: ReadonlyArray<string>
  /** By row: symbol, name, underlying, expiry, strike and side, in capitals. */
  readonly texts: ReadonlyArray<string>
  /** Words from the names and symbols of indices and shares, used to correct misspelt words. */
  readonly vocabulary: ReadonlyArray<string>
}

/** Words of a query that are used, and letters of each word that are used. */
const wordsMax = 8
const wordLengthMax = 32
/** Least similarity (0 to 1) of a known word to a misspelt one, and how many corrections are tried. */
const likenessMin = 0.5
const correctionsMax = 3

/** Underlyings first, then futures and options by expiry and strike. The order is total, so that pages never overlap. */
const byPlace = (a: Instrument.Instrument, b: Instrument.Instrument): number =>
  Instrument.kindRank[Instrument.kindOf(a)] - Instrument.kindRank[Instrument.kindOf(b)] ||
  Order.string(a.expiry ?? "", b.expiry ?? "") ||
  Order.string(a.name, b.name) ||
  a.strike - b.strike ||
  Order.string(a.tradingsymbol, b.tradingsymbol) ||
  Order.string(a.exchange, b.exchange) ||
  a.token - b.token

/** Keeps capitals, digits and dots, so that "M&M" and "BAJAJ-AUTO" are one word each in any spelling. */
const joined = (text: string): string => text.toUpperCase().replaceAll(/[^\p{L}\p{N}.]+/gu, "")
const spaced = (text: string): string =>
  text
    .toUpperCase()
    .replaceAll(/[^\p{L}\p{N}.]+/gu, " ")
    .trim()

/** The text adds what the symbol lacks, so that "nifty 24nov 24500 ce" finds the contract. */
const textOf = (instrument: Instrument.Instrument, symbol: string): string => {
  const under = Instrument.underlyingOf(instrument)?.name ?? ""
  const strike = instrument.strike === 0 ? "" : String(Money.toNumber(instrument.strike, Instrument.priceScale(instrument.token)))
  const expiry = instrument.expiry ?? ""
  const day = expiry.slice(8)
  return `${symbol} ${spaced(instrument.tradingsymbol)} ${spaced(instrument.name)} ${joined(under)} ${joined(expiry)} ${day}${monthOf(expiry)} ${strike} ${instrument.instrumentType}`
}

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
const monthOf = (expiry: string): string => (expiry === "" ? "" : (months[Number(expiry.slice(5, 7)) - 1] ?? ""))

export const make = (all: Iterable<Instrument.Instrument>): Index => {
  const instruments = Array.from(all).sort(byPlace)
  const symbols = instruments.map(({ tradingsymbol }) => joined(tradingsymbol))
  const vocabulary = new Set<string>()
  for (const [row, instrument] of instruments.entries()) {
    if (instrument.expiry !== null) continue
    vocabulary.add(symbols[row] ?? "")
    for (const word of spaced(instrument.name).split(" ")) vocabulary.add(word)
  }
  return {
    instruments,
    symbols,
    texts: instruments.map((instrument, row) => textOf(instrument, symbols[row] ?? "")),
    vocabulary: Array.from(vocabulary).filter((word) => word.length > 2)
  }
}

const accepts = (filter: Filter, instrument: Instrument.Instrument): boolean =>
  (filter.exchange === undefined || instrument.exchange === filter.exchange) &&
  (filter.segment === undefined || instrument.segment === filter.segment) &&
  (filter.expiry === undefined || instrument.expiry === filter.expiry) &&
  (filter.kinds === undefined || filter.kinds.includes(Instrument.kindOf(instrument))) &&
  (filter.underlying === undefined || Instrument.underlyingOf(instrument)?.name === filter.underlying)

/** Best matches first: the exact symbol, symbols that start with the query, symbols that start with the first word, then the rest. */
const matches = (index: Index, filter: Filter, words: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<number> => {
  const [starts = []] = words
  const whole = words.map(([word = ""]) => word).join("")
  const ranked: readonly [Array<number>, Array<number>, Array<number>, Array<number>] = [[], [], [], []]
  const { instruments, symbols, texts } = index
  for (let row = 0; row < instruments.length; row++) {
    const instrument = instruments[row]
    const text = texts[row] ?? ""
    if (instrument === undefined || !words.every((meanings) => meanings.some((word) => text.includes(word)))) continue
    if (!accepts(filter, instrument)) continue
    const symbol = symbols[row] ?? ""
    const rank = symbol === whole ? 0 : symbol.startsWith(whole) ? 1 : starts.some((word) => symbol.startsWith(word)) ? 2 : 3
    ranked[rank].push(row)
  }
  return ranked.flat()
}

const pairsOf = (word: string): ReadonlySet<string> => new Set(Array.from({ length: word.length - 1 }, (_, at) => word.slice(at, at + 2)))

/** Sorensen-Dice coefficient over pairs of letters: 1 for the same pairs, 0 for no common pair. */
const likeness = (a: ReadonlySet<string>, b: ReadonlySet<string>): number => {
  let shared = 0
  for (const pair of a) if (b.has(pair)) shared++
  return (2 * shared) / (a.size + b.size)
}

/** A word and its possible corrections, most similar first. */
const meaningsOf = (index: Index, word: string): ReadonlyArray<string> => {
  if (word.length < 3) return [word]
  const pairs = pairsOf(word)
  const alike = index.vocabulary
    .map((known) => [known, likeness(pairs, pairsOf(known))] as const)
    .filter(([, score]) => score >= likenessMin)
    .sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || Order.string(a, b))
  return [word, ...alike.slice(0, correctionsMax).map(([known]) => known)]
}

/**
 * Instruments whose symbol, name, underlying, expiry, strike and side contain every word of `query`, best first. If there are none,
 * words are replaced by known words of similar spelling. An empty query returns everything that the filter accepts.
 */
export const search = (index: Index, query: string, filter: Filter, { limit, offset }: Page): Found => {
  const words = query
    .split(/\s+/)
    .map((word) => joined(word).slice(0, wordLengthMax))
    .filter((word) => word !== "")
    .slice(0, wordsMax)
  // A query of punctuation alone finds nothing, not everything.
  if (words.length === 0 && query.trim() !== "") return { instruments: [], total: 0 }
  const exact = matches(
    index,
    filter,
    words.map((word) => [word])
  )
  const rows =
    exact.length > 0 || words.length === 0
      ? exact
      : matches(
          index,
          filter,
          words.map((word) => meaningsOf(index, word))
        )
  return {
    instruments: rows.slice(offset, offset + limit).flatMap((row) => index.instruments[row] ?? []),
    total: rows.length
  }
}
