import { createHash } from "node:crypto"
import { deserialize, serialize } from "node:v8"
import { Effect, Option } from "effect"
import * as KeyValue from "./KeyValue.ts"

/** Where a state stands in the record: the stream's creation says which record, the sequence how far it was folded. */
export interface Position {
  readonly recordCreatedMs: number
  readonly seq: number
}
interface Manifest extends Position {
  readonly v: 1
  /** Which layout of state this is; another layout is not restored. */
  readonly layout: string
  readonly slot: 0 | 1
  readonly chunks: number
  readonly sha256: string
}

/** A KV value must stay under the server's 1 MB. */
const chunkBytes = 512 * 1_024
const bucket = "snapshots"

const encodeManifest = (manifest: Manifest) => new TextEncoder().encode(JSON.stringify(manifest))
const decodeManifest = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Manifest
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/**
 * States of actors, binary (JSON would lose NaN, -0 and the bits of typed arrays), in chunks. Two slots take turns and the manifest is
 * written last, so a crash between chunks leaves the snapshot before.
 */
export class Snapshots extends Effect.Service<Snapshots>()("streams/Snapshots", {
  effect: Effect.gen(function* () {
    const kv = yield* KeyValue.open(bucket)
    const chunkKey = (key: string, slot: number, at: number) => `${key}.${slot}.${at}`
    const slots = new Map<string, 0 | 1>()

    const save = (key: string, layout: string, state: unknown, position: Position) =>
      Effect.gen(function* () {
        const bytes = serialize(state)
        const slot: 0 | 1 = slots.get(key) === 0 ? 1 : 0
        const chunks = Math.max(1, Math.ceil(bytes.length / chunkBytes))
        for (let at = 0; at < chunks; at++) {
          yield* kv.put(chunkKey(key, slot, at), bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes))
        }
        yield* kv.put(key, encodeManifest({ v: 1, layout, slot, chunks, sha256: digest(bytes), ...position }))
        slots.set(key, slot)
      })

    /** The newest whole snapshot of that layout; none when a chunk is missing or damaged. */
    const load = (key: string, layout: string) =>
      Effect.gen(function* () {
        const stored = yield* kv.get(key)
        if (Option.isNone(stored)) return Option.none()
        const manifest = decodeManifest(stored.value.value)
        slots.set(key, manifest.slot)
        const parts = yield* Effect.forEach(Array.from({ length: manifest.chunks }), (_, at) => kv.get(chunkKey(key, manifest.slot, at)))
        const bytes = Buffer.concat(parts.map((part) => (Option.isSome(part) ? part.value.value : new Uint8Array())))
        if (manifest.v !== 1 || manifest.layout !== layout || digest(bytes) !== manifest.sha256) {
          yield* Effect.logWarning("snapshot not usable, rebuilding from the record").pipe(
            Effect.annotateLogs({ key, layout: manifest.layout })
          )
          return Option.none()
        }
        return Option.some({ state: deserialize(bytes) as unknown, recordCreatedMs: manifest.recordCreatedMs, seq: manifest.seq })
      })

    const drop = (key: string) =>
      Effect.flatMap(kv.keys(`${key}.>`), (chunks) => Effect.forEach([key, ...chunks], kv.remove, { discard: true }))

    return { save, load, drop } as const
  })
}) {}
