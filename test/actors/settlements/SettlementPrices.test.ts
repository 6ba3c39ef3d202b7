import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Layer, Logger } from "effect"
import * as SettlementPrices from "../../../src/actors/settlements/SettlementPrices.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../../src/store/instruments/InstrumentRepo.ts"
import { SettlementRepo } from "../../../src/store/settlements/SettlementRepo.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { started } from "../../store/Stores.ts"
import { migratedDatabase, natsServer } from "../../TestBackends.ts"
import * as BrokerStub from "../market/BrokerStub.ts"

const expiry = "2026-08-25"
const option = (token: number, strike: number, type: "CE" | "PE") =>
  anInstrument(token, { tradingsymbol: `NIFTY26825${strike}${type}`, expiry, strike: strike * 100, instrumentType: type })
const nifty = anInstrument(256265, { tradingsymbol: "NIFTY 50", name: "NIFTY 50", segment: "INDICES", exchange: "NSE" })
const call = option(0x10002, 24_500, "CE")
const put = option(0x10102, 24_600, "PE")
const heir = anInstrument(call.token, { tradingsymbol: "NIFTY2690124500PE", expiry: "2026-09-01", strike: 2_450_000, instrumentType: "PE" })

interface Quote {
  readonly last_price: number
  readonly close: number
  /** India's time; null for a quote without one. */
  readonly at: string | null
}
interface Handles {
  readonly setMarket: (ist: string) => void
  /** Serves a quote, and waits until the actor has used a quote that it requested afterwards. */
  readonly quoted: (quote: Quote) => Effect.Effect<void>
  /** Keys of all requests so far. */
  readonly asked: ReadonlyArray<ReadonlyArray<string>>
}

const within = <A, E, R>(program: (handles: Handles) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const nats = yield* natsServer
    const databaseUrl = yield* migratedDatabase
    let nowMs = Date.parse(`${expiry}T15:41:00+05:30`)
    let quote: Quote = { last_price: 0, close: 0, at: null }
    let served: ReadonlyArray<Deferred.Deferred<void>> = []
    const asked: Array<ReadonlyArray<string>> = []
    const rest = {
      quote: (keys: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          asked.push(keys)
          // The second request after a change proves that the first one's answer was used.
          const [next, ...later] = served
          served = later
          if (next !== undefined) yield* Deferred.succeed(next, undefined)
          const timestamp = quote.at === null ? null : new Date(`${quote.at}+05:30`)
          return { "NSE:NIFTY 50": { last_price: quote.last_price, ohlc: { open: 0, high: 0, low: 0, close: quote.close }, timestamp } }
        })
    }
    const quoted = (next: Quote) =>
      Effect.gen(function* () {
        quote = next
        const both = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        served = both
        for (const one of both) yield* Deferred.await(one)
      })
    const config = { NATS_URL: nats.url, NATS_ENGINE_PASSWORD: nats.passwords.engine, DATABASE_URL: databaseUrl }
    const live = BrokerStub.layer(rest, () => nowMs).pipe(
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provideMerge(started(databaseUrl, config)),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(config)))))
    )
    const handles = {
      asked,
      quoted,
      setMarket: (ist: string) => {
        nowMs = Date.parse(`${ist}+05:30`)
      }
    }
    const run = Effect.gen(function* () {
      const repo = yield* SettlementRepo
      const instruments = yield* InstrumentRepo
      const registry = yield* InstrumentRegistry
      yield* instruments.replace(expiry, [nifty, call, put])
      registry.set(Instrument.makeMaster(expiry, [nifty, call, put]))
      const settledAt = new Date(`${expiry}T10:10:00Z`)
      yield* repo.save(
        [call, put].map(({ exchange, tradingsymbol }) => ({
          exchange,
          tradingsymbol,
          expiry,
          price: new Money.Decimal(1),
          source: "underlying_close" as const,
          settledAt
        }))
      )
      yield* Effect.forkScoped(yield* SettlementPrices.make)
      return yield* program(handles)
    })
    return yield* run.pipe(Effect.scoped, Effect.provide(live))
  })

/** Symbol, price and source of every settlement. */
const settled = Effect.flatMap(SettlementRepo, ({ list }) =>
  Effect.map(list({ limit: 10, offset: 0 }), ({ rows }) =>
    rows.map(({ tradingsymbol, price, source }) => [tradingsymbol, price.toFixed(), source])
  )
)
/** Waits until no settlement is computed. */
const confirmed = Effect.gen(function* () {
  for (let look = 0; look < 1_200; look++) {
    const rows = yield* settled
    if (rows.every(([, , source]) => source !== "underlying_close")) return rows
    yield* Effect.sleep("50 millis")
  }
  return yield* settled
})

const computed = [
  [call.tradingsymbol, "1", "underlying_close"],
  [put.tradingsymbol, "1", "underlying_close"]
]

describe("SettlementPrices", () => {
  it.scopedLive("BE-DAY-03 on the evening of the expiry the broker's last price of the underlying replaces computed prices", () =>
    within(({ quoted, asked }) =>
      Effect.gen(function* () {
        const { nc } = yield* JetStream
        const changed = yield* Deferred.make<string>()
        nc.subscribe("ctl.changed.>", { callback: (_, { subject }) => void Deferred.unsafeDone(changed, Effect.succeed(subject)) })
        yield* Effect.promise(() => nc.flush())
        // A quote without a time, a quote of zero, and yesterday's quote do not show today's close.
        yield* quoted({ last_price: 24_550.35, close: 24_400, at: null })
        yield* quoted({ last_price: 0, close: 24_400, at: `${expiry}T15:35:00` })
        yield* quoted({ last_price: 24_400, close: 24_300, at: "2026-08-24T15:35:00" })
        assert.deepStrictEqual(yield* settled, computed)
        assert.deepStrictEqual([...new Set(asked.flat())], ["NSE:NIFTY 50"])

        yield* quoted({ last_price: 24_550.35, close: 24_400, at: `${expiry}T15:35:00` }).pipe(Effect.forkScoped)
        assert.deepStrictEqual(yield* confirmed, [
          [call.tradingsymbol, "50.35", "broker"],
          [put.tradingsymbol, "49.65", "broker"]
        ])
        assert.strictEqual(yield* Deferred.await(changed), "ctl.changed.strategies")
      })
    )
  )

  it.scopedLive(
    "BE-DAY-03 BE-DAY-04 on the next trading day it follows from the previous close, though the token names another contract",
    () =>
      within(({ quoted, setMarket }) =>
        Effect.gen(function* () {
          const repo = yield* SettlementRepo
          const entered = {
            exchange: "NFO",
            tradingsymbol: put.tradingsymbol,
            expiry,
            price: new Money.Decimal(49),
            reference: "a circular"
          }
          yield* repo.enter({ ...entered, settledAt: new Date(`${expiry}T11:00:00Z`), enteredBy: "u1" })
          const instruments = yield* InstrumentRepo
          const registry = yield* InstrumentRegistry
          setMarket("2026-08-26T09:16:00")
          yield* instruments.replace("2026-08-26", [nifty, heir])
          registry.set(Instrument.makeMaster("2026-08-26", [nifty, heir]))
          yield* quoted({ last_price: 24_700, close: 24_550.35, at: "2026-08-26T09:15:00" }).pipe(Effect.forkScoped)
          assert.deepStrictEqual(yield* confirmed, [
            [call.tradingsymbol, "50.35", "broker"],
            [put.tradingsymbol, "49", "by_hand"]
          ])
        })
      )
  )
})
