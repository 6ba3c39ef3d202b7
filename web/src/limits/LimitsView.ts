import { textOf } from "../gateway/Api.ts"
import { el, labelled } from "../view/Element.ts"
import * as Facts from "../view/Facts.ts"
import * as LimitsDraft from "./LimitsDraft.ts"

export interface Options<Key extends string> {
  readonly limits: LimitsDraft.Limits<Key>
  /** What may happen when the loss is reached: each value of the draft's `action`, and its text. */
  readonly actions: Readonly<Record<string, string>>
  readonly mayChange: boolean
  /** Sets the limits. A rejection is shown in the form. */
  readonly onSet: (draft: LimitsDraft.Draft<Key>) => Promise<void>
}
export interface LimitsView<Key extends string> {
  readonly element: HTMLElement
  /** Shows the limits in force. A form that is open keeps what the user typed, and the other fields show the limits in force. */
  readonly draw: (draft: LimitsDraft.Draft<Key>) => void
  /** Shows nothing until the next `draw`, which shows another account or strategy. */
  readonly close: () => void
}

const actionName = "When the loss is reached"

const makeFacts = <Key extends string>({ limits, actions }: Options<Key>) => {
  const keys = LimitsDraft.keysOf(limits)
  const facts = keys.map((key) => ({ key, fact: Facts.make(limits[key].name, limits[key].title) }))
  const action = Facts.make(actionName, "What happens when the loss reaches its limit")
  action.element.className = "wide"
  return {
    element: el("dl", { className: "facts limitfacts" }, ...facts.map(({ fact }) => fact.element), action.element),
    draw: (draft: LimitsDraft.Draft<Key>): void => {
      for (const { key, fact } of facts) fact.set(LimitsDraft.shown(limits[key], draft[key]))
      action.set(actions[draft.action] ?? draft.action)
    }
  }
}

const makeFields = <Key extends string>({ limits, actions }: Options<Key>) => {
  const inputs = LimitsDraft.keysOf(limits).map((key) => {
    const { name, title, kind } = limits[key]
    const input = el("input", {
      type: "text",
      inputMode: kind === "count" ? "numeric" : "decimal",
      autocomplete: "off",
      placeholder: "no limit",
      ariaLabel: name,
      title
    })
    return { key, input, element: labelled(name, input) }
  })
  const action = el("select", { ariaLabel: actionName }, ...Object.entries(actions).map(([value, text]) => el("option", { value }, text)))
  const actionLabel = labelled(actionName, action)
  actionLabel.classList.add("wide")
  return {
    elements: [...inputs.map(({ element }) => element), actionLabel],
    fill: (draft: LimitsDraft.Draft<Key>): void => {
      for (const { key, input } of inputs) input.value = draft[key]
      action.value = draft.action
    },
    /** Updates the fields that the user has not changed. */
    follow: (before: LimitsDraft.Draft<Key>, now: LimitsDraft.Draft<Key>): void => {
      for (const { key, input } of inputs) if (input.value.trim() === before[key]) input.value = now[key]
      if (action.value === before.action) action.value = now.action
    },
    clear: (): void => {
      for (const { input } of inputs) input.value = ""
      inputs[0]?.input.focus()
    },
    read: (): LimitsDraft.Draft<Key> =>
      ({
        ...Object.fromEntries(inputs.map(({ key, input }) => [key, input.value.trim()])),
        action: action.value
      }) as LimitsDraft.Draft<Key>
  }
}

/** The limits of an account or a strategy, and the form that sets them. The form begins with the limits in force. */
export const make = <Key extends string>(options: Options<Key>): LimitsView<Key> => {
  const { limits, mayChange, onSet } = options
  let current: LimitsDraft.Draft<Key> | undefined
  const facts = makeFacts(options)
  const fields = makeFields(options)
  const problem = el("p", { className: "problem wide", hidden: true, attrs: { role: "alert" } })
  const set = el("button", { type: "submit", className: "primary" }, "Set limits")
  const form = el(
    "form",
    { className: "limitfields" },
    ...fields.elements,
    problem,
    el("div", { className: "row end wide" }, el("button", { type: "button", className: "quiet", onclick: fields.clear }, "Clear"), set)
  )
  const summary = el("summary", {}, "Change the limits")
  const details = el("details", { className: "addbox limitbox", hidden: true }, summary, form)
  const say = (text: string): void => {
    problem.hidden = text === ""
    problem.textContent = text
  }
  // A form that is closed forgets what the user typed.
  details.ontoggle = () => {
    if (details.open) return
    say("")
    if (current !== undefined) fields.fill(current)
  }
  form.onsubmit = async (event) => {
    event.preventDefault()
    const draft = fields.read()
    const wrong = LimitsDraft.problemOf(limits, draft)
    say(wrong ?? "")
    if (wrong !== undefined) return
    set.disabled = true
    try {
      await onSet(draft)
      details.open = false
      // Hiding the form would lose the focus.
      summary.focus()
    } catch (error) {
      say(textOf(error))
    } finally {
      set.disabled = false
    }
  }
  return {
    element: el("div", { className: "limits" }, facts.element, details),
    draw: (draft) => {
      if (details.open && current !== undefined) fields.follow(current, draft)
      else fields.fill(draft)
      current = draft
      facts.draw(draft)
      facts.element.hidden = false
      details.hidden = !mayChange
    },
    close: () => {
      current = undefined
      details.open = false
      details.hidden = true
      facts.element.hidden = true
    }
  }
}
