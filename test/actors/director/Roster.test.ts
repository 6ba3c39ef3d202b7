import { assert, describe, it } from "@effect/vitest"
import { Clock, ConfigProvider, Effect, Layer, Logger } from "effect"
import * as Roster from "../../../src/actors/director/Roster.ts"
import * as Placement from "../../../src/actors/placement/Placement.ts"
import { Replaced } from "../../../src/actors/runtime/Leases.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as KeyValue from "../../../src/streams/KeyValue.ts"
import { Snapshots } from "../../../src/streams/Snapshots.ts"
import { natsServer } from "../../TestBackends.ts"

const live = Layer.unwrapScoped(
  Effect.map(natsServer, (nats) => {
    const config = new Map([
      ["NATS_URL", nats.url],
      ["NATS_ENGINE_PASSWORD", nats.passwords.engine]
    ])
    return Snapshots.Default.pipe(
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(config)))
    )
  })
)
const ours = Effect.void
const replaced = new Replaced({ key: "director.1" })

describe("Roster", () => {
  const position = { recordCreatedMs: 1, seq: 1 }
  const settled = (roster: Roster.Roster, keys: ReadonlyArray<string>, atMs: number) => {
    const clock = Object.assign(Clock.make(), { unsafeCurrentTimeNanos: () => BigInt(atMs) * 1_000_000n })
    return Effect.withClock(roster.settle(new Map(keys.map((key) => [key, ""]))), clock)
  }

  it.live("BE-REC-05 an older process deletes neither the actors nor the snapshots of kinds that it does not know", () =>
    Effect.gen(function* () {
      const snapshots = yield* Snapshots
      const bucket = yield* KeyValue.open(Placement.bucket)
      const newer = "greeks-of-tomorrow.NSE.NIFTY"
      yield* bucket.put(newer, new Uint8Array())
      yield* snapshots.save(newer, "l", 1, position)
      const roster = (yield* Roster.make)(ours)
      yield* settled(roster, [], 0)
      yield* settled(roster, [], Roster.leavingMs * 2)
      assert.include(yield* bucket.keys(), newer)
      assert.include(yield* snapshots.keys, newer)
    }).pipe(Effect.scoped, Effect.provide(live))
  )

  it.live(
    "drops the snapshot of a deleted strategy's actor once the actor has surely stopped, unless the actor is wanted again by then",
    () =>
      Effect.gen(function* () {
        const snapshots = yield* Snapshots
        const bucket = yield* KeyValue.open(Placement.bucket)
        const roster = (yield* Roster.make)(ours)
        const stored = Effect.map(snapshots.keys, (keys) => [...keys].sort())
        const all = ["m2m.0.7", "m2m.u1.1", "m2m.u1.2"]
        // Each snapshot has more than one chunk, and a chunk must not count as a snapshot.
        for (const key of all) yield* snapshots.save(key, "l", new Uint8Array(600_000), position)
        yield* settled(roster, all, 0)
        assert.deepStrictEqual(yield* stored, all)
        yield* settled(roster, ["m2m.0.7"], 1_000)
        assert.deepStrictEqual(yield* bucket.keys(), ["m2m.0.7"])
        // The actor saves once more while it stops.
        yield* snapshots.save("m2m.u1.1", "l", new Uint8Array(600_000), position)
        yield* settled(roster, ["m2m.0.7"], 1_000 + Roster.leavingMs - 1)
        assert.deepStrictEqual(yield* stored, all)
        yield* settled(roster, ["m2m.0.7", "m2m.u1.2"], 1_000 + Roster.leavingMs)
        assert.deepStrictEqual(yield* stored, ["m2m.0.7", "m2m.u1.2"])
        const left = yield* KeyValue.open("snapshots")
        assert.strictEqual((yield* left.keys("m2m.u1.1.>")).length, 0)
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "drops snapshots that were left behind before it started, but a replaced director drops nothing",
    () =>
      Effect.gen(function* () {
        const snapshots = yield* Snapshots
        const open = yield* Roster.make
        yield* snapshots.save("m2m.u1.1", "l", {}, position)
        const roster = open(ours)
        yield* settled(roster, [], 0)
        const old = open(replaced)
        yield* settled(old, [], 0)
        assert.strictEqual(yield* Effect.flip(settled(old, [], Roster.leavingMs)), replaced)
        assert.strictEqual((yield* snapshots.keys).length, 1)
        yield* settled(roster, [], Roster.leavingMs)
        assert.strictEqual((yield* snapshots.keys).length, 0)
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )
})
