/** The outputs of a batch on their way to the server. */
import { Effect } from "effect"
import * as OutputPlace from "../../domain/record/OutputPlace.ts"
import { type JetStream, NatsError, type Short } from "../../streams/JetStream.ts"
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
/** Short-lived messages, which are sent in bursts. The open burst ends before `end`. */
interface Line extends Lane {
  end: number
}
/** Messages of a line that are sent with one acknowledgement for all, and what is left out between them. */
interface Burst {
  readonly messages: Array<Short>
  silenced: number
  readonly unfit: Array<Unfit>
}
export interface Batch {
  readonly lanes: ReadonlyArray<Lane>
  readonly line: Line
}

/** Lanes that are sent at the same time. */
const concurrency = 256
/** Short-lived messages that are sent with one acknowledgement for all. */
const burstMax = 256
/** The most that a message's headers take of the server's size limit. */
const headersBytesMax = 1_024
const isServed = (place: Place, to: Place | undefined): boolean => to !== undefined && OutputPlace.isAtOrBefore(place, to)

/**
 * One lane per subject, with its messages in order. A message that covers another subject goes into that subject's lane, after it. Short-lived
 * messages share one line where `hasLine`.
 */
export const of = (outputs: ReadonlyArray<{ readonly seq: number; readonly message: Published }>, hasLine: boolean): Batch => {
  const lanes = new Map<string, Lane>()
  const line: Line = { queue: [], at: 0, end: 0 }
  const newest = new Map<string, Place>() // by subject
  for (const { seq, message } of outputs) {
    const before = newest.get(message.subject)
    const place: Place = { seq, nth: before?.seq === seq ? before.nth + 1 : 0 }
    newest.set(message.subject, place)
    if (hasLine && message.isShortLived === true) {
      line.queue.push({ place, message })
      continue
    }
    const name = message.covers?.subject ?? message.subject
    const lane = lanes.get(name)
    if (lane === undefined) lanes.set(name, { queue: [{ place, message }], at: 0 })
    else lane.queue.push({ place, message })
  }
  return { lanes: [...lanes.values()], line }
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
export const unsureOf = ({ lanes, line }: Batch): ReadonlyMap<string, string> => {
  const next = lanes.flatMap(({ queue, at }) => queue.slice(at, at + 1))
  const unsure = [...next, ...line.queue.slice(line.at, line.end)].filter(({ message }) => message.isShortLived === true)
  return new Map(unsure.map(({ message }) => [message.subject, message.stream]))
}
/** What is open in one attempt to send a batch. */
interface Attempt {
  readonly to: Board
  readonly outcome: Outcome
  failure: NatsError | Replaced | undefined
}

/** Check before each message and burst: a slow server may delay a batch for longer than a lease lasts. */
const maySend = (attempt: Attempt): boolean => {
  const { to } = attempt
  if (!to.lease.isHeld()) attempt.failure ??= new Replaced({ key: to.key })
  return attempt.failure === undefined
}

/** All messages of the open burst are stored, or need not be. */
const endBurst = (line: Line, { messages, silenced, unfit }: Burst, outcome: Outcome): void => {
  line.at = line.end
  outcome.published += messages.length
  outcome.silenced += silenced
  outcome.unfit.push(...unfit)
}

/** Sends the next message of a lane, or burst of a line. They answer false if nothing was sent, and else call `done` once it is decided. */
const steps = ({ send, sendBurst, payloadMax }: JetStream) => {
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

  /** The next messages of the line. It may hold none although others follow, when all of them were published before. */
  const burstOf = (to: Board, line: Line): Burst => {
    const burst: Burst = { messages: [], silenced: 0, unfit: [] }
    const endMax = Math.min(line.queue.length, line.at + burstMax)
    for (line.end = line.at; line.end < endMax; line.end++) {
      const sending = line.queue[line.end] as Sending
      const { subject } = sending.message
      const bytes = bytesOf(to, sending)
      if (bytes === null) burst.silenced++
      else if (typeof bytes === "string") burst.unfit.push(unfitOf(sending, bytes))
      else burst.messages.push({ subject, data: bytes, headers: headersOf(to, sending.place).headers })
    }
    return burst
  }

  const ofLane = (attempt: Attempt, lane: Lane, done: () => void): boolean => {
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

  const ofLine = (attempt: Attempt, line: Line, done: () => void): boolean => {
    const { to, outcome } = attempt
    while (line.at < line.queue.length && maySend(attempt)) {
      const burst = burstOf(to, line)
      if (burst.messages.length > 0) {
        sendBurst(burst.messages, (result) => {
          if (result instanceof NatsError) attempt.failure ??= result
          else endBurst(line, burst, outcome)
          done()
        })
        return true
      }
      endBurst(line, burst, outcome)
    }
    return false
  }
  return { ofLane, ofLine } as const
}

/** Sends all messages of a batch. After a failure it still holds the messages that were not acknowledged. */
export const sender = (jetStream: JetStream) => {
  const { ofLane, ofLine } = steps(jetStream)
  return (to: Board, { lanes, line }: Batch, outcome: Outcome) =>
    Effect.async<void, NatsError | Replaced>((resume) => {
      const attempt: Attempt = { to, outcome, failure: undefined }
      let begun = 0
      let open = 0
      const end = () => {
        open--
        fill()
      }
      const advance = (lane: Lane): boolean => ofLane(attempt, lane, () => advance(lane) || end())
      const advanceLine = (): boolean => ofLine(attempt, line, () => advanceLine() || end())
      const fill = () => {
        while (attempt.failure === undefined && open < concurrency && begun < lanes.length) if (advance(lanes[begun++] as Lane)) open++
        if (open === 0) resume(attempt.failure === undefined ? Effect.void : Effect.fail(attempt.failure))
      }
      if (advanceLine()) open++
      fill()
    })
}
