import type { Alert } from "../gateway/Contract.ts"
import { el, setClass, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as AlertText from "./AlertText.ts"

export interface Events {
  readonly onToggle: (alert: Alert) => void
  readonly onDelete: (alert: Alert) => void
  readonly strategyName: (id: number) => string | undefined
}
interface Row {
  readonly item: HTMLElement
  readonly update: (alert: Alert) => void
  readonly focus: () => void
}

/** The rule, unless the name is the rule already, how often the alert fires, and when it fired last. */
const detailOf = (alert: Alert, strategyName: Events["strategyName"]): string => {
  const rule = AlertText.rule(alert, strategyName)
  const firedMs = alert.fired_at === null ? undefined : Date.parse(alert.fired_at)
  const parts = [
    rule === alert.name ? "" : rule,
    alert.repeat ? "fires again and again" : "fires once",
    firedMs === undefined ? "" : `fired ${Format.day(firedMs)} ${Format.clock(firedMs)} IST`
  ]
  return parts.filter((part) => part !== "").join(" · ")
}

const makeRow = (first: Alert, mayTrade: boolean, events: Events): Row => {
  let alert = first
  const name = el("strong", { className: "name" })
  const status = el("span")
  const detail = el("small", { className: "muted" })
  const toggle = el("button", { type: "button", className: "quiet", hidden: !mayTrade, onclick: () => events.onToggle(alert) })
  const remove = el("button", {
    type: "button",
    className: "quiet danger",
    textContent: "Delete",
    hidden: !mayTrade,
    onclick: () => events.onDelete(alert)
  })
  const item = el(
    "li",
    {},
    el("div", { className: "row" }, name, status),
    el("div", { className: "row between" }, detail, el("span", { className: "row" }, toggle, remove))
  )
  return {
    item,
    focus: () => toggle.focus(),
    update: (next) => {
      alert = next
      const shown = AlertText.state(alert)
      setText(name, alert.name)
      setText(status, shown.label)
      setClass(status, `alertstate ${shown.tone}`)
      setText(detail, detailOf(alert, events.strategyName))
      setText(toggle, shown.action)
      toggle.ariaLabel = `${shown.action}: ${alert.name}`
      remove.ariaLabel = `Delete: ${alert.name}`
    }
  }
}

/** The user's alerts. An alert keeps its row, and so the focus, while it changes. */
export const make = (mayTrade: boolean, events: Events) => {
  const list = el("ul", { className: "alertlist" })
  const empty = el("p", { className: "hint" }, "No alerts yet.")
  const shown = new Map<number, Row>()
  return {
    element: el("div", { className: "alertbody" }, list, empty),
    /** Moves the focus to an alert, for example to one that was just created. */
    focus: (id: number): void => shown.get(id)?.focus(),
    draw: (alerts: ReadonlyArray<Alert>): void => {
      empty.hidden = alerts.length > 0
      const ids = new Set(alerts.map(({ alert_id }) => alert_id))
      const focused = [...list.children].findIndex((item) => item.contains(document.activeElement))
      for (const [id, { item }] of shown) {
        if (ids.has(id)) continue
        item.remove()
        shown.delete(id)
      }
      for (const [at, alert] of alerts.entries()) {
        const row = shown.get(alert.alert_id) ?? makeRow(alert, mayTrade, events)
        shown.set(alert.alert_id, row)
        row.update(alert)
        if (list.children[at] !== row.item) list.insertBefore(row.item, list.children[at] ?? null)
      }
      // The focus of a row that is gone moves to the row in its place.
      const next = alerts[Math.min(focused, alerts.length - 1)]
      if (next !== undefined && !list.contains(document.activeElement)) shown.get(next.alert_id)?.focus()
    }
  }
}
