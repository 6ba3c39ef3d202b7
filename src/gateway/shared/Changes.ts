import { Effect } from "effect"
import { RequestId } from "../../contract/shared/RequestId.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"

type Changed = typeof Subjects.ChangedStrategy.Type

/** Tells the engine that something changed in Postgres, so that it looks now and not at its next round. */
export class Changes extends Effect.Service<Changes>()("gateway/shared/Changes", {
  effect: Effect.gen(function* () {
    const js = yield* JetStream
    const notify = (what: "subscriptions" | "strategies", strategy?: Changed) =>
      Effect.flatMap(RequestId, (request_id) =>
        js.notify(Subjects.Changed.at({ what }), Subjects.Changed.encode({ v: 1, request_id, ...(strategy && { strategy }) }))
      )
    return {
      notify,
      /** After a write that stands: a hint that is lost costs a moment, so it never fails the request. */
      poke: (what: "subscriptions" | "strategies", strategy?: Changed) =>
        Effect.catchTag(notify(what, strategy), "NatsError", (error) => Effect.logWarning("change not announced", error)),
      isConnected: js.isConnected
    } as const
  })
}) {}
