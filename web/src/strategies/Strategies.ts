import { textOf } from "../gateway/Api.ts"
import type { Candle, Mark, Strategy, StrategySummary } from "../gateway/Contract.ts"
import * as Live from "../gateway/Live.ts"
import type { Ticks } from "../gateway/Ticks.ts"
import * as PayoffDiagram from "../payoff/PayoffDiagram.ts"
import { el, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Frames from "../view/Frames.ts"
import * as MarkChart from "./MarkChart.ts"

/** As many as one connection may listen to. */
const strategiesMax = 200
const candlesMax = 1000
/** How often the payoff of the strategy that is shown is asked again. */
const payoffEveryMs = 15_000
const payoffPoints = 1001

type Tab = "pnl" | "m2m" | "payoff"
const tabs: ReadonlyArray<{ readonly id: Tab; readonly label: string }> = [
  { id: "pnl", label: "P&L" },
  { id: "m2m", label: "M2M" },
  { id: "payoff", label: "Payoff" }
]

interface Line {
  readonly button: HTMLButtonElement
  readonly pnl: HTMLElement
  readonly note: HTMLElement
}
interface Numbers {
  readonly set: (mark: Mark | undefined) => void
  readonly element: HTMLElement
}

/** The numbers of a mark, each written only when it changed. */
const makeNumbers = (): Numbers => {
  const cell = (name: string, title: string) => {
    const value = el("dd", {}, Format.none)
    return { value, element: el("div", { title }, el("dt", {}, name), value) }
  }
  const total = cell("Total P&L", "Realised and unrealised, rupees")
  const unrealised = cell("Unrealised", "Against the entry prices, rupees")
  const realised = cell("Realised", "From fills, first in, first out, rupees")
  const m2m = cell("M2M", "Net premium at last prices: sold +, bought −. Not a profit.")
  const delta = cell("Delta", "Net delta of the position")
  const gamma = cell("Gamma", "Net gamma of the position")
  const theta = cell("Theta", "Net theta, rupees a calendar day")
  const vega = cell("Vega", "Net vega, rupees a volatility point")
  total.element.className = "big"
  const put = (target: HTMLElement, text: string, sign: "up" | "down" | "flat" | "" = "") => {
    setText(target, text)
    if (target.className !== sign) target.className = sign
  }
  return {
    element: el(
      "dl",
      { className: "facts numbers" },
      ...[total, unrealised, realised, m2m, delta, gamma, theta, vega].map(({ element }) => element)
    ),
    set: (mark) => {
      put(total.value, Format.rupees(mark?.total_pnl), Format.signOf(mark?.total_pnl))
      put(unrealised.value, Format.rupees(mark?.unrealised_pnl), Format.signOf(mark?.unrealised_pnl))
      put(realised.value, Format.rupees(mark?.realised_pnl), Format.signOf(mark?.realised_pnl))
      put(m2m.value, Format.rupees(mark?.m2m, false))
      put(delta.value, Format.fixed(mark?.net_delta, 2))
      put(gamma.value, Format.fixed(mark?.net_gamma, 4))
      put(theta.value, Format.fixed(mark?.net_theta, 2))
      put(vega.value, Format.fixed(mark?.net_vega, 2))
    }
  }
}

export interface Strategies {
  readonly element: HTMLElement
  readonly reload: (select?: number) => Promise<void>
  readonly close: () => void
}

/** The user's strategies: their live marks, and everything about the one that is chosen. */
export const make = (ticks: Ticks, options: Live.Options): Strategies => {
  const { rest: api } = options.client
  const lines = new Map<number, Line>()
  const marks = new Map<number, Mark>()
  const trails = new Map<number, MarkChart.Trail>()
  let chosen: Strategy | undefined
  let tab: Tab = "pnl"
  let candles: ReadonlyArray<Candle> = []
  let stopTicks: ReadonlyArray<() => void> = []
  let payoffTimer: ReturnType<typeof setInterval> | undefined
  let isMoved = false

  const list = el("ul", { className: "strategies" })
  const detail = el("div", { className: "detail", hidden: true })
  const problem = el("p", { className: "problem", attrs: { role: "alert" } })
  const element = el(
    "section",
    { className: "panel book", attrs: { "aria-label": "Strategies" } },
    el(
      "header",
      {},
      el("h2", {}, "Strategies"),
      el("button", { type: "button", className: "quiet", onclick: () => void reload() }, "Refresh")
    ),
    list,
    problem,
    detail
  )
  const numbers = makeNumbers()
  const chart = MarkChart.make()
  const payoffBox = el("div", { className: "payoffhost", hidden: true })
  const legsBody = el("tbody")
  const heading = el("h3")
  const tabButtons = tabs.map(({ id, label }) =>
    el("button", { type: "button", ariaPressed: String(id === tab), onclick: () => chooseTab(id) }, label)
  )
  const removeButton = el("button", { type: "button", className: "quiet danger" }, "Delete")
  detail.append(
    el("div", { className: "row between" }, heading, removeButton),
    numbers.element,
    el("div", { className: "segments", attrs: { role: "group", "aria-label": "What to show" } }, ...tabButtons),
    chart.element,
    payoffBox,
    el(
      "table",
      { className: "legs" },
      el(
        "thead",
        {},
        el("tr", {}, ...["Side", "Option", "Quantity", "Entry", "LTP", "Delta", "Remove"].map((text) => el("th", { scope: "col" }, text)))
      ),
      legsBody
    )
  )

  const trailOf = (id: number): MarkChart.Trail => {
    const known = trails.get(id)
    if (known !== undefined) return known
    const trail = MarkChart.makeTrail()
    trails.set(id, trail)
    return trail
  }

  const draw = Frames.make(() => {
    for (const [id, { pnl, note }] of lines) {
      const mark = marks.get(id)
      setText(pnl, Format.rupees(mark?.total_pnl))
      const sign = `pnl ${Format.signOf(mark?.total_pnl)}`
      if (pnl.className !== sign) pnl.className = sign
      const missing = mark?.missing.length ?? 0
      setText(
        note,
        mark === undefined ? "no mark yet" : mark.complete ? "" : `${missing === 1 ? "1 leg" : `${missing} legs`} without a fresh price`
      )
    }
    if (chosen === undefined) return
    numbers.set(marks.get(chosen.strategy_id))
    if (isMoved && tab !== "payoff") chart.advance()
    isMoved = false
  })

  const take = (mark: Mark): void => {
    marks.set(mark.strategy_id, mark)
    MarkChart.addMark(trailOf(mark.strategy_id), mark)
    if (mark.strategy_id === chosen?.strategy_id) isMoved = true
    draw()
  }

  const wanted = (): ReadonlyArray<number> => [...lines.keys()].slice(0, strategiesMax)
  const live = Live.open(options.client.strategies, options, (event) => {
    if (event.type === "m2m") take(event)
  })

  const showChart = (): void => {
    const isPayoff = tab === "payoff"
    chart.element.hidden = isPayoff
    payoffBox.hidden = !isPayoff
    if (chosen !== undefined && tab !== "payoff") chart.show(tab, trailOf(chosen.strategy_id), candles)
  }

  const askPayoff = async (): Promise<void> => {
    const id = chosen?.strategy_id
    if (id === undefined || tab !== "payoff" || document.hidden) return
    try {
      const urlParams = { points: payoffPoints }
      const found = await api.positions.payoff({ path: { id }, urlParams })
      if (chosen?.strategy_id === id) payoffBox.replaceChildren(PayoffDiagram.render(found))
    } catch (error) {
      payoffBox.replaceChildren(el("p", { className: "hint" }, textOf(error)))
    }
  }
  const chooseTab = (next: Tab): void => {
    tab = next
    for (const [at, button] of tabButtons.entries()) button.ariaPressed = String(tabs[at]?.id === next)
    showChart()
    void askPayoff()
  }

  const drawLegs = (strategy: Strategy): void => {
    for (const stop of stopTicks) stop()
    const stops: Array<() => void> = []
    legsBody.replaceChildren(
      ...strategy.instruments.map((leg) => {
        const last = el("td", { className: "number" }, Format.none)
        const delta = el("td", { className: "number" }, Format.none)
        let newest: { price: string; delta: string } = { price: Format.none, delta: Format.none }
        const write = Frames.make(() => {
          setText(last, newest.price)
          setText(delta, newest.delta)
        })
        stops.push(
          ticks.listen(leg.instrument_token, (tick) => {
            newest = { price: Format.price(tick.last_price), delta: Format.fixed(tick.delta, 2) }
            write()
          })
        )
        const remove = el("button", { type: "button", className: "quiet", attrs: { "aria-label": `Remove ${leg.tradingsymbol}` } }, "×")
        const path = { id: strategy.strategy_id, leg_id: leg.leg_id }
        remove.onclick = () => change(() => api.strategies.removeLeg({ path }), strategy.strategy_id)
        return el(
          "tr",
          {},
          el("td", {}, el("span", { className: `direction ${leg.direction.toLowerCase()}` }, leg.direction)),
          el("td", { className: "mono" }, leg.tradingsymbol),
          el("td", { className: "number" }, String(leg.quantity)),
          el("td", { className: "number" }, Format.rupees(leg.entry_price, false)),
          last,
          delta,
          el("td", {}, remove)
        )
      })
    )
    stopTicks = stops
  }

  const change = async (remove: () => Promise<unknown>, select: number | undefined): Promise<void> => {
    problem.textContent = ""
    try {
      await remove()
      await reload(select)
    } catch (error) {
      problem.textContent = textOf(error)
    }
  }

  const choose = async (id: number): Promise<void> => {
    const [strategy, stored] = await Promise.all([
      api.strategies.get({ path: { id } }),
      api.strategies.m2m({ path: { id }, urlParams: { limit: candlesMax } })
    ])
    chosen = strategy
    candles = stored.candles
    if (strategy.latest !== null && !marks.has(id)) take(strategy.latest)
    for (const [one, { button }] of lines) button.ariaPressed = String(one === id)
    heading.textContent = strategy.name
    removeButton.onclick = () => {
      if (confirm(`Delete the strategy "${strategy.name}"?`)) void change(() => api.strategies.remove({ path: { id } }), undefined)
    }
    detail.hidden = false
    drawLegs(strategy)
    showChart()
    payoffBox.replaceChildren()
    void askPayoff()
    draw()
  }

  const makeLine = ({ strategy_id, name, tags }: StrategySummary): HTMLLIElement => {
    const pnl = el("span", { className: "pnl" }, Format.none)
    const note = el("span", { className: "note" })
    const button = el(
      "button",
      { type: "button", ariaPressed: "false", onclick: () => void attempt(choose(strategy_id)) },
      el("span", { className: "name" }, name),
      ...tags.map((tag) => el("span", { className: "tag" }, tag)),
      note,
      pnl
    )
    lines.set(strategy_id, { button, pnl, note })
    return el("li", {}, button)
  }

  const attempt = async (work: Promise<void>): Promise<void> => {
    try {
      await work
      problem.textContent = ""
    } catch (error) {
      problem.textContent = textOf(error)
    }
  }

  const read = async (select: number | undefined): Promise<void> => {
    const { strategies } = await api.strategies.list({ urlParams: { limit: strategiesMax } })
    const before = wanted()
    lines.clear()
    list.replaceChildren(...strategies.map(makeLine))
    if (strategies.length === 0) list.append(el("li", { className: "hint" }, "None yet."))
    const ids = new Set(wanted())
    const gone = before.filter((id) => !ids.has(id))
    live.unsubscribe(gone)
    live.subscribe([...ids])
    const next = select ?? chosen?.strategy_id
    const id = next !== undefined && ids.has(next) ? next : strategies[0]?.strategy_id
    if (id !== undefined) return choose(id)
    chosen = undefined
    detail.hidden = true
    for (const stop of stopTicks) stop()
    stopTicks = []
  }
  const reload = (select?: number): Promise<void> => attempt(read(select))
  payoffTimer = setInterval(() => void askPayoff(), payoffEveryMs)

  return {
    element,
    reload,
    close: () => {
      clearInterval(payoffTimer)
      live.close()
    }
  }
}
