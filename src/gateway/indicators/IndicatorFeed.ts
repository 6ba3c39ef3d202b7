import { Effect } from "effect"
import { Hub } from "../sockets/Hub.ts"
import type { Valued } from "../views/IndicatorView.ts"
import { Views } from "../views/Views.ts"

/** Values as frames of /indicators/stream; `epoch` and `seq` are those of IND. */
export class IndicatorFeed extends Effect.Service<IndicatorFeed>()("gateway/indicators/IndicatorFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const { epochs } = yield* Views
    const textOf = ({ value, seq }: Valued) => JSON.stringify({ type: "indicator", ...value, epoch: epochs.indicators, seq })
    return {
      textOf,
      /** The topic of an indicator is its subject. */
      publish: (subject: string, valued: Valued): void => {
        if (!hub.hasMembers(subject)) return
        const text = textOf(valued)
        hub.state(subject, text, () => text)
      }
    } as const
  })
}) {}
