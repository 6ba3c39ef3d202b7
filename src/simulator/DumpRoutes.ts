/** The instruments dump, whole or of one exchange, as kite.trade/docs/connect/v3/market-quotes describes it. */
import { gzipSync } from "node:zlib"
import * as Instrument from "../domain/market/Instrument.ts"
import { type Market, ofListing } from "./Market.ts"
import * as Route from "./Route.ts"

export const exchanges = ["NSE", "NFO", "BFO", "BSE", "CDS", "MCX", "BCD", "MF"]

interface DumpText {
  readonly plain: string
  readonly zipped: Uint8Array
}

const textsOf = (instruments: ReadonlyArray<Instrument.Instrument>): ((exchange: string) => DumpText) => {
  const texts = new Map<string, DumpText>()
  return (exchange) => {
    const known = texts.get(exchange)
    if (known !== undefined) return known
    const plain = Instrument.formatCsv(exchange === "" ? instruments : instruments.filter((one) => one.exchange === exchange))
    const text = { plain, zipped: gzipSync(plain) }
    texts.set(exchange, text)
    return text
  }
}

/** Answers with the dump of an exchange, or with the whole dump for "". Formatting 40,000 rows is slow, so each text is made once per listing. */
export const make = (market: Market): ((exchange: string) => Route.Route) => {
  const texts = ofListing(market, textsOf)
  return (exchange) => ({
    methods: ["GET"],
    answer: ({ gzip }) => {
      if (exchange !== "" && !exchanges.includes(exchange)) {
        return Route.refuse(400, "InputException", `Invalid \`exchange\`: ${exchange}`)
      }
      const text = texts()(exchange)
      // kiteconnect parses the dump only with exactly this content type.
      const headers = { "content-type": "text/csv" }
      return gzip
        ? { status: 200, headers: { ...headers, "content-encoding": "gzip" }, body: text.zipped }
        : { status: 200, headers, body: text.plain }
    }
  })
}
