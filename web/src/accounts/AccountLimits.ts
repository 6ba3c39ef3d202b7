import { type Api, orSay } from "../gateway/Api.ts"
import type { AccountLimits as Limits } from "../gateway/Contract.ts"
import * as LimitsView from "../limits/LimitsView.ts"
import * as StopBanner from "../limits/StopBanner.ts"
import * as StopText from "../limits/StopText.ts"
import type { Notices } from "../view/Notices.ts"
import * as AccountLimitsDraft from "./AccountLimitsDraft.ts"

export interface AccountLimits {
  /** The limits in force, and the form that sets them. */
  readonly element: HTMLElement
  /** The account's stop by a loss. */
  readonly stop: HTMLElement
  /** Shows this account from now on: nothing until the next `draw`. */
  readonly show: (id: string) => void
  readonly draw: (limits: Limits) => void
}

/** Limits of an account, and its stop by the loss of a day. */
export const make = (api: Api, notices: Notices, mayTrade: boolean, onChanged: () => void): AccountLimits => {
  let shownId = ""
  const attempt = async <A>(work: Promise<A>): Promise<A | undefined> => {
    const done = await orSay(work, notices.show)
    onChanged()
    return done
  }
  const stop = StopBanner.make<{ readonly id: string; readonly token: string; readonly until: string }>(mayTrade, {
    // The second press releases the account of the first press.
    onAsk: async () => {
      const id = shownId
      const asked = await attempt(api.accounts.releaseLimits({ path: { id }, payload: {} }))
      return asked?.release_token == null || asked.valid_until === null
        ? undefined
        : { id, token: asked.release_token, until: asked.valid_until }
    },
    onRelease: async ({ id, token }) => {
      const released = await attempt(api.accounts.releaseLimits({ path: { id }, payload: { release_token: token } }))
      if (released !== undefined) notices.show("The account may open positions again")
    }
  })
  const view = LimitsView.make({
    limits: AccountLimitsDraft.limits,
    actions: AccountLimitsDraft.actions,
    mayChange: mayTrade,
    onSet: async (draft) => {
      draw(await api.accounts.setLimits({ path: { id: shownId }, payload: AccountLimitsDraft.requestOf(draft) }))
      onChanged()
    }
  })
  const draw = (limits: Limits): void => {
    // The user chose another account meanwhile.
    if (limits.account_id !== shownId) return
    view.draw(AccountLimitsDraft.of(limits))
    stop.draw(limits.stop === null ? undefined : { id: limits.stop.stop_id, text: StopText.ofAccount(limits.stop) })
  }
  return {
    element: view.element,
    stop: stop.element,
    show: (id) => {
      shownId = id
      view.close()
      stop.draw(undefined)
    },
    draw
  }
}
