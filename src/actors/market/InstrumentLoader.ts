import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Config, Data, Effect, Option, Schedule, Schema } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"

export class NoInstruments extends Data.TaggedError("NoInstruments")<{ readonly cause: unknown }> {
  override get message() {
    return `the broker gave no instruments: ${String(this.cause)}`
  }
}

const attemptsMax = 5
const answerMax = "5 seconds"

/** What a simulator says of its market; `instruments` are the tokens of a recording. */
export const SimulatedMarket = Schema.Struct({
  time: Schema.String,
  state: Schema.String,
  mode: Schema.String,
  underlying: Schema.optional(Schema.NullOr(Schema.String)),
  instruments: Schema.optional(Schema.Array(Schema.Int))
})

/** The simulator's own account of its market, where there is a simulator. */
export const simulatedMarket = Effect.gen(function* () {
  const url = yield* Config.option(Config.string("SIMULATOR_URL"))
  if (Option.isNone(url)) return Option.none<typeof SimulatedMarket.Type>()
  const response = yield* HttpClient.get(`${url.value}/market`)
  return Option.some(yield* HttpClientResponse.schemaBodyJson(SimulatedMarket)(response))
}).pipe(
  Effect.timeout(answerMax),
  Effect.retry(Schedule.intersect(Schedule.spaced("500 millis"), Schedule.recurs(attemptsMax))),
  Effect.provide(FetchHttpClient.layer)
)

/**
 * The instruments that the broker has now, from the first account that gets them, into Postgres and memory under the date of market time:
 * a trade date's instruments are replaced as a whole, those of other dates stay. An incomplete dump is refused.
 */
export const refresh = Effect.gen(function* () {
  const accounts = yield* Accounts
  const broker = yield* Broker
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock

  const fetchFrom = (account: string) => Effect.flatMap(broker.rest(account), (rest) => rest.instruments())
  const tradeDate = IndiaTime.istDate(marketClock.unsafeNow())
  const inForce = yield* registry.inForce(tradeDate)
  const dump = yield* Effect.mapError(Effect.firstSuccessOf(accounts.ids.map(fetchFrom)), (cause) => new NoInstruments({ cause }))
  yield* registry.replace(tradeDate, dump, inForce)
  const instruments = registry.current()?.byToken.size ?? 0
  yield* Effect.logInfo("instruments loaded").pipe(Effect.annotateLogs({ count: instruments, trade_date: tradeDate }))
  return { trade_date: tradeDate, instruments }
})

/** At the start: the broker's instruments. The newest stored ones serve when no account fetches a complete dump; without any the start fails. */
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
  if (Option.isSome(market)) marketClock.observe(Date.parse(market.value.time))
  yield* refresh.pipe(Effect.catchTags({ NoInstruments: useStored, DumpRefused: useStored }))
})
