import { assert, layer } from "@effect/vitest"
import { Context, Effect, Exit, Layer } from "effect"
import * as DurableRead from "../../src/streams/DurableRead.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import { proxy } from "../Proxy.ts"
import { backend, freshStream, Server, settings, until } from "./Nats.ts"

layer(backend, { excludeTestServices: true })("DurableRead", (it) => {
  it.scoped("BE-ISO-03 keeps its consumer, and what is acknowledged, through a server that does not answer in time", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const { jsm } = yield* JetStream
      const stream = yield* freshStream()
      yield* stream.putMany("a", 3)
      const setup = { name: "w", stream: stream.name, filter: stream.at("a"), batchMax: 10 }
      const read = yield* DurableRead.make(setup)
      for (const message of yield* read.next) message.ack()
      yield* until(
        "all are acknowledged",
        Effect.map(read.look, ({ floor }) => floor === 3).pipe((look) => () => look)
      )
      const infoOf = Effect.promise(() => jsm.consumers.info(stream.name, "w"))
      const before = yield* infoOf

      const door = yield* proxy(server.url)
      const far = yield* Effect.map(
        Layer.build(
          Layer.fresh(JetStream.layer("engine")).pipe(
            Layer.provide(
              Layer.setConfigProvider(settings(server, { NATS_URL: door.url.replace(/\/$/, ""), NATS_REQUEST_TIMEOUT: "5 seconds" }))
            )
          )
        ),
        Context.get(JetStream)
      )
      door.freeze()
      const again = yield* Effect.exit(Effect.provideService(DurableRead.make(setup), JetStream, far))
      assert.isTrue(Exit.isFailure(again))
      door.thaw()
      yield* Effect.promise(() => far.nc.rtt()) // its earlier messages have arrived
      const after = yield* infoOf
      assert.deepStrictEqual([after.created, after.ack_floor], [before.created, before.ack_floor])
    })
  )
})
