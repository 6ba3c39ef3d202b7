import { Effect } from "effect"
import { JetStream } from "../../streams/JetStream.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../shared/Metrics.ts"
import { Views } from "../views/Views.ts"

/** Listens on the subject itself and not on a stream, because these messages say that streams store nothing. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const { nc } = yield* JetStream
    const { storeFaults } = yield* Views
    yield* LiveMessages.listenTo(
      nc,
      Subjects.Store,
      (faults) => storeFaults.apply(faults, performance.now()),
      () => Metrics.bridgeUndecodable.unsafeUpdate(1, [])
    )
    caughtUp()
    return yield* Effect.never
  })
