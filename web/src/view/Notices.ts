import { el } from "./Element.ts"

/** How long a notice stays: long enough to reach its action by keyboard. */
const shownMs = 15_000

export interface Action {
  readonly label: string
  readonly run: () => void
}
export interface Notices {
  readonly element: HTMLElement
  /** Shows the text, and a button that runs the action once. It replaces the previous notice. */
  readonly show: (text: string, action?: Action) => void
}

/** One line at the bottom of the page that states what just happened and can undo it. Screen readers announce it. */
export const make = (): Notices => {
  const text = el("span")
  const button = el("button", { type: "button", className: "quiet", hidden: true })
  const element = el("div", { className: "notice", hidden: true, attrs: { role: "status", "aria-live": "polite" } }, text, button)
  let timer: ReturnType<typeof setTimeout> | undefined
  const hide = (): void => {
    element.hidden = true
  }
  return {
    element,
    show: (next, action) => {
      clearTimeout(timer)
      text.textContent = next
      button.hidden = action === undefined
      if (action !== undefined) {
        button.textContent = action.label
        button.onclick = () => {
          hide()
          action.run()
        }
      }
      element.hidden = false
      timer = setTimeout(hide, shownMs)
    }
  }
}
