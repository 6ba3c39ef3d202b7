import { textOf } from "../gateway/Api.ts"
import type { Alert, NewAlert } from "../gateway/Contract.ts"
import * as Live from "../gateway/Live.ts"
import { el, setText } from "../view/Element.ts"
import type { Notices } from "../view/Notices.ts"
import * as AlertForm from "./AlertForm.ts"
import * as AlertList from "./AlertList.ts"
import * as AlertText from "./AlertText.ts"

/** Largest number of alerts of a user. */
const alertsMax = 100

export interface Options {
  readonly live: Live.Options
  readonly notices: Notices
  /** A viewer sees the alerts, and changes nothing. */
  readonly mayTrade: boolean
  readonly strategies: () => ReadonlyArray<{ readonly id: number; readonly name: string }>
  readonly feeds: () => ReadonlyArray<string>
}
export interface Alerts {
  readonly element: HTMLElement
  /** The chain that is shown: a new alert begins with it. */
  readonly show: (symbol: string, expiry: string) => void
  readonly reload: () => Promise<void>
  /** Writes the names of strategies again. */
  readonly draw: () => void
  readonly close: () => void
}

/** A saved alert as a request that creates it again; undefined for one whose webhook would get another secret. */
const againOf = ({ webhook_url, on, name, condition, threshold, hysteresis, repeat, cooldown_s }: Alert): NewAlert | undefined => {
  if (webhook_url !== null) return undefined
  const watch = on.source === "instrument" ? { source: on.source, symbol: `${on.exchange}:${on.tradingsymbol}`, field: on.field } : on
  const place = watch.source === "chain" ? { source: watch.source, symbol: watch.symbol, expiry: watch.expiry, field: watch.field } : watch
  return { name, on: place, condition, threshold, hysteresis, repeat, cooldown_s }
}

/** The user's alerts: a list, a form for a new one, and a notice whenever one fires. */
export const make = ({ live: options, notices, mayTrade, strategies, feeds }: Options): Alerts => {
  const { alerts: api, instruments } = options.client.rest
  const strategyName = (id: number) => strategies().find((one) => one.id === id)?.name
  const problem = el("p", { className: "problem", hidden: true, attrs: { role: "alert" } })

  let alerts: ReadonlyArray<Alert> = []
  const draw = (): void => list.draw(alerts)
  const read = async (): Promise<void> => {
    alerts = (await api.list({ urlParams: { limit: alertsMax, offset: 0 } })).alerts
    draw()
  }
  const attempt = async (work: Promise<void>): Promise<void> => {
    const text = await work.then(() => "", textOf)
    problem.hidden = text === ""
    setText(problem, text)
  }
  const reload = (): Promise<void> => attempt(read())
  const create = async (payload: NewAlert): Promise<void> => {
    const { alert_id, name } = await api.create({ payload })
    await reload()
    list.focus(alert_id)
    notices.show(`Alert set: ${name}`)
  }
  const list = AlertList.make(mayTrade, {
    strategyName,
    onToggle: ({ alert_id, ...alert }) => {
      const status = AlertText.state(alert).action === "Pause" ? "paused" : "active"
      void attempt(api.change({ path: { id: alert_id }, payload: { status } }).then(read))
    },
    onDelete: (alert) => {
      const again = againOf(alert)
      const undo = again && { label: "Undo", run: () => void attempt(create(again)) }
      const gone = api.remove({ path: { id: alert.alert_id } }).then(() => notices.show(`Alert deleted: ${alert.name}`, undo))
      void attempt(gone.then(read))
    }
  })
  const form = AlertForm.make({
    strategies,
    feeds,
    search: async (search, limit) => {
      const found = await instruments.search({ urlParams: { search, limit } })
      return found.instruments.map(({ tradingsymbol }) => tradingsymbol)
    },
    onCreate: create
  })
  form.element.hidden = !mayTrade
  const element = el(
    "section",
    { className: "panel alerts", attrs: { "aria-label": "Alerts" } },
    el("header", {}, el("h2", {}, "Alerts")),
    problem,
    list.element,
    form.element
  )

  const live = Live.open(
    options.client.alerts,
    {
      ...options,
      onState: (state) => {
        options.onState(state)
        // Alerts of another tab or program were not announced.
        if (state === "open") void reload()
      }
    },
    (event) => {
      if (event.type === "alert") {
        const show = { label: "Show", run: () => element.scrollIntoView({ block: "nearest" }) }
        notices.show(AlertText.fired(event.data, strategyName), show)
      }
      if (event.type === "alert" || event.type === "gap" || event.type === "conflated") void reload()
    }
  )
  live.subscribe(["all"])
  const look = (): void => {
    if (!document.hidden) void reload()
  }
  document.addEventListener("visibilitychange", look)

  return {
    element,
    show: (symbol, expiry) => form.show({ symbol, expiry }),
    reload,
    draw,
    close: () => {
      document.removeEventListener("visibilitychange", look)
      live.close()
    }
  }
}
