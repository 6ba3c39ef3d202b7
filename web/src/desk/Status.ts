import { el, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import type { Freshness } from "./Freshness.ts"

const words: Readonly<Record<Freshness, string>> = {
  waiting: "Waiting for data",
  live: "Live",
  degraded: "Degraded",
  stale: "Stale",
  down: "Not working",
  away: "Reconnecting",
  closed: "Market closed",
  ended: "Playback ended"
}

export interface Status {
  readonly element: HTMLElement
  readonly set: (freshness: Freshness, ageMs: number | undefined, marketMs: number | undefined) => void
  /** Announces an event to users of a screen reader. */
  readonly say: (text: string) => void
}

/** State of the data, age of the newest quote, market time. Only a change of state is announced: a counting age would never be silent. */
export const make = (): Status => {
  const state = el("span", { className: "state", attrs: { role: "status", "aria-live": "polite" } })
  const age = el("span", { className: "muted age", title: "Age of the newest quote" })
  const time = el("time", { className: "mono", title: "Market time, IST" })
  const said = el("span", { className: "unseen", attrs: { role: "status", "aria-live": "polite" } })
  const element = el(
    "div",
    { className: "status" },
    el("i", { className: "dot", attrs: { "aria-hidden": "true" } }),
    state,
    age,
    time,
    said
  )
  return {
    element,
    set: (freshness, ageMs, marketMs) => {
      if (element.dataset["freshness"] !== freshness) element.dataset["freshness"] = freshness
      setText(state, words[freshness])
      setText(age, ageMs === undefined ? "" : Format.age(ageMs))
      setText(time, marketMs === undefined ? "" : `${Format.clock(marketMs)} IST`)
    },
    say: (text) => {
      said.textContent = text
    }
  }
}
