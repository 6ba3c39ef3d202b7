import { Effect } from "effect"
import type { JetStream } from "../../streams/JetStream.ts"
import * as Patience from "../../streams/Patience.ts"
import * as Batch from "./Batch.ts"
import * as Board from "./Board.ts"

/** Subjects that are looked up at the same time. */
const lookUpsMax = 256

export const make = (jetStream: JetStream) => {
  const { whenConnected, last } = jetStream
  const patiently = Patience.make(jetStream)
  const sendAll = Batch.sender(jetStream)
  const isKnown = (to: Board.Board, { stream, subject }: Pick<Board.Published, "stream" | "subject">) =>
    to.published.has(subject) || to.wholeStreams.has(stream)
  /** Streams by subject. */
  const missingOf = (to: Board.Board, outputs: ReadonlyArray<{ readonly message: Board.Published }>): ReadonlyMap<string, string> => {
    const missing = new Map<string, string>()
    for (const { message } of outputs) {
      if (!isKnown(to, message)) missing.set(message.subject, message.stream)
      const { covers } = message
      if (covers !== undefined && !isKnown(to, covers)) missing.set(covers.subject, covers.stream)
    }
    return missing
  }
  const lookUpAll = (to: Board.Board, missing: ReadonlyMap<string, string>) =>
    Effect.forEach(missing, ([subject, stream]) => Board.lookUp(last, to, stream, subject), { concurrency: lookUpsMax, discard: true })

  /** Publishes a batch. Skips what an earlier run has published, and retries what was not acknowledged. */
  return (to: Board.Board, outputs: ReadonlyArray<{ readonly seq: number; readonly message: Board.Published }>) =>
    Effect.suspend(() => {
      const outcome: Board.Outcome = { published: 0, silenced: 0, unfit: [] }
      const batch = Batch.of(outputs)
      const attempt = whenConnected(`publish for ${to.key}`, sendAll(to, batch, outcome))
      const lookUpUnsure = Effect.suspend(() => lookUpAll(to, Batch.unsureOf(batch)))
      const sent = Effect.as(patiently(to.waiting, attempt, Effect.zipRight(lookUpUnsure, attempt)), outcome)
      if (missingOf(to, outputs).size === 0) return sent
      const lookUpMissing = Effect.suspend(() => lookUpAll(to, missingOf(to, outputs)))
      return Effect.zipRight(patiently(to.waiting, lookUpMissing), sent)
    })
}
