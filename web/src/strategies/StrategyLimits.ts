import { releaseMsMax } from "../../../src/domain/orders/StrategyLimits.ts"
import { type Api, orSay } from "../gateway/Api.ts"
import type { StrategyLimits as Limits } from "../gateway/Contract.ts"
import * as LimitsView from "../limits/LimitsView.ts"
import * as StopBanner from "../limits/StopBanner.ts"
import * as StopText from "../limits/StopText.ts"
import type { Notices } from "../view/Notices.ts"
import * as StrategyLimitsDraft from "./StrategyLimitsDraft.ts"

export interface StrategyLimits {
  /** The limits in force, and the form that sets them. */
  readonly element: HTMLElement
  /** The strategy's stop by its loss. */
  readonly stop: HTMLElement
  /** Shows this strategy from now on: nothing until the next `read`. */
  readonly show: (id: number) => void
  readonly read: () => Promise<void>
}

/** Limits of a strategy, and its stop by its loss. */
export const make = (api: Api, notices: Notices, mayTrade: boolean): StrategyLimits => {
  let shownId = 0
  const stop = StopBanner.make<{ readonly id: number; readonly until: string }>(mayTrade, {
    onAsk: async () => ({ id: shownId, until: new Date(Date.now() + releaseMsMax).toISOString() }),
    onRelease: async ({ id }) => {
      const released = await orSay(api.strategyLimits.release({ path: { id } }), notices.show)
      if (released === undefined) return
      draw(released)
      notices.show("The strategy may open positions again")
    }
  })
  const view = LimitsView.make({
    limits: StrategyLimitsDraft.limits,
    actions: StrategyLimitsDraft.actions,
    mayChange: mayTrade,
    onSet: async (draft) =>
      draw(await api.strategyLimits.setLimits({ path: { id: shownId }, payload: StrategyLimitsDraft.requestOf(draft) }))
  })
  const draw = (limits: Limits): void => {
    // The user chose another strategy meanwhile.
    if (limits.strategy_id !== shownId) return
    view.draw(StrategyLimitsDraft.of(limits))
    stop.draw(limits.stop === null ? undefined : { id: limits.stop.stop_id, text: StopText.ofStrategy(limits.stop) })
  }
  return {
    element: view.element,
    stop: stop.element,
    show: (id) => {
      if (id === shownId) return
      shownId = id
      view.close()
      stop.draw(undefined)
    },
    read: async () => draw(await api.strategyLimits.limits({ path: { id: shownId } }))
  }
}
