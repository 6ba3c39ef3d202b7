import { Effect } from "effect"
import * as Coverage from "../../domain/market/Coverage.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { BarRepo } from "../../store/history/BarRepo.ts"
import * as Asks from "../../streams/Asks.ts"
import type { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as BarGaps from "./BarGaps.ts"
import * as BrokerBars from "./BrokerBars.ts"

export const kind = "history"

/** Questions answered at the same time. KiteClient keeps each account within Kite's rates. */
const concurrency = 4
/** A span fetched within this time is not fetched again, because charts ask for the current day repeatedly. */
const freshForMs = 20_000
const rememberedMax = 10_000

/** Fetches missing history from the broker into Postgres for the gateway. Only one actor does it, because sessions and rates are per account. */
export const make = Effect.gen(function* () {
  const repo = yield* BarRepo
  const marketClock = yield* MarketClock
  const fetchBars = yield* BrokerBars.make
  const context = yield* Effect.context<JetStream>()

  return Effect.gen(function* () {
    const fetchedAtMs = new Map<string, number>()
    const isFresh = (key: string): boolean => performance.now() - (fetchedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < freshForMs
    const remember = (key: string): void => {
      if (fetchedAtMs.size >= rememberedMax) fetchedAtMs.clear()
      fetchedAtMs.set(key, performance.now())
    }

    const answer = (question: Asks.HistoryQuestion) =>
      Effect.gen(function* () {
        const { exchange, instrument_token: instrumentToken, tradingsymbol, minutes } = question
        const interval = KiteHistory.byMinutes(minutes)
        if (interval === undefined)
          return yield* new BrokerBars.NoHistory({ detail: `the broker has no candles of ${minutes} minutes`, isFinal: true })
        const span = { fromMs: question.from_ms, toMs: question.to_ms }
        const key = `${instrumentToken} ${minutes} ${span.fromMs} ${Coverage.daysIn(span).at(-1)}`
        if (isFresh(key)) return { bars: 0 }
        const saved = yield* fetchBars({ exchange, instrumentToken, tradingsymbol }, interval, span, "historical")
        remember(key)
        Metrics.candlesSaved("history", saved)
        return { bars: saved }
      }).pipe(
        Effect.tapError((error) => Effect.logWarning("history not answered", error)),
        Effect.mapError((error) =>
          error._tag === "NoHistory" ? error : new BrokerBars.NoHistory({ detail: "Database unavailable", isFinal: false })
        )
      )
    const gaps = yield* BarGaps.make(
      ({ exchange, instrumentToken, tradingsymbol, from, to }) =>
        answer({ exchange, instrument_token: instrumentToken, tradingsymbol, minutes: 1, from_ms: from.getTime(), to_ms: to.getTime() }),
      marketClock.unsafeNow
    ).pipe(Effect.provideService(BarRepo, repo))
    return yield* Effect.raceFirst(Asks.serve(Asks.fetchHistory, answer, concurrency), gaps.keep)
  }).pipe(Effect.provide(context))
})
