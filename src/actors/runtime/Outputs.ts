import { Effect, Option } from "effect"
import * as OutputPlace from "../../domain/record/OutputPlace.ts"
import { type JetStream, type Message, NatsError, publishAgain } from "../../streams/JetStream.ts"
import { type Lease, Replaced } from "./Leases.ts"

/** A message to publish for an output. If `covers` names a subject, the message must state that subject's newest sequence. */
export interface Published {
  readonly stream: string
  readonly subject: string
  readonly encode: (coveredSeq: number | undefined) => Uint8Array
  readonly covers?: { readonly stream: string; readonly subject: string }
  /**
   * True for a value that a newer one soon replaces. The server then does not remember its id for two minutes: of thousands of values a second
   * these take hundreds of megabytes. Before it is sent again, its subject's newest message says whether it is stored.
   */
  readonly isShortLived?: boolean
}

/** Identifies an output on its subject: the record sequence that caused it, and its number among those the same sequence caused there. */
type Place = Pick<OutputPlace.OutputPlace, "seq" | "nth">

/** What one run of an actor knows about the subjects on which it publishes. */
export interface Board {
  readonly key: string
  readonly lease: Lease
  readonly recordCreatedMs: number
  /** The epoch that this run's outputs carry. */
  epoch: number
  /** Newest sequence in the output's own stream, by subject. */
  readonly published: Map<string, number>
  /** The last output that an earlier run published on a subject. */
  readonly servedTo: Map<string, Place>
  /** Streams in which all of the run's subjects were read: a subject that is missing here has no message there. */
  readonly wholeStreams: Set<string>
}

/** The result of publishing a batch. `unfit` lists outputs that cannot be encoded, with the reason. */
export interface Outcome {
  published: number
  silenced: number
  readonly unfit: Array<{ readonly subject: string; readonly seq: number; readonly reason: string }>
}

interface Sending {
  readonly place: Place
  readonly message: Published
}
/** Messages that are sent one after the other; `at` is the first that is not acknowledged yet. */
interface Lane {
  readonly queue: Array<Sending>
  at: number
}

/** Lanes that are sent at the same time. */
const concurrency = 256
const againAfter = "100 millis"
/** The most that a message's headers take of the server's size limit. */
const headersBytesMax = 1_024
export const board = (key: string, lease: Lease, recordCreatedMs: number): Board => ({
  key,
  lease,
  recordCreatedMs,
  epoch: lease.epoch,
  published: new Map(),
  servedTo: new Map(),
  wholeStreams: new Set()
})

/**
 * Records the newest message of a subject. Epochs fall when the bucket that counts them was made again. Readers would then refuse the outputs of
 * a process that holds the lease, so its epoch follows the one that it finds.
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

const isServed = (place: Place, to: Place | undefined): boolean => to !== undefined && OutputPlace.isAtOrBefore(place, to)

/** One lane per subject, with its messages in order. A message that covers another subject goes into that subject's lane, after it. */
const lanesOf = (outputs: ReadonlyArray<{ readonly seq: number; readonly message: Published }>): ReadonlyArray<Lane> => {
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

const isAway = (error: NatsError | Replaced): boolean => error._tag === "NatsError"

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

export const make = ({ send, payloadMax, whenConnected, last }: JetStream) => {
  const headersOf = headersOfPlaces()
  /** The next bytes of a lane, or undefined at its end. Skips outputs that were published before or cannot be encoded. */
  const nextOf = (to: Board, lane: Lane, outcome: Outcome): Uint8Array | undefined => {
    for (; lane.at < lane.queue.length; lane.at++) {
      const { place, message } = lane.queue[lane.at] as Sending
      if (isServed(place, to.servedTo.get(message.subject))) {
        outcome.silenced++
        continue
      }
      const bytes = encode(message, to.published, payloadMax() - headersBytesMax)
      if (typeof bytes !== "string") return bytes
      outcome.unfit.push({ subject: message.subject, seq: place.seq, reason: bytes })
    }
    return undefined
  }

  /** Sends all messages of the lanes. After a failure the lanes still hold the messages that were not acknowledged. */
  const sendAll = (to: Board, lanes: ReadonlyArray<Lane>, outcome: Outcome) =>
    Effect.async<void, NatsError | Replaced>((resume) => {
      let begun = 0
      let open = 0
      let failure: NatsError | Replaced | undefined
      /** Sends the lane's next message. Returns false if no message was sent. */
      const advance = (lane: Lane): boolean => {
        const data = failure === undefined ? nextOf(to, lane, outcome) : undefined
        if (data === undefined) return false
        // Check before each message: a slow server may delay a batch for longer than a lease lasts.
        if (!to.lease.isHeld()) {
          failure = new Replaced({ key: to.key })
          return false
        }
        const { place, message } = lane.queue[lane.at] as Sending
        const { subject } = message
        const { header, headers } = headersOf(to, place)
        // The epoch is part of the id. Otherwise the server would take a late output of a replaced process for its successor's, and drop the latter.
        send(subject, data, message.isShortLived === true ? { headers } : { msgId: `${subject}:${header}`, headers }, (result) => {
          if (result instanceof NatsError) failure ??= result
          else {
            to.published.set(subject, result.seq)
            outcome.published++
            lane.at++
          }
          if (advance(lane)) return
          open--
          fill()
        })
        return true
      }
      const fill = () => {
        while (failure === undefined && open < concurrency && begun < lanes.length) if (advance(lanes[begun++] as Lane)) open++
        if (open === 0) resume(failure === undefined ? Effect.void : Effect.fail(failure))
      }
      fill()
    })

  const isKnown = (to: Board, { stream, subject }: Pick<Published, "stream" | "subject">) =>
    to.published.has(subject) || to.wholeStreams.has(stream)
  /** Streams by subject. */
  const missingOf = (to: Board, outputs: ReadonlyArray<{ readonly message: Published }>): ReadonlyMap<string, string> => {
    const missing = new Map<string, string>()
    for (const { message } of outputs) {
      if (!isKnown(to, message)) missing.set(message.subject, message.stream)
      const { covers } = message
      if (covers !== undefined && !isKnown(to, covers)) missing.set(covers.subject, covers.stream)
    }
    return missing
  }
  /** Streams by subject of the lanes whose next message the server may have stored without remembering its id. */
  const unsureOf = (lanes: ReadonlyArray<Lane>): ReadonlyMap<string, string> =>
    new Map(
      lanes.flatMap(({ queue, at }) => {
        const message = queue[at]?.message
        return message?.isShortLived === true ? [[message.subject, message.stream] as const] : []
      })
    )
  const lookUpAll = (to: Board, missing: ReadonlyMap<string, string>) =>
    Effect.forEach(missing, ([subject, stream]) => lookUp(last, to, stream, subject), { concurrency, discard: true })

  /** Publishes a batch. Skips what an earlier run has published, and retries what was not acknowledged. */
  return (to: Board, outputs: ReadonlyArray<{ readonly seq: number; readonly message: Published }>) =>
    Effect.suspend(() => {
      const outcome: Outcome = { published: 0, silenced: 0, unfit: [] }
      const lanes = lanesOf(outputs)
      const attempt = whenConnected(`publish for ${to.key}`, sendAll(to, lanes, outcome))
      const lookUpUnsure = Effect.suspend(() => lookUpAll(to, unsureOf(lanes)))
      // Create the schedule only when needed, because creating it costs more than the attempt.
      const again = () => {
        const oneMore = Effect.delay(Effect.zipRight(lookUpUnsure, attempt), againAfter)
        return Effect.retry(oneMore, { schedule: publishAgain, while: isAway })
      }
      const sent = Effect.as(Effect.catchIf(attempt, isAway, again), outcome)
      const missing = missingOf(to, outputs)
      return missing.size === 0 ? sent : Effect.zipRight(lookUpAll(to, missing), sent)
    })
}
