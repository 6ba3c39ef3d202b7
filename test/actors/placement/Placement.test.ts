import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { until } from "../../streams/Nats.ts"
import { natsServer } from "../../TestBackends.ts"
import { begin, noValue, sorted } from "./Process.ts"

describe("Placement in one process", () => {
  it.scopedLive("runs the actors in the bucket, and those that always exist", () =>
    Effect.gen(function* () {
      const process = yield* begin(yield* natsServer, {}, ["other.1"])
      yield* process.actors.put("good.a", noValue)
      yield* process.actors.put("good.b", noValue)
      yield* until("all run", () => sorted(process.running()) === "good.a good.b other.1")
      yield* process.actors.put("good.a", new TextEncoder().encode("another value"))
      yield* process.actors.put("good.c", noValue)
      yield* until("the third runs", () => process.running().includes("good.c"))
      // Only the actor reads the value, so a new value does not restart it.
      assert.deepStrictEqual(
        process.events.filter(([, key]) => key === "good.a"),
        [["start", "good.a"]]
      )
    })
  )

  it.scopedLive("stops an actor that leaves the bucket, and starts it when it is back, never two at a time", () =>
    Effect.gen(function* () {
      const process = yield* begin(yield* natsServer, {}, ["other.1"])
      yield* process.actors.put("good.a", noValue)
      yield* until("it runs", () => process.running().includes("good.a"))
      yield* process.actors.remove("good.a")
      yield* until("it stops", () => !process.running().includes("good.a"))
      yield* process.actors.put("good.a", noValue)
      yield* until("it runs again", () => process.running().includes("good.a"))
      for (let round = 0; round < 10; round++) {
        yield* process.actors.remove("good.a")
        yield* process.actors.put("good.a", noValue)
      }
      yield* process.actors.remove("good.a")
      yield* process.actors.remove("other.1") // was never there, and runs whatever the bucket says
      yield* process.actors.put("good.b", noValue)
      yield* until("the last word counts", () => sorted(process.running()) === "good.b other.1")
      const ofA = process.events.filter(([, key]) => key === "good.a").map(([what]) => what)
      assert.isTrue(ofA.every((what, at) => what === (at % 2 === 0 ? "start" : "stop")))
    })
  )

  it.scopedLive("ignores a key of an unknown kind, warns about it once, and runs the other actors", () =>
    Effect.gen(function* () {
      const process = yield* begin(yield* natsServer)
      for (const key of ["strange.a", "constructor.a", "strange", "faulty.a", "good.a"]) yield* process.actors.put(key, noValue)
      yield* process.actors.put("strange.a", new TextEncoder().encode("changed"))
      yield* process.actors.put("good.b", noValue)
      yield* until("the known ones run", () => sorted(process.running()) === "good.a good.b")
      const told = process.logs.filter((line) => line.includes("does not know"))
      assert.strictEqual(told.length, 3, told.join("\n"))
      assert.isTrue(told.some((line) => line.includes("strange.a")))
      yield* until("the log names the faulty actor", () =>
        process.logs.some((line) => line.includes("actor failed") && line.includes("faulty"))
      )
    })
  )

  it.scopedLive("keeps following the bucket after an outage of NATS", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const process = yield* begin(server)
      yield* process.actors.put("good.a", noValue)
      yield* until("it runs", () => process.running().includes("good.a"))
      yield* Effect.promise(() => server.kill())
      yield* Effect.promise(() => server.start())
      yield* until("it can be written again", () =>
        Effect.as(process.actors.put("good.b", noValue), true).pipe(Effect.orElseSucceed(() => false))
      )
      yield* until("the change arrives", () => sorted(process.running()) === "good.a good.b")
      assert.strictEqual(process.events.length, 2, "nothing was stopped")
    })
  )

  it.scopedLive("stops every actor when it stops", () =>
    Effect.gen(function* () {
      const process = yield* begin(yield* natsServer)
      for (let n = 0; n < 50; n++) yield* process.actors.put(`good.${n}`, noValue)
      yield* until("all run", () => process.running().length === 50)
      yield* process.stop
      assert.deepStrictEqual(process.running(), [])
      assert.strictEqual(process.events.length, 100)
    })
  )
})
