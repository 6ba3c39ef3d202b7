/** Sends postbacks by HTTP, in their order, one after another. */
import { Effect, Queue, type Scope } from "effect"

/** The oldest is dropped when the receiver is slower for so long. */
const waitingMax = 10_000
const answerWithin = "5 seconds"

/** Posts JSON to an address. The result offers a body to it. A postback that fails is not repeated, as Kite promises no repetition. */
export const make = (url: string): Effect.Effect<(body: object) => void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting = yield* Queue.sliding<object>(waitingMax)
    const post = (body: object) =>
      Effect.tryPromise((signal) =>
        fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal })
      ).pipe(
        Effect.flatMap((response) => (response.ok ? Effect.void : Effect.fail(`status ${response.status}`))),
        Effect.timeout(answerWithin),
        Effect.catchAll((cause) => Effect.logWarning("a postback was not taken", cause).pipe(Effect.annotateLogs({ url })))
      )
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(waiting), post)))
    return (body) => void waiting.unsafeOffer(body)
  })
