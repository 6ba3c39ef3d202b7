import { Effect, Option } from "effect"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { JetStream, type NatsError } from "../../streams/JetStream.ts"
import * as KeyValue from "../../streams/KeyValue.ts"
import { Snapshots } from "../../streams/Snapshots.ts"
import * as Subject from "../../streams/Subject.ts"
import * as IndicatorActor from "../indicators/IndicatorActor.ts"
import * as BarActor from "../market/BarActor.ts"
import * as GreeksActor from "../market/GreeksActor.ts"
import * as TickerActor from "../market/TickerActor.ts"
import * as Placement from "../placement/Placement.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import type { Replaced } from "../runtime/Leases.ts"
import * as M2mActor from "../strategies/M2mActor.ts"
import * as Reconciliation from "./Reconciliation.ts"

const toText = new TextDecoder()
const toBytes = new TextEncoder()

/**
 * A snapshot is dropped this long after its actor stopped being wanted. By then the actor has stopped and saved its state: Placement stops it
 * within half a minute, and the stop takes at most another half.
 */
export const leavingMs = 120_000
/** The most snapshots that one look drops; the others wait for the next look. */
const dropsMax = 20

export interface Roster {
  /** Makes the bucket of actors equal to `wanted`, which has values by key. */
  readonly settle: (wanted: ReadonlyMap<string, string>) => Effect.Effect<void, NatsError | Replaced>
  /** Makes the next `settle` read the bucket again. */
  readonly forget: () => void
}

/** The kinds of actors that the director's plan names, and those that an earlier version named. */
const kinds: ReadonlySet<string> = new Set([
  TickerActor.kind,
  GreeksActor.kind,
  BarActor.kind,
  M2mActor.kind,
  M2mActor.formerKind,
  IndicatorActor.kind
])

/** Keeps the bucket of actors equal to the wanted actors, and drops the snapshots of actors that are no longer wanted. */
export const make = Effect.gen(function* () {
  const bucket = yield* KeyValue.open(Placement.bucket)
  const snapshots = yield* Snapshots
  const bury = DeadLetters.send(yield* JetStream)

  /** Keys of unknown kinds stay, because a newer version that runs beside this one may have kinds of actors that this one does not know. */
  const isKnown = (key: string) => kinds.has(Subject.kvNames(key)[0] ?? "")

  return (stillOurs: Effect.Effect<void, Replaced>): Roster => {
    const reconciliation = Reconciliation.make((refused, reason) => bury(Reconciliation.kind, refused, reason))
    /** The bucket's values by key; undefined before the bucket was read. */
    let placed: Map<string, string> | undefined
    /** When the bucket that was read was made. */
    let createdMs = 0
    /** The time at which a snapshot was first seen without a wanted actor, ms. */
    const leaving = new Map<string, number>()

    const read = (wanted: ReadonlyMap<string, string>, nowMs: number) =>
      Effect.gen(function* () {
        const found = new Map<string, string>()
        for (const key of yield* bucket.keys()) {
          const held = yield* bucket.get(key)
          if (Option.isSome(held)) found.set(key, toText.decode(held.value.value))
        }
        // This includes actors that were removed while no director ran.
        for (const key of yield* snapshots.keys) if (isKnown(key) && !wanted.has(key) && !leaving.has(key)) leaving.set(key, nowMs)
        return found
      })
    const drop = (nowMs: number) =>
      Effect.gen(function* () {
        const due = [...leaving].filter(([, sinceMs]) => nowMs - sinceMs >= leavingMs).slice(0, dropsMax)
        for (const [key] of due) {
          yield* stillOurs
          yield* snapshots.drop(key)
          yield* bucket.erase(key) // every process has seen the marker by now
          leaving.delete(key)
        }
      })

    return {
      settle: (wanted) =>
        Effect.gen(function* () {
          const nowMs = yield* SteadyTime.nowMs
          const bucketMs = yield* bucket.createdMs
          const present = (bucketMs === createdMs ? placed : undefined) ?? (yield* read(wanted, nowMs))
          createdMs = bucketMs
          placed = present
          for (const [key, value] of wanted) {
            leaving.delete(key)
            if (present.get(key) === value) continue
            const bytes = toBytes.encode(value)
            const put = Effect.zipRight(stillOurs, bucket.put(key, bytes))
            yield* reconciliation.key(
              key,
              bytes,
              Effect.tap(put, () => present.set(key, value))
            )
          }
          reconciliation.keep(wanted)
          for (const key of [...present.keys()].filter((key) => isKnown(key) && !wanted.has(key))) {
            yield* stillOurs
            yield* bucket.remove(key)
            present.delete(key)
            leaving.set(key, nowMs)
          }
          yield* drop(nowMs)
        }),
      forget: () => {
        placed = undefined
      }
    }
  }
})
