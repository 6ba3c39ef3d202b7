/** The outputs of a batch on their way to the server. */
import { Effect } from "effect"
import * as OutputPlace from "../../domain/record/OutputPlace.ts"
import { type JetStream, NatsError } from "../../streams/JetStream.ts"
import type { Board, Outcome, Place, Published, Unfit } from "./Board.ts"
import { Replaced } from "./Leases.ts"

interface Sending {
  readonly place: Place
  readonly message: Published
}
/** Messages that are sent one after the other; `at` is the first that is not acknowledged yet. */
interface Lane {
  readonly queue: Array<Sending>
  at: number
}
/** Lanes that are sent at the same time, each one's messages one after the other. */
export type Batch = ReadonlyArray<Lane>

/** The most lanes that are sent at the same time. */
const concurrency = 256
/** The most that a message's headers take of the server's size limit. */
const headersBytesMax = 1_024
const isServed = (place: Place, to: Place | undefined): boolean => to !== undefined && OutputPlace.isAtOrBefore(place, to)

/** One lane per subject, with its messages in order. A message that covers another subject goes into that subject's lane, after it. */
export const of = (outputs: ReadonlyArray<{ readonly seq: number; readonly message: Published }>): Batch => {
  const lanes = new Map<string, Lane>()
  const newest = new Map<string, Place>() // by subject
  for (const { seq, message } of outputs) {
    const before = newest.get(message.subject)
    const place: Place = { seq, nth: before?.seq === seq ? before.nth + 1 : 0 }
    newest.set(message.subject, place)
    const name = message.covers?.subject ?? message.subject
    const lane = lanes.get(name)
    if (lane === undefined) lanes.set(name, { queue: [{ place, message }], at: 0 })
    else lane.queue.push({ place, message })
  }
  return [...lanes.values()]
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
const unfitOf = ({ place, message }: Sending, reason: string): Unfit => ({ subject: message.subject, seq: place.seq, reason })

/** The header of a place, as a text and as headers. The thousands of outputs of one input share the newest one. */
const headersOfPlaces = () => {
  let newest: { readonly place: OutputPlace.OutputPlace; readonly header: string; readonly headers: Record<string, string> } | undefined
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
      newest = { place, header, headers: { [OutputPlace.name]: header } }
    }
    return newest
  }
}

/** Streams by subject of the messages that the server may have stored without remembering their ids. */
export const unsureOf = (batch: Batch): ReadonlyMap<string, string> => {
  const unsure = batch.flatMap(({ queue, at }) => queue.slice(at, at + 1)).filter(({ message }) => message.isShortLived === true)
  return new Map(unsure.map(({ message }) => [message.subject, message.stream]))
}
/** What is open in one attempt to send a batch. */
interface Attempt {
  readonly to: Board
  readonly outcome: Outcome
  failure: NatsError | Replaced | undefined
}

/** Check before each message: a slow server may delay a batch for longer than a lease lasts. */
const maySend = (attempt: Attempt): boolean => {
  const { to } = attempt
  if (!to.lease.isHeld()) attempt.failure ??= new Replaced({ key: to.key })
  return attempt.failure === undefined
}

/** Sends the next message of a lane. Answers false if nothing was sent, and else calls `done` once it is decided. */
const step = ({ send, payloadMax }: JetStream) => {
  const headersOf = headersOfPlaces()

  /** An output's bytes, or the reason why it cannot be encoded; null if it was published before. */
  const bytesOf = (to: Board, { place, message }: Sending): Uint8Array | string | null =>
    isServed(place, to.servedTo.get(message.subject)) ? null : encode(message, to.published, payloadMax() - headersBytesMax)

  /** The next bytes of a lane, or undefined at its end. Skips outputs that were published before or cannot be encoded. */
  const nextOf = (to: Board, lane: Lane, outcome: Outcome): Uint8Array | undefined => {
    for (; lane.at < lane.queue.length; lane.at++) {
      const sending = lane.queue[lane.at] as Sending
      const bytes = bytesOf(to, sending)
      if (bytes === null) outcome.silenced++
      else if (typeof bytes === "string") outcome.unfit.push(unfitOf(sending, bytes))
      else return bytes
    }
    return undefined
  }

  return (attempt: Attempt, lane: Lane, done: () => void): boolean => {
    const { to, outcome } = attempt
    const data = attempt.failure === undefined ? nextOf(to, lane, outcome) : undefined
    if (data === undefined || !maySend(attempt)) return false
    const { place, message } = lane.queue[lane.at] as Sending
    const { subject } = message
    const { header, headers } = headersOf(to, place)
    // The epoch is part of the id. Otherwise the server would take a late output of a replaced process for its successor's, and drop the latter.
    send(subject, data, message.isShortLived === true ? { headers } : { msgId: `${subject}:${header}`, headers }, (result) => {
      if (result instanceof NatsError) attempt.failure ??= result
      else {
        to.published.set(subject, result.seq)
        outcome.published++
        lane.at++
      }
      done()
    })
    return true
  }
}

/** Sends all messages of a batch. After a failure it still holds the messages that were not acknowledged. */
export const sender = (jetStream: JetStream) => {
  const next = step(jetStream)
  return (to: Board, lanes: Batch, outcome: Outcome) =>
    Effect.async<void, NatsError | Replaced>((resume) => {
      const attempt: Attempt = { to, outcome, failure: undefined }
      let begun = 0
      let open = 0
      const end = () => {
        open--
        fill()
      }
      const advance = (lane: Lane): boolean => next(attempt, lane, () => advance(lane) || end())
      const fill = () => {
        while (attempt.failure === undefined && open < concurrency && begun < lanes.length) if (advance(lanes[begun++] as Lane)) open++
        if (open === 0) resume(attempt.failure === undefined ? Effect.void : Effect.fail(attempt.failure))
      }
      fill()
    })
}
