import { Effect } from "effect"
import type { JetStream, Message, NatsError } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "./Metrics.ts"

/** The stream of dead letters. */
export const stream = "DLQ"
const reasonMax = 500
/** Only this many bytes are kept, because a message of the server's maximum size leaves no room for our headers. */
const bytesMax = 64 * 1_024

export type Refused = Pick<Message, "subject" | "seq" | "data">

/** Publishes a message that an actor could not process, with the reason, as a dead letter. Duplicates are stored once. */
export const send =
  ({ publish }: Pick<JetStream, "publish">) =>
  (actor: string, { subject, seq, data }: Refused, reason: string): Effect.Effect<void, NatsError> =>
    Effect.gen(function* () {
      Metrics.deadLetters(actor)
      yield* Effect.logError("message refused").pipe(Effect.annotateLogs({ subject, seq, reason }))
      yield* publish(Subjects.deadLetter(actor), data.subarray(0, bytesMax), {
        msgId: `${actor}:${subject}:${seq}`,
        headers: {
          "Tarang-Subject": subject,
          "Tarang-Seq": String(seq),
          "Tarang-Reason": reason.replaceAll(/\s+/g, " ").slice(0, reasonMax)
        }
      })
    })
