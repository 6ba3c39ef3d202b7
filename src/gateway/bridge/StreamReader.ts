import { Data, Effect, Either } from "effect"
import type { OutputGuard } from "../../domain/record/OutputGuard.ts"
import type { Message } from "../../streams/JetStream.ts"
import type * as OrderedRead from "../../streams/OrderedRead.ts"
import type { Subject } from "../../streams/Subject.ts"
import * as Metrics from "../shared/Metrics.ts"

/** The stream was deleted and created again. Its sequences restarted, so everything folded from it must be dropped. */
export class Recreated extends Data.TaggedError("Recreated")<{ readonly stream: string }> {}

/** Handles the messages of one stream. */
export interface Reader {
  /** Applies a message. Returns the reason when the message cannot be read, else undefined. */
  readonly take: (message: Message) => unknown
  /** The stream dropped the messages `from` to `to` before they were read. */
  readonly gone?: (from: number, to: number) => void
}

/**
 * A reader that accepts our own well-formed messages without a schema check and sends all others through the schema. A body that belongs to
 * another subject is not applied, nor an output that the guard refuses.
 */
export const reader = <A>(
  of: { readonly decode: (data: Uint8Array) => Either.Either<A, unknown>; readonly isOf: (subject: string, value: A) => boolean },
  guard: OutputGuard,
  trusted: (message: Message) => A | undefined,
  apply: (value: A, message: Message) => void
): Reader => ({
  take: (message) => {
    const known = trusted(message)
    const value = known === undefined ? of.decode(message.data) : Either.right(known)
    if (Either.isLeft(value)) return value.left
    if (!of.isOf(message.subject, value.right)) return "its body belongs to another subject"
    const refusal = guard.refusal(message)
    if (refusal !== undefined) return refusal
    apply(value.right, message)
    return undefined
  }
})

/** How the bodies of a subject are read. */
export const bodiesOf = <Template extends string, A, I>({ decodeEither, isOf }: Subject<Template, A, I>) => ({ decode: decodeEither, isOf })

export const skipUndecodable = (message: Message, cause: unknown) => {
  Metrics.bridgeUndecodable.unsafeUpdate(1, [])
  return Effect.logWarning("message skipped: it cannot be read", cause).pipe(
    Effect.annotateLogs({ subject: message.subject, seq: message.seq })
  )
}

/** Counts and logs a gap. Fails when the gap means that the stream was created again. */
export const passGap = (stream: string, { from, to, recreated }: OrderedRead.Gap) => {
  if (recreated) return Effect.fail(new Recreated({ stream }))
  Metrics.bridgeGaps.unsafeUpdate(1, [])
  return Effect.logWarning("messages were gone before they were read").pipe(Effect.annotateLogs({ stream, from, to }))
}

export interface Following {
  readonly stream: string
  readonly read: OrderedRead.OrderedRead
  readonly reader: Reader
  /** Called once, when everything that the stream held at the start has been applied. */
  readonly caughtUp: () => void
  /** Called with the newest message of each applied batch. */
  readonly applied: (newest: Message) => void
}

/**
 * Reads a stream for ever. Messages are applied where the client delivers them; a fiber runs only for gaps and for messages that cannot
 * be read.
 */
export const follow = ({ stream, read, reader: { take, gone = () => {} }, caughtUp, applied }: Following) => {
  let left = read.pendingAtStart
  let rest: ReadonlyArray<Message | OrderedRead.Gap> = []
  /** Why the first message of `rest` cannot be read. */
  let unreadable: unknown
  Metrics.bridgeRead(stream, 0, left)
  if (left === 0) caughtUp()

  const pass = (count: number, newest: Message) => {
    applied(newest)
    Metrics.bridgeRead(stream, count, newest.pending)
    left -= count
    if (left <= 0 || newest.pending === 0) caughtUp()
  }
  const applyUntilStopped = (items: ReadonlyArray<Message | OrderedRead.Gap>): boolean => {
    let newest: Message | undefined
    let at = 0
    for (const item of items) {
      if (item._tag === "Gap") break
      unreadable = take(item)
      if (unreadable !== undefined) break
      newest = item
      at++
    }
    if (newest !== undefined) pass(at, newest)
    rest = items.slice(at)
    return rest.length === 0
  }
  const takeRest: Effect.Effect<void, Recreated> = Effect.suspend(() => {
    const [first, ...others] = rest
    if (first === undefined) return Effect.void
    // One bad message is skipped; the messages behind it are applied.
    const dealtWith =
      first._tag === "Gap"
        ? Effect.map(passGap(stream, first), () => gone(first.from, first.to))
        : Effect.map(skipUndecodable(first, unreadable), () => pass(1, first))
    return Effect.flatMap(dealtWith, () => (applyUntilStopped(others) ? Effect.void : takeRest))
  })
  return Effect.forever(Effect.zipRight(read.takeWhile(applyUntilStopped), takeRest))
}
