import * as OutputPlace from "./OutputPlace.ts"

/** Subjects that one guard remembers. When there are more, the subject that was seen first is forgotten. */
export const subjectsMax = 50_000

/** A stored output: its subject, its sequence in its stream, and its header. */
export interface Stored {
  readonly subject: string
  readonly seq: number
  readonly header: (name: string) => string
}

interface Newest {
  readonly place: OutputPlace.OutputPlace
  readonly storedSeq: number
  /** The first sequence at which the place's epoch was seen. */
  readonly epochFromSeq: number
}

/**
 * Recognises outputs that a reader must refuse: those of a replaced process, and earlier outputs that were published again. It compares
 * each output with the newest one of its subject, in the order of the stream. A message that is delivered twice gets the same answer. One
 * guard serves one reader of one run, because a stream that was made again counts from the beginning.
 */
export class OutputGuard {
  private readonly newest = new Map<string, Newest>()

  /** Why a message is refused. Undefined when it is accepted: messages without the header are not outputs of an actor. */
  refusal({ subject, seq, header }: Stored): string | undefined {
    const text = header(OutputPlace.name)
    if (text === "") return undefined
    const place = OutputPlace.parse(text)
    if (place === undefined) return `its ${OutputPlace.name} header is not ours`
    const known = this.newest.get(subject)
    if (known === undefined || known.place.recordCreatedMs !== place.recordCreatedMs) {
      this.remember(subject, { place, storedSeq: seq, epochFromSeq: seq })
      return undefined
    }
    if (place.epoch < known.place.epoch && seq > known.epochFromSeq)
      return `epoch ${place.epoch} belongs to a replaced process; epoch ${known.place.epoch} has already published`
    if (seq <= known.storedSeq) return undefined
    if (OutputPlace.isAtOrBefore(place, known.place))
      return `an output of input ${known.place.seq} came before, this one is of ${place.seq}`
    this.remember(subject, { place, storedSeq: seq, epochFromSeq: place.epoch > known.place.epoch ? seq : known.epochFromSeq })
    return undefined
  }

  private remember(subject: string, newest: Newest): void {
    if (!this.newest.has(subject) && this.newest.size >= subjectsMax) {
      const first = this.newest.keys().next()
      if (first.done !== true) this.newest.delete(first.value)
    }
    this.newest.set(subject, newest)
  }
}
