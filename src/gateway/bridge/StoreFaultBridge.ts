import { Effect, Either } from "effect"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../shared/Metrics.ts"
import { Views } from "../views/Views.ts"

/** Listens on the subject itself and not on a stream, because these messages say that streams store nothing. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const { nc } = yield* JetStream
    const { storeFaults } = yield* Views
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        nc.subscribe(Subjects.Store.filter(), {
          callback: (error, message) => {
            if (error !== null) return
            const body = Subjects.Store.decodeEither(message.data)
            if (Either.isRight(body)) storeFaults.apply(body.right, performance.now())
            else Metrics.bridgeUndecodable.unsafeUpdate(1, [])
          }
        })
      ),
      (subscription) => Effect.sync(() => subscription.unsubscribe())
    )
    caughtUp()
    return yield* Effect.never
  })
