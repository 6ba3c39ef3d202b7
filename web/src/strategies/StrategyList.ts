import type { Mark, StrategySummary } from "../gateway/Contract.ts"
import { el, setClass, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Keyed from "../view/Keyed.ts"

interface Line extends Keyed.Row<StrategySummary> {
  readonly button: HTMLButtonElement
  readonly drawMark: (mark: Mark | undefined) => void
}
export interface StrategyList {
  readonly element: HTMLElement
  readonly show: (strategies: ReadonlyArray<StrategySummary>) => void
  readonly press: (id: number | undefined) => void
  readonly focus: (id: number) => void
  readonly drawMark: (id: number, mark: Mark | undefined) => void
}

const noteOf = (mark: Mark | undefined): string => {
  if (mark === undefined || mark.complete) return ""
  return mark.missing.length === 0 ? "a position has no fresh price" : `${mark.missing.length} without a fresh price`
}

const makeLine = (id: number, onChoose: (id: number) => void): Line => {
  const [name, tags, note, pnl] = [el("span", { className: "name" }), el("span"), el("span", { className: "note" }), el("span")]
  const button = el("button", { type: "button", ariaPressed: "false", onclick: () => onChoose(id) }, name, tags, note, pnl)
  return {
    element: el("li", {}, button),
    button,
    update: (summary) => {
      setText(name, summary.name)
      tags.replaceChildren(...summary.tags.map((tag) => el("span", { className: "tag" }, tag)))
    },
    drawMark: (mark) => {
      setText(pnl, Format.rupees(mark?.total_pnl))
      setClass(pnl, `pnl ${mark?.total_pnl === null ? "flat" : Format.signOf(mark?.total_pnl)}`)
      setText(note, noteOf(mark))
    }
  }
}

/** The user's strategies with their P&L. */
export const make = (onChoose: (id: number) => void): StrategyList => {
  const element = el("ul", { className: "strategies" })
  const none = el("li", { className: "hint" }, "None yet.")
  const lines = Keyed.make(
    element,
    ({ strategy_id }: StrategySummary) => strategy_id,
    ({ strategy_id }) => makeLine(strategy_id, onChoose)
  )
  return {
    element,
    show: (strategies) => {
      lines.draw(strategies)
      if (strategies.length === 0) element.append(none)
      else none.remove()
    },
    press: (id) => {
      for (const [one, { button }] of lines.all()) button.ariaPressed = String(one === id)
    },
    focus: (id) => lines.get(id)?.button.focus(),
    drawMark: (id, mark) => lines.get(id)?.drawMark(mark)
  }
}
