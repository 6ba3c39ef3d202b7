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
    return "No instruments: the broker did not answer and none are stored"
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
 * a trade date's instruments are replaced as a whole, those of other dates stay.
 */
export const refresh = Effect.gen(function* () {
  const accounts = yield* Accounts
  const broker = yield* Broker
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock

  const fetchFrom = (account: string) =>
    Effect.gen(function* () {
      const rest = yield* broker.rest(account)
      return (yield* rest.instruments()).instruments
    })
  const fetched = yield* Effect.mapError(Effect.firstSuccessOf(accounts.ids.map(fetchFrom)), (cause) => new NoInstruments({ cause }))
  // A broken dump must not take the place of a whole one.
  if (fetched.length === 0) return yield* new NoInstruments({ cause: "the broker's dump is empty" })
  const tradeDate = IndiaTime.istDate(marketClock.unsafeNow())
  yield* registry.replace(tradeDate, fetched)
  yield* Effect.logInfo("instruments loaded").pipe(Effect.annotateLogs({ count: fetched.length, trade_date: tradeDate }))
  return { trade_date: tradeDate, instruments: fetched.length }
})

/** At the start: the broker's instruments; when no account can fetch them the newest stored ones serve, and with none at all the start fails. */
export const load = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const marketClock = yield* MarketClock
  const market = yield* simulatedMarket
  // A recording's day is known before its first packet.
  if (Option.isSome(market)) marketClock.observe(Date.parse(market.value.time))
  yield* refresh.pipe(
    Effect.catchTag("NoInstruments", (none) =>
      Effect.gen(function* () {
        yield* Effect.logWarning("the broker gives no instruments, looking for stored ones", String(none.cause))
        if (!(yield* registry.load())) return yield* none
      })
    )
  )
})
