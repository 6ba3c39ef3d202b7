import { Effect, Option } from "effect"
import { JetStream, type NatsError } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import type * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Replaced } from "../runtime/Leases.ts"
import { requestHeader } from "../runtime/RecordActor.ts"

const toText = new TextDecoder()

export interface Definitions {
  /** Writes what differs from the record, then tells of it; all of it has to be given each time. */
  readonly settle: (
    wanted: ReadonlyMap<string, Uint8Array>,
    requestId: string
  ) => Effect.Effect<void, NatsError | Replaced | Subject.DecodeError>
  /** What the record has is read again. */
  readonly forget: () => void
}

/** Keeps the definitions in the record equal to what is wanted, and tells on strat.evt of a strategy's that the record has anew. */
export const make = Effect.gen(function* () {
  const { last, publish } = yield* JetStream
  const clock = yield* MarketClock

  return (stillOurs: Effect.Effect<void, Replaced>): Definitions => {
    /** The newest of each subject, as the record has it. */
    const known = new Map<string, { readonly text: string; readonly seq: number }>()
    /** By subject: place in the record of the definition that was told of last. A crash between writing and telling shows in it. */
    const told = new Map<string, number>()

    /** The sequence of the definition in the record. */
    const write = (subject: string, value: Uint8Array, requestId: string) =>
      Effect.gen(function* () {
        const text = toText.decode(value)
        if (!known.has(subject)) {
          const found = yield* last(Subjects.StrategyDefinition.stream, subject)
          if (Option.isSome(found)) known.set(subject, { text: toText.decode(found.value.data), seq: found.value.seq })
        }
        const present = known.get(subject)
        if (present?.text === text) return present.seq
        yield* stillOurs
        const { seq } = yield* publish(subject, value, { headers: { [requestHeader]: requestId } })
        known.set(subject, { text, seq })
        return seq
      })

    const tell = (subject: string, value: Uint8Array, seq: number, requestId: string) =>
      Effect.gen(function* () {
        const names = Subjects.StrategyDefinition.match(subject)
        if (names === undefined) return
        const event = Subjects.StrategyEvent.at(names)
        if (!told.has(subject)) {
          const found = yield* last(Subjects.StrategyEvent.stream, event)
          if (Option.isSome(found)) told.set(subject, (yield* Subjects.StrategyEvent.decode(event, found.value.data)).seq)
        }
        if (told.get(subject) === seq) return
        const definition = yield* Subjects.StrategyDefinition.decode(subject, value)
        const body = Subjects.StrategyEvent.encode({ ...definition, as_of: new Date(clock.unsafeNow()).toISOString(), seq })
        yield* stillOurs
        yield* publish(event, body, { msgId: `${event}:${seq}`, headers: { [requestHeader]: requestId } })
        told.set(subject, seq)
      })

    return {
      settle: (wanted, requestId) =>
        Effect.gen(function* () {
          for (const [subject, value] of wanted) {
            const seq = yield* write(subject, value, requestId)
            yield* tell(subject, value, seq, requestId)
          }
          for (const subject of known.keys()) if (!wanted.has(subject)) known.delete(subject)
          for (const subject of told.keys()) if (!wanted.has(subject)) told.delete(subject)
        }),
      forget: () => known.clear()
    }
  }
})
