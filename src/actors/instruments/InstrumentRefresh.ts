import { Cause, Config, Data, Effect, Either } from "effect"
import type { Accounts } from "../../broker/Accounts.ts"
import type { Broker } from "../../broker/Broker.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as Asks from "../../streams/Asks.ts"
import type { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as InstrumentLoader from "./InstrumentLoader.ts"

export const kind = "instrument-refresh"

/** The error that the asker gets. The log has the cause. */
export class RefreshFailed extends Data.TaggedError("RefreshFailed")<{ readonly cause: unknown }> {
  override get message() {
    return `the broker's instruments could not be loaded: ${Cause.isCause(this.cause) ? String(Cause.squash(this.cause)) : String(this.cause)}`
  }
}

/** Market time is checked at least this often. A market time that comes from the feed is also checked whenever it passes the hour. */
const lookEvery = "10 seconds"
/** Pause between a failure and the next try. */
const pauseAfterFailure = "1 minute"
/** Within this time after a load, a question gets the loaded instruments, because the broker makes its dump only once a day. */
const freshForMs = 60_000

const clockTime = /^([01]\d|2[0-3]):([0-5]\d)$/
/** "08:30" as ms after IST midnight. */
const refreshAt = Config.string("INSTRUMENTS_REFRESH_AT").pipe(
  Config.validate({ message: "expected a time of day such as 08:30 (IST)", validation: (text) => clockTime.test(text) }),
  Config.withDefault("08:30"),
  Config.map((text) => Number(text.slice(0, 2)) * 3_600_000 + Number(text.slice(3)) * IndiaTime.minuteMs)
)

/** True if the time of day `atMs` has passed since the last load. Times are UNIX ms; `atMs` is ms after IST midnight. */
export const isDue = (loadedAtMs: number, nowMs: number, atMs: number): boolean => {
  const today = IndiaTime.startOfDayMs(nowMs) + atMs
  const latest = today <= nowMs ? today : today - IndiaTime.dayMs
  return loadedAtMs < latest
}

/** Reloads the instruments once a day at INSTRUMENTS_REFRESH_AT (India time), and on request. */
export const make = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock
  const context = yield* Effect.context<Accounts | Broker | InstrumentRegistry | MarketClock | JetStream>()
  const atMs = yield* refreshAt

  return Effect.gen(function* () {
    const oneAtATime = yield* Effect.makeSemaphore(1)
    // If the start fell back to another day's instruments, today's are not loaded yet.
    const hasToday = registry.current()?.tradeDate === IndiaTime.istDate(marketClock.unsafeNow())
    let loaded = {
      marketMs: hasToday ? marketClock.unsafeNow() : Number.NEGATIVE_INFINITY,
      machineMs: Number.NEGATIVE_INFINITY
    }
    const load = InstrumentLoader.refresh.pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          loaded = { marketMs: marketClock.unsafeNow(), machineMs: performance.now() }
        })
      )
    )
    const held = Effect.sync(() => {
      const master = registry.current()
      return { trade_date: master?.tradeDate ?? "", instruments: master?.byToken.size ?? 0 }
    })
    const asked = oneAtATime
      .withPermits(1)(Effect.suspend(() => (performance.now() - loaded.machineMs < freshForMs ? held : load)))
      .pipe(
        Effect.tapErrorCause((cause) => Effect.logWarning("instruments not refreshed", cause)),
        Effect.mapError((cause) => new RefreshFailed({ cause }))
      )
    const due = yield* Effect.makeLatch()
    yield* marketClock.onAdvance({
      before: () => {},
      after: (nowMs) => {
        if (isDue(loaded.marketMs, nowMs, atMs)) due.unsafeOpen()
      }
    })
    const daily = Effect.gen(function* () {
      yield* Effect.timeoutOption(due.await, lookEvery)
      due.unsafeClose()
      if (!isDue(loaded.marketMs, marketClock.unsafeNow(), atMs)) return
      const done = yield* Effect.either(oneAtATime.withPermits(1)(load))
      if (Either.isRight(done)) return
      yield* Effect.logWarning("instruments not refreshed, the present ones stay", String(done.left))
      yield* Effect.sleep(pauseAfterFailure)
    })
    return yield* Effect.all([Asks.serve(Asks.refreshInstruments, () => asked, 1), Effect.forever(daily)], { concurrency: 2 })
  }).pipe(Effect.scoped, Effect.provide(context))
})
