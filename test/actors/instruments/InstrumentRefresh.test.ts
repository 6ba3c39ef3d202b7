import { assert, describe, it } from "@effect/vitest"
import { Chunk, ConfigProvider, Effect, Layer, Logger, TestClock, TestContext, TestServices } from "effect"
import * as InstrumentLoader from "../../../src/actors/instruments/InstrumentLoader.ts"
import * as InstrumentRefresh from "../../../src/actors/instruments/InstrumentRefresh.ts"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../../src/store/instruments/InstrumentRepo.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { anIndex, anInstrument } from "../../domain/market/AnInstrument.ts"
import { ist } from "../../domain/market/Ist.ts"
import { waitMsMax } from "../../Patience.ts"
import { started } from "../../store/Stores.ts"
import { migratedDatabase, natsServer } from "../../TestBackends.ts"
import * as BrokerStub from "../market/BrokerStub.ts"

const halfPastEight = 8.5 * 3_600_000
const yesterday = "2026-11-23"
const today = "2026-11-24"
const whole: Instrument.Parsed = { instruments: [anIndex(256_265, "NIFTY 50"), anInstrument(0x10002)], rejected: [] }
const withoutNse: Instrument.Parsed = { ...whole, instruments: whole.instruments.slice(1) }

/** A morning on which the broker answers with `dumps`, one after another, and Postgres has yesterday's instruments. */
const morning = <A, E, R>(dumps: ReadonlyArray<Instrument.Parsed>, program: (requests: () => number) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const nats = yield* natsServer
    const databaseUrl = yield* migratedDatabase
    const config = { NATS_URL: nats.url, NATS_ENGINE_PASSWORD: nats.passwords.engine, DATABASE_URL: databaseUrl }
    let requests = 0
    const broker = BrokerStub.layer({ instruments: () => Effect.sync(() => dumps[requests++]) }, () => ist(`${today}T09:00:00`))
    const live = broker.pipe(
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provideMerge(started(databaseUrl, config)),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provideMerge(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(config)))))
    )
    const stored = Effect.flatMap(InstrumentRepo, (repo) => repo.replace(yesterday, whole.instruments))
    return yield* stored.pipe(Effect.zipRight(program(() => requests)), Effect.scoped, Effect.provide(live))
  })

/** Waits until something sleeps for exactly `ms` on the test's clock. */
const sleeping = (ms: number) =>
  Effect.gen(function* () {
    const untilMs = (yield* TestClock.currentTimeMillis) + ms
    for (let waitedMs = 0; !Chunk.contains(yield* TestClock.sleeps(), untilMs); waitedMs += 5) {
      if (waitedMs > waitMsMax) return yield* Effect.dieMessage(`nothing sleeps for ${ms} ms`)
      yield* TestServices.provideLive(Effect.sleep("5 millis"))
    }
  })

describe("InstrumentRefresh", () => {
  it.each([
    ["loaded at night, before the hour", "2026-11-24T07:00:00", "2026-11-24T08:29:59.999", false],
    ["loaded at night, at the hour", "2026-11-24T07:00:00", "2026-11-24T08:30:00", true],
    ["loaded after the hour", "2026-11-24T08:30:00", "2026-11-25T08:29:00", false],
    ["the next day", "2026-11-24T09:00:00", "2026-11-25T08:30:01", true],
    ["loaded yesterday before the hour, the machine slept over it", "2026-11-23T07:00:00", "2026-11-24T02:00:00", true],
    ["market time stepped back", "2026-11-24T09:00:00", "2026-11-23T10:00:00", false]
  ])("is due once a day at the hour: %s", (_, loaded, now, due) => {
    assert.strictEqual(InstrumentRefresh.isDue(ist(loaded), ist(now), halfPastEight), due)
  })

  it.scopedLive("BE-DAY-05 an incomplete dump leaves yesterday's in force, and after a minute the broker is asked again", () =>
    morning([withoutNse, whole], (requests) =>
      Effect.gen(function* () {
        const registry = yield* InstrumentRegistry
        yield* registry.load()
        const found = () => [requests(), registry.current()?.tradeDate, registry.refusal()?.tradeDate]
        yield* Effect.forkScoped(yield* InstrumentRefresh.make)
        yield* sleeping(10_000)
        assert.deepStrictEqual(found(), [0, yesterday, undefined])
        yield* TestClock.adjust("10 seconds")
        yield* sleeping(60_000)
        assert.deepStrictEqual(found(), [1, yesterday, today])
        yield* TestClock.adjust("1 minute")
        yield* sleeping(10_000)
        yield* TestClock.adjust("10 seconds")
        yield* sleeping(10_000)
        assert.deepStrictEqual(found(), [2, today, undefined])
      }).pipe(Effect.provide(TestContext.TestContext))
    )
  )

  it.scopedLive("BE-DAY-05 a process that starts with an incomplete dump uses yesterday's instruments", () =>
    morning([withoutNse], () =>
      Effect.gen(function* () {
        const registry = yield* InstrumentRegistry
        yield* InstrumentLoader.load
        assert.strictEqual(registry.current()?.tradeDate, yesterday)
        assert.deepStrictEqual(registry.refusal(), { tradeDate: today, reason: "exchange NSE is missing; it had 1 instruments" })
      })
    )
  )
})
