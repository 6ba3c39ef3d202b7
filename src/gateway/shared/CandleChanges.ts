import { Effect } from "effect"

/** Announces changes of stored candles to the services that keep values computed from them. */
export class CandleChanges extends Effect.Service<CandleChanges>()("gateway/shared/CandleChanges", {
  sync: () => {
    const forgetting: Array<Effect.Effect<unknown>> = []
    return {
      /** `forget` runs at each change, before the change is answered. For services that live as long as the process. */
      register: (forget: Effect.Effect<unknown>): void => {
        forgetting.push(forget)
      },
      /** A corporate action was imported or deleted. */
      announce: Effect.suspend(() => Effect.forEach(forgetting, (forget) => forget, { discard: true }))
    } as const
  }
}) {}
