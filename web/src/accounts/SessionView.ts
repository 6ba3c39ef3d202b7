import { type Api, textOf } from "../gateway/Api.ts"
import { el, setText } from "../view/Element.ts"
import type { Notices } from "../view/Notices.ts"
import type { Accounts } from "./Accounts.ts"
import * as SessionNote from "./SessionNote.ts"

/** The session is read again this often, because its end approaches and a login takes effect a moment after it is announced. */
const lookEveryMs = 3_000

/**
 * Opens the broker's login page in a new tab. The tab is opened at once, because browsers block one that opens after an answer. It
 * gets no access to this page.
 */
const openLogin = async (api: Api, account: string, notices: Notices): Promise<void> => {
  const tab = window.open("", "_blank")
  if (tab !== null) tab.opener = null
  try {
    const answer = await api.kite.login({ urlParams: { account, redirect: "false" } })
    if (answer === undefined) throw new Error("the gateway gave no login page")
    if (tab === null)
      notices.show("The browser blocked the broker's login page", { label: "Open it", run: () => location.assign(answer.login_url) })
    else tab.location.href = answer.login_url
  } catch (error) {
    tab?.close()
    notices.show(textOf(error))
  }
}

/** The state of the chosen account's session with its broker, with the way to sign in there. */
export const make = (
  api: Api,
  accounts: Accounts,
  notices: Notices,
  mayTrade: boolean,
  /** A note is shown: the accounts should be read again. */
  onStale: () => void
): { readonly element: HTMLElement; readonly close: () => void } => {
  const text = el("span")
  const button = el("button", { type: "button", className: "primary", textContent: "Sign in at the broker" })
  const element = el("div", { className: "brokersession", hidden: true, attrs: { role: "status" } }, text, button)
  button.onclick = () => {
    const id = accounts.chosen()?.account_id
    if (id !== undefined) void openLogin(api, id, notices)
  }
  const draw = (): void => {
    const account = accounts.chosen()
    const note = account && SessionNote.of(account, Date.now())
    element.hidden = note === undefined
    if (note === undefined) return
    element.dataset["kind"] = note.kind
    setText(text, note.text)
    button.hidden = !note.hasLogin || !mayTrade
  }
  accounts.listen(draw)
  const timer = setInterval(() => {
    draw()
    if (!element.hidden) onStale()
  }, lookEveryMs)
  return { element, close: () => clearInterval(timer) }
}
