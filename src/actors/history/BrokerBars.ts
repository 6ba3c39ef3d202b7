import { Data, Effect } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import type { KiteError, UnknownAccount } from "../../broker/KiteError.ts"
import type { HistoryFamily } from "../../broker/KiteRest.ts"
import * as Coverage from "../../domain/market/Coverage.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { BarRepo, type NewBar } from "../../store/history/BarRepo.ts"
import type { StoreError } from "../../store/StoreError.ts"
import { MarketClock } from "../../streams/MarketClock.ts"

/** The error that the asker gets. The log has the details. `isFinal`: the broker refuses this request, so asking again is of no use. */
export class NoHistory extends Data.TaggedError("NoHistory")<{ readonly detail: string; readonly isFinal: boolean }> {
  override get message() {
    return this.detail
  }
}

const reasonOf = (error: KiteError | UnknownAccount): NoHistory =>
  error._tag === "KiteRefused" && error.errorType === "InputException"
    ? new NoHistory({ detail: `the broker answers: ${error.reason}`, isFinal: true })
    : new NoHistory({ detail: "the broker's history is unavailable", isFinal: false })

/** An instrument's bars of one length, and the token by which the broker finds them. */
export interface Series {
  readonly exchange: string
  readonly instrumentToken: number
  readonly tradingsymbol: string
}

/** The broker's candle as a row; null if its prices contradict each other, for example a low above the close. */
export const rowOf = (series: Series & { readonly minutes: number }, candle: KiteHistory.Candle): NewBar | null => {
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

/** Fetches the broker's history into Postgres, within the budget of each account. */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const broker = yield* Broker
  const repo = yield* BarRepo
  const marketClock = yield* MarketClock
  let turn = 0

  const fetch = (token: number, interval: KiteHistory.Interval, span: KiteHistory.Span, family: HistoryFamily) => {
    // Each account has its own rate, so accounts take turns. If one fails, the next one is asked.
    const first = turn++ % Math.max(1, accounts.streaming().length)
    const inTurn = [...accounts.streaming().slice(first), ...accounts.streaming().slice(0, first)]
    // An account that the broker limits is asked last.
    const order = [...inTurn.filter((account) => !broker.isLimited(account)), ...inTurn.filter(broker.isLimited)]
    if (order.length === 0) return Effect.fail(new NoHistory({ detail: "no account streams, so none can be asked", isFinal: false }))
    return Effect.firstSuccessOf(
      order.map((account) => Effect.flatMap(broker.rest(account), (rest) => rest.history(token, interval, span, family)))
    ).pipe(
      Effect.tapError((error) => Effect.logWarning("history not fetched", error)),
      Effect.mapError(reasonOf)
    )
  }

  /** Saves the broker's bars of a span of whole days (the last day up to now). Answers the number of bars written. */
  return (
    of: Series,
    interval: KiteHistory.Interval,
    span: KiteHistory.Span,
    family: HistoryFamily
  ): Effect.Effect<number, NoHistory | StoreError> =>
    Effect.gen(function* () {
      const nowMs = marketClock.unsafeNow()
      const candles = yield* fetch(of.instrumentToken, interval, span, family)
      const series = { ...of, minutes: interval.minutes }
      const rows = candles.flatMap((candle) => rowOf(series, candle) ?? [])
      if (rows.length < candles.length) {
        yield* Effect.logWarning("impossible candles are left out").pipe(
          Effect.annotateLogs({ instrument_token: of.instrumentToken, count: candles.length - rows.length })
        )
      }
      const saved = yield* repo.save(rows)
      yield* repo.markFetched(series, Coverage.finished(span, nowMs))
      return saved
    })
})
