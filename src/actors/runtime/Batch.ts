/** The outputs of a batch on their way to the server. */
import { Effect } from "effect"
import * as OutputPlace from "../../domain/record/OutputPlace.ts"
import { type JetStream, NatsError, type PublishOptions } from "../../streams/JetStream.ts"
import type { Board, Outcome, Place, Published, Unfit } from "./Board.ts"
import { Replaced } from "./Leases.ts"

/** An output that is being sent, and the one that is sent after it. */
interface Sending extends Place {
  readonly message: Published
  next: Sending | undefined
}
/**
 * Lanes, which are sent at the same time. A lane sends its messages one at a time, and is represented by its first message that is not
 * acknowledged yet.
 */
export type Batch = Array<Sending | undefined>

/** The most lanes that are sent at the same time. */
const concurrency = 256
/** The part of the server's size limit that is reserved for a message's headers. */
const headersBytesMax = 1_024
const isServed = (place: Place, to: Place | undefined): boolean => to !== undefined && OutputPlace.isAtOrBefore(place, to)

/** One lane per subject, with its messages in order. A message that covers another subject goes into that subject's lane, after it. */
export const of = (outputs: ReadonlyArray<{ readonly seq: number; readonly message: Published }>): Batch => {
  const batch: Batch = []
  const lasts = new Map<string, Sending>() // by lane
  // If no message covers another subject, there is one lane for each subject.
  const newest = outputs.some(({ message }) => message.covers !== undefined) ? new Map<string, Sending>() : lasts // by subject
  for (const { seq, message } of outputs) {
    const { covers, subject } = message
    const before = newest.get(subject)
    const sending: Sending = { seq, nth: before?.seq === seq ? before.nth + 1 : 0, message, next: undefined }
    const lane = covers?.subject ?? subject
    const last = lasts.get(lane)
    if (last === undefined) batch.push(sending)
    else last.next = sending
    newest.set(subject, sending)
    lasts.set(lane, sending)
  }
  return batch
}

/** The encoded bytes, or the reason why the message cannot be encoded. */
const encode = ({ encode, covers }: Published, published: ReadonlyMap<string, number>, bytesMax: number): Uint8Array | string => {
  try {
    const bytes = encode(covers === undefined ? undefined : published.get(covers.subject))
    return bytes.length <= bytesMax ? bytes : `${bytes.length} bytes are more than the server takes (${bytesMax})`
  } catch (error) {
    return `cannot be encoded: ${error}`
  }
}
const unfitOf = ({ message, seq }: Sending, reason: string): Unfit => ({ subject: message.subject, seq, reason })

/**
 * Makes the header of a place, as a text and as publish options. It remembers the newest one, because an input has thousands of outputs
 * with the same place.
 */
const headersOfPlaces = () => {
  let newest: { readonly place: OutputPlace.OutputPlace; readonly header: string; readonly options: PublishOptions } | undefined
  return ({ epoch, recordCreatedMs }: Board, { nth, seq }: Place) => {
    const known = newest?.place
    if (
      newest === undefined ||
      known?.seq !== seq ||
      known.nth !== nth ||
      known.epoch !== epoch ||
      known.recordCreatedMs !== recordCreatedMs
    ) {
      const place = { recordCreatedMs, seq, nth, epoch }
      const header = OutputPlace.format(place)
      newest = { place, header, options: { headers: { [OutputPlace.name]: header } } }
    }
    return newest
  }
}

/** The stream of each subject with a message that the server may have stored without remembering its id. */
export const unsureOf = (batch: Batch): ReadonlyMap<string, string> => {
  const unsure = batch.flatMap((first) => (first?.message.isShortLived === true ? [first.message] : []))
  return new Map(unsure.map(({ stream, subject }) => [subject, stream]))
}
/** The state of one attempt to send a batch. */
interface Attempt {
  readonly to: Board
  readonly batch: Batch
  readonly outcome: Outcome
  failure: NatsError | Replaced | undefined
}

/**
 * True if this process still owns the actor. Check it before each message, because a slow server may delay a batch for longer than a lease
 * lasts.
 */
const maySend = (attempt: Attempt): boolean => {
  const { to } = attempt
  if (!to.lease.isHeld()) attempt.failure ??= new Replaced({ key: to.key })
  return attempt.failure === undefined
}

/**
 * Sends the next message of a lane. Returns false if nothing was sent. Otherwise it calls `done` with the lane when the message is
 * acknowledged or has failed.
 */
const step = ({ send, payloadMax }: JetStream) => {
  const headersOf = headersOfPlaces()

  /** An output's bytes, or the reason why it cannot be encoded; null if it was published before. */
  const bytesOf = (to: Board, sending: Sending): Uint8Array | string | null => {
    const { message } = sending
    return isServed(sending, to.servedTo.get(message.subject)) ? null : encode(message, to.published, payloadMax() - headersBytesMax)
  }

  /** The next bytes of a lane, or undefined at its end. Skips outputs that were published before or cannot be encoded. */
  const nextOf = ({ to, batch, outcome }: Attempt, lane: number): Uint8Array | undefined => {
    for (let sending = batch[lane]; sending !== undefined; sending = batch[lane] = sending.next) {
      const bytes = bytesOf(to, sending)
      if (bytes === null) outcome.silenced++
      else if (typeof bytes === "string") outcome.unfit.push(unfitOf(sending, bytes))
      else return bytes
    }
    return undefined
  }

  return (attempt: Attempt, lane: number, done: (lane: number) => void): boolean => {
    const data = attempt.failure === undefined ? nextOf(attempt, lane) : undefined
    if (data === undefined || !maySend(attempt)) return false
    const sending = attempt.batch[lane] as Sending
    const { isShortLived, subject } = sending.message
    const { header, options } = headersOf(attempt.to, sending)
    // The epoch is part of the id. Otherwise, after a late output of a replaced process, the server would drop its successor's output as a
    // duplicate.
    send(subject, data, isShortLived === true ? options : { ...options, msgId: `${subject}:${header}` }, (result) => {
      const { to, batch, outcome } = attempt
      if (result instanceof NatsError) attempt.failure ??= result
      else {
        to.published.set(subject, result.seq)
        outcome.published++
        batch[lane] = sending.next
      }
      done(lane)
    })
    return true
  }
}

/** Sends all messages of a batch. After a failure it still holds the messages that were not acknowledged. */
export const sender = (jetStream: JetStream) => {
  const next = step(jetStream)
  return (to: Board, batch: Batch, outcome: Outcome) =>
    Effect.async<void, NatsError | Replaced>((resume) => {
      const attempt: Attempt = { to, batch, outcome, failure: undefined }
      let begun = 0
      let open = 0
      const advance = (lane: number): boolean => next(attempt, lane, decided)
      const decided = (lane: number): void => {
        if (advance(lane)) return
        open--
        fill()
      }
      const fill = () => {
        while (attempt.failure === undefined && open < concurrency && begun < batch.length) if (advance(begun++)) open++
        if (open === 0) resume(attempt.failure === undefined ? Effect.void : Effect.fail(attempt.failure))
      }
      fill()
    })
}
