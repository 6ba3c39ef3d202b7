import { assert, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as KeyValue from "../../src/streams/KeyValue.ts"
import * as Subject from "../../src/streams/Subject.ts"
import { prefix } from "../TestBackends.ts"
import { another, backend, bytes, range, Server, until } from "./Nats.ts"

const textOf = (value: Uint8Array) => new TextDecoder().decode(value)
const valueOf = (kv: KeyValue.KeyValue, key: string) =>
  Effect.map(
    kv.get(key),
    Option.map(({ value }) => textOf(value))
  )

const watching = (kv: KeyValue.KeyValue, filter?: string) =>
  Effect.gen(function* () {
    const seen: Array<readonly [string, string | undefined]> = []
    const revisions: Array<number> = []
    const { takeAll } = yield* kv.watch(filter)
    yield* takeAll.pipe(
      Effect.map((changes) => {
        for (const { key, value, revision } of changes) {
          seen.push([key, Option.getOrUndefined(Option.map(value, textOf))])
          revisions.push(revision)
        }
        return changes.length
      }),
      Effect.forever,
      Effect.forkScoped
    )
    return { seen, revisions } as const
  })

layer(backend, { excludeTestServices: true })("KeyValue", (it) => {
  it.effect("keeps the newest value of each key, and reports removals", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValue.open(prefix())
      const key = Subject.kvKey("greeks", "NSE", "M&M x.y")
      assert.deepStrictEqual(yield* kv.keys(), [])
      assert.isTrue(Option.isNone(yield* kv.get(key)))
      const first = yield* kv.put(key, bytes("1"))
      const second = yield* kv.put(key, bytes("2"))
      assert.isAbove(second, first)
      const stored = yield* kv.get(key)
      assert.deepStrictEqual(
        Option.map(stored, ({ value, revision }) => [textOf(value), revision]),
        Option.some(["2", second])
      )
      yield* kv.put("other", new Uint8Array())
      assert.sameMembers([...(yield* kv.keys())], [key, "other"])
      assert.deepStrictEqual(yield* kv.keys("greeks.>"), [key])
      assert.deepStrictEqual(yield* valueOf(kv, "other"), Option.some(""))
      yield* kv.remove(key)
      assert.isTrue(Option.isNone(yield* kv.get(key)))
      assert.deepStrictEqual(yield* kv.keys(), ["other"])
      yield* kv.remove("never there").pipe(
        Effect.flip,
        Effect.map((error) => assert.include(error.message, "remove never there (bucket"))
      )
    })
  )

  it.scoped("a watcher sees the present values of its filter first, then changes and removals", () =>
    Effect.gen(function* () {
      const kv = yield* KeyValue.open(prefix())
      for (const value of ["1", "2"]) yield* kv.put("a.x", bytes(value))
      yield* kv.put("b.x", bytes("1"))
      const all = yield* watching(kv)
      const some = yield* watching(kv, "a.*")
      yield* until("present values are there", () => all.seen.length === 2 && some.seen.length === 1)
      yield* kv.put("a.y", bytes("3"))
      yield* kv.remove("a.x")
      yield* kv.put("b.x", bytes("2"))
      yield* until("changes are there", () => all.seen.length === 5 && some.seen.length === 3)
      assert.deepStrictEqual(all.seen, [
        ["a.x", "2"],
        ["b.x", "1"],
        ["a.y", "3"],
        ["a.x", undefined],
        ["b.x", "2"]
      ])
      assert.deepStrictEqual(some.seen, [
        ["a.x", "2"],
        ["a.y", "3"],
        ["a.x", undefined]
      ])
      assert.deepStrictEqual(
        all.revisions,
        [...all.revisions].sort((one, other) => one - other)
      )
    })
  )

  it.scoped("a key that is erased leaves no message, a removed one leaves its marker", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const bucket = prefix()
      const kv = yield* KeyValue.open(bucket)
      const messages = Effect.promise(async () => (await jsm.streams.info(KeyValue.streamOf(bucket))).state.messages)
      for (const key of ["a", "a.0.0", "a.0.1", "ab.0.0"]) yield* kv.put(key, bytes("1"))
      yield* kv.remove("a")
      assert.strictEqual(yield* messages, 4)
      yield* kv.erase("a")
      yield* kv.erase("a.*.*")
      assert.deepStrictEqual([yield* messages, yield* kv.keys()], [1, ["ab.0.0"]])
    })
  )

  for (const how of ["stop", "kill"] as const) {
    it.scoped(`revisions grow and a watch goes on over a server restart (${how})`, () =>
      Effect.gen(function* () {
        const server = yield* Server
        const { isConnected } = yield* JetStream
        const kv = yield* KeyValue.open(prefix())
        const { seen } = yield* watching(kv)
        const before = yield* kv.put("epoch", bytes("1"))
        yield* until("the first is seen", () => seen.length === 1)
        const watcherless = yield* another()
        const far = yield* KeyValue.open(prefix()).pipe(Effect.provideService(JetStream, watcherless))
        yield* far.put("k", bytes("v"))
        yield* Effect.promise(() => server[how]())
        yield* Effect.promise(() => server.start())
        yield* until("both are back", () => isConnected() && watcherless.isConnected())
        assert.isAbove(yield* kv.put("epoch", bytes("2")), before)
        yield* until("the second is seen", () => seen.length === 2)
        yield* kv.remove("epoch")
        assert.deepStrictEqual(yield* valueOf(far, "k"), Option.some("v"))
        yield* until("all is seen", () => seen.length === 3)
        assert.deepStrictEqual(seen, [
          ["epoch", "1"],
          ["epoch", "2"],
          ["epoch", undefined]
        ])
      })
    )
  }

  it.scoped("a watch survives the deletion of its consumer and of its bucket", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const bucket = prefix()
      const kv = yield* KeyValue.open(bucket)
      const { seen } = yield* watching(kv)
      yield* kv.put("a", bytes("1"))
      yield* kv.put("b", bytes("1"))
      yield* until("both are seen", () => seen.length === 2)
      for (const { name } of yield* Effect.promise(() => jsm.consumers.list(`KV_${bucket}`).next())) {
        yield* Effect.promise(() => jsm.consumers.delete(`KV_${bucket}`, name))
      }
      yield* kv.put("b", bytes("2"))
      yield* until("the change is seen", () => seen.length === 3)
      yield* Effect.promise(() => jsm.streams.delete(`KV_${bucket}`))
      yield* Effect.flatMap(KeyValue.open(bucket), (again) => again.put("b", bytes("3")))
      yield* until("the new bucket is seen", () => seen.length === 6)
      assert.deepStrictEqual(seen, [
        ["a", "1"],
        ["b", "1"],
        ["b", "2"],
        ["a", undefined],
        ["b", undefined],
        ["b", "3"]
      ])
    })
  )

  it.scoped("two processes share a bucket, whichever opened it first", () =>
    Effect.gen(function* () {
      const bucket = prefix()
      const first = yield* KeyValue.open(bucket).pipe(Effect.provideService(JetStream, yield* another()))
      const second = yield* KeyValue.open(bucket)
      yield* first.put("a", bytes("1"))
      yield* second.put("a", bytes("2"))
      assert.deepStrictEqual(yield* valueOf(first, "a"), Option.some("2"))
      yield* Effect.forEach(range(1, 20), (n) => second.put(`k${n}`, bytes(String(n))), { concurrency: 5 })
      assert.strictEqual((yield* first.keys()).length, 21)
    })
  )
})
