import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as KeyValue from "../../src/streams/KeyValue.ts"
import { Snapshots } from "../../src/streams/Snapshots.ts"
import * as Subject from "../../src/streams/Subject.ts"
import { prefix } from "../TestBackends.ts"
import { backend, bytes } from "./Nats.ts"

const at = (seq: number) => ({ recordCreatedMs: 1_700_000_000_123, seq })
const key = () => Subject.kvKey("greeks", prefix(), "M&M")
const fill = (length: number, value: number) => new Float64Array(length).fill(value)

/** The service as after a restart of the process, which remembers no slots. */
const restarted = Snapshots.pipe(Effect.provide(Layer.fresh(Snapshots.Default)))
const bucket = KeyValue.open("snapshots")

layer(Layer.provideMerge(Snapshots.Default, backend), { excludeTestServices: true })("Snapshots", (it) => {
  it.effect("restores typed arrays, maps, NaN and -0 exactly, with the position", () =>
    Effect.gen(function* () {
      const snapshots = yield* Snapshots
      const name = key()
      const state = {
        columns: Float64Array.of(Number.NaN, -0, 0, Number.NEGATIVE_INFINITY, 5e-324, 0.1),
        seen: Uint32Array.of(1, 2 ** 32 - 1),
        byToken: new Map([[256_265, { price: -0, name: "NIFTY 50" }]]),
        list: [Number.NaN, undefined, null, "", 2 ** 53],
        at: 1
      }
      assert.isTrue(Option.isNone(yield* snapshots.load(name, "v1")))
      yield* snapshots.save(name, "v1", state, at(42))
      for (const from of [snapshots, yield* restarted]) {
        const found = yield* from.load(name, "v1")
        assert.deepStrictEqual(found, Option.some({ state, ...at(42) }))
      }
    })
  )

  it.effect("restores a state of several MB, and a smaller one saved after it", () =>
    Effect.gen(function* () {
      const snapshots = yield* Snapshots
      const name = key()
      for (const [seq, length] of [400_000, 300_000, 10, 262_144].entries()) {
        const state = { columns: Float64Array.from({ length }, (_, n) => n / 7) }
        yield* snapshots.save(name, "v1", state, at(seq))
        assert.deepStrictEqual(yield* snapshots.load(name, "v1"), Option.some({ state, ...at(seq) }))
      }
    })
  )

  it.effect("loads nothing with another layout, a damaged chunk, a missing chunk or a damaged manifest", () =>
    Effect.gen(function* () {
      const snapshots = yield* Snapshots
      const kv = yield* bucket
      const name = key()
      const load = (layout: string) => Effect.flatMap(restarted, (fresh) => fresh.load(name, layout))
      const save = snapshots.save(name, "v1", fill(200_000, 1), at(1))
      yield* save
      assert.isTrue(Option.isNone(yield* load("v2")))
      assert.isTrue(Option.isSome(yield* load("v1")))
      const chunks = yield* kv.keys(`${name}.*.*`)
      assert.strictEqual(chunks.length, 4)
      yield* kv.put(chunks[1] ?? "", bytes("damaged"))
      assert.isTrue(Option.isNone(yield* load("v1")))
      yield* kv.remove(chunks[1] ?? "")
      assert.isTrue(Option.isNone(yield* load("v1")))
      yield* save
      assert.isTrue(Option.isSome(yield* load("v1")))
      for (const manifest of ["", "{", '{"v":2}', "null"]) {
        yield* kv.put(name, bytes(manifest))
        assert.isTrue(Option.isNone(yield* load("v1")), manifest)
      }
    })
  )

  it.effect("a save that breaks off half-way keeps the previous snapshot, in this process and after a restart", () =>
    Effect.gen(function* () {
      const kv = yield* bucket
      const { jsm } = yield* JetStream
      const name = key()
      const whole = Option.some({ state: fill(100_000, 1), ...at(1) })
      for (const loadsFirst of [false, true]) {
        yield* (yield* Snapshots).save(name, "v1", fill(100_000, 1), at(1))
        const fresh = yield* restarted
        if (loadsFirst) yield* fresh.load(name, "v1")
        // The bucket has room for one message of that size, so the second chunk is refused.
        const { config } = yield* Effect.promise(() => jsm.streams.info("KV_snapshots"))
        const before = yield* kv.keys(`${name}.*.*`)
        yield* Effect.promise(() => jsm.streams.update("KV_snapshots", { ...config, max_msg_size: 300_000 }))
        const failed = yield* Effect.flip(fresh.save(name, "v1", fill(60_000, 2), at(2)))
        assert.include(failed.message, "put")
        yield* Effect.promise(() => jsm.streams.update("KV_snapshots", config))
        assert.sameMembers([...(yield* kv.keys(`${name}.*.*`))], [...before])
        assert.deepStrictEqual(yield* Effect.flatMap(restarted, (again) => again.load(name, "v1")), whole)
        assert.deepStrictEqual(yield* fresh.load(name, "v1"), whole)
        yield* fresh.save(name, "v1", fill(100_000, 1), at(1))
      }
    })
  )

  it.effect("drops one snapshot and no other", () =>
    Effect.gen(function* () {
      const snapshots = yield* Snapshots
      const name = key()
      const longer = `${name}.7`
      yield* snapshots.save(name, "v1", 1, at(1))
      yield* snapshots.save(longer, "v1", 2, at(1))
      yield* snapshots.drop(name)
      assert.isTrue(Option.isNone(yield* snapshots.load(name, "v1")))
      assert.deepStrictEqual(yield* snapshots.load(longer, "v1"), Option.some({ state: 2, ...at(1) }))
      assert.deepStrictEqual(yield* (yield* bucket).keys(`${name}.*.*`), [])
    })
  )
})
