import type { Alert } from "../gateway/Contract.ts"
import { el, setClass, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Keyed from "../view/Keyed.ts"
import * as AlertText from "./AlertText.ts"

export interface Events {
  readonly onToggle: (alert: Alert) => void
  readonly onDelete: (alert: Alert) => void
  readonly strategyName: (id: number) => string | undefined
}
interface Row extends Keyed.Row<Alert> {
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
  const element = el(
    "li",
    {},
    el("div", { className: "row" }, name, status),
    el("div", { className: "row between" }, detail, el("span", { className: "row" }, toggle, remove))
  )
  return {
    element,
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

/** The user's alerts. */
export const make = (mayTrade: boolean, events: Events) => {
  const list = el("ul", { className: "alertlist" })
  const empty = el("p", { className: "hint" }, "No alerts yet.")
  const shown = Keyed.make(
    list,
    (alert: Alert) => alert.alert_id,
    (alert) => makeRow(alert, mayTrade, events)
  )
  return {
    element: el("div", { className: "alertbody" }, list, empty),
    /** Moves the focus to an alert, for example to one that was just created. */
    focus: (id: number): void => shown.get(id)?.focus(),
    draw: (alerts: ReadonlyArray<Alert>): void => {
      empty.hidden = alerts.length > 0
      const focused = [...list.children].findIndex((item) => item.contains(document.activeElement))
      shown.draw(alerts)
      // The focus of a row that is gone moves to the row in its place.
      const next = alerts[Math.min(focused, alerts.length - 1)]
      if (next !== undefined && !list.contains(document.activeElement)) shown.get(next.alert_id)?.focus()
    }
  }
}
