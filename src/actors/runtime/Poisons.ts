import { Effect } from "effect"
import { BoundedMap } from "../../domain/BoundedMap.ts"
import type { NatsError } from "../../streams/JetStream.ts"
import type { Refused } from "./DeadLetters.ts"
import type { Poisoned, Run, Sequences } from "./Fold.ts"

/** The most poison messages to remember for each actor; the oldest is forgotten first. */
const poisonMax = 1_000

type DeadLetter = (actor: string, message: Refused, reason: string) => Effect.Effect<void, NatsError>

/** Remembers on which record sequences a decider threw, so that the actor's next run skips them. */
export const make = (deadLetter: DeadLetter) => {
  /** By actor and record, because the same sequence is another message in another record. */
  const byRun = new Map<string, BoundedMap<number, true>>()
  const none: Sequences = new Map()
  const keyOf = ({ key, recordCreatedMs }: Run<unknown>) => `${key} ${recordCreatedMs}`
  return {
    of: (run: Run<unknown>): Sequences => byRun.get(keyOf(run)) ?? none,
    /** Writes the dead letter first: a message that is skipped without a trace would be lost. */
    add: (name: string, run: Run<unknown>, { message, cause }: Poisoned) =>
      Effect.gen(function* () {
        yield* deadLetter(name, message, String(cause))
        const known = byRun.get(keyOf(run)) ?? new BoundedMap(poisonMax)
        byRun.set(keyOf(run), known)
        known.set(message.seq, true)
      })
  } as const
}
export type Poisons = ReturnType<typeof make>
