import { Duration, Effect, Option } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Coverage from "../../domain/market/Coverage.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { BackfillRepo } from "../../store/backfill/BackfillRepo.ts"
import * as StoredGaps from "../../store/backfill/StoredGaps.ts"
import * as StoredBars from "../../store/history/StoredBars.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as BrokerBars from "../history/BrokerBars.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "backfill"

const lookEvery = "5 seconds"
/** Pause after a failure. It doubles with each further failure in a row. */
const pauseMinMs = 1_000
const pauseMaxMs = 60_000

const pauseMs = (failures: number): number => (failures === 0 ? 0 : Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(failures - 1, 10)))

/**
 * One instrument of a backfill: finds its gaps, and fetches them window by window. Each window is stored as soon as it is fetched, so a
 * process that takes over after a crash fetches only the rest. Fails with the reason if the broker does not answer.
 */
export const makeStep = Effect.gen(function* () {
  const repo = yield* BackfillRepo
  const registry = yield* InstrumentRegistry
  const clock = yield* MarketClock
  const rules = yield* RuleBook
  const gaps = yield* StoredGaps.make
  const fetchBars = yield* BrokerBars.make
  const refuse = (detail: string, isFinal: boolean) => new BrokerBars.NoHistory({ detail, isFinal })

  return ({ backfillId, exchange, fromDay, minutes, place, toDay, tradingsymbol }: BackfillRepo.Next) =>
    Effect.gen(function* () {
      const interval = KiteHistory.byMinutes(minutes)
      if (interval === undefined) return yield* refuse(`the broker has no candles of ${minutes} minutes`, true)
      if (registry.current() === undefined) return yield* refuse("the day's instruments are not loaded yet", false)
      const instrument = registry.bySymbol(exchange, tradingsymbol)
      if (instrument === undefined)
        return yield* refuse("the instrument is no longer listed, and the broker drops the history of such instruments", true)
      const nowMs = clock.unsafeNow()
      const span = { fromMs: IndiaTime.istMidnightMs(fromDay), toMs: IndiaTime.istMidnightMs(toDay) + IndiaTime.dayMs - 1_000 }
      const spans = yield* gaps(
        rules.current(),
        StoredBars.placeOf(registry, rules.current(), instrument),
        instrument,
        interval,
        span,
        nowMs
      )
      yield* repo.planned(
        backfillId,
        place,
        spans.reduce((days, one) => days + Coverage.daysIn(one).length, 0)
      )
      const series = { exchange, instrumentToken: instrument.token, tradingsymbol }
      for (const window of spans.flatMap((one) => KiteHistory.windows(one, interval.daysMax))) {
        const rows = yield* fetchBars(series, interval, window, "backfill")
        Metrics.candlesSaved(kind, rows)
        if (!(yield* repo.fetched(backfillId, place, rows))) return
      }
      yield* repo.done(backfillId, place)
    })
})

/**
 * Works on the users' backfills in turn, one instrument at a time. Only one actor does it, and it sends the broker one request at a time.
 */
export const make = Effect.gen(function* () {
  const repo = yield* BackfillRepo
  const jetStream = yield* JetStream
  const step = yield* makeStep

  /** How many failures in a row there are after this step. */
  const attempt = (next: BackfillRepo.Next, failures: number) =>
    step(next).pipe(
      Effect.as(0),
      Effect.catchTag("NoHistory", ({ detail, isFinal }) => {
        Metrics.backfillRefused(isFinal ? "final" : "again")
        return Effect.as(repo.refused(next.backfillId, next.place, detail, isFinal), isFinal ? 0 : failures + 1)
      }),
      Effect.annotateLogs({ backfill: next.backfillId, exchange: next.exchange, tradingsymbol: next.tradingsymbol })
    )
  const work = Effect.gen(function* () {
    let failures = 0
    while (true) {
      Metrics.backfillsOpen.unsafeUpdate(yield* repo.open, [])
      const next = yield* repo.next
      if (Option.isNone(next)) return
      failures = yield* attempt(next.value, failures)
      if (failures > 0) yield* Effect.sleep(Duration.millis(pauseMs(failures)))
    }
  })
  return Effect.gen(function* () {
    const news = yield* LiveMessages.changes(jetStream.nc, "backfills", lookEvery)
    while (true) {
      yield* news
      yield* Effect.catchAll(work, (error) => Effect.logWarning("backfill waits for the database", error))
    }
  }).pipe(Effect.scoped)
})
