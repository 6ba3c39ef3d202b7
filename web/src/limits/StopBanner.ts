import { el, setText } from "../view/Element.ts"
import * as TwoSteps from "../view/TwoSteps.ts"

export interface Stop {
  /** Identifies the stop, so that a first press for one stop does not count for another. */
  readonly id: number
  readonly text: string
}

/** A stop by a loss, with the button that releases it in two steps. */
export const make = <A extends TwoSteps.Asked>(
  mayRelease: boolean,
  steps: TwoSteps.Steps<A>
): { readonly element: HTMLElement; readonly draw: (stop: Stop | undefined) => void } => {
  let shownId: number | undefined
  const text = el("strong")
  const release = TwoSteps.make(steps)
  release.button.hidden = !mayRelease
  const element = el("div", { className: "stopped lossstop", hidden: true, attrs: { role: "alert" } }, text, release.button)
  return {
    element,
    draw: (stop) => {
      element.hidden = stop === undefined
      if (stop?.id !== shownId) release.forget()
      shownId = stop?.id
      setText(text, stop?.text ?? "")
    }
  }
}
