import { el, setText } from "./Element.ts"
import * as Format from "./Format.ts"

/** A name above a changing value. The value is written only when it changes. */
export interface Fact {
  readonly element: HTMLElement
  readonly set: (text: string, className?: string) => void
}

export const make = (name: string, title: string): Fact => {
  const value = el("dd", {}, Format.none)
  return {
    element: el("div", { title }, el("dt", {}, name), value),
    set: (text, className = "") => {
      setText(value, text)
      if (value.className !== className) value.className = className
    }
  }
}
