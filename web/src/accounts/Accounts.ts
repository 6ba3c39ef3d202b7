import type { Account } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"

/** The user's accounts, and the one that the page shows and sends orders to. */
export interface Accounts {
  readonly all: () => ReadonlyArray<Account>
  readonly chosen: () => Account | undefined
  readonly set: (accounts: ReadonlyArray<Account>) => void
  readonly choose: (id: string) => void
  /** Calls the listener after each change of the accounts or the choice. */
  readonly listen: (listener: () => void) => void
}

const key = "tarang.account"

export const make = (): Accounts => {
  const listeners: Array<() => void> = []
  let accounts: ReadonlyArray<Account> = []
  let id = localStorage.getItem(key) ?? ""
  const tell = (): void => {
    for (const listener of listeners) listener()
  }
  return {
    all: () => accounts,
    chosen: () => accounts.find(({ account_id }) => account_id === id) ?? accounts[0],
    set: (next) => {
      accounts = next
      tell()
    },
    choose: (next) => {
      id = next
      localStorage.setItem(key, id)
      tell()
    },
    listen: (listener) => {
      listeners.push(listener)
    }
  }
}

/** A choice among the accounts. It is hidden while there is only one. */
export const select = (accounts: Accounts): HTMLElement => {
  const element = el("select", { ariaLabel: "Account", hidden: true, onchange: () => accounts.choose(element.value) })
  let shown = ""
  accounts.listen(() => {
    const ids = accounts.all().map(({ account_id }) => account_id)
    element.hidden = ids.length < 2
    if (ids.join() !== shown) element.replaceChildren(...ids.map((id) => el("option", { value: id }, id)))
    shown = ids.join()
    element.value = accounts.chosen()?.account_id ?? ""
  })
  return element
}

/** PAPER or LIVE, so that nobody takes one for the other. */
export const modeBadge = (accounts: Accounts): HTMLElement => {
  const element = el("span", { className: "mode", hidden: true })
  accounts.listen(() => {
    const mode = accounts.chosen()?.mode
    element.hidden = mode === undefined
    if (mode === undefined) return
    element.dataset["mode"] = mode
    element.textContent = mode === "paper" ? "PAPER" : "LIVE"
    element.title =
      mode === "paper"
        ? "The platform matches the orders itself. Nothing reaches the broker."
        : "Orders are sent to the broker and cost real money."
  })
  return element
}
