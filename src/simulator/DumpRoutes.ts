/** The instruments dump, whole or of one exchange, as kite.trade/docs/connect/v3/market-quotes describes it. */
import { gzipSync } from "node:zlib"
import * as Instrument from "../domain/market/Instrument.ts"
import * as Route from "./Route.ts"

export const exchanges = ["NSE", "NFO", "BFO", "BSE", "CDS", "MCX", "BCD", "MF"]

interface DumpText {
  readonly plain: string
  readonly zipped: Uint8Array
}

/** Answers with the dump of an exchange, or with the whole dump for "". Formatting 40,000 rows is slow, so each text is made once. */
export const make = (instruments: ReadonlyArray<Instrument.Instrument>): ((exchange: string) => Route.Route) => {
  const texts = new Map<string, DumpText>()
  const textOf = (exchange: string): DumpText => {
    const known = texts.get(exchange)
    if (known !== undefined) return known
    const plain = Instrument.formatCsv(exchange === "" ? instruments : instruments.filter((one) => one.exchange === exchange))
    const text = { plain, zipped: gzipSync(plain) }
    texts.set(exchange, text)
    return text
  }
  return (exchange) => ({
    methods: ["GET"],
    answer: ({ gzip }) => {
      if (exchange !== "" && !exchanges.includes(exchange)) {
        return Route.refuse(400, "InputException", `Invalid \`exchange\`: ${exchange}`)
      }
      const text = textOf(exchange)
      // kiteconnect parses the dump only with exactly this content type.
      const headers = { "content-type": "text/csv" }
      return gzip
        ? { status: 200, headers: { ...headers, "content-encoding": "gzip" }, body: text.zipped }
        : { status: 200, headers, body: text.plain }
    }
  })
}
