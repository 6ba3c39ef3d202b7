import { Either } from "effect"
import { DeliverPolicy, type NatsConnection } from "nats"
import { DecodeError, type Holes, type Subject } from "./Subject.ts"

/** A message of a subject: the names in its subject, and its body decoded by the subject's schema. */
export interface Received<Template extends string, A> {
  readonly subject: string
  readonly names: Readonly<Record<Holes<Template>, string>>
  readonly body: A
}

export interface ListenOptions<Template extends string> {
  /** Limits the subjects, such as `{ underlying: "NIFTY" }`. A name that is left out may have any value. */
  readonly names?: Partial<Record<Holes<Template>, string>>
  /** Ends after this many messages. */
  readonly max?: number
  /** Called for a message that cannot be read, which is then skipped. Without it the iteration ends with the error. */
  readonly onUnreadable?: (error: DecodeError) => void
}

const read = <Template extends string, A, I>(
  subject: Subject<Template, A, I>,
  message: { readonly subject: string; readonly data: Uint8Array },
  onUnreadable: ((error: DecodeError) => void) | undefined
): Received<Template, A> | undefined => {
  const names = subject.match(message.subject)
  const body = subject.decodeEither(message.data)
  if (names !== undefined && Either.isRight(body)) return { subject: message.subject, names, body: body.right }
  const cause = Either.isLeft(body) ? body.left : new TypeError(`not of the form ${subject.template}`)
  const error = new DecodeError({ subject: message.subject, cause })
  if (onUnreadable === undefined) throw error
  onUnreadable(error)
  return undefined
}

/** The messages that are published on a subject from now on. */
export const listen = <Template extends string, A, I>(
  nc: NatsConnection,
  subject: Subject<Template, A, I>,
  { names = {}, max = Number.POSITIVE_INFINITY, onUnreadable }: ListenOptions<Template> = {}
): AsyncIterable<Received<Template, A>> => {
  const subscription = nc.subscribe(subject.filter(names), Number.isFinite(max) ? { max } : {})
  const received = async function* () {
    for await (const message of subscription) {
      const found = read(subject, message, onUnreadable)
      if (found !== undefined) yield found
    }
  }
  return received()
}

/**
 * First the newest message of every subject (`isLive` false), then each new message. Use it for UnderlyingState, ChainKeyframe and Mark, whose
 * messages are whole states. The user needs permission for JetStream's API, as `reader` and `operator` have.
 */
export const latest = async function* <Template extends string, A, I>(
  nc: NatsConnection,
  subject: Subject<Template, A, I>,
  { names = {}, max = Number.POSITIVE_INFINITY, onUnreadable }: ListenOptions<Template> = {}
): AsyncGenerator<Received<Template, A> & { readonly isLive: boolean }, void, undefined> {
  const options = { deliver_policy: DeliverPolicy.LastPerSubject, filterSubjects: [subject.filter(names)] }
  const consumer = await nc.jetstream().consumers.get(subject.stream, options)
  let isLive = (await consumer.info(true)).num_pending === 0
  const messages = await consumer.consume()
  let count = 0
  for await (const message of messages) {
    const found = read(subject, message, onUnreadable)
    if (found !== undefined) yield { ...found, isLive }
    isLive ||= message.info.pending === 0
    if (++count >= max) break
  }
}
