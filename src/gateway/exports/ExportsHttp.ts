import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { ChainHistory } from "../history/ChainHistory.ts"
import { History } from "../history/History.ts"
import { found } from "../shared/Lookup.ts"
import * as CsvFile from "./CsvFile.ts"
import * as Download from "./Download.ts"
import * as ParquetFile from "./ParquetFile.ts"
import type { Format } from "./Table.ts"
import * as Tables from "./Tables.ts"

interface Bars {
  readonly instrument_token: number
  readonly interval: KiteHistory.Interval
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly adjusted: boolean
}

export const ExportsHttp = HttpApiBuilder.group(
  Api,
  "exports",
  Effect.fnUntraced(function* (handlers) {
    const history = yield* History
    const registry = yield* InstrumentRegistry
    const clock = yield* MarketClock
    const of = Tables.ofChains(yield* ChainHistory)
    const download = Download.make()

    type Failure = Problem.NotFound | Problem.Invalid | Problem.Unavailable
    const sent =
      (format: Format) =>
      <Next>(table: Effect.Effect<Download.Table<Next, Failure>, Failure>) =>
        Effect.flatMap(table, (one) => download(one, format))
    const [csv, parquet] = [sent(CsvFile.format), sent(ParquetFile.format)]

    const bars = ({ instrument_token, interval, from, to, adjusted }: Bars) =>
      Effect.map(found("Instrument", registry.byToken(instrument_token)), (instrument) => {
        const toMs = to ?? clock.unsafeNow()
        const span = { fromMs: from ?? IndiaTime.startOfDayMs(toMs), toMs }
        return Tables.bars(Effect.map(history.candles(instrument, interval, span, adjusted), ({ candles }) => candles))
      })

    return handlers
      .handle("barsCsv", ({ urlParams }) => csv(bars(urlParams)))
      .handle("barsParquet", ({ urlParams }) => parquet(bars(urlParams)))
      .handle("chainsCsv", ({ urlParams }) => csv(of.chains(urlParams)))
      .handle("chainsParquet", ({ urlParams }) => parquet(of.chains(urlParams)))
      .handle("strikesCsv", ({ urlParams }) => csv(of.strikes(urlParams, urlParams.strikes)))
      .handle("strikesParquet", ({ urlParams }) => parquet(of.strikes(urlParams, urlParams.strikes)))
      .handle("moneynessCsv", ({ urlParams }) => csv(of.moneyness(urlParams, urlParams.metric, urlParams.bucket)))
      .handle("moneynessParquet", ({ urlParams }) => parquet(of.moneyness(urlParams, urlParams.metric, urlParams.bucket)))
      .handle("decayCsv", ({ urlParams }) => csv(Effect.succeed(of.decay(urlParams, urlParams.steps))))
      .handle("decayParquet", ({ urlParams }) => parquet(Effect.succeed(of.decay(urlParams, urlParams.steps))))
      .handle("distributionCsv", ({ urlParams }) => csv(of.distribution(urlParams, urlParams.metric)))
      .handle("distributionParquet", ({ urlParams }) => parquet(of.distribution(urlParams, urlParams.metric)))
  })
)
