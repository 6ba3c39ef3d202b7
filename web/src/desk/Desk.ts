import type { StateChange } from "../../../src/client/Client.ts"
import * as AccountPanel from "../accounts/AccountPanel.ts"
import * as Accounts from "../accounts/Accounts.ts"
import * as Alerts from "../alerts/Alerts.ts"
import * as ChainPanel from "../chains/ChainPanel.ts"
import * as Api from "../gateway/Api.ts"
import type { FoEnabled, Health as Report } from "../gateway/Contract.ts"
import * as Health from "../gateway/Health.ts"
import * as Instruments from "../gateway/Instruments.ts"
import type * as Live from "../gateway/Live.ts"
import * as Ticks from "../gateway/Ticks.ts"
import * as SearchBox from "../search/SearchBox.ts"
import * as Streaming from "../search/Streaming.ts"
import * as Welcome from "../search/Welcome.ts"
import * as SpotChart from "../spot/SpotChart.ts"
import * as Strategies from "../strategies/Strategies.ts"
import { el } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Notices from "../view/Notices.ts"
import * as Badge from "./Badge.ts"
import * as DataState from "./DataState.ts"
import * as Header from "./Header.ts"
import * as MarketCalendar from "./MarketCalendar.ts"
import * as Place from "./Place.ts"
import * as Spot from "./Spot.ts"
import * as Status from "./Status.ts"
import * as Tickets from "./Tickets.ts"
import * as Underlyings from "./Underlyings.ts"

const statusEveryMs = 500
const retryMs = 2_000

export interface User {
  readonly id: string
  readonly name: string
  readonly role: "viewer" | "trader" | "admin"
}
export interface Events {
  readonly onSignOut: (problem: string) => void
}
export interface Desk {
  readonly element: HTMLElement
  readonly close: () => void
}

/** The connection to the gateway: its client, the state of each stream, and whether the token is still good. */
const makeGateway = (token: string, say: (text: string) => void, events: Events) => {
  const client = Api.connect(token, () => events.onSignOut("Your token has expired."))
  const states = new Map<string, StateChange["state"]>()
  let isAsking = false
  /** If the gateway does not answer, nothing is known about the token. Only a refusal ends the session. */
  const verify = (): void => {
    if (isAsking) return
    isAsking = true
    client.rest
      .authTest()
      .catch((error: unknown) => say(Api.textOf(error)))
      .finally(() => {
        isAsking = false
      })
  }
  return {
    client,
    stateOf: (name: string) => states.get(name),
    stream: (name: string, onState: () => void): Live.Options => ({
      client,
      onRefused: verify,
      onUnreadable: () => say("The gateway is of another version than this page: load the page again."),
      onState: (state) => {
        states.set(name, state)
        onState()
      }
    })
  }
}

/** Retries until it succeeds, because the page may be opened before the gateway has its instruments. */
const persist = async (work: () => Promise<void>, isClosed: () => boolean, say: (text: string) => void): Promise<void> => {
  while (!isClosed()) {
    try {
      return await work()
    } catch (error) {
      say(Api.textOf(error))
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

const makeParts = (
  token: string,
  user: User,
  events: Events,
  drawStatus: () => void,
  onStream: () => void,
  shown: () => MarketCalendar.Place,
  report: () => Report | undefined
) => {
  const status = Status.make()
  const gateway = makeGateway(token, status.say, events)
  const api = gateway.client.rest
  const notices = Notices.make()
  const ticks = Ticks.make(gateway.stream("ticks", drawStatus))
  const instruments = Instruments.make(api)
  const chart = SpotChart.make(api)
  const spot = Spot.make(chart.add)
  const chain = ChainPanel.make(gateway.stream("chain", drawStatus), {
    onTrade: (picked, direction) => ticket.add(picked, direction),
    onUpdate: (update) => {
      spot.chain(update)
      ticket.quote()
    },
    onStream
  })
  const mayTrade = user.role !== "viewer"
  const strategies = Strategies.make({
    live: gateway.stream("strategies", drawStatus),
    ticks,
    instruments,
    notices,
    mayTrade,
    onListed: () => alerts.draw()
  })
  const accounts = Accounts.make()
  const account = AccountPanel.make({
    live: gateway.stream("orders", drawStatus),
    ticks,
    notices,
    accounts,
    may: { trade: mayTrade, all: user.role === "admin" },
    onFunds: (cash) => ticket.cash(cash),
    onStrategyStop: () => void strategies.reload()
  })
  const named = () => strategies.all().map(({ strategy_id, name }) => ({ id: strategy_id, name }))
  const alerts = Alerts.make({
    live: gateway.stream("alerts", drawStatus),
    notices,
    mayTrade,
    strategies: named,
    feeds: () => Object.keys(report()?.ticker.accounts ?? {})
  })
  const ticket = Tickets.make({
    api,
    instruments,
    model: chain.model,
    userId: user.id,
    mayTrade,
    accounts,
    notices,
    strategies: named,
    onCreated: (id) => void strategies.reveal(id),
    onOrder: account.reveal,
    onLegs: chain.mark
  })
  return {
    account,
    alerts,
    api,
    badge: Badge.make(() => MarketCalendar.ask(api, shown())),
    chain,
    chart,
    gateway,
    notices,
    spot,
    status,
    strategies,
    ticket,
    ticks
  }
}
type Parts = ReturnType<typeof makeParts>

/** Knows which chain is shown, and switches to another one. */
const makeNavigation = (parts: Parts, header: () => Header.Header, welcome: ReturnType<typeof Welcome.make>, isClosed: () => boolean) => {
  const { alerts, api, chain, chart, notices, spot, status, ticket, ticks } = parts
  let found: Underlyings.Found = { streamed: [], enabled: [] }
  let place: Partial<Place.Place> = Place.remembered()
  let wanted: string | undefined
  let stopSpot: (() => void) | undefined
  const underlyingOf = (symbol: string | undefined) => found.streamed.find((one) => one.symbol === symbol)
  const attempt = (work: () => Promise<void>): Promise<void> => persist(work, isClosed, status.say)

  const showExpiry = (expiry: string): void => {
    const { symbol } = place
    if (symbol === undefined) return
    place = { symbol, expiry }
    Place.remember({ symbol, expiry })
    header().choose({ expiry })
    chain.show(symbol, expiry, underlyingOf(symbol)?.lotSize)
    ticket.show(symbol, expiry)
    alerts.show(symbol, expiry)
  }
  const showSymbol = async (symbol: string, wish = symbol === place.symbol ? place.expiry : undefined): Promise<void> => {
    wanted = symbol
    const { expiries } = await api.fo.expiries({ urlParams: { symbol } })
    // The user chose another one meanwhile.
    if (wanted !== symbol) return
    place = { symbol }
    document.title = `${symbol} · Tarang`
    header().setExpiries(expiries)
    header().choose({ symbol })
    stopSpot?.()
    spot.clear()
    const { spotToken, chartSymbol } = underlyingOf(symbol) ?? {}
    chart.show(symbol, chartSymbol)
    stopSpot = spotToken === undefined ? undefined : ticks.listen(spotToken, spot.tick)
    const expiry = expiries.find((one) => one === wish) ?? expiries[0]
    if (expiry !== undefined) showExpiry(expiry)
  }
  const discover = async (): Promise<void> => {
    found = await Underlyings.discover(api)
    header().setSymbols(found.streamed)
    const isEmpty = found.streamed.length === 0
    chain.element.hidden = isEmpty
    if (isEmpty) welcome.show(found.enabled)
    else welcome.hide()
  }
  const begin = async (): Promise<void> => {
    await discover()
    const first = underlyingOf(place.symbol) ?? found.streamed[0]
    if (first !== undefined) await showSymbol(first.symbol)
  }
  /** Streams an expiry and shows it. An instrument that is already streamed does not change. */
  const stream = async (underlying: FoEnabled, expiry: string): Promise<void> => {
    const name = `${underlying.symbol} ${Format.expiry(expiry)}`
    notices.show(`Adding ${name} …`)
    try {
      const count = await Streaming.streamExpiry(api, underlying, expiry)
      await discover()
      await showSymbol(underlying.symbol, expiry)
      notices.show(`${name}: ${count} instruments are streamed`)
    } catch (error) {
      notices.show(`${name} was not added: ${Api.textOf(error)}`)
    }
  }
  return {
    begin: () => attempt(begin),
    /** The underlying whose hours matter. While nothing is shown, that is NSE's options. */
    shown: (): MarketCalendar.Place => ({ exchange: underlyingOf(place.symbol)?.exchange ?? "NFO", symbol: place.symbol ?? "" }),
    enabled: () => found.enabled,
    showSymbol: (symbol: string) => attempt(() => showSymbol(symbol)),
    showExpiry,
    stream,
    streamShown: (): void => {
      const underlying = found.enabled.find(({ symbol }) => symbol === place.symbol)
      if (underlying !== undefined && place.expiry !== undefined) void stream(underlying, place.expiry)
    },
    streamOne: async (token: number, name: string): Promise<void> => {
      try {
        await Streaming.streamOne(api, token)
        notices.show(`${name} is streamed`)
      } catch (error) {
        notices.show(`${name} is not streamed: ${Api.textOf(error)}`)
      }
    }
  }
}

const makeView = (
  header: HTMLElement,
  { account, alerts, chain, chart, notices, strategies, ticket }: Parts,
  welcome: HTMLElement
): HTMLElement =>
  el(
    "div",
    { className: "desk" },
    el("a", { href: "#chain", className: "skip", textContent: "Skip to the chain" }),
    header,
    el(
      "main",
      { className: "columns", id: "chain" },
      welcome,
      chain.element,
      el("div", { className: "side" }, chart.element, ticket.element, account.element, strategies.element, alerts.element)
    ),
    el("footer", { className: "credits" }, el("a", { href: "/docs" }, "API"), " · Charts: TradingView Lightweight Charts™"),
    notices.element,
    ticket.bar
  )

/** The page of a signed-in user. */
export const make = (token: string, user: User, events: Events): Desk => {
  let isClosed = false
  let report: Report | undefined
  const parts = makeParts(
    token,
    user,
    events,
    () => drawStatus(),
    () => navigation.streamShown(),
    () => navigation.shown(),
    () => report
  )
  const { account, alerts, api, badge, chain, gateway, spot, status, strategies, ticks } = parts
  const welcome = Welcome.make((underlying, expiry) => void navigation.stream(underlying, expiry))
  const navigation = makeNavigation(
    parts,
    () => header,
    welcome,
    () => isClosed
  )
  const search = SearchBox.make(api, {
    enabled: navigation.enabled,
    onExpiry: (underlying, expiry) => void navigation.stream(underlying, expiry),
    onInstrument: ({ instrument_token, tradingsymbol }) => void navigation.streamOne(instrument_token, tradingsymbol)
  })
  const header = Header.make(
    { badge: badge.element, spot: spot.element, search, status: status.element, userName: user.name },
    {
      onSymbol: (symbol) => void navigation.showSymbol(symbol),
      onExpiry: navigation.showExpiry,
      onSignOut: () => events.onSignOut("")
    }
  )
  const element = makeView(header.element, parts, welcome.element)
  element.dataset["role"] = user.role

  const drawStatus = (): void => {
    if (isClosed) return
    const sources = {
      chainState: gateway.stateOf("chain"),
      model: chain.model(),
      heardAt: chain.heardAt(),
      spotMs: spot.atMs(),
      health: report
    }
    const shown = DataState.of(sources, performance.now())
    status.set(shown.freshness, shown.ageMs, shown.asOfMs)
    chain.setFreshness(shown.freshness, shown.note)
    if (element.dataset["freshness"] !== shown.freshness) element.dataset["freshness"] = shown.freshness
  }
  const health = Health.watch(api, (next) => {
    const wasDown = report?.status === "down"
    report = next
    badge.set(next.market)
    drawStatus()
    // Changes made elsewhere while the platform was down were not received.
    if (wasDown && next.status !== "down") {
      void strategies.reload()
      void account.reload()
      void alerts.reload()
    }
  })
  const timer = setInterval(drawStatus, statusEveryMs)
  void navigation.begin().then(strategies.reload)
  void account.reload()

  return {
    element,
    close: () => {
      isClosed = true
      clearInterval(timer)
      health.stop()
      chain.close()
      account.close()
      alerts.close()
      strategies.close()
      ticks.close()
    }
  }
}
