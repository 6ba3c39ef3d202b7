import { el, field } from "../view/Element.ts"
import * as Draft from "./Draft.ts"
import * as DraftLegs from "./DraftLegs.ts"
import * as TemplatePicker from "./TemplatePicker.ts"
import type * as Templates from "./Templates.ts"

export interface Saved {
  readonly id: number
  readonly name: string
}
export interface Events extends DraftLegs.Events {
  readonly onFill: (choice: Templates.Choice, width: number) => void
  readonly onName: (name: string) => void
  readonly onLotSize: (lotSize: number) => void
  readonly onDiscard: () => void
  /** `target`: the strategy to which the legs are added; undefined for a new one. */
  readonly onSubmit: (target: number | undefined) => void
  readonly saved: () => ReadonlyArray<Saved>
}
export interface TicketView {
  readonly element: HTMLElement
  readonly draw: (draft: Draft.Draft) => void
  readonly setLotSize: (lotSize: number) => void
  readonly setBusy: (isBusy: boolean) => void
  /** Shows why something failed. An empty text removes it. */
  readonly refuse: (text: string) => void
  /** Announces a text to users of a screen reader. */
  readonly say: (text: string) => void
  /** Scrolls to the ticket and focuses its first control. */
  readonly reveal: () => void
}

/** The choice of where the legs go: a new strategy, or an existing one. */
const makeTarget = (saved: () => ReadonlyArray<Saved>, onChange: () => void) => {
  const select = el("select", { ariaLabel: "Where the legs go", onchange: onChange })
  const fill = (): void => {
    const before = select.value
    const choices = saved().map(({ id, name }) => el("option", { value: String(id) }, `Add to ${name}`))
    select.replaceChildren(el("option", { value: "" }, "New strategy"), ...choices)
    select.value = choices.some((choice) => choice.value === before) ? before : ""
  }
  select.onfocus = fill
  return {
    element: select,
    fill,
    id: (): number | undefined => (select.value === "" ? undefined : Number(select.value)),
    reset: (): void => {
      select.value = ""
    }
  }
}

/** The form of the draft: name, lot size, legs and payoff. */
const makeForm = (preview: HTMLElement, events: Events) => {
  const name = field({ type: "text", maxLength: 200, required: true, ariaLabel: "Name of the strategy" })
  name.input.onchange = () => events.onName(name.input.value.trim())
  const lot = field({ type: "number", min: "1", step: "1", value: "1", ariaLabel: "Lot size" })
  lot.input.onchange = () => events.onLotSize(Number(lot.input.value))
  const legs = DraftLegs.make(events)
  const submit = el("button", { type: "submit", className: "primary" }, "Create strategy")
  const target = makeTarget(events.saved, () => {
    name.input.hidden = target.id() !== undefined
    submit.textContent = target.id() === undefined ? "Create strategy" : "Add legs"
  })
  const form = el(
    "form",
    { className: "draft", hidden: true },
    el("div", { className: "row" }, name.input, el("label", { className: "lot" }, "Lot ", lot.input)),
    legs.element,
    preview,
    el(
      "div",
      { className: "row end" },
      target.element,
      el("button", { type: "button", className: "quiet", onclick: events.onDiscard }, "Discard"),
      submit
    )
  )
  form.onsubmit = (event) => {
    event.preventDefault()
    // The Enter key submits before the field reports its change.
    events.onName(name.input.value.trim())
    events.onSubmit(target.id())
  }
  return { form, name, lot, legs, submit, target }
}

export const make = (tabs: HTMLElement, preview: HTMLElement, events: Events): TicketView => {
  const { form, name, lot, legs, submit, target } = makeForm(preview, events)
  const problem = el("p", { className: "problem", attrs: { role: "alert" } })
  const said = el("span", { className: "unseen", attrs: { role: "status", "aria-live": "polite" } })
  const empty = el("p", { className: "hint" }, "Click an ask in the chain to buy and a bid to sell, or take a template.")
  const element = el(
    "section",
    { className: "panel ticket", attrs: { "aria-label": "New strategy" } },
    el("header", {}, tabs, TemplatePicker.make(events.onFill)),
    empty,
    form,
    problem,
    said
  )
  return {
    element,
    draw: (draft) => {
      const isEmpty = draft.legs.length === 0
      if (form.hidden && !isEmpty) target.fill()
      if (isEmpty) target.reset()
      empty.hidden = !isEmpty
      form.hidden = isEmpty
      name.show(Draft.nameOf(draft))
      legs.draw(draft)
    },
    setLotSize: (lotSize) => {
      lot.show(String(lotSize))
    },
    setBusy: (isBusy) => {
      submit.disabled = isBusy
    },
    refuse: (text) => {
      problem.textContent = text
    },
    say: (text) => {
      said.textContent = text
    },
    reveal: () => {
      element.scrollIntoView({ block: "start" })
      form.querySelector<HTMLElement>("button, input, select")?.focus({ preventScroll: true })
    }
  }
}
