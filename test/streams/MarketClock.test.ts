import { assert, layer } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Layer, Scope } from "effect"
import * as ClockFrame from "../../src/domain/record/ClockFrame.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import { MarketClock } from "../../src/streams/MarketClock.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { backend, bytes, Server, settings, streams, until } from "./Nats.ts"

const day = Date.UTC(2026, 7, 19, 4)
/** A process's clock. */
const clockIn = (mode: string) =>
  Effect.gen(function* () {
    const configured = Layer.setConfigProvider(settings(yield* Server, { MARKET_CLOCK: mode }))
    const context = yield* Layer.build(Layer.fresh(MarketClock.Default).pipe(Layer.provide(configured)))
    return Context.get(context, MarketClock)
  })
const publish = (account: string, atMs: number) =>
  Effect.flatMap(JetStream, (js) => js.publish(Subjects.Clock.at({ account }), ClockFrame.encode(atMs)))

layer(Layer.provideMerge(streams, backend), { excludeTestServices: true })("MarketClock", (it) => {
  it.scoped("real: market time is the machine's clock and ignores the record", () =>
    Effect.gen(function* () {
      const clock = yield* clockIn("real")
      yield* publish("A1", day)
      clock.observe(day)
      clock.observe(day + 1e12)
      assert.strictEqual(clock.mode, "real")
      assert.isBelow(Math.abs(clock.unsafeNow() - Date.now()), 60_000)
      assert.isBelow(Math.abs((yield* clock.now) - Date.now()), 60_000)
      const { jsm } = yield* JetStream
      yield* Effect.promise(() => jsm.streams.purge(Subjects.Clock.stream))
    })
  )

  it.scoped("BE-REC-03 real: a machine whose clock is an hour ahead, and then ten minutes behind, takes the NATS server's time", () =>
    Effect.gen(function* () {
      // The test's server has the clock of the test's machine.
      const right = Clock.make()
      let errorMs = 3_600_000
      const wrong = Object.assign(Clock.make(), { unsafeCurrentTimeMillis: () => right.unsafeCurrentTimeMillis() + errorMs })
      const clock = yield* Effect.withClock(clockIn("real"), wrong)
      // The server's answer may reach a busy process late.
      const toleranceMs = 60_000
      assert.isBelow(Math.abs(clock.unsafeNow() - right.unsafeCurrentTimeMillis()), toleranceMs)
      errorMs = -600_000
      assert.isBelow(Math.abs(clock.unsafeNow() - right.unsafeCurrentTimeMillis()), toleranceMs)
    })
  )

  it.scoped("machine: market time is the machine's clock alone, however far the NATS server's is from it", () =>
    Effect.gen(function* () {
      const right = Clock.make()
      const ahead = Object.assign(Clock.make(), { unsafeCurrentTimeMillis: () => right.unsafeCurrentTimeMillis() + 3_600_000 })
      const clock = yield* Effect.withClock(clockIn("machine"), ahead)
      clock.observe(day + 1e12)
      assert.isAtLeast(clock.unsafeNow() - right.unsafeCurrentTimeMillis(), 3_600_000 - 1)
    })
  )

  it.scoped("feed: market time is the machine's clock until the first clock frame, then the largest clock of all accounts", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const clock = yield* clockIn("feed")
      const heard: Array<number> = []
      const scope = yield* Scope.make()
      yield* Scope.extend(clock.onAdvance({ before: () => {}, after: (atMs) => heard.push(atMs) }), scope)
      const order: Array<string> = []
      for (const name of ["one", "other"]) {
        const told = { before: () => void order.push(`${name} before`), after: (atMs: number) => void order.push(`${name} ${atMs - day}`) }
        yield* Scope.extend(clock.onAdvance(told), scope)
      }
      assert.isBelow(Math.abs(clock.unsafeNow() - Date.now()), 60_000)
      yield* publish("A1", day)
      yield* until("the first is heard", () => clock.unsafeNow() === day)
      assert.deepStrictEqual(order, ["one before", "other before", "one 0", "other 0"])
      yield* publish("A2", day + 500)
      yield* publish("A1", day + 100) // an earlier time: market time does not go back
      yield* Effect.flatMap(JetStream, (js) => js.publish(Subjects.Clock.at({ account: "A2" }), bytes("no clock")))
      clock.observe(Number.NaN)
      clock.observe(day + 600)
      clock.observe(day + 600)
      yield* publish("A1", day + 700)
      yield* until("the last is heard", () => clock.unsafeNow() === day + 700)
      assert.deepStrictEqual(
        heard.filter((atMs) => atMs !== day + 500),
        [day, day + 600, day + 700]
      )
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => server.kill())
      yield* Effect.promise(() => server.start())
      yield* until("the connection is back", (yield* JetStream).isConnected)
      yield* publish("A1", day + 800)
      yield* until("a clock after a restart of the server is heard", () => clock.unsafeNow() === day + 800)
      assert.notInclude(heard, day + 800)
    })
  )

  it.scoped("feed: a process that starts after the end of a recording knows its last clock at once", () =>
    Effect.gen(function* () {
      yield* publish("A3", day + 900)
      yield* publish("A1", day + 850)
      const clock = yield* clockIn("feed")
      assert.strictEqual(clock.unsafeNow(), day + 900)
    })
  )

  it.scoped("a mode that does not exist fails the start", () =>
    Effect.gen(function* () {
      assert.include(String(yield* Effect.flip(clockIn("warp"))), "MARKET_CLOCK")
    })
  )
})
