import type { Decider } from "../../domain/Decider.ts"
import type * as RecordInput from "../../domain/record/RecordInput.ts"
import type * as Outputs from "./Outputs.ts"

/** What an actor that folds the record consists of. */
export interface Setup<S, O extends { readonly seq: number }> {
  readonly name: string
  /** The actor's key in the bucket of actors and in the bucket of snapshots. */
  readonly key: string
  /** Identifies the layout of the decider's state. A snapshot with another layout is not used. */
  readonly layout: string
  /** The decider under the rules in force; asked for again at each batch. */
  readonly decider: () => Decider<S, RecordInput.RecordInput, O>
  /** Subjects of the frames to fold. */
  readonly frames: ReadonlyArray<string>
  /** Subjects of instrument definitions. The decider gets them before the first frame, even if a rebuild begins after them. */
  readonly references: ReadonlyArray<string>
  /** Subjects of interruptions, if the decider takes them. */
  readonly breaks?: ReadonlyArray<string>
  /** The strategy's own definition, if the actor has one. It takes effect from its place in the record on. */
  readonly definition?: string
  /** True for an input that this setup cannot fold, for example other underlyings. The run then ends with "rebuild". */
  readonly outgrown?: (input: RecordInput.RecordInput) => boolean
  readonly route: (output: O) => Outputs.Published
  /**
   * Output subjects whose newest messages show where an earlier run ended. A filter with a wildcard matches all of the actor's subjects in
   * its stream, so that they are read at once and not one by one.
   */
  readonly outputs: ReadonlyArray<{ readonly stream: string; readonly filter: string }>
}
