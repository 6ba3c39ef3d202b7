/** Sends postbacks by HTTP in order, one at a time. */
import { Effect, Queue, type Scope } from "effect"

/** The most postbacks that wait for a slow receiver. Beyond it the oldest is dropped. */
const waitingMax = 10_000
const answerWithin = "5 seconds"

/** Posts JSON to an address; the result queues a body. A postback that fails is not repeated, because Kite promises no repetition. */
export const make = (url: string): Effect.Effect<(body: object) => void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting = yield* Queue.sliding<object>(waitingMax)
    const post = (body: object) =>
      Effect.tryPromise((signal) =>
        fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal })
      ).pipe(
        Effect.flatMap((response) => (response.ok ? Effect.void : Effect.fail(`status ${response.status}`))),
        Effect.timeout(answerWithin),
        Effect.catchAll((cause) => Effect.logWarning("the receiver did not accept a postback", cause).pipe(Effect.annotateLogs({ url })))
      )
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(waiting), post)))
    return (body) => void waiting.unsafeOffer(body)
  })
