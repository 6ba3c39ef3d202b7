import { Data, Effect, Option, Schedule } from "effect"
import { Broker } from "../../broker/Broker.ts"
import * as SimulatedMarket from "../../broker/SimulatedMarket.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"

export class NoInstruments extends Data.TaggedError("NoInstruments")<{ readonly cause: unknown }> {
  override get message() {
    return `the broker gave no instruments: ${String(this.cause)}`
  }
}

const attemptsMax = 5
const answerMax = "5 seconds"

/** The market of the simulator, if there is a simulator. It may still be starting, so a failed question is asked again. */
export const simulatedMarket = Effect.gen(function* () {
  const url = yield* SimulatedMarket.url
  return Option.isNone(url) ? Option.none() : Option.some(yield* SimulatedMarket.ask(url.value))
}).pipe(Effect.timeout(answerMax), Effect.retry(Schedule.intersect(Schedule.spaced("500 millis"), Schedule.recurs(attemptsMax))))

/**
 * Loads the broker's instruments, from the first account that can fetch them, into Postgres and memory. They replace all instruments of the
 * trade date of market time; other dates stay as they are. An incomplete dump is refused.
 */
export const refresh = Effect.gen(function* () {
  const broker = yield* Broker
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock

  const tradeDate = IndiaTime.istDate(marketClock.unsafeNow())
  const inForce = yield* registry.inForce(tradeDate)
  const dump = yield* Effect.mapError(
    broker.any((rest) => rest.instruments()),
    (cause) => new NoInstruments({ cause })
  )
  yield* registry.replace(tradeDate, dump, inForce)
  const instruments = registry.current()?.byToken.size ?? 0
  yield* Effect.logInfo("instruments loaded").pipe(Effect.annotateLogs({ count: instruments, trade_date: tradeDate }))
  return { trade_date: tradeDate, instruments }
})

/** Loads the instruments at the start. If no account fetches a complete dump, uses the newest stored ones; without any the start fails. */
export const load = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock
  const market = yield* simulatedMarket
  const useStored = <E>(error: E & { readonly message: string }) =>
    Effect.gen(function* () {
      yield* Effect.logWarning(`${error.message}; the stored instruments stay in force`)
      if (!(yield* registry.load())) return yield* Effect.fail(error)
    })
  // A recording's day is known before its first packet.
  if (Option.isSome(market)) marketClock.observe(market.value.time.getTime())
  yield* refresh.pipe(Effect.catchTags({ NoInstruments: useStored, DumpRefused: useStored }))
})

/** How long a process waits for the instruments that another one stores. After that it starts without them, and reads them later. */
const storedWaitMax = "30 seconds"
const storedEvery = "1 second"

/**
 * Waits for the stored instruments of the trade date. It does not fail, because every part that needs instruments handles their absence.
 */
export const stored = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock
  const read = Effect.suspend(() => registry.follow(IndiaTime.istDate(marketClock.unsafeNow()))).pipe(
    Effect.catchAll((error) => Effect.logWarning("the stored instruments cannot be read yet", error))
  )
  const known = Effect.repeat(read, { schedule: Schedule.spaced(storedEvery), until: () => registry.current() !== undefined })
  if (Option.isNone(yield* Effect.timeoutOption(known, storedWaitMax)))
    yield* Effect.logWarning(`no process has stored instruments within ${storedWaitMax}: orders are refused until one does`)
})
