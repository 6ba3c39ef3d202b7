import { type Api, textOf } from "../gateway/Api.ts"
import type { Candle, Mark, StrategySummary } from "../gateway/Contract.ts"
import type { Instruments } from "../gateway/Instruments.ts"
import * as Live from "../gateway/Live.ts"
import type { Ticks } from "../gateway/Ticks.ts"
import { el } from "../view/Element.ts"
import * as Frames from "../view/Frames.ts"
import type { Notices } from "../view/Notices.ts"
import * as StrategyDetail from "./StrategyDetail.ts"
import * as StrategyList from "./StrategyList.ts"
import * as Trail from "./Trail.ts"

/** Largest number of strategies per connection. */
const strategiesMax = 200
/** Number of newest stored minutes that are shown: more than two trading days. */
const candlesMax = 1_000

export interface Options {
  readonly live: Live.Options
  readonly ticks: Ticks
  readonly instruments: Instruments
  readonly notices: Notices
  readonly mayTrade: boolean
  /** The strategies were read again. */
  readonly onListed: () => void
}
export interface Strategies {
  readonly element: HTMLElement
  readonly reload: () => Promise<void>
  /** Shows a strategy that was created or changed on this page, and focuses it. */
  readonly reveal: (id: number) => Promise<void>
  readonly all: () => ReadonlyArray<StrategySummary>
  readonly close: () => void
}

const makeView = (list: HTMLElement, detail: HTMLElement, onRefresh: () => void) => {
  const problem = el("p", { className: "problem", attrs: { role: "alert" } })
  const element = el(
    "section",
    { className: "panel book", attrs: { "aria-label": "Strategies" } },
    el("header", {}, el("h2", {}, "Strategies"), el("button", { type: "button", className: "quiet", onclick: onRefresh }, "Refresh")),
    list,
    problem,
    detail
  )
  return { element, problem }
}

const newestCandles = async (api: Api, id: number): Promise<ReadonlyArray<Candle>> => {
  const page = (offset: number) => api.strategies.m2m({ path: { id }, urlParams: { limit: candlesMax, offset } })
  const first = await page(0)
  return first.total <= candlesMax ? first.candles : (await page(first.total - candlesMax)).candles
}

/** The newest mark of each strategy, and its marks since the page was opened. */
const makeMarks = () => {
  const newest = new Map<number, Mark>()
  const trails = new Map<number, Trail.Trail>()
  const trailOf = (id: number): Trail.Trail => {
    const trail = trails.get(id) ?? Trail.make()
    trails.set(id, trail)
    return trail
  }
  return {
    trailOf,
    of: (id: number): Mark | undefined => newest.get(id),
    take: (mark: Mark): void => {
      newest.set(mark.strategy_id, mark)
      Trail.addMark(trailOf(mark.strategy_id), mark)
    },
    forget: (id: number): void => {
      newest.delete(id)
      trails.delete(id)
    }
  }
}

/** The user's strategies: their live marks, and the details of the chosen one. */
export const make = ({ live: options, ticks, instruments, notices, mayTrade, onListed }: Options): Strategies => {
  const { rest: api } = options.client
  const marks = makeMarks()
  let strategies: ReadonlyArray<StrategySummary> = []
  let chosen: number | undefined
  let isMoved = false

  const list = StrategyList.make((id) => void attempt(choose(id)))
  const detail = StrategyDetail.make({
    api,
    ticks,
    instruments,
    notices,
    mayTrade,
    onChanged: () => read(),
    onProblem: (text) => {
      view.problem.textContent = text
    }
  })
  const view = makeView(list.element, detail.element, () => void reload())

  const draw = Frames.make(() => {
    for (const { strategy_id } of strategies) list.drawMark(strategy_id, marks.of(strategy_id))
    if (chosen !== undefined) detail.drawMark(marks.of(chosen), isMoved)
    isMoved = false
  })
  const take = (mark: Mark): void => {
    marks.take(mark)
    if (mark.strategy_id === chosen) isMoved = true
    draw()
  }

  const live = Live.open(options.client.strategies, options, (event) => {
    if (event.type === "m2m") take(event)
    // Another tab, computer or program changed a strategy.
    else if (event.type === "strategy") void reload()
  })

  const choose = async (id: number): Promise<void> => {
    chosen = id
    list.press(id)
    const [strategy, candles] = await Promise.all([api.strategies.get({ path: { id } }), newestCandles(api, id)])
    // The user chose another one meanwhile.
    if (chosen !== id) return
    if (strategy.latest !== null && marks.of(id) === undefined) take(strategy.latest)
    detail.show(strategy, marks.trailOf(id), candles)
    draw()
  }

  const listen = (next: ReadonlyArray<StrategySummary>): void => {
    const ids = new Set(next.map(({ strategy_id }) => strategy_id))
    const before = new Set(strategies.map(({ strategy_id }) => strategy_id))
    const gone = [...before].filter((id) => !ids.has(id))
    live.unsubscribe(gone)
    for (const id of gone) marks.forget(id)
    live.subscribe([...ids].filter((id) => !before.has(id)))
  }
  const read = async (): Promise<void> => {
    const found = await api.strategies.list({ urlParams: { limit: strategiesMax } })
    listen(found.strategies)
    strategies = found.strategies
    list.show(strategies)
    onListed()
    const isThere = strategies.some(({ strategy_id }) => strategy_id === chosen)
    const next = isThere ? chosen : strategies[0]?.strategy_id
    if (next !== undefined) return choose(next)
    chosen = undefined
    detail.hide()
  }
  const attempt = async (work: Promise<void>): Promise<void> => {
    try {
      await work
      view.problem.textContent = ""
    } catch (error) {
      view.problem.textContent = textOf(error)
    }
  }
  const reload = (): Promise<void> => attempt(read())

  return {
    element: view.element,
    reload,
    reveal: async (id) => {
      chosen = id
      await reload()
      list.focus(id)
    },
    all: () => strategies,
    close: () => {
      detail.close()
      live.close()
    }
  }
}
