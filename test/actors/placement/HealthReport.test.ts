import { assert, it as effect, layer } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Either, Exit, Layer, Scope } from "effect"
import { HealthReport } from "../../../src/actors/placement/HealthReport.ts"
import * as Placement from "../../../src/actors/placement/Placement.ts"
import type { ProcessHealth } from "../../../src/domain/accounts/ProcessHealth.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as FramePublisher from "../../../src/streams/FramePublisher.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { another, backend, Server, streams, until } from "../../streams/Nats.ts"
import { stoppedClock } from "../../streams/StoppedClock.ts"

const subject = Subjects.Frame.at({ exchange: "NFO", underlying: "U1" })
const roomBytes = 4 * 1_024 * 1_024

/** All reports that a listener hears on `sys.health.<process>`. */
const heard = Effect.gen(function* () {
  const { nc } = yield* another()
  const reports: Array<ProcessHealth> = []
  nc.subscribe(Subjects.ProcessHealth.filter(), {
    callback: (_, message) => void reports.push(Either.getOrThrow(Subjects.ProcessHealth.decodeEither(message.data)))
  })
  yield* Effect.promise(() => nc.flush())
  return reports
})
const reporting = (config: Readonly<Record<string, string>>) => {
  const provider = Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(config))))
  return Effect.map(Layer.build(Layer.provide(HealthReport.Default, provider)), (context) => Context.get(context, HealthReport))
}

layer(Layer.provideMerge(streams, backend), { excludeTestServices: true })("The health of a process of actors", (it) => {
  it.scoped("TC-PERF-030 a level that changes under load is heard on sys.health at once, and is HEALTHY again by itself", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const advance = yield* stoppedClock
      const reports = yield* heard
      const health = yield* reporting({ ACTOR_GROUPS: "market" })
      const publisher = yield* FramePublisher.make(
        { account: "A1", source: "simulator", epoch: 7, incarnation: 3 },
        FramePublisher.peers(0),
        roomBytes,
        health.changed
      )
      yield* health.follow("A1", () => {
        const { bufferedBytes, dropped, lagMs, pressure } = publisher.stats()
        return { level: pressure, buffered_bytes: bufferedBytes, lag_ms: lagMs, dropped }
      })
      yield* until("a quiet process reports", () => reports.at(-1)?.accounts["A1"]?.level === "HEALTHY")
      const { as_of, ...quiet } = reports.at(-1) as ProcessHealth
      assert.strictEqual(new Date(as_of).toISOString(), as_of)
      assert.deepStrictEqual(quiet, {
        v: 1,
        process: "market",
        actors: ["market"],
        level: "HEALTHY",
        accounts: { A1: { level: "HEALTHY", buffered_bytes: 0, lag_ms: 0, dropped: 0 } }
      })

      const packet = new Uint8Array(Frame.Kind.full)
      const append = (wanted: () => boolean) => {
        while (wanted()) publisher.append(subject, packet, 0, packet.length, 1_000)
      }
      server.freeze()
      append(() => publisher.stats().open < 1_000 || publisher.stats().bufferedBytes === 0)
      yield* until("the level rises", () => publisher.stats().pressure === "WARNING")
      append(() => publisher.stats().dropped < 100)
      yield* until("packets are dropped", () => publisher.stats().pressure === "OVERLOAD")
      server.thaw()
      yield* until("everything is acknowledged", () => Effect.map(publisher.drain, (left) => left === 0))
      yield* until("it recovers", () => reports.at(-1)?.level === "HEALTHY" && reports.some(({ level }) => level === "OVERLOAD"))
      const levels = () => reports.map(({ level }) => level).filter((level, at, all) => level !== all[at - 1])
      assert.deepStrictEqual(levels(), ["HEALTHY", "WARNING", "OVERLOAD", "CRITICAL", "WARNING", "HEALTHY"])
      assert.strictEqual(reports.at(-1)?.accounts["A1"]?.dropped, publisher.stats().dropped)

      // One frame under way at a sink that answers late. The reports come late as well.
      reports.length = 0
      server.freeze()
      publisher.append(subject, packet, 0, packet.length, 1_000)
      yield* until("the frame is under way", () => publisher.stats().open === 1)
      advance(1_500)
      yield* until("the level rises again", () => publisher.stats().pressure === "WARNING")
      advance(4_000)
      yield* until("and again", () => publisher.stats().pressure === "CRITICAL")
      server.thaw()
      yield* until("it recovers again", () => reports.at(-1)?.level === "HEALTHY" && reports.some(({ level }) => level === "CRITICAL"))
      assert.deepStrictEqual(levels().slice(levels().indexOf("WARNING")), ["WARNING", "CRITICAL", "WARNING", "HEALTHY"])
      const reportOf = (wanted: string) => reports.find(({ level }) => level === wanted)?.accounts["A1"]
      assert.deepInclude(reportOf("WARNING"), { buffered_bytes: 0, lag_ms: 1_500 })
      assert.deepInclude(reportOf("CRITICAL"), { buffered_bytes: 0, lag_ms: 5_500 })
      assert.strictEqual(reports.at(-1)?.accounts["A1"]?.lag_ms, 0)
    })
  )

  it.scoped("names the worst level of its accounts, and leaves out those whose ticker has moved", () =>
    Effect.gen(function* () {
      const reports = yield* heard
      const health = yield* reporting({ ACTOR_GROUPS: "market,orders" })
      const status = (level: ProcessHealth["level"]) => () => ({ level, buffered_bytes: 1, dropped: 0 })
      const newest = () => reports.findLast(({ process }) => process === "market-orders")
      yield* health.follow("A1", status("WARNING"))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* health.follow("A2", status("CRITICAL"))
          health.changed()
          yield* until("both are named", () => newest()?.level === "CRITICAL")
          assert.hasAllKeys(newest()?.accounts, ["A1", "A2"])
        })
      )
      health.changed()
      yield* until("the moved one is gone", () => newest()?.level === "WARNING")
      assert.hasAllKeys(newest()?.accounts, ["A1"])
      // A ticker may be started again before the earlier one has ended.
      const earlier = yield* Scope.make()
      yield* Scope.extend(health.follow("A2", status("HEALTHY")), earlier)
      yield* health.follow("A2", status("HEALTHY"))
      yield* Scope.close(earlier, Exit.void)
      const seen = reports.length
      yield* until("two reports follow", () => reports.length > seen + 1)
      assert.hasAllKeys(newest()?.accounts, ["A1", "A2"])
    })
  )
})

effect.effect("a process is named by its actors, and in a cluster by its address", () =>
  Effect.gen(function* () {
    const nameOf = (config: Readonly<Record<string, string>>) =>
      Effect.withConfigProvider(Placement.processName, ConfigProvider.fromMap(new Map(Object.entries(config))))
    assert.strictEqual(yield* nameOf({}), "market-orders")
    assert.strictEqual(yield* nameOf({ ACTOR_GROUPS: "orders" }), "orders")
    assert.strictEqual(yield* nameOf({ PLACEMENT: "cluster", RUNNER_HOST: "app-1" }), "app-1:34431")
  })
)
