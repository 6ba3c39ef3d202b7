import { el } from "../view/Element.ts"
import * as Templates from "./Templates.ts"

/** Selects one of the usual strategies and the distance of its strikes. */
export const make = (onFill: (choice: Templates.Choice, width: number) => void): HTMLElement => {
  const select = el("select", { ariaLabel: "Template" }, ...Templates.choices.map(({ id, label }) => el("option", { value: id }, label)))
  const width = el("input", { type: "number", min: "1", max: "20", value: "4", ariaLabel: "Strikes of the template" })
  const chosen = (): Templates.Choice | undefined => Templates.choices.find(({ id }) => id === select.value)
  const describe = (): void => {
    const meaning = chosen()?.width ?? null
    width.disabled = meaning === null
    width.title = meaning ?? "This template has one strike"
  }
  select.onchange = describe
  describe()
  const fill = (): void => {
    const choice = chosen()
    if (choice !== undefined) onFill(choice, Math.max(1, Math.round(Number(width.value) || 1)))
  }
  return el(
    "div",
    { className: "row template" },
    select,
    el("label", {}, "± ", width),
    el("button", { type: "button", onclick: fill }, "Fill in")
  )
}
