import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Either } from "effect"
import { Api } from "../../contract/Api.ts"
import type { AtBar, BatchRequest } from "../../contract/indicators/IndicatorsApi.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Catalogue from "../../domain/indicators/Catalogue.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { IndicatorSubscriptionRepo, ofUser } from "../../store/indicators/IndicatorSubscriptionRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { IndicatorCache } from "./IndicatorCache.ts"
import { IndicatorSeries } from "./IndicatorSeries.ts"
import { IndicatorSets } from "./IndicatorSets.ts"

/** Items of one batch that are computed at the same time. */
const concurrencyMax = 4

const settingOf = (parameter: Catalogue.Parameter) => ({
  name: parameter.name,
  type: parameter.type,
  default: parameter.default,
  min: parameter.type === "whole" ? parameter.min : null,
  max: parameter.type === "choice" ? null : parameter.max,
  choices: parameter.type === "choice" ? parameter.choices : null
})
const available = {
  indicators: Catalogue.entries.map(({ name, title, parameters, outputs }) => ({
    name,
    title,
    settings: parameters.map(settingOf),
    outputs
  })),
  timeframes: KiteHistory.intervals.map(({ short }) => short)
}
const headOf = (symbol: string, instrument: Instrument.Instrument, timeframe: KiteHistory.Interval) => ({
  symbol,
  exchange: instrument.exchange,
  tradingsymbol: instrument.tradingsymbol,
  instrument_token: instrument.token,
  timeframe: timeframe.short
})

export const IndicatorsHttp = HttpApiBuilder.group(
  Api,
  "indicators",
  Effect.fnUntraced(function* (handlers) {
    const symbols = yield* Symbols
    const clock = yield* MarketClock
    const series = yield* IndicatorSeries
    const cache = yield* IndicatorCache
    const sets = yield* IndicatorSets
    const repo = yield* IndicatorSubscriptionRepo
    const holder = Effect.map(CurrentUser, ({ id }) => ({ name: ofUser(id), isSession: false }))
    const idsOf = ({ indicators }: BatchRequest) => [...new Set(indicators.map(({ id }) => id))]

    const atBar = ({ symbol, timeframe, indicators }: BatchRequest, offset: number) =>
      Effect.gen(function* () {
        const instrument = yield* symbols.instrumentOf(symbol)
        const { atMs, values, warning } = yield* cache.at({ instrument, interval: timeframe, indicators, offset })
        const answer: AtBar = {
          ...headOf(symbol, instrument, timeframe),
          warning,
          date: atMs === null ? null : IndiaTime.isoTime(atMs),
          closed: atMs === null ? null : series.isClosed(instrument, timeframe, atMs),
          indicators: Array.from(values, ([indicator, one]) => ({ indicator, values: one }))
        }
        return answer
      })

    return handlers
      .handle("available", () => Effect.succeed(available))
      .handle("current", ({ urlParams }) => atBar(urlParams, 0))
      .handle("atOffset", ({ urlParams: { offset, ...request } }) => atBar(request, offset))
      .handle("history", ({ urlParams: { symbol, timeframe, indicator, from, to, limit, offset } }) =>
        Effect.gen(function* () {
          const instrument = yield* symbols.instrumentOf(symbol)
          const toMs = to ?? clock.unsafeNow()
          const fromMs = from ?? IndiaTime.startOfDayMs(toMs)
          if (fromMs > toMs) return yield* Problem.reversedSpan()
          const bars = yield* series.bars(instrument, timeframe, [indicator], { fromMs, toMs })
          const first = bars.candles.findIndex(({ atMs }) => atMs >= fromMs)
          const total = first < 0 ? 0 : bars.candles.length - first
          const begin = first + Math.min(offset, total)
          const points = total === 0 ? [] : yield* series.points(indicator, timeframe, bars, begin, Math.min(begin + limit, first + total))
          return {
            ...headOf(symbol, instrument, timeframe),
            warning: bars.warning,
            indicator: indicator.id,
            outputs: indicator.outputs,
            points: points.map(({ atMs, values }) => ({ date: IndiaTime.isoTime(atMs), values })),
            total,
            limit,
            offset
          }
        })
      )
      .handle("batch", ({ payload: { requests } }) =>
        Effect.gen(function* () {
          const done = yield* Effect.forEach(requests, (request) => Effect.either(atBar(request, 0)), { concurrency: concurrencyMax })
          return {
            results: done.flatMap((one) => (Either.isRight(one) ? [one.right] : [])),
            refused: done.flatMap((one, at) => {
              const request = requests[at]
              if (Either.isRight(one) || request === undefined) return []
              return [{ symbol: request.symbol, timeframe: request.timeframe.short, message: one.left.detail }]
            })
          }
        })
      )
      .handle("subscribe", ({ payload }) =>
        Effect.gen(function* () {
          const request = { ...payload, instrument: yield* symbols.instrumentOf(payload.symbol), interval: payload.timeframe }
          const total = yield* orProblem(sets.add(yield* holder, request))
          return { subscribed: idsOf(payload), total }
        })
      )
      .handle("unsubscribe", ({ payload }) =>
        Effect.gen(function* () {
          const request = { ...payload, instrument: yield* symbols.instrumentOf(payload.symbol), interval: payload.timeframe }
          const total = yield* orProblem(sets.remove(yield* holder, request))
          return { unsubscribed: idsOf(payload), total }
        })
      )
      .handle("subscriptions", ({ urlParams }) =>
        Effect.gen(function* () {
          const { name } = yield* holder
          const rows = yield* orProblem(repo.list({ holder: name, ...urlParams }))
          const subscriptions = rows.map(({ exchange, tradingsymbol, minutes, indicator, createdAt }) => ({
            exchange,
            tradingsymbol,
            timeframe: KiteHistory.byMinutes(minutes)?.short ?? `${minutes}m`,
            indicator,
            created_at: createdAt.toISOString()
          }))
          return { subscriptions, total: yield* orProblem(repo.count(name)), ...urlParams }
        })
      )
      .handle("clearCache", () => Effect.map(cache.clear, (removed) => ({ removed })))
  })
)
