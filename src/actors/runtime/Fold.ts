import { Data, Either } from "effect"
import type { Item, Taken } from "../../streams/FrameFeed.ts"
import type { Message } from "../../streams/JetStream.ts"
import type * as Outputs from "./Outputs.ts"
import type { Setup } from "./Setup.ts"

/** The decider threw on this message. The message goes to the dead letters, and the next run skips it. */
export class Poisoned extends Data.TaggedError("Poisoned")<{ readonly message: Message; readonly cause: unknown }> {}

/** The state of one run of an actor. */
export interface Run<S> {
  readonly key: string
  readonly board: Outputs.Board
  state: S
  /** Newest record sequence that was folded. */
  seq: number
  /** The state includes keyframes up to this sequence, so outputs before it would mix two instants. They are not published. */
  silentUntilSeq: number
  readonly recordCreatedMs: number
  /** When the next snapshot is due, on the clock of `performance.now()`. */
  saveAtMs: number
}

/** The results of folding one batch, except for the state, which is in the run. */
export interface Folded {
  readonly outputs: Array<{ readonly seq: number; readonly message: Outputs.Published }>
  readonly refused: Array<{ readonly message: Message; readonly reason: string }>
  readonly definitions: Array<Message>
  /** Why the run must end after this batch. */
  readonly end?: "rebuild" | Poisoned | undefined
}

/** True if the batch produced nothing except outputs, as nearly every batch does. */
export const hasOnlyOutputs = ({ refused, definitions, end }: Folded): boolean =>
  refused.length === 0 && definitions.length === 0 && end === undefined

/** Folds the items into the run's state, up to the first item that ends the run. After a throw the state is unusable. */
export const foldBatch = <S, O extends { readonly seq: number }>(
  { decider, outgrown, route }: Setup<S, O>,
  run: Run<S>,
  items: ReadonlyArray<Item>,
  poison: ReadonlySet<number>
): Folded => {
  const folded: Folded = { outputs: [], refused: [], definitions: [] }
  const { decide } = decider()
  let current: Item | undefined
  const foldAll = (): "rebuild" | undefined => {
    for (const item of items) {
      current = item
      if (item._tag === "Gap") return "rebuild"
      const { input, seq } = item
      if (input._tag === "Reference" || input._tag === "Definition") folded.definitions.push(item)
      if (input._tag === "Refused") folded.refused.push({ message: item, reason: input.reason })
      else if (!poison.has(seq)) {
        if (outgrown?.(input) === true) return "rebuild"
        const [state, outputs] = decide(run.state, input)
        run.state = state
        if (seq > run.silentUntilSeq) for (const output of outputs) folded.outputs.push({ seq: output.seq, message: route(output) })
      }
      run.seq = seq
    }
    return undefined
  }
  const end = Either.try({ try: foldAll, catch: (cause) => new Poisoned({ message: current as Taken, cause }) })
  return { ...folded, end: Either.merge(end) }
}
