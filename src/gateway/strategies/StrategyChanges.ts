import { Effect, Either } from "effect"
import type { StrategyChange } from "../../contract/sockets/SocketMessages.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Hub } from "../sockets/Hub.ts"

/** Forwards the strategies that any gateway created, changed or deleted to their owner's clients on /strategies/stream. */
export class StrategyChanges extends Effect.Service<StrategyChanges>()("gateway/strategies/StrategyChanges", {
  scoped: Effect.gen(function* () {
    const { nc } = yield* JetStream
    const hub = yield* Hub
    const topic = (owner: string) => `strategies ${owner}`

    const pass = (data: Uint8Array): void => {
      const changed = Subjects.Changed.decodeEither(data)
      const strategy = Either.isRight(changed) ? changed.right.strategy : undefined
      if (strategy === undefined) return
      const { owner, strategy_id, change } = strategy
      hub.event(topic(owner), JSON.stringify({ type: "strategy", strategy_id, change } satisfies StrategyChange))
      hub.flush()
    }
    yield* LiveMessages.listen(nc, Subjects.Changed.at({ what: "strategies" }), ({ data }) => pass(data))
    return { topic } as const
  })
}) {}
