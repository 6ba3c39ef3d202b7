import { Effect } from "effect"
import { Hub } from "../sockets/Hub.ts"
import { type Marked, StrategyView } from "../views/StrategyView.ts"
import { Views } from "../views/Views.ts"

/** Marks as frames of /strategies/stream; `epoch` and `seq` are those of STRAT. */
export class MarkFeed extends Effect.Service<MarkFeed>()("gateway/strategies/MarkFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const { epochs } = yield* Views
    const topic = (owner: string, strategyId: number) => `m2m ${StrategyView.key(owner, strategyId)}`
    const textOf = ({ mark, seq }: Marked) => JSON.stringify({ type: "m2m", ...mark, epoch: epochs.strategies, seq })
    return {
      topic,
      textOf,
      publish: (owner: string, marked: Marked): void => {
        const at = topic(owner, marked.mark.strategy_id)
        if (!hub.hasMembers(at)) return
        const text = textOf(marked)
        hub.state(at, text, () => text)
      }
    } as const
  })
}) {}
