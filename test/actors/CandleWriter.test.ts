import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger } from "effect"
import * as CandleWriter from "../../src/actors/CandleWriter.ts"
import * as Money from "../../src/domain/Money.ts"
import { CandleRepo, type NewCandle } from "../../src/store/CandleRepo.ts"
import { StoreInvalid } from "../../src/store/StoreError.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { natsServer } from "../TestBackends.ts"

const live = Layer.unwrapScoped(
  Effect.map(natsServer, (nats) => {
    const config = new Map([
      ["NATS_URL", nats.url],
      ["NATS_ENGINE_PASSWORD", nats.passwords.engine]
    ])
    return Streams.layer.pipe(
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(config)))
    )
  })
)

/** Refuses, as Postgres does, a whole batch for one value in it. */
const repo = (written: Array<number>) =>
  Layer.succeed(
    CandleRepo,
    CandleRepo.make({
      save: (candles: ReadonlyArray<NewCandle>) =>
        Effect.suspend(() => {
          if (candles.some(({ open }) => open.gt(1e20))) return new StoreInvalid({ constraint: "numeric_value_out_of_range" })
          written.push(...candles.map(({ strategyId }) => strategyId))
          return Effect.succeed(candles.length)
        }),
      range: () => Effect.succeed({ candles: [], total: 0 })
    })
  )

describe("CandleWriter", () => {
  it.live(
    "a candle that cannot be read or that Postgres refuses goes to the dead letters with its reason, and holds up no other",
    () => {
      const written: Array<number> = []
      return Effect.gen(function* () {
        const { js, jsm, publish } = yield* JetStream
        const candle = (strategyId: number, value: string, timestamp = "2026-11-20T04:00:00.000Z") => {
          const price = new Money.Decimal(value)
          const body = {
            v: 1 as const,
            as_of: timestamp,
            seq: 1,
            strategy_id: strategyId,
            timestamp,
            open: price,
            high: price,
            low: price,
            close: price
          }
          return publish(Subjects.Candle.at({ owner: "u1", strategy: String(strategyId) }), Subjects.Candle.encode(body))
        }
        yield* candle(1, "100.05")
        yield* candle(2, "1e30")
        yield* candle(3, "1", "no time")
        yield* publish(Subjects.Candle.at({ owner: "u1", strategy: "4" }), new TextEncoder().encode("{}"))
        yield* candle(5, "-7")
        yield* Effect.forkScoped(Effect.flatten(CandleWriter.make))
        const state = Effect.promise(async () => ({
          left: await jsm.consumers.info("STRAT", "candle-writer").then(
            (info) => info.num_pending + info.num_ack_pending,
            () => -1
          ),
          letters: (await jsm.streams.info("DLQ")).state.messages
        }))
        let now = yield* state
        for (let attempt = 0; attempt < 400 && (now.left !== 0 || now.letters < 3); attempt++) {
          yield* Effect.sleep("25 millis")
          now = yield* state
        }
        assert.deepStrictEqual(now, { left: 0, letters: 3 })
        assert.deepStrictEqual(written, [1, 5])
        const reasons = yield* Effect.promise(async () => {
          const found: Array<string> = []
          const consumer = await js.consumers.get("DLQ")
          for (let left = 3; left > 0; left--) found.push((await consumer.next())?.headers?.get("Tarang-Reason") ?? "")
          return found
        })
        assert.isTrue(reasons.every((reason) => reason !== ""))
        assert.isTrue(reasons.includes("Postgres refuses it: numeric_value_out_of_range"))
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(live, repo(written))))
    },
    30_000
  )
})
