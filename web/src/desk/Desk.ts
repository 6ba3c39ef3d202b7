import type { StateChange } from "../../../src/client/Client.ts"
import * as ChainPanel from "../chain/ChainPanel.ts"
import * as Api from "../gateway/Api.ts"
import type { ChainUpdate, Health } from "../gateway/Contract.ts"
import * as Instruments from "../gateway/Instruments.ts"
import type * as Live from "../gateway/Live.ts"
import * as Ticks from "../gateway/Ticks.ts"
import * as SpotChart from "../spot/SpotChart.ts"
import * as Strategies from "../strategies/Strategies.ts"
import * as Ticket from "../ticket/Ticket.ts"
import { el, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Freshness from "./Freshness.ts"
import * as Status from "./Status.ts"
import * as Underlyings from "./Underlyings.ts"

const healthEveryMs = 5_000
const statusEveryMs = 500
const retryMs = 2_000
const placeKey = "tarang.place"

export interface Events {
  readonly onSignOut: (problem: string) => void
}

interface Place {
  readonly symbol: string
  readonly expiry: string
}
/** What was shown last in this browser. */
const remembered = (): Partial<Place> => {
  const [symbol, expiry] = (localStorage.getItem(placeKey) ?? "").split(" ")
  return { ...(symbol ? { symbol } : {}), ...(expiry ? { expiry } : {}) }
}

/** /health answers the same whether all is well or not, and the second as an error. */
const isHealth = (error: unknown): error is Health => typeof error === "object" && error !== null && "market" in error

/** The page of somebody who is signed in. */
export const make = (token: string, userName: string, events: Events): { readonly element: HTMLElement; readonly close: () => void } => {
  const client = Api.connect(token, () => events.onSignOut("Your token has expired."))
  const { rest: api } = client
  const status = Status.make()
  const connections = new Map<string, StateChange["state"]>()
  let health: Health["market"] | undefined
  let feedProblem = ""
  let underlyings: ReadonlyArray<Underlyings.Underlying> = []
  let place: Partial<Place> = remembered()
  let chosen: string | undefined
  let spotMs: number | undefined
  let lastSpot: number | undefined
  let stopSpot: (() => void) | undefined
  let isClosed = false
  const timers: Array<ReturnType<typeof setInterval>> = []

  let isAsking = false
  /** Is the token still good? A gateway that is away says nothing about it: only a refusal ends the session. */
  const verify = (): void => {
    if (isAsking) return
    isAsking = true
    api
      .authTest()
      .catch((error: unknown) => status.say(Api.textOf(error)))
      .finally(() => {
        isAsking = false
      })
  }
  const connection = (name: string): Live.Options => ({
    client,
    onRefused: verify,
    onUnreadable: () => status.say("The gateway is of another version than this page: load the page again."),
    onState: (state) => {
      connections.set(name, state)
      drawStatus()
    }
  })

  const symbols = el("select", { id: "symbol", attrs: { "aria-label": "Underlying" } })
  const expiries = el("select", { id: "expiry", attrs: { "aria-label": "Expiry" } })
  const spot = el("output", { className: "spotprice", attrs: { "aria-label": "Spot", "aria-live": "off" } }, Format.none)
  const ticks = Ticks.make(connection("ticks"))
  const chart = SpotChart.make(api)

  /** Without the underlying's own ticks the chain's spot, four times a second, is the next best. */
  const onSpot = (price: number, at: string): void => {
    spotMs = Date.parse(at)
    const moved = lastSpot === undefined || price === lastSpot ? undefined : price > lastSpot ? "up" : "down"
    lastSpot = price
    setText(spot, Format.spot(price))
    if (moved !== undefined) spot.className = `spotprice ${moved}`
    chart.add(price, spotMs)
  }
  const chain = ChainPanel.make(connection("chain"), {
    onTrade: ({ strike, side }, direction) => ticket.add(strike, side, direction),
    onUpdate: (update: ChainUpdate) => {
      if (stopSpot === undefined && update.spot !== null && update.as_of !== null) onSpot(update.spot, update.as_of)
    }
  })
  const strategies = Strategies.make(ticks, connection("strategies"))
  const ticket = Ticket.make(api, Instruments.make(api), chain.model, {
    onCreated: (id) => void strategies.reload(id),
    onLegs: chain.mark,
    say: status.say
  })

  const known = (): Freshness.Known => {
    const { head, newest } = chain.model()
    const quoteMs = Math.max(newest === undefined ? Number.NEGATIVE_INFINITY : Date.parse(newest), spotMs ?? Number.NEGATIVE_INFINITY)
    return {
      isConnected: connections.get("chain") === "open",
      mode: health?.mode ?? "live",
      state: health?.state ?? "running",
      quoteMs: Number.isFinite(quoteMs) ? quoteMs : undefined,
      asOfMs: head?.as_of ? Date.parse(head.as_of) : undefined,
      silentMs: performance.now() - chain.heardAt()
    }
  }
  const noteOf = (freshness: Freshness.Freshness, age: number | undefined, quoteMs: number | undefined): string => {
    const at = quoteMs === undefined ? "" : ` What you see is of ${Format.clock(quoteMs)} IST.`
    if (freshness === "away") return `The gateway is away; reconnecting.${at}`
    if (freshness === "stale") return `No new quote for ${Format.age(age ?? 0)}.${feedProblem === "" ? "" : ` ${feedProblem}.`}${at}`
    return ""
  }
  const drawStatus = (): void => {
    if (isClosed) return
    const now = known()
    const freshness = Freshness.of(now)
    const age = Freshness.ageMs(now)
    status.set(freshness, age, now.asOfMs)
    chain.setFreshness(freshness, noteOf(freshness, age, now.quoteMs))
    if (element.dataset["freshness"] !== freshness) element.dataset["freshness"] = freshness
  }

  const askHealth = async (): Promise<void> => {
    // A gateway that is away is told by the streams' state.
    const body = await api.health().catch((error: unknown) => (isHealth(error) ? error : undefined))
    if (body === undefined) return
    health = body.market
    const silent = Object.entries(body.ticker.accounts).filter(([, { state }]) => state !== "streaming")
    feedProblem = silent.length === 0 ? "" : `Broker feed: ${silent.map(([id, { state }]) => `${id} ${state}`).join(", ")}`
  }

  const showExpiry = (expiry: string): void => {
    const { symbol } = place
    if (symbol === undefined) return
    place = { symbol, expiry }
    localStorage.setItem(placeKey, `${symbol} ${expiry}`)
    expiries.value = expiry
    chain.show(symbol, expiry)
    ticket.show(symbol, expiry)
  }
  const showSymbol = async (symbol: string): Promise<void> => {
    chosen = symbol
    const found = await api.fo.expiries({ urlParams: { symbol } })
    // Another one was chosen meanwhile.
    if (chosen !== symbol) return
    const isSame = symbol === place.symbol
    const wish = isSame ? place.expiry : undefined
    place = { symbol }
    symbols.value = symbol
    document.title = `${symbol} · Tarang`
    expiries.replaceChildren(...found.expiries.map((expiry) => el("option", { value: expiry }, Format.expiry(expiry))))
    stopSpot?.()
    lastSpot = spotMs = undefined
    spot.textContent = Format.none
    const { spotToken, chartSymbol } = underlyings.find((one) => one.symbol === symbol) ?? {}
    chart.show(symbol, chartSymbol)
    stopSpot = spotToken === undefined ? undefined : ticks.listen(spotToken, ({ last_price, timestamp }) => onSpot(last_price, timestamp))
    const expiry = found.expiries.find((one) => one === wish) ?? found.expiries[0]
    if (expiry !== undefined) showExpiry(expiry)
  }

  const begin = async (): Promise<void> => {
    await askHealth()
    underlyings = await Underlyings.discover(api)
    symbols.replaceChildren(...underlyings.map(({ symbol }) => el("option", { value: symbol }, symbol)))
    const first = underlyings.find(({ symbol }) => symbol === place.symbol) ?? underlyings[0]
    if (first === undefined) status.say("No options are subscribed.")
    else await showSymbol(first.symbol)
    await strategies.reload()
  }
  /** The page may be opened before the gateway has its instruments. */
  const persist = async (work: () => Promise<void>): Promise<void> => {
    while (!isClosed) {
      try {
        return await work()
      } catch (error) {
        status.say(Api.textOf(error))
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      }
    }
  }

  symbols.onchange = () => void persist(() => showSymbol(symbols.value))
  expiries.onchange = () => showExpiry(expiries.value)

  const element = el(
    "div",
    { className: "desk" },
    el("a", { href: "#chain", className: "skip", textContent: "Skip to the chain" }),
    el(
      "header",
      { className: "bar" },
      el("h1", {}, "Tarang"),
      symbols,
      expiries,
      spot,
      status.element,
      el("span", { className: "user muted", title: "Signed in" }, userName),
      el("button", { type: "button", className: "quiet", onclick: () => events.onSignOut("") }, "Sign out")
    ),
    el(
      "main",
      { className: "columns", id: "chain" },
      chain.element,
      el("div", { className: "side" }, chart.element, ticket.element, strategies.element)
    ),
    el("footer", { className: "credits" }, el("a", { href: "/docs" }, "API"), " · Charts: TradingView Lightweight Charts™")
  )

  timers.push(
    setInterval(() => void askHealth(), healthEveryMs),
    setInterval(drawStatus, statusEveryMs)
  )
  void persist(begin)

  return {
    element,
    close: () => {
      isClosed = true
      for (const timer of timers) clearInterval(timer)
      chain.close()
      strategies.close()
      ticks.close()
    }
  }
}
