import { createHash } from "node:crypto"
import { deserialize, serialize } from "node:v8"
import { Effect, Option, Schema } from "effect"
import * as KeyValue from "./KeyValue.ts"

/**
 * A state's position in the record: the creation time of the stream, which identifies the record, and the sequence of the last folded
 * message.
 */
export interface Position {
  readonly recordCreatedMs: number
  readonly seq: number
}

const Manifest = Schema.parseJson(
  Schema.Struct({
    v: Schema.Literal(1),
    /** The layout of the state. A state of another layout is not restored. */
    layout: Schema.String,
    slot: Schema.Literal(0, 1),
    chunks: Schema.Int,
    sha256: Schema.String,
    recordCreatedMs: Schema.Number,
    seq: Schema.Int
  })
)
const decodeManifest = Schema.decodeUnknownOption(Manifest)
const encodeManifest = Schema.encodeSync(Manifest)
const toText = new TextDecoder()
const toBytes = new TextEncoder()

/** A KV value must stay under the server's 1 MB. */
const chunkBytes = 512 * 1_024
const bucket = "snapshots"

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")
/** The part of a chunk's key that follows its snapshot's key. */
const chunkOf = /\.[01]\.\d+$/
const chunkKey = (key: string, slot: number, at: number) => `${key}.${slot}.${at}`

/**
 * States of actors, stored as binary chunks (JSON would lose NaN, -0 and the bits of typed arrays). Two slots take turns and the manifest is
 * written last, so a crash between chunks keeps the previous snapshot.
 */
export class Snapshots extends Effect.Service<Snapshots>()("streams/Snapshots", {
  effect: Effect.gen(function* () {
    const kv = yield* KeyValue.open(bucket)
    /** For each key whose manifest was read: the slot that the stored manifest points to. */
    const slots = new Map<string, 0 | 1>()

    const stored = (key: string) =>
      Effect.map(kv.get(key), (found) => {
        const manifest = Option.flatMap(found, ({ value }) => decodeManifest(toText.decode(value)))
        if (Option.isSome(manifest)) slots.set(key, manifest.value.slot)
        return manifest
      })

    const save = (key: string, layout: string, state: unknown, position: Position) =>
      Effect.gen(function* () {
        if (!slots.has(key)) yield* stored(key)
        const bytes = serialize(state)
        const slot = slots.get(key) === 0 ? 1 : 0
        const chunks = Math.ceil(bytes.length / chunkBytes)
        for (let at = 0; at < chunks; at++) {
          yield* kv.put(chunkKey(key, slot, at), bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes))
        }
        yield* kv.put(key, toBytes.encode(encodeManifest({ v: 1, layout, slot, chunks, sha256: digest(bytes), ...position })))
        slots.set(key, slot)
      })

    const unusable = (key: string, reason: string) =>
      Effect.as(
        Effect.logWarning("snapshot not usable, rebuilding from the record").pipe(Effect.annotateLogs({ key, reason })),
        Option.none<never>()
      )

    /** The newest complete snapshot of that layout; none when a chunk is missing or damaged. */
    const load = (key: string, layout: string) =>
      Effect.gen(function* () {
        const found = yield* stored(key)
        if (Option.isNone(found)) return Option.none()
        const manifest = found.value
        if (manifest.layout !== layout) return yield* unusable(key, `layout ${manifest.layout}`)
        const parts = yield* Effect.forEach(Array.from({ length: manifest.chunks }), (_, at) => kv.get(chunkKey(key, manifest.slot, at)))
        const bytes = Buffer.concat(parts.flatMap(Option.toArray).map(({ value }) => value))
        if (digest(bytes) !== manifest.sha256) return yield* unusable(key, "a chunk is missing or damaged")
        // Another version of Node may have written a form that this version cannot read.
        const state = yield* Effect.option(Effect.try(() => deserialize(bytes) as unknown))
        if (Option.isNone(state)) return yield* unusable(key, "not readable by this version of Node")
        return Option.some({ state: state.value, recordCreatedMs: manifest.recordCreatedMs, seq: manifest.seq })
      })

    /** The snapshot's position, for any layout. A state of another layout is rebuilt from a keyframe before that position. */
    const position = (key: string) =>
      Effect.map(
        stored(key),
        Option.map(({ recordCreatedMs, seq }): Position => ({ recordCreatedMs, seq }))
      )

    const drop = (key: string) =>
      Effect.suspend(() => {
        slots.delete(key)
        return Effect.zipRight(kv.erase(key), kv.erase(`${key}.*.*`))
      })

    /** The keys that have a snapshot, or chunks of a snapshot that was never finished. */
    const keys = Effect.map(kv.keys(), (found) => {
      const all = new Set(found)
      return found.filter((key) => !(chunkOf.test(key) && all.has(key.replace(chunkOf, ""))))
    })

    return { save, load, position, drop, keys } as const
  })
}) {}
