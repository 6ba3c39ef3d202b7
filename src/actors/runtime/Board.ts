import { Effect, Option } from "effect"
import * as OutputPlace from "../../domain/record/OutputPlace.ts"
import type { JetStream, Message } from "../../streams/JetStream.ts"
import type * as Patience from "../../streams/Patience.ts"
import * as Subject from "../../streams/Subject.ts"
import type { Lease } from "./Leases.ts"

/** A message to publish for an output. If `covers` names a subject, the message must state that subject's newest sequence. */
export interface Published {
  readonly stream: string
  readonly subject: string
  readonly encode: (coveredSeq: number | undefined) => Uint8Array
  readonly covers?: { readonly stream: string; readonly subject: string }
  /**
   * True for a value that a newer one soon replaces. It is sent without a message id, because the ids of thousands of values a second would
   * take hundreds of megabytes of the server's memory. Before it is sent again, the subject's newest message shows whether it was stored.
   */
  readonly isShortLived?: boolean
}

/** Identifies an output on its subject: the record sequence that caused it, and its number among the outputs of that sequence there. */
export type Place = Pick<OutputPlace.OutputPlace, "seq" | "nth">

/** What one run of an actor knows about the subjects on which it publishes. */
export interface Board {
  readonly key: string
  readonly lease: Lease
  readonly recordCreatedMs: number
  /** How the run waits for NATS. */
  readonly waiting: Patience.Waiting
  /** The epoch that this run's outputs carry. */
  epoch: number
  /** Newest sequence in the output's own stream, by subject. */
  readonly published: Map<string, number>
  /** The last output that an earlier run published on a subject. */
  readonly servedTo: Map<string, Place>
  /**
   * Streams in which the newest messages of all the run's subjects were read. A subject that is not in `published` has no message there.
   */
  readonly wholeStreams: Set<string>
}

/** An output that cannot be encoded, with the reason. */
export interface Unfit {
  readonly subject: string
  readonly seq: number
  readonly reason: string
}

/** The result of publishing a batch. */
export interface Outcome {
  published: number
  silenced: number
  readonly unfit: Array<Unfit>
}

export const make = (key: string, lease: Lease, recordCreatedMs: number): Board => ({
  key,
  lease,
  recordCreatedMs,
  waiting: { actor: Subject.kvNames(key)[0] ?? key, isWanted: lease.isHeld },
  epoch: lease.epoch,
  published: new Map(),
  servedTo: new Map(),
  wholeStreams: new Set()
})

/**
 * Records the newest message of a subject. If the bucket that counts epochs was deleted and made again, the lease's epoch may be smaller
 * than that of the newest message. Readers would then refuse the outputs of the process that holds the lease, so its epoch is raised above
 * the one that it finds.
 */
export const note = (to: Board, { subject, seq, header }: Pick<Message, "subject" | "seq" | "header">): void => {
  to.published.set(subject, seq)
  const place = OutputPlace.parse(header(OutputPlace.name))
  if (place?.recordCreatedMs !== to.recordCreatedMs) return
  to.servedTo.set(subject, { seq: place.seq, nth: place.nth })
  if (place.epoch > to.epoch && to.lease.isHeld()) to.epoch = place.epoch + 1
}

/** Reads the newest message of a subject. This happens once, before the first publish to it. */
export const lookUp = (last: JetStream["last"], to: Board, stream: string, subject: string) =>
  Effect.map(last(stream, subject), (found) => {
    if (Option.isSome(found)) note(to, found.value)
    else to.published.set(subject, 0)
  })
