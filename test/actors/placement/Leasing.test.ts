import { assert, describe, it } from "@effect/vitest"
import { type Cause, Clock, Duration, Effect, Exit, Layer } from "effect"
import { vi } from "vitest"
import * as MachineClocks from "../../../src/actors/placement/MachineClocks.ts"
import { freePort } from "../../FreePort.ts"
import { until } from "../../streams/Nats.ts"
import { type NatsServer, natsServer } from "../../TestBackends.ts"
import { begin, noValue, sorted } from "../placement/Process.ts"

/** For tests that do not wait for a lease to end: a frozen machine must not end one. */
const ttl = "20 seconds"
const clustered = (server: NatsServer, more: Readonly<Record<string, string>> = {}, libraryClock?: Layer.Layer<never>) =>
  Effect.flatMap(freePort, (port) => {
    const placed = { PLACEMENT: "cluster", PLACEMENT_TTL: ttl, RUNNER_HOST: "127.0.0.1", RUNNER_PORT: String(port), ...more }
    return begin(server, placed, ["other.1"], libraryClock)
  })
const single = (server: NatsServer) => begin(server, { PLACEMENT_TTL: ttl }, ["other.1"])
const failure = <A, E>(exit: Exit.Exit<A, E>): string => (Exit.isFailure(exit) ? String(exit.cause as Cause.Cause<E>) : "succeeded")

/** The library looks for idle actors this often, ms. */
const looksEveryMs = 30_000
/** The library's clock, on which that pause is short. */
const hasty = () => {
  let looks = 0
  const { sleep } = Clock.make()
  const shortened = (duration: Duration.Duration) => {
    if (Duration.toMillis(duration) !== looksEveryMs) return sleep(duration)
    looks++
    return sleep(Duration.millis(50))
  }
  const clock = Object.assign(MachineClocks.steady(), { sleep: shortened })
  return { layer: Layer.succeed(MachineClocks.LibraryClock, clock), looks: () => looks }
}

describe("Placement in several processes", () => {
  it.scopedLive(
    "BE-RES-03 a wall clock that is set ten minutes back or an hour ahead stops and moves no actor",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        const clock = hasty()
        const a = yield* clustered(server, {}, clock.layer)
        const b = yield* clustered(server)
        const keys = Array.from({ length: 20 }, (_, at) => `good.${at}`)
        for (const key of keys) yield* a.actors.put(key, noValue)
        const both = () => [...a.running(), ...b.running()]
        yield* until("both run actors", () => a.running().length > 0 && b.running().length > 0 && both().length === keys.length + 1)
        const before = [sorted(a.running()), sorted(b.running())]
        const events = a.events.length + b.events.length
        const realNow = Date.now
        const spy = vi.spyOn(Date, "now")
        yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
        for (const aheadMs of [-600_000, 3_600_000, 0]) {
          spy.mockImplementation(() => realNow() + aheadMs)
          const looked = clock.looks()
          yield* until("the library has looked for idle actors", () => clock.looks() > looked + 3)
          for (const key of a.running()) assert.isTrue((yield* a.lease(key)).isHeld(), `${key} ${aheadMs} ms ahead`)
        }
        assert.deepStrictEqual([sorted(a.running()), sorted(b.running())], before)
        assert.strictEqual(a.events.length + b.events.length, events)
      }),
    300_000
  )

  it.scopedLive(
    "spreads the actors, runs each once, and moves the actors of a stopping process under a larger epoch",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        const a = yield* clustered(server)
        const keys = Array.from({ length: 40 }, (_, at) => `good.${at}`)
        for (const key of keys) yield* a.actors.put(key, noValue)
        const wanted = sorted([...keys, "other.1"])
        yield* until("the first runs all", () => sorted(a.running()) === wanted)
        const before = yield* a.lease("good.0")

        const b = yield* clustered(server)
        yield* until(
          "both processes run actors",
          () => a.running().length > 0 && b.running().length > 0 && sorted([...a.running(), ...b.running()]) === wanted
        )
        // This process has no lease for a key in another process's shard.
        const elsewhere = b.running().find((key) => key.startsWith("good.")) ?? ""
        assert.strictEqual((yield* Effect.flip(a.lease(elsewhere))).key, elsewhere)
        assert.isTrue((yield* b.lease(elsewhere)).isHeld())
        yield* b.actors.remove(elsewhere)
        yield* until("a removal counts wherever the actor is", () => !b.running().includes(elsewhere))
        yield* b.actors.put(elsewhere, noValue)
        yield* until("and so does its return", () => b.running().includes(elsewhere))

        yield* a.stop
        assert.deepStrictEqual(a.running(), [])
        yield* until("the second runs all", () => sorted(b.running()) === wanted)
        assert.isFalse(before.isHeld())
        assert.isAbove((yield* b.lease("good.0")).epoch, before.epoch)
      }),
    300_000
  )

  it.scopedLive(
    "a process runs the actors of its groups alone, in a cluster and without one",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        const keys = ["good.0", "good.1", "order.0", "order.1"]
        for (const inGroups of [
          (groups: string) => clustered(server, { ACTOR_GROUPS: groups }),
          (groups: string) => begin(server, { PLACEMENT_TTL: ttl, ACTOR_GROUPS: groups }, ["other.1"])
        ]) {
          const market = yield* inGroups("market")
          const orders = yield* inGroups("orders")
          for (const key of keys) yield* market.actors.put(key, noValue)
          yield* until(
            "each runs its own",
            () => sorted(market.running()) === "good.0 good.1 other.1" && sorted(orders.running()) === "order.0 order.1"
          )
          assert.isTrue((yield* orders.lease("order.0")).isHeld())
          assert.deepStrictEqual(
            market.events.filter(([, key]) => key.startsWith("order")),
            []
          )
          assert.deepStrictEqual(
            orders.events.filter(([, key]) => !key.startsWith("order")),
            []
          )
          for (const one of [market, orders]) yield* one.stop
        }
        const odd = yield* Effect.exit(Effect.scoped(begin(server, { ACTOR_GROUPS: "ticks" })))
        assert.include(failure(odd), "ACTOR_GROUPS")
      }),
    300_000
  )

  it.scopedLive(
    "stops its actors when the leases cannot be renewed, and starts them when NATS is back",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        const a = yield* clustered(server, { PLACEMENT_TTL: "10 seconds" })
        yield* a.actors.put("good.a", noValue)
        // A stall of this process may cost it the lease for a moment.
        const held = Effect.zipRight(
          until("it runs and is leased", () =>
            Effect.map(Effect.isSuccess(a.lease("good.a")), (is) => is && a.running().includes("good.a"))
          ),
          a.lease("good.a")
        )
        const lease = yield* held
        yield* Effect.promise(() => server.kill())
        yield* until("all have stopped", () => a.running().length === 0)
        yield* Effect.promise(() => server.start())
        yield* until("all run again", () => sorted(a.running()) === "good.a other.1")
        assert.isFalse(lease.isHeld())
        assert.isAbove((yield* held).epoch, lease.epoch)
      }),
    300_000
  )

  it.scopedLive(
    "an outage shorter than the leases stops no actor",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        // A busy machine takes a minute to start the server again.
        const a = yield* clustered(server, { PLACEMENT_TTL: "300 seconds" })
        yield* a.actors.put("good.a", noValue)
        yield* until("it runs", () => sorted(a.running()) === "good.a other.1")
        yield* Effect.promise(() => server.kill())
        yield* Effect.promise(() => server.start())
        yield* until("the bucket answers", () => Effect.as(a.actors.put("good.b", noValue), true).pipe(Effect.orElseSucceed(() => false)))
        yield* until("the change arrives", () => a.running().includes("good.b"))
        assert.deepStrictEqual(
          a.events.map(([what]) => what),
          ["start", "start", "start"]
        )
      }),
    300_000
  )
})

describe("Epochs", () => {
  it.scopedLive(
    "grow from one process to the next, to a cluster and back, and across a restart of the server",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        const epochs: Array<number> = []
        const take = (started: ReturnType<typeof single>) =>
          Effect.scoped(
            Effect.gen(function* () {
              const process = yield* started
              yield* until("it holds the shard", () => Effect.isSuccess(process.lease("good.a")))
              epochs.push((yield* process.lease("good.a")).epoch)
              yield* process.stop
            })
          )
        yield* take(single(server))
        yield* take(single(server))
        yield* take(clustered(server))
        yield* Effect.promise(() => server.kill())
        yield* Effect.promise(() => server.start())
        yield* take(clustered(server))
        yield* take(single(server))
        for (const [at, epoch] of epochs.slice(1).entries()) assert.isAbove(epoch, epochs[at] ?? 0, epochs.join(" "))
      }),
    300_000
  )

  it.scopedLive("of two single processes the later one runs the actors, and the earlier one ends", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const first = yield* single(server)
      yield* first.actors.put("good.a", noValue)
      yield* until("the first runs it", () => sorted(first.running()) === "good.a other.1")
      const lease = yield* first.lease("good.a")
      const second = yield* single(server)
      yield* until("the first has heard of the second", () => first.ends() === 1)
      assert.isFalse(lease.isHeld())
      assert.strictEqual((yield* Effect.flip(first.lease("good.a"))).key, "good.a")
      assert.isTrue(first.logs.some((line) => line.includes("runs the actors of market now, ending this process")))
      yield* first.stop
      yield* until("the second runs it", () => sorted(second.running()) === "good.a other.1")
      const newer = yield* second.lease("good.a")
      assert.isTrue(newer.isHeld())
      assert.isAbove(newer.epoch, lease.epoch)
      assert.strictEqual(second.ends(), 0)
      const beside = yield* Effect.exit(Effect.scoped(clustered(server)))
      assert.match(failure(beside), /other processes run actors here \(.* \(process \d+\).*PLACEMENT=single/)
    })
  )

  it.scopedLive("a single process does not start beside a cluster, and a cluster process does not start without an address", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* clustered(server)
          yield* until("it is refused", () =>
            Effect.map(Effect.exit(Effect.scoped(single(server))), (exit) =>
              /other processes run actors here \(127\.0\.0\.1:\d+\): set PLACEMENT=cluster/.test(failure(exit))
            )
          )
        })
      )
      const alone = yield* single(server)
      assert.isTrue((yield* alone.lease("good.a")).isHeld())
      const unnamed = yield* Effect.exit(Effect.scoped(begin(server, { PLACEMENT: "cluster", PLACEMENT_TTL: ttl })))
      assert.include(failure(unnamed), "RUNNER_HOST")
      const odd = yield* Effect.exit(Effect.scoped(begin(server, { PLACEMENT: "many" })))
      assert.include(failure(odd), "PLACEMENT")
    })
  )
})
