import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { StorageType } from "nats"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { another, backend, bytes, Server, settings } from "./Nats.ts"

const specs = Streams.specs({ bytesMax: 4_096, hoursMax: 1, replicas: 1 })

/** True if one of the stream's subjects, which end in `>`, covers the subject. */
const isIn = (stream: string, filter: string) =>
  specs.find(({ name }) => name === stream)?.subjects?.some((subject) => filter.startsWith(subject.slice(0, -1))) === true

describe("specs", () => {
  it("every subject belongs to the stream that its definition names", () => {
    const found = Object.values(Subjects).filter((one) => typeof one !== "function")
    assert.isAbove(found.length, 10)
    for (const { template, stream, filter } of found) assert.isTrue(isIn(stream, filter()), `${template} in ${stream}`)
    assert.isTrue(isIn("DLQ", Subjects.deadLetter("greeks")))
  })

  it("a setting that the server left out or changed is a difference, another order of subjects is not", () => {
    const spec = { name: "A", subjects: ["a.>", "b.>"], max_age: 5 }
    const config = { ...spec, subjects: ["b.>", "a.>"] } as never
    assert.isUndefined(Streams.difference(spec, config))
    assert.deepStrictEqual(Streams.difference({ ...spec, allow_direct: true }, config), {
      setting: "allow_direct",
      wanted: true,
      found: undefined
    })
    assert.strictEqual(Streams.difference({ ...spec, subjects: ["a.>"] }, config)?.setting, "subjects")
    assert.strictEqual(Streams.difference({ ...spec, max_age: 6 }, config)?.setting, "max_age")
  })
})

const ensureWith = (more: Readonly<Record<string, string>>) =>
  Effect.flatMap(Server, (server) => Effect.withConfigProvider(Streams.ensure, settings(server, more)))

layer(backend, { excludeTestServices: true })("Streams.ensure", (it) => {
  const configOf = (stream: string) =>
    Effect.flatMap(JetStream, ({ jsm }) =>
      Effect.map(
        Effect.promise(() => jsm.streams.info(stream)),
        ({ config, created }) => ({ config, created })
      )
    )

  it.effect("the engine makes every stream, the gateway none, and a second time changes nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const refused = yield* Effect.flip(Effect.provideService(ensureWith({}), JetStream, yield* another("gateway")))
        assert.isTrue(refused._tag === "NatsError" && String(refused.cause).includes("Permissions Violation"))
        yield* ensureWith({})
        const before = yield* Effect.forEach(specs, ({ name }) => configOf(name))
        yield* Effect.all([ensureWith({}), ensureWith({})], { concurrency: 2 })
        assert.deepStrictEqual(yield* Effect.forEach(specs, ({ name }) => configOf(name)), before)
      })
    )
  )

  it.effect("an update changes a setting and keeps the stored messages", () =>
    Effect.gen(function* () {
      const { publish, info } = yield* JetStream
      yield* ensureWith({})
      yield* publish("md.clock.a", bytes("1"))
      const before = yield* configOf("MD_FRAMES")
      yield* ensureWith({ MD_FRAMES_HOURS_MAX: "2", MD_FRAMES_BYTES_MAX: "1000000" })
      const after = yield* configOf("MD_FRAMES")
      assert.deepStrictEqual([after.config.max_age, after.config.max_bytes], [2 * 3_600e9, 1_000_000])
      assert.strictEqual(after.created, before.created)
      assert.strictEqual((yield* info("MD_FRAMES")).lastSeq, 1)
    })
  )

  it.effect("the error names a setting that no update can change", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const spec = specs.find(({ name }) => name === "DLQ")
      yield* Effect.promise(() => jsm.streams.delete("DLQ"))
      yield* Effect.promise(() => jsm.streams.add({ ...spec, name: "DLQ", storage: StorageType.Memory }))
      const error = yield* Effect.flip(ensureWith({}))
      assert.instanceOf(error, Streams.StreamMismatch)
      assert.include(error, { stream: "DLQ", setting: "storage", wanted: "file", found: "memory" })
      assert.match(error.message, /DLQ.*storage/)
      yield* Effect.promise(() => jsm.streams.delete("DLQ"))
      yield* ensureWith({})
    })
  )
})
