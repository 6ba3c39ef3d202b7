import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as KeyValue from "../../../src/streams/KeyValue.ts"
import { StreamKeeper } from "../../../src/streams/keep/StreamKeeper.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import { natsServer } from "../../TestBackends.ts"
import { another, backend, bytes, Server, settings, until } from "../Nats.ts"

const keeper = (role: "engine" | "gateway") =>
  Effect.gen(function* () {
    const server = yield* Server
    const jetStream = yield* another(role)
    const context = yield* Layer.build(
      Layer.fresh(role === "engine" ? StreamKeeper.Default : StreamKeeper.watching).pipe(
        Layer.provide(Layer.succeed(JetStream, jetStream)),
        Layer.provide(Layer.setConfigProvider(settings(server)))
      )
    )
    return Context.get(context, StreamKeeper)
  })
const names = [
  ...Streams.specs({ bytesMax: 1, hoursMax: 1, replicas: 1 }).map(({ name }) => name),
  ...KeyValue.buckets.map(KeyValue.streamOf)
]

layer(backend, { excludeTestServices: true })("StreamKeeper", (it) => {
  it.scoped("BE-ISO-05 makes every deleted stream and bucket again, and every process reports it", () =>
    Effect.gen(function* () {
      const { jsm, publish } = yield* JetStream
      const engine = yield* keeper("engine")
      const gateway = yield* keeper("gateway")
      assert.deepStrictEqual([engine.remade(), gateway.remade()], [[], []])
      for (const name of names) {
        yield* Effect.promise(() => jsm.streams.delete(name))
        yield* until(`${name} is made again and both say so`, () =>
          [engine, gateway].every((one) => one.remade().some(({ stream }) => stream === name))
        )
      }
      assert.strictEqual(engine.remade().length, names.length)
      const { lastSeq } = engine.progress("SYS") ?? { lastSeq: -1 }
      assert.strictEqual(lastSeq, 0)
      yield* publish("sys.writer.x", bytes("{}"))
      yield* until("its progress is seen", () => engine.progress("SYS")?.lastSeq === 1)
    })
  )

  it.scoped("each start restores our settings, and keeps settings that the platform does not define", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      yield* keeper("engine")
      const { config } = yield* Effect.promise(() => jsm.streams.info("OPT"))
      yield* Effect.promise(() => jsm.streams.update("OPT", { max_msgs: 5, max_bytes: 5_000 }))
      yield* keeper("engine")
      const after = yield* Effect.promise(() => jsm.streams.info("OPT"))
      assert.deepStrictEqual([after.config.max_msgs, after.config.max_bytes], [5, config.max_bytes])
    })
  )

  it.scoped("a gateway, which may make no stream, waits for a process that makes them", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.fork(keeper("gateway"))
      yield* keeper("engine")
      const gateway = yield* Fiber.join(waiting)
      assert.strictEqual(gateway.progress("SYS")?.lastSeq, 0)
    }).pipe(Effect.provideServiceEffect(Server, natsServer))
  )
})
