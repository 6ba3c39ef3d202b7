import { Effect } from "effect"
import { RequestId } from "../../contract/shared/RequestId.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"

type Changed = typeof Subjects.ChangedStrategy.Type

/** The kinds of changes in Postgres. */
type What = "subscriptions" | "strategies" | "rules" | "labels" | "accounts" | "keys" | "backfills" | "alerts"

/** Announces a change in Postgres, so that every process reads it now instead of at its next periodic check. */
export class Changes extends Effect.Service<Changes>()("gateway/shared/Changes", {
  effect: Effect.gen(function* () {
    const js = yield* JetStream
    const notify = (what: What, strategy?: Changed) =>
      Effect.flatMap(RequestId, (request_id) =>
        js.notify(Subjects.Changed.at({ what }), Subjects.Changed.encode({ v: 1, request_id, ...(strategy && { strategy }) }))
      )
    const poke = (what: What, strategy?: Changed) =>
      Effect.catchTag(notify(what, strategy), "NatsError", (error) => Effect.logWarning("change not announced", error))
    return {
      notify,
      /** Announces a write that has succeeded. A lost announcement only costs a moment, so it never fails the request. */
      poke,
      /** Announces a strategy to the engine and to its owner's other clients. */
      pokeStrategy: (owner: string, strategy_id: number, change: Changed["change"]) => poke("strategies", { owner, strategy_id, change }),
      isConnected: js.isConnected
    } as const
  })
}) {}
