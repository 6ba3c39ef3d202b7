import { Effect, Either, Option } from "effect"
import { expectedLastHeader, isConflict, JetStream, NatsError } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import type { Replaced } from "../runtime/Leases.ts"
import { requestHeader } from "../runtime/RequestHeader.ts"
import * as LiveStrategies from "./LiveStrategies.ts"
import * as Reconciliation from "./Reconciliation.ts"

const toText = new TextDecoder()
/** How often a definition is read and written again if the record has a different one than this director knows. */
const overtakenMax = 3

interface Known {
  readonly text: string
  readonly seq: number
  /** The value that this director wrote or found in the record, for a quick test. */
  value?: Uint8Array
}

export interface Definitions {
  /**
   * Writes the definitions that differ from the record, then announces the strategies among them. `wanted` is always the complete set: a
   * strategy that the record defines and that is not wanted gets a last definition, which says that it ended. A definition that is refused
   * becomes a dead letter, and the others are still written.
   */
  readonly settle: (wanted: ReadonlyMap<string, Uint8Array>, requestId: string) => Effect.Effect<void, NatsError | Replaced>
  /** Makes the next `settle` read the record again. */
  readonly forget: () => void
}

/**
 * The sequence that a strategy's newest event names. Undefined if there is no event, or if it cannot be read; the next event then replaces
 * it.
 */
const lastAnnounced = ({ last }: Pick<JetStream, "last">, bury: ReturnType<typeof DeadLetters.send>, event: string) =>
  Effect.gen(function* () {
    const found = yield* last(Subjects.StrategyEvent.stream, event)
    if (Option.isNone(found)) return undefined
    const said = Subjects.StrategyEvent.read(event, found.value.data)
    if (Either.isRight(said)) return said.right.seq
    yield* bury(Reconciliation.kind, found.value, said.left)
    return undefined
  })

/** Keeps the definitions in the record equal to the wanted ones. Publishes `strat.evt` when a strategy's definition changes there. */
export const make = Effect.gen(function* () {
  const jetStream = yield* JetStream
  const { last, publish, info } = jetStream
  const clock = yield* MarketClock
  const bury = DeadLetters.send(jetStream)

  return (stillOurs: Effect.Effect<void, Replaced>): Definitions => {
    /** The newest definition of each subject in the record. */
    const known = new Map<string, Known>()
    /** By subject, the sequence of the definition announced last. It shows a crash between the write and the announcement. */
    const announced = new Map<string, number>()
    /** The subjects of strategies that the record defines and that have not ended there. Undefined before the record was read. */
    let live: Set<string> | undefined
    /** When the record that `known` describes was made. */
    let recordMs = 0
    const reconciliation = Reconciliation.make((refused, reason) => bury(Reconciliation.kind, refused, reason))

    /**
     * Writes a definition and returns its sequence in the record. The publish names the definition that it replaces. So the server refuses
     * the publish of a replaced director, and a second publish of a definition that is already stored.
     */
    const writeOnce = (subject: string, value: Uint8Array, requestId: string) =>
      Effect.gen(function* () {
        const text = toText.decode(value)
        if (!known.has(subject)) {
          const found = yield* last(Subjects.StrategyDefinition.stream, subject)
          if (Option.isSome(found)) known.set(subject, { text: toText.decode(found.value.data), seq: found.value.seq })
        }
        const present = known.get(subject)
        if (present?.text === text) {
          present.value = value
          return present.seq
        }
        yield* stillOurs
        const headers = { [requestHeader]: requestId, [expectedLastHeader]: String(present?.seq ?? 0) }
        const { seq } = yield* publish(subject, value, { headers })
        known.set(subject, { text, seq, value })
        return seq
      })
    const write = (subject: string, value: Uint8Array, requestId: string) => {
      const isOvertaken = (error: unknown) => error instanceof NatsError && isConflict(error)
      const attempt = Effect.tapError(writeOnce(subject, value, requestId), (error) =>
        Effect.sync(() => isOvertaken(error) && known.delete(subject))
      )
      return Effect.retry(attempt, { times: overtakenMax, while: isOvertaken })
    }

    const announce = (subject: string, value: Uint8Array, seq: number, requestId: string) =>
      Effect.gen(function* () {
        const names = Subjects.StrategyDefinition.match(subject)
        if (names === undefined) return
        const event = Subjects.StrategyEvent.at(names)
        if (!announced.has(subject)) {
          const newest = yield* lastAnnounced(jetStream, bury, event)
          if (newest !== undefined) announced.set(subject, newest)
        }
        if (announced.get(subject) === seq) return
        const definition = yield* Subjects.StrategyDefinition.decode(subject, value)
        const body = Subjects.StrategyEvent.encode({ ...definition, as_of: new Date(clock.unsafeNow()).toISOString(), seq })
        yield* stillOurs
        yield* publish(event, body, { msgId: `${event}:${seq}`, headers: { [requestHeader]: requestId } })
        announced.set(subject, seq)
      })

    const end = (subject: string, requestId: string, live: Set<string>) => {
      const value = LiveStrategies.endOf(subject)
      const written = Effect.tap(write(subject, value, requestId), () => Effect.sync(() => live.delete(subject)))
      return reconciliation.key(subject, value, written)
    }

    /** True if this value object was written and announced before. A plan reuses the objects of unchanged definitions. */
    const isSettled = (subject: string, value: Uint8Array): boolean =>
      known.get(subject)?.value === value && announced.get(subject) === known.get(subject)?.seq

    return {
      settle: (wanted, requestId) =>
        Effect.gen(function* () {
          const { createdMs } = yield* info(Subjects.StrategyDefinition.stream)
          // A record that was deleted and made again holds none of the known definitions, and its sequences start from the beginning.
          if (createdMs !== recordMs) {
            known.clear()
            announced.clear()
            live = undefined
          }
          recordMs = createdMs
          live ??= yield* Effect.provideService(LiveStrategies.read, JetStream, jetStream)
          for (const [subject, value] of wanted) {
            if (Subjects.StrategyDefinition.match(subject) !== undefined) live.add(subject)
            if (isSettled(subject, value)) continue
            const settled = Effect.flatMap(write(subject, value, requestId), (seq) => announce(subject, value, seq, requestId))
            yield* reconciliation.key(subject, value, settled)
          }
          for (const subject of live) if (!wanted.has(subject)) yield* end(subject, requestId, live)
          for (const map of [known, announced]) for (const subject of map.keys()) if (!wanted.has(subject)) map.delete(subject)
          reconciliation.keep(new Set([...wanted.keys(), ...live]))
        }),
      forget: () => known.clear()
    }
  }
})
