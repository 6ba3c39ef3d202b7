import type { StopState } from "../gateway/Contract.ts"
import { el, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as TwoSteps from "../view/TwoSteps.ts"

/** What is stopped or released: one account, or all of them. */
export type Scope = "account" | "all"
export interface Release extends TwoSteps.Asked {
  readonly token: string
}
export interface Events {
  readonly onStop: (scope: Scope, reason: string) => Promise<void>
  /** The first step of a release; undefined if it failed. */
  readonly onAsk: (scope: Scope) => Promise<Release | undefined>
  /** The second step. */
  readonly onRelease: (scope: Scope, token: string) => Promise<void>
}
export interface StopSwitch {
  /** The button that opens the form. */
  readonly button: HTMLElement
  /** The form while orders may be sent, and what is stopped otherwise. */
  readonly element: HTMLElement
  readonly draw: (stop: StopState | undefined) => void
}

const reasonMax = 200

/** The form that stops orders. It asks for a reason, which every refusal names. */
const makeForm = (isAdmin: boolean, onStop: Events["onStop"]) => {
  const reason = el("input", {
    type: "text",
    required: true,
    maxLength: reasonMax,
    ariaLabel: "Why orders are stopped",
    placeholder: "Reason"
  })
  const all = el("input", { type: "checkbox" })
  const stop = el("button", { type: "submit", className: "primary sell" }, "Stop orders and cancel open ones")
  const form = el(
    "form",
    { className: "stopform", hidden: true },
    reason,
    ...(isAdmin ? [el("label", { className: "check" }, all, "all accounts")] : []),
    el("div", { className: "row end" }, el("button", { type: "button", className: "quiet", onclick: () => hide() }, "Back"), stop)
  )
  const hide = (): void => {
    form.hidden = true
  }
  form.onsubmit = async (event) => {
    event.preventDefault()
    stop.disabled = true
    await onStop(all.checked ? "all" : "account", reason.value.trim())
    stop.disabled = false
    hide()
  }
  return {
    form,
    hide,
    open: (): void => {
      form.hidden = false
      reason.focus()
    }
  }
}

/** The kill switch. A release takes two steps, so that no single click allows orders again. */
export const make = (may: { readonly trade: boolean; readonly all: boolean }, events: Events): StopSwitch => {
  let scope: Scope = "account"
  const form = makeForm(may.all, events.onStop)
  const button = el("button", { type: "button", className: "stop", hidden: true, onclick: form.open }, "Stop orders")
  const text = el("strong")
  const release = TwoSteps.make<Release>({
    onAsk: () => events.onAsk(scope),
    onRelease: ({ token }) => events.onRelease(scope, token)
  })
  const banner = el("div", { className: "stopped", hidden: true, attrs: { role: "alert" } }, text, release.button)
  return {
    button,
    element: el("div", {}, form.form, banner),
    draw: (stop) => {
      const isStopped = stop?.state === "killed"
      button.hidden = !may.trade || stop === undefined || isStopped
      banner.hidden = !isStopped
      if (!isStopped) return release.forget()
      form.hide()
      scope = stop.scope ?? "account"
      const what = scope === "all" ? "All orders of this platform are stopped" : "Orders are stopped"
      const since = stop.at === null ? "" : ` since ${Format.clock(Date.parse(stop.at))}`
      setText(text, `${what}${since}: ${stop.reason ?? ""}`)
      release.button.hidden = !may.trade || (scope === "all" && !may.all)
    }
  }
}
