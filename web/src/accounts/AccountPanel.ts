import type { Decimal } from "../../../src/client/Client.ts"
import { listed, orSay } from "../gateway/Api.ts"
import * as Live from "../gateway/Live.ts"
import type { Ticks } from "../gateway/Ticks.ts"
import * as OrderList from "../orders/OrderList.ts"
import * as OrderRow from "../orders/OrderRow.ts"
import * as Orders from "../orders/Orders.ts"
import { el, segments, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Frames from "../view/Frames.ts"
import type { Notices } from "../view/Notices.ts"
import * as AccountBook from "./AccountBook.ts"
import * as AccountLimits from "./AccountLimits.ts"
import * as AccountChoice from "./Accounts.ts"
import * as FundsView from "./FundsView.ts"
import * as LinkForm from "./LinkForm.ts"
import * as PositionList from "./PositionList.ts"
import * as Profit from "./Profit.ts"
import * as SessionView from "./SessionView.ts"
import * as StopSwitch from "./StopSwitch.ts"

/** Orders that ended without reaching the broker are shown for this long. */
const endedMs = 24 * 3_600_000

const tabs = [
  { id: "orders", label: "Orders" },
  { id: "positions", label: "Positions" },
  { id: "holdings", label: "Holdings" },
  { id: "funds", label: "Funds" },
  { id: "limits", label: "Limits" }
] as const
type Tab = (typeof tabs)[number]["id"]

export interface Options {
  readonly live: Live.Options
  readonly ticks: Ticks
  readonly notices: Notices
  readonly accounts: AccountChoice.Accounts
  readonly may: { readonly trade: boolean; readonly all: boolean }
  readonly onFunds: (cash: Decimal | null) => void
  /** A strategy was stopped or released. */
  readonly onStrategyStop: () => void
}
export interface AccountPanel {
  readonly element: HTMLElement
  readonly reload: () => Promise<void>
  /** Shows the orders, and scrolls to them. */
  readonly reveal: () => void
  readonly close: () => void
}

/** The newest prices of the instruments that the account holds. */
const makePrices = (ticks: Ticks, onPrice: () => void) => {
  const prices = new Map<number, number>()
  const stops = new Map<number, () => void>()
  const follow = (tokens: ReadonlySet<number>): void => {
    for (const [token, stop] of stops) {
      if (tokens.has(token)) continue
      stop()
      stops.delete(token)
      prices.delete(token)
    }
    for (const token of tokens) {
      if (stops.has(token)) continue
      const stop = ticks.listen(token, ({ last_price }) => {
        prices.set(token, last_price)
        onPrice()
      })
      stops.set(token, stop)
    }
  }
  return { of: (token: number) => prices.get(token), follow, stop: () => follow(new Set()) }
}

const makeView = (
  options: Options,
  onLinked: (id: string) => void,
  onStale: () => void,
  onChanged: () => void,
  orders: OrderList.Events,
  stops: StopSwitch.Events
) => {
  const { accounts, live, may, notices } = options
  const session = SessionView.make(live.client.rest, accounts, notices, may.trade, onStale)
  const link = LinkForm.make(live.client.rest, onLinked)
  link.hidden = !may.trade
  const stop = StopSwitch.make(may, stops)
  const list = OrderList.make(may.trade, orders)
  const positions = PositionList.make("No positions.")
  const holdings = PositionList.make("No holdings.")
  const funds = FundsView.make()
  const limits = AccountLimits.make(live.client.rest, notices, may.trade, onChanged)
  const parts: Readonly<Record<Tab, HTMLElement>> = {
    orders: list.element,
    positions: positions.element,
    holdings: holdings.element,
    funds: funds.element,
    limits: limits.element
  }
  const choice = segments("Account", tabs, (id) => open(id))
  const profit = el("output", { className: "pnl", attrs: { "aria-label": "Profit of all positions", "aria-live": "off" } })
  const problem = el("p", { className: "problem", hidden: true, attrs: { role: "alert" } })
  const nothing = el("p", { className: "hint", hidden: true }, "No account belongs to you yet.")
  const body = el("div", { className: "accountbody" }, ...Object.values(parts))
  const shown = el(
    "div",
    {},
    session.element,
    stop.element,
    limits.stop,
    el("div", { className: "row between accounttabs" }, choice.element, profit),
    problem,
    body
  )
  const element = el(
    "section",
    { className: "panel account", attrs: { "aria-label": "Account" } },
    el(
      "header",
      {},
      el("h2", {}, "Account"),
      el("div", { className: "row" }, AccountChoice.select(accounts), AccountChoice.modeBadge(accounts), stop.button)
    ),
    nothing,
    shown,
    link
  )
  const open = (id: Tab): void => {
    choice.press(id)
    for (const [tab, part] of Object.entries(parts)) part.hidden = tab !== id
  }
  open("orders")
  return { element, funds, holdings, limits, list, nothing, open, positions, problem, profit, session, shown, stop }
}

/** Stops and releases orders, and says what became of them. */
const makeStops = ({ live, notices, accounts }: Options, onChanged: () => void): StopSwitch.Events => {
  const { accounts: api } = live.client.rest
  const path = () => ({ id: accounts.chosen()?.account_id ?? "" })
  const attempt = async <A>(work: Promise<A>): Promise<A | undefined> => {
    const done = await orSay(work, notices.show)
    onChanged()
    return done
  }
  return {
    onStop: async (scope, reason) => {
      const payload = { reason }
      const stopped = await attempt(scope === "all" ? api.killAll({ payload }) : api.kill({ path: path(), payload }))
      if (stopped === undefined) return
      const left = stopped.not_cancelled.length === 0 ? "" : `, ${stopped.not_cancelled.length} not cancelled yet`
      const unread = stopped.accounts_unread.length === 0 ? "" : `, the orders of ${stopped.accounts_unread.join(", ")} are not known yet`
      notices.show(`Orders are stopped: ${stopped.cancelled.length} cancelled${left}${unread}`)
    },
    onAsk: async (scope) => {
      const payload = {}
      const asked = await attempt(scope === "all" ? api.releaseAll({ payload }) : api.release({ path: path(), payload }))
      return asked?.release_token == null || asked.valid_until === null
        ? undefined
        : { token: asked.release_token, until: asked.valid_until }
    },
    onRelease: async (scope, release_token) => {
      const payload = { release_token }
      const released = await attempt(scope === "all" ? api.releaseAll({ payload }) : api.release({ path: path(), payload }))
      if (released !== undefined) notices.show("Orders may be sent again")
    }
  }
}

/** If the accounts could not be read, or lack one that was just linked, they are read again after this time. */
const rereadAfterMs = 3_000

/** Follows the events of all accounts of the user, and reads which accounts there are. */
const follow = ({ accounts, live: liveOptions, notices, onStrategyStop }: Options, refresh: () => void) => {
  const { rest: api } = liveOptions.client
  let subscribed: ReadonlyArray<string> = []
  const live = Live.open(
    liveOptions.client.orders,
    {
      ...liveOptions,
      onState: (state) => {
        liveOptions.onState(state)
        // What changed while the connection was away was not received.
        if (state === "open") refresh()
      }
    },
    (event) => {
      if (event.type === "alert") {
        notices.show(`${event.data.account_id}: ${event.data.message}`)
        if (event.data.kind === "strategy_stop") onStrategyStop()
        void reload()
      } else if (event.type === "task" && event.data.status === "DEAD_LETTER")
        notices.show(`Not done: ${event.data.error?.message ?? "the broker refused the request"}`)
      if ("data" in event ? event.data.account_id === accounts.chosen()?.account_id : event.type === "gap" || event.type === "conflated")
        refresh()
    }
  )
  let isClosed = false
  let linked: string | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  /** Reads the accounts until the gateway answers, and until the account that was just linked is among them. */
  const reload = async (justLinked = linked): Promise<void> => {
    linked = justLinked
    const pages = listed((page) => api.accounts.list({ urlParams: page }).then(({ accounts: items, total }) => ({ items, total })))
    const found = await orSay(pages, notices.show)
    if (isClosed) return
    const ids = found?.map(({ account_id }) => account_id)
    if (linked !== undefined && ids?.includes(linked)) linked = undefined
    clearTimeout(again)
    if (ids === undefined || linked !== undefined) again = setTimeout(() => void reload(), rereadAfterMs)
    if (found === undefined || ids === undefined) return
    live.unsubscribe(subscribed.filter((id) => !ids.includes(id)))
    const fresh = ids.filter((id) => !subscribed.includes(id))
    if (fresh.length > 0) live.subscribe(fresh)
    subscribed = ids
    accounts.set(found)
  }
  const close = (): void => {
    isClosed = true
    clearTimeout(again)
    live.close()
  }
  return { close, reload }
}

/** The orders, positions, holdings, funds and limits of the chosen account, live, and its kill switch. */
export const make = (options: Options): AccountPanel => {
  const { accounts, notices, ticks } = options
  const { rest: api } = options.live.client
  let book: AccountBook.Book | undefined
  const prices = makePrices(ticks, () => draw())
  const requests = Orders.make(api, () => accounts.chosen()?.account_id, notices.show)
  const reader = AccountBook.make(api, {
    onBook: (next) => {
      book = next
      prices.follow(new Set(next.positions?.net.filter(({ quantity }) => quantity !== 0).map(({ instrument_token }) => instrument_token)))
      options.onFunds(next.funds?.equity?.available.cash ?? null)
      draw()
    },
    onProblem: (text) => {
      view.problem.hidden = text === ""
      setText(view.problem, text)
    }
  })
  const view = makeView(
    options,
    (id) => {
      notices.show(`Account ${id} is linked, on paper. Sign in at the broker to stream with it.`)
      accounts.choose(id)
      void reload(id)
    },
    () => void reload(),
    reader.refresh,
    { onCancel: (target) => void requests.cancel(target), onModify: (target, change) => void requests.modify(target, change) },
    makeStops(options, reader.refresh)
  )

  const drawProfit = (profit: Decimal | undefined): void => {
    setText(view.profit, profit === undefined ? "" : `P&L ${Format.rupees(profit)}`)
    view.profit.className = `pnl ${Format.signOf(profit)}`
  }
  const draw = Frames.make(() => {
    if (book === undefined || book.accountId !== accounts.chosen()?.account_id) return
    const held = book.positions?.net.map((it) => {
      const price = prices.of(it.instrument_token)
      return { it, price, profit: Profit.at(it, price) }
    })
    const profit = held && Profit.sum(held.map((one) => one.profit))
    view.list.draw(OrderRow.rowsOf(book.orders, book.tasks, new Date(Date.now() - endedMs).toISOString()))
    view.positions.draw(held?.map((one) => PositionList.ofPosition(one.it, one.price, one.profit)) ?? [])
    view.holdings.draw(book.holdings?.map(PositionList.ofHolding) ?? [])
    view.funds.draw(book.funds, profit)
    view.stop.draw(book.stop)
    if (book.limits !== undefined) view.limits.draw(book.limits)
    drawProfit(profit)
  })

  const { close, reload } = follow(options, reader.refresh)
  let shownId: string | undefined
  accounts.listen(() => {
    const id = accounts.chosen()?.account_id
    view.nothing.hidden = id !== undefined
    view.shown.hidden = id === undefined
    if (id === undefined) return
    if (id === shownId) reader.refresh()
    else {
      view.limits.show(id)
      reader.show(id)
    }
    shownId = id
  })

  return {
    element: view.element,
    reload,
    reveal: () => {
      view.open("orders")
      view.element.scrollIntoView({ block: "nearest" })
    },
    close: () => {
      reader.close()
      view.session.close()
      prices.stop()
      close()
    }
  }
}
