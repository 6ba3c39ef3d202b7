import { Either, Schema } from "effect"
import * as Document from "./Document.ts"
import * as IndicatorSeries from "./IndicatorSeries.ts"
import * as Lines from "./Lines.ts"
import * as MaxPainRows from "./MaxPainRows.ts"
import * as PnlRows from "./PnlRows.ts"
import * as Pricing from "./Pricing.ts"
import * as Problem from "./Problem.ts"
import * as RuleRows from "./RuleRows.ts"
import * as Sheet from "./Sheet.ts"
import * as SymbolLine from "./SymbolLine.ts"

/** Input and output of a command. `write` resolves when more may be written. */
export interface Io {
  readonly input: AsyncIterable<Uint8Array>
  readonly write: (text: string) => Promise<void>
  readonly report: (problem: Problem.Problem) => void
}

type Command = (io: Io) => Promise<void>

/** Largest JSON input in bytes. JSON is read as a whole; CSV is read line by line. */
export const documentBytesMax = 256 * 1024 * 1024

/** Calls `answer` for each line of the input as it arrives. `number` counts from 1. */
const eachLine = async (io: Io, answer: (line: string, number: number) => string): Promise<void> => {
  const decoder = new TextDecoder()
  let state = Lines.initial
  let number = 0
  const flush = async (lines: ReadonlyArray<string>) => {
    const text = lines.map((line) => answer(line, ++number)).join("")
    if (text !== "") await io.write(text)
  }
  for await (const bytes of io.input) {
    const [next, lines] = Lines.push(state, decoder.decode(bytes, { stream: true }))
    state = next
    await flush(lines)
  }
  const [ended, lines] = Lines.push(state, decoder.decode())
  await flush([...lines, ...Lines.last(ended)])
}

const isBlank = (line: string): boolean => line.trim() === ""

/** Reads CSV and writes the same CSV with result columns. Without a usable header it computes nothing. */
const csv =
  (...tables: ReadonlyArray<Pricing.Table>): Command =>
  async (io) => {
    let sheet: Either.Either<Sheet.Sheet, string> | undefined
    await eachLine(io, (line, number) => {
      if (isBlank(line) || (sheet !== undefined && Either.isLeft(sheet))) return ""
      if (sheet === undefined) {
        sheet = Sheet.open(line, tables)
        if (Either.isRight(sheet)) return `${sheet.right.header}\n`
        io.report(Problem.atLine(number, sheet.left))
        return ""
      }
      const { text, reason } = sheet.right.row(line)
      if (reason !== null) io.report(Problem.atLine(number, reason))
      return `${text}\n`
    })
    if (sheet === undefined) io.report(Problem.atLine(1, "no header: the input is empty"))
  }

const symbols: Command = (io) =>
  eachLine(io, (line, number) => {
    if (isBlank(line)) return ""
    const { text, reason } = SymbolLine.read(line)
    if (reason !== null) io.report(Problem.atLine(number, reason))
    return `${text}\n`
  })

const parseJson = Document.decoder(Schema.parseJson())

const readWhole = async (io: Io): Promise<string | null> => {
  const pieces: Array<Uint8Array> = []
  let bytes = 0
  for await (const piece of io.input) {
    bytes += piece.length
    if (bytes > documentBytesMax) return null
    pieces.push(piece)
  }
  return new TextDecoder().decode(Buffer.concat(pieces))
}

const json =
  (calculation: Document.Calculation): Command =>
  async (io) => {
    const text = await readWhole(io)
    if (text === null) return io.report({ at: "$", reason: `more than ${documentBytesMax} bytes of JSON` })
    const parsed = parseJson(text)
    if (Either.isLeft(parsed)) return io.report({ at: "$", reason: `no JSON: ${parsed.left.reason}` })
    const { document, problems } = calculation(parsed.right)
    for (const problem of problems) io.report(problem)
    await io.write(`${JSON.stringify(document)}\n`)
  }

/** All commands by name. */
export const commands: ReadonlyMap<string, Command> = new Map([
  ["greeks", csv(Pricing.greeks)],
  ["black76", csv(Pricing.black76)],
  ["iv", csv(Pricing.ivOfSpot, Pricing.ivOfForward)],
  ["maxpain", json(MaxPainRows.calculation)],
  ["pnl", json(PnlRows.calculation)],
  ["indicators", json(IndicatorSeries.calculation)],
  ["rules", json(RuleRows.calculation)],
  ["symbols", symbols]
])

export const usage = `npm run -s calc -- COMMAND < input > output

  greeks      CSV: kind (CE or PE), spot, strike, t_years, rate, dividend_yield, vol
              adds Black-Scholes-Merton's price and eleven Greeks, d1, d2
  black76     CSV: kind, forward, strike, t_years, rate, vol
              adds Black-76's price and Greeks, d1, d2, and the volatility of that price
  iv          CSV: kind, spot, strike, t_years, rate, dividend_yield, price (or forward for spot and dividend_yield)
              adds status (ok, or why there is none) and vol
  maxpain     JSON: {"chains": [{"chain": [{"strike", "ceOi", "peOi", "ceVolume", "peVolume"}]}]}
              adds maxPain, maxPainStrikes, totals and put-call ratios to each chain
  pnl         JSON: {"strategies": [{"legs": [{"symbol", "side", "qty", "ltp"}], "fills": [{"symbol", "side", "qty", "price"}]}]}
              adds m2m, instruments and totals to each strategy, money as decimal text
  indicators  JSON: {"ohlcv": [[open, high, low, close, volume]], "sessionLength": bars in a session}
              adds values and firstIndex
  rules       JSON: {"fixtures": [{"ask", …}]}, questions to the rulebook: next_expiry, monthly_expiry, lot_size, freeze_quantity,
              tick_size, charges, phase, minutes_to_expiry (their fields: test/data/rules/fixtures.json)
              adds answer
  symbols     one tradingsymbol a line (or TRADINGSYMBOL,YYYY-MM-DD with the day it expires)
              one JSON object a line, with OpenAlgo's form

Rates and volatilities are fractions a year, continuously compounded; results are per year and per 1.00 (docs/conventions.md).
Other columns and fields are kept. A bad row is named on standard error with its line (in JSON its path) and has empty results;
the exit status is then 1.
`
