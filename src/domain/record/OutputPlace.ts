/**
 * The place of a computed message, as one NATS header value:
 * `<creation of MD_FRAMES, UNIX ms> <record sequence> <number on the subject> <epoch>`.
 */

export const name = "Tarang-Input"

export interface OutputPlace {
  /** When the record was made that the output was computed from. */
  readonly recordCreatedMs: number
  /** The record sequence that caused the output. */
  readonly seq: number
  /** Its number among those that the same sequence caused on this subject, from 0. */
  readonly nth: number
  /** The epoch of the process that published it. */
  readonly epoch: number
}

export const format = ({ recordCreatedMs, seq, nth, epoch }: OutputPlace): string => `${recordCreatedMs} ${seq} ${nth} ${epoch}`

const form = /^\d{1,15} \d{1,15} \d{1,15}(?: \d{1,15})?$/

/** Undefined for a text that `format` did not write. Before epochs were published there were three numbers; those messages have epoch 0. */
export const parse = (text: string): OutputPlace | undefined => {
  if (!form.test(text)) return undefined
  const [recordCreatedMs = 0, seq = 0, nth = 0, epoch = 0] = text.split(" ").map(Number)
  return { recordCreatedMs, seq, nth, epoch }
}

/** True when an output comes no later than another one of its subject and record. */
export const isAtOrBefore = (place: Pick<OutputPlace, "seq" | "nth">, other: Pick<OutputPlace, "seq" | "nth">): boolean =>
  place.seq < other.seq || (place.seq === other.seq && place.nth <= other.nth)
