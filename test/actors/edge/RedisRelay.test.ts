import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger } from "effect"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import * as RedisRelay from "../../../src/actors/edge/RedisRelay.ts"
import { Redis } from "../../../src/store/Redis.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { bytes, until } from "../../streams/Nats.ts"
import { natsServer, prefix } from "../../TestBackends.ts"

const redisUrl = inject("backends").redis

const live = Layer.unwrapScoped(
  Effect.map(natsServer, (nats) => {
    const config = new Map([
      ["NATS_URL", nats.url],
      ["NATS_ENGINE_PASSWORD", nats.passwords.engine],
      ["NATS_REQUEST_TIMEOUT", "60 seconds"],
      ["REDIS_URL", redisUrl ?? ""],
      ["REDIS_REQUIRED", "true"],
      ["REDIS_START_WAIT", "60 seconds"]
    ])
    return Layer.mergeAll(Streams.layer, Redis.Default).pipe(
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(config)))
    )
  })
)

/** What Redis publishes on the channel, in order. */
const listening = (channel: string) =>
  Effect.gen(function* () {
    const listener = yield* Effect.acquireRelease(
      Effect.sync(() => new Client(redisUrl ?? "")),
      (client) => Effect.sync(() => client.disconnect())
    )
    const heard: Array<string> = []
    listener.on("message", (_channel, text) => heard.push(text))
    yield* Effect.promise(() => listener.subscribe(channel))
    return heard
  })

const isRead = (stream: string) =>
  Effect.flatMap(JetStream, ({ jsm }) =>
    Effect.promise(
      async () => (await jsm.streams.info(stream)).state.consumer_count > 0 && (await jsm.consumers.list(stream).next()).length > 0
    )
  )
/** The dead letters' reasons, in the order of the stream. */
const letters = Effect.flatMap(JetStream, ({ jsm }) =>
  Effect.promise(async () => {
    const { first_seq, last_seq, messages } = (await jsm.streams.info("DLQ")).state
    const found: Array<readonly [reason: string, subject: string]> = []
    if (messages > 0)
      for (let seq = first_seq; seq <= last_seq; seq++) {
        const { header } = await jsm.streams.getMessage("DLQ", { seq })
        found.push([header.get("Tarang-Reason"), header.get("Tarang-Subject")])
      }
    return found
  })
)

describe("Redis relay", () => {
  it.live.skipIf(redisUrl === null)(
    "BE-ISO-02 an output of a replaced process and one that is published again become dead letters, and reach no Redis listener",
    () =>
      Effect.gen(function* () {
        const underlying = prefix()
        const subject = Subjects.ChainDelta.at({ exchange: "NSE", underlying, expiry: "2026-11-24" })
        const heard = yield* listening(`ticker:${underlying}:options`)
        yield* Effect.forkScoped(Effect.flatten(RedisRelay.make))
        yield* until("the relay reads both streams", () =>
          Effect.zipWith(isRead(Subjects.ChainDelta.stream), isRead(Subjects.UnderlyingState.stream), (one, other) => one && other)
        )
        const { publish } = yield* JetStream
        const output = (text: string, place: string) => publish(subject, bytes(text), { headers: { "Tarang-Input": place } })
        yield* output("first", "9 100 0 7")
        yield* output("of a replaced process", "9 101 0 3")
        yield* output("second", "9 101 0 7")
        yield* output("first again", "9 100 0 7")
        yield* output("of the successor", "9 102 0 8")
        yield* output("late, of its predecessor", "9 103 0 7")
        yield* output("last", "9 103 0 8")

        yield* until("the last output is on Redis", () => heard.includes("last"))
        yield* until("three dead letters", () => Effect.map(letters, (all) => all.length === 3))
        assert.deepStrictEqual(heard, ["first", "second", "of the successor", "last"])
        assert.deepStrictEqual(yield* letters, [
          ["epoch 3 belongs to a replaced process; epoch 7 has already published", subject],
          ["an output of input 101 came before, this one is of 100", subject],
          ["epoch 7 belongs to a replaced process; epoch 8 has already published", subject]
        ])
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )
})
