import type { Either } from "effect"
import type { Decider } from "../../domain/Decider.ts"
import type * as RecordInput from "../../domain/record/RecordInput.ts"
import type { Message } from "../../streams/JetStream.ts"
import type * as Board from "./Board.ts"

export interface StrategiesOf {
  /**
   * True for the definition of a strategy of this actor. False for a strategy of another actor or one that ended. Left: why the message
   * cannot be read.
   */
  readonly takes: (message: Message) => Either.Either<boolean, string>
  /** The output subjects of a strategy, by its definition's subject. */
  readonly outputs: (subject: string) => ReadonlyArray<OutputSubject>
}

export interface OutputSubject {
  readonly stream: string
  readonly filter: string
}

/** What an actor that folds the record consists of. */
export interface Setup<S, O extends { readonly seq: number }> {
  readonly name: string
  /** The actor's key in the bucket of actors and in the bucket of snapshots. */
  readonly key: string
  /** Identifies the layout of the decider's state. A snapshot with another layout is not used. */
  readonly layout: string
  /** Returns the decider under the rules in force. It is called for each batch. */
  readonly decider: () => Decider<S, RecordInput.RecordInput, O>
  /** Subjects of the frames to fold. */
  readonly frames: ReadonlyArray<string>
  /** Subjects of instrument definitions. The decider gets them before the first frame, even if a rebuild begins after them. */
  readonly references: ReadonlyArray<string>
  /** Subjects of interruptions, if the decider takes them. */
  readonly breaks?: ReadonlyArray<string>
  /**
   * Only for an actor of strategies. It folds the definitions of all strategies, each at its place in the record, because a strategy may
   * move from one actor to another there.
   */
  readonly strategies?: StrategiesOf
  readonly route: (output: O) => Board.Published
  /**
   * Output subjects whose newest messages show where an earlier run ended. A filter with a wildcard matches all of the actor's subjects in
   * its stream, so that they are read at once and not one by one.
   */
  readonly outputs: ReadonlyArray<OutputSubject>
}
