import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as LiveMessages from "../../../src/streams/reads/LiveMessages.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { another, backend, until } from "../Nats.ts"

const text = new TextEncoder()
const limited = (for_ms: number) =>
  Subjects.Limited.encode({ v: 1, as_of: "2026-11-24T09:30:00.000Z", account_id: "a1", for_ms, op: "orders" })
const subject = Subjects.Limited.at({ account: "a1" })

layer(backend, { excludeTestServices: true })("LiveMessages", (it) => {
  it.effect("each body is heard until the scope closes, and one that cannot be read is reported", () =>
    Effect.gen(function* () {
      const { nc } = yield* JetStream
      const heard: Array<number> = []
      let unreadable = 0
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* LiveMessages.listenTo(
            nc,
            Subjects.Limited,
            ({ for_ms }) => void heard.push(for_ms),
            () => void unreadable++
          )
          nc.publish(subject, limited(1))
          nc.publish(subject, text.encode("{}"))
          nc.publish(subject, limited(2))
          yield* until("both are heard", () => heard.length === 2)
        })
      )
      nc.publish(subject, limited(3))
      yield* Effect.promise(() => nc.flush())
      assert.deepStrictEqual([heard, unreadable], [[1, 2], 1])
    })
  )

  it.scoped("a wait for changes returns at once, then after an announcement of the same kind, then after the longest wait", () =>
    Effect.gen(function* () {
      const { nc } = yield* JetStream
      const other = yield* another()
      const announce = (what: string) => other.nc.publish(Subjects.Changed.at({ what }), text.encode("{}"))
      const changes = yield* LiveMessages.changes(nc, "labels", "1 day")
      yield* changes
      yield* Effect.promise(() => nc.flush())

      const waiting = yield* Effect.fork(changes)
      announce("keys")
      yield* Effect.promise(() => other.nc.flush())
      yield* Effect.promise(() => nc.flush())
      assert.isFalse(yield* Effect.map(Fiber.status(waiting), ({ _tag }) => _tag === "Done"))
      announce("labels")
      yield* Fiber.join(waiting)

      const often = yield* LiveMessages.changes(nc, "labels", "1 milli")
      yield* Effect.repeatN(often, 2)
    })
  )
})
