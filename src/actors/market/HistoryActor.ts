import { Data, Effect } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import type { KiteError, UnknownAccount } from "../../broker/KiteError.ts"
import * as Coverage from "../../domain/market/Coverage.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { BarRepo, type NewBar } from "../../store/BarRepo.ts"
import type { StoreError } from "../../store/StoreError.ts"
import * as Asks from "../../streams/Asks.ts"
import type { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as BarGaps from "./BarGaps.ts"

export const kind = "history"

/** The error that the asker gets. The log has the details. */
export class NoHistory extends Data.TaggedError("NoHistory")<{ readonly detail: string }> {
  override get message() {
    return this.detail
  }
}

/** Questions answered at the same time. KiteClient keeps each account within Kite's rates. */
const concurrency = 4
/** A span fetched within this time is not fetched again, because charts ask for the current day repeatedly. */
const freshForMs = 20_000
const rememberedMax = 10_000

/** The broker's candle as a row; null if its prices contradict each other, for example a low above the close. */
export const rowOf = (
  series: { exchange: string; instrumentToken: number; tradingsymbol: string; minutes: number },
  candle: KiteHistory.Candle
): NewBar | null => {
  const scale = Instrument.priceScale(series.instrumentToken)
  const [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close].map((price) => Math.round(price * scale)) as [
    number,
    number,
    number,
    number
  ]
  if (!(low >= 0 && low <= Math.min(open, close) && high >= Math.max(open, close) && Number.isSafeInteger(high))) return null
  return {
    ...series,
    source: "broker",
    at: new Date(candle.atMs),
    open,
    high,
    low,
    close,
    volume: candle.volume,
    oi: candle.oi,
    complete: true
  }
}

/** Fetches missing history from the broker into Postgres for the gateway. Only one actor does it, because sessions and rates are per account. */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const broker = yield* Broker
  const repo = yield* BarRepo
  const marketClock = yield* MarketClock
  const context = yield* Effect.context<JetStream>()

  const failed = (error: KiteError | UnknownAccount | StoreError): NoHistory =>
    new NoHistory({
      detail:
        error._tag === "KiteRefused" && error.errorType === "InputException"
          ? `the broker answers: ${error.reason}`
          : error._tag.startsWith("Store")
            ? "Database unavailable"
            : "the broker's history is unavailable"
    })

  return Effect.gen(function* () {
    const fetchedAtMs = new Map<string, number>()
    let turn = 0

    const fetch = (token: number, interval: KiteHistory.Interval, span: KiteHistory.Span) => {
      // Each account has its own rate, so accounts take turns. If one fails, the next one is asked.
      const first = turn++ % Math.max(1, accounts.streaming().length)
      const order = [...accounts.streaming().slice(first), ...accounts.streaming().slice(0, first)]
      return Effect.firstSuccessOf(
        order.map((account) => Effect.flatMap(broker.rest(account), (rest) => rest.history(token, interval, span)))
      )
    }
    const isFresh = (key: string): boolean => performance.now() - (fetchedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < freshForMs
    const remember = (key: string): void => {
      if (fetchedAtMs.size >= rememberedMax) fetchedAtMs.clear()
      fetchedAtMs.set(key, performance.now())
    }

    const answer = (question: Asks.HistoryQuestion) =>
      Effect.gen(function* () {
        const { exchange, instrument_token: instrumentToken, tradingsymbol, minutes } = question
        const interval = KiteHistory.byMinutes(minutes)
        if (interval === undefined) return yield* new NoHistory({ detail: `the broker has no candles of ${minutes} minutes` })
        const span = { fromMs: question.from_ms, toMs: question.to_ms }
        const key = `${instrumentToken} ${minutes} ${span.fromMs} ${Coverage.daysIn(span).at(-1)}`
        if (isFresh(key)) return { bars: 0 }
        const nowMs = marketClock.unsafeNow()
        const candles = yield* fetch(instrumentToken, interval, span)
        const series = { exchange, instrumentToken, tradingsymbol, minutes }
        const rows = candles.flatMap((candle) => rowOf(series, candle) ?? [])
        if (rows.length < candles.length) {
          yield* Effect.logWarning("impossible candles are left out").pipe(
            Effect.annotateLogs({ instrument_token: instrumentToken, count: candles.length - rows.length })
          )
        }
        const saved = yield* repo.save(rows)
        yield* repo.markFetched(series, Coverage.finished(span, nowMs))
        remember(key)
        Metrics.candlesSaved("history", saved)
        return { bars: saved }
      }).pipe(
        Effect.tapError((error) => Effect.logWarning("history not fetched", error)),
        Effect.mapError((error) => (error._tag === "NoHistory" ? error : failed(error)))
      )
    const gaps = yield* BarGaps.make(
      ({ exchange, instrumentToken, tradingsymbol, from, to }) =>
        answer({ exchange, instrument_token: instrumentToken, tradingsymbol, minutes: 1, from_ms: from.getTime(), to_ms: to.getTime() }),
      marketClock.unsafeNow
    ).pipe(Effect.provideService(BarRepo, repo))
    return yield* Effect.raceFirst(Asks.serve(Asks.fetchHistory, answer, concurrency), gaps.keep)
  }).pipe(Effect.provide(context))
})
