import { Data, Either } from "effect"
import type { Item, Taken } from "../../streams/FrameFeed.ts"
import type { Message } from "../../streams/JetStream.ts"
import type * as Board from "./Board.ts"
import type { Setup, StrategiesOf } from "./Setup.ts"

/** The decider threw on this message. The message goes to the dead letters, and the next run skips it. */
export class Poisoned extends Data.TaggedError("Poisoned")<{ readonly message: Message; readonly cause: unknown }> {}

/** The state of one run of an actor. */
export interface Run<S> {
  readonly key: string
  readonly board: Board.Board
  state: S
  /** Newest record sequence that was folded. */
  seq: number
  /**
   * Outputs up to this sequence are not published. Either an earlier run has published all of them, or the state includes keyframes that
   * were written up to there, so the outputs would mix prices of two times.
   */
  silentUntilSeq: number
  readonly recordCreatedMs: number
  /** The position of the stored snapshot; undefined before the first one is stored. */
  savedSeq: number | undefined
  /** When the snapshot was stored, on the clock of `performance.now()`. */
  savedAtMs: number
  /** True if anything but clocks was folded since the snapshot. */
  isChanged: boolean
  /** When the next snapshot is due, on the clock of `performance.now()`. */
  saveAtMs: number
}

/** The results of folding one batch, except for the state, which is in the run. */
export interface Folded {
  readonly outputs: Array<{ readonly seq: number; readonly message: Board.Published }>
  readonly refused: Array<{ readonly message: Message; readonly reason: string }>
  readonly definitions: Array<Message>
  /** Why the run must end after this batch. */
  readonly end?: "rebuild" | Poisoned | undefined
}

/** True if the batch produced nothing except outputs, as nearly every batch does. */
export const hasOnlyOutputs = ({ refused, definitions, end }: Folded): boolean =>
  refused.length === 0 && definitions.length === 0 && end === undefined

const isOwn = (strategies: StrategiesOf | undefined, message: Message): boolean =>
  strategies !== undefined && Either.getOrElse(strategies.takes(message), () => false)

/** Some sequences of the record. */
export type Sequences = Pick<ReadonlySet<number>, "has">

/** Folds the items into the run's state, up to the first item that ends the run. After a throw the state is unusable. */
export const foldBatch = <S, O extends { readonly seq: number }>(
  { decider, route, strategies }: Setup<S, O>,
  run: Run<S>,
  items: ReadonlyArray<Item>,
  poison: Sequences
): Folded => {
  const folded: Folded = { outputs: [], refused: [], definitions: [] }
  const { decide } = decider()
  let current: Item | undefined
  const foldAll = (): "rebuild" | undefined => {
    for (const item of items) {
      current = item
      if (item._tag === "Gap") return "rebuild"
      const { input, seq } = item
      if (input._tag === "Reference" || (input._tag === "Definition" && isOwn(strategies, item))) folded.definitions.push(item)
      if (input._tag === "Refused") folded.refused.push({ message: item, reason: input.reason })
      else if (!poison.has(seq)) {
        const [state, outputs] = decide(run.state, input)
        run.state = state
        if (input._tag !== "Clock") run.isChanged = true
        if (seq > run.silentUntilSeq) for (const output of outputs) folded.outputs.push({ seq: output.seq, message: route(output) })
      }
      run.seq = seq
    }
    return undefined
  }
  const end = Either.try({ try: foldAll, catch: (cause) => new Poisoned({ message: current as Taken, cause }) })
  return { ...folded, end: Either.merge(end) }
}
