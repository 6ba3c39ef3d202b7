import { el, setText } from "./Element.ts"

/** The answer to the first press. */
export interface Asked {
  /** The second press counts until this time, ISO 8601. */
  readonly until: string
}
export interface Steps<A extends Asked> {
  /** The first press; undefined if it failed. */
  readonly onAsk: () => Promise<A | undefined>
  /** The second press. */
  readonly onRelease: (asked: A) => Promise<void>
}
export interface TwoSteps {
  readonly button: HTMLButtonElement
  /** Begins again with the first press. */
  readonly forget: () => void
}

/** A button that allows orders again. It takes two presses, so that a single click cannot do it. */
export const make = <A extends Asked>({ onAsk, onRelease }: Steps<A>): TwoSteps => {
  let asked: A | undefined
  /** Grows when the button begins again, so that a late answer to an earlier first press is ignored. */
  let turn = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const button = el("button", { type: "button" })
  const draw = (): void => {
    setText(button, asked === undefined ? "Release …" : "Really let orders through")
    button.className = asked === undefined ? "" : "primary"
  }
  const forget = (): void => {
    turn++
    clearTimeout(timer)
    asked = undefined
    draw()
  }
  button.onclick = async () => {
    // A disabled button loses the focus, so it gets it back at the end.
    const isFocused = document.activeElement === button
    button.disabled = true
    const before = asked
    forget()
    if (before === undefined) {
      const own = turn
      const answer = await onAsk()
      if (own === turn && answer !== undefined) {
        asked = answer
        timer = setTimeout(forget, Math.max(0, Date.parse(answer.until) - Date.now()))
      }
    } else await onRelease(before)
    button.disabled = false
    draw()
    if (isFocused) button.focus()
  }
  draw()
  return { button, forget }
}
