import { Decimal } from "../../../src/client/Client.ts"
import { type Api, textOf } from "../gateway/Api.ts"
import type { Candle, Leg, Mark, Strategy } from "../gateway/Contract.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import type { Ticks } from "../gateway/Ticks.ts"
import * as PayoffPanel from "../payoff/PayoffPanel.ts"
import { el, segments, setText } from "../view/Element.ts"
import type { Notices } from "../view/Notices.ts"
import type { Change } from "./LegRow.ts"
import * as LegTable from "./LegTable.ts"
import * as MarkChart from "./MarkChart.ts"
import * as MarkNumbers from "./MarkNumbers.ts"
import * as StrategyLimits from "./StrategyLimits.ts"
import type * as Trail from "./Trail.ts"

/** How often holdings, limits and payoff are requested again while they are shown. */
const askEveryMs = 15_000

const tabs = [
  { id: "pnl", label: "P&L" },
  { id: "m2m", label: "Net premium" },
  { id: "payoff", label: "Payoff" },
  { id: "limits", label: "Limits" }
] as const
type Tab = (typeof tabs)[number]["id"]

export interface Options {
  readonly api: Api
  readonly ticks: Ticks
  readonly instruments: Instruments
  readonly notices: Notices
  readonly mayTrade: boolean
  /** Called after the strategy was changed or deleted on this page. */
  readonly onChanged: () => Promise<void>
  readonly onProblem: (text: string) => void
}
export interface StrategyDetail {
  readonly element: HTMLElement
  readonly show: (strategy: Strategy, trail: Trail.Trail, candles: ReadonlyArray<Candle>) => void
  readonly drawMark: (mark: Mark | undefined, isMoved: boolean) => void
  readonly hide: () => void
  readonly close: () => void
}

const legBody = ({ tradingsymbol, exchange, direction, quantity, entry_price }: Leg) => ({
  tradingsymbol,
  exchange,
  direction,
  quantity,
  entry_price
})

/** The user's changes of legs and strategy. Each shows a notice, and a removed leg can be restored. */
const makeActions = ({ api, notices, onChanged, onProblem }: Options, strategy: () => Strategy | undefined) => {
  const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
    onProblem("")
    try {
      await work()
      await onChanged()
      return true
    } catch (error) {
      onProblem(textOf(error))
      return false
    }
  }
  const idOf = (): number | undefined => strategy()?.strategy_id
  return {
    change: async ({ leg_id }: Leg, { quantity, entry_price }: Change): Promise<void> => {
      const id = idOf()
      if (id === undefined) return
      const payload = {
        ...(quantity === undefined ? {} : { quantity }),
        ...(entry_price === undefined ? {} : { entry_price: new Decimal(entry_price) })
      }
      await attempt(() => api.strategies.changeLeg({ path: { id, leg_id }, payload }))
    },
    removeLeg: async (leg: Leg): Promise<void> => {
      const id = idOf()
      if (id === undefined) return
      const isDone = await attempt(() => api.strategies.removeLeg({ path: { id, leg_id: leg.leg_id } }))
      if (!isDone) return
      const undo = () => void attempt(() => api.strategies.addLeg({ path: { id }, payload: legBody(leg) }))
      notices.show(`Removed ${leg.tradingsymbol}`, { label: "Undo", run: undo })
    },
    remove: async (): Promise<void> => {
      const known = strategy()
      if (known === undefined || !confirm(`Delete the strategy "${known.name}" and its history?`)) return
      await attempt(() => api.strategies.remove({ path: { id: known.strategy_id } }))
    }
  }
}

const makeView = (parts: ReadonlyArray<HTMLElement>, onDelete: () => void) => {
  const heading = el("h3")
  const remove = el("button", { type: "button", className: "quiet danger", onclick: onDelete }, "Delete")
  const element = el("div", { className: "detail", hidden: true }, el("div", { className: "row between" }, heading, remove), ...parts)
  return { element, heading }
}

/** The details of the chosen strategy. */
export const make = (options: Options): StrategyDetail => {
  const { api, ticks, instruments } = options
  let strategy: Strategy | undefined
  let trail: Trail.Trail | undefined
  let candles: ReadonlyArray<Candle> = []
  let tab: Tab = "pnl"

  const numbers = MarkNumbers.make()
  const chart = MarkChart.make()
  const actions = makeActions(options, () => strategy)
  const legs = LegTable.make(ticks, instruments, {
    onChange: (leg, change) => void actions.change(leg, change),
    onRemove: (leg) => void actions.removeLeg(leg)
  })
  const payoff = PayoffPanel.make({
    ask: ({ date, spotShift, volShift, points }) =>
      api.positions.payoff({
        path: { id: strategy?.strategy_id ?? 0 },
        urlParams: { spot_shift: spotShift, vol_shift: volShift, points, ...(date && { date }) }
      })
  })
  const limits = StrategyLimits.make(api, options.notices, options.mayTrade)
  const choice = segments("What to show", tabs, (id) => choose(id))
  const view = makeView(
    [limits.stop, numbers.element, choice.element, chart.element, payoff.element, limits.element, legs.element],
    () => void actions.remove()
  )

  const showTab = (): void => {
    choice.press(tab)
    chart.element.hidden = tab === "payoff" || tab === "limits"
    payoff.element.hidden = tab !== "payoff"
    limits.element.hidden = tab !== "limits"
    if (tab === "payoff") payoff.refresh()
    else if (tab !== "limits" && trail !== undefined) chart.show(tab, trail, candles)
  }
  const choose = (next: Tab): void => {
    tab = next
    showTab()
  }
  /** Loads prices for legs without a tick yet, and the effect of fills. */
  const value = async (of: Strategy): Promise<void> => {
    const path = { id: of.strategy_id }
    const [pnl, greeks] = await Promise.all([api.positions.pnl({ path }), api.positions.greeks({ path })])
    if (strategy === of) legs.value(of, pnl, greeks)
  }
  const ask = (): void => {
    if (strategy === undefined || document.hidden) return
    for (const asked of [value(strategy), limits.read()]) asked.catch((error: unknown) => options.onProblem(textOf(error)))
    if (tab === "payoff") payoff.refresh()
  }
  const timer = setInterval(ask, askEveryMs)

  return {
    element: view.element,
    show: (next, points, stored) => {
      const isSame = strategy?.strategy_id === next.strategy_id
      strategy = next
      trail = points
      candles = stored
      setText(view.heading, next.name)
      view.element.hidden = false
      legs.show(next)
      limits.show(next.strategy_id)
      if (!isSame) payoff.clear()
      showTab()
      ask()
    },
    drawMark: (mark, isMoved) => {
      numbers.set(mark)
      if (isMoved && !chart.element.hidden) chart.advance()
    },
    hide: () => {
      strategy = undefined
      view.element.hidden = true
      legs.clear()
    },
    close: () => {
      clearInterval(timer)
      legs.clear()
      payoff.clear()
    }
  }
}
