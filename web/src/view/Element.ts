type Child = Node | string

type Properties<K extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[K], "style" | "children" | "dataset" | "classList">
> & { readonly attributes?: never }

/** Creates an element with properties (`className`, `type`, `onclick`), children, and in `attrs` the attributes that are not properties. */
export const el = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties<K> & { readonly attrs?: Readonly<Record<string, string>> } = {} as Properties<K>,
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[K] => {
  const { attrs, ...rest } = properties as { attrs?: Readonly<Record<string, string>> }
  const element = Object.assign(document.createElement(tag), rest)
  for (const [name, value] of Object.entries(attrs ?? {})) element.setAttribute(name, value)
  element.append(...children)
  return element
}

export interface Field {
  readonly input: HTMLInputElement
  readonly show: (value: string) => void
}
/** An input that keeps what the user types. A value that is shown meanwhile appears only if the user leaves the field unchanged. */
export const field = (properties: Properties<"input">): Field => {
  const input = el("input", properties)
  let isTyping = false
  let newest = input.value
  input.addEventListener("input", () => {
    isTyping = true
  })
  input.addEventListener("change", () => {
    isTyping = false
  })
  // The browser reports a change before the field loses the focus.
  input.addEventListener("blur", () => {
    if (isTyping) input.value = newest
    isTyping = false
  })
  return {
    input,
    show: (value) => {
      newest = value
      if (!isTyping) input.value = value
    }
  }
}

const svgNamespace = "http://www.w3.org/2000/svg"

export const svg = (tag: string, attrs: Readonly<Record<string, string | number>> = {}, ...children: ReadonlyArray<Child>): SVGElement => {
  const element = document.createElementNS(svgNamespace, tag)
  for (const [name, value] of Object.entries(attrs)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

/** Writes only a different text, because even an equal write costs layout. */
export const setText = (element: Element, text: string): void => {
  if (element.textContent !== text) element.textContent = text
}
export const setClass = (element: Element, className: string): void => {
  if (element.className !== className) element.className = className
}
/** A control with its name above it. */
export const labelled = (name: string, control: HTMLElement): HTMLElement =>
  el("label", { className: "labelled" }, el("span", {}, name), control)
/** A group of buttons of which exactly one is pressed. */
export const segments = <Id extends string>(
  label: string,
  choices: ReadonlyArray<{ readonly id: Id; readonly label: string }>,
  onChoose: (id: Id) => void
): { readonly element: HTMLElement; readonly press: (id: Id) => void } => {
  const buttons = choices.map((choice) =>
    el("button", { type: "button", ariaPressed: "false", onclick: () => onChoose(choice.id) }, choice.label)
  )
  return {
    element: el("div", { className: "segments", attrs: { role: "group", "aria-label": label } }, ...buttons),
    press: (id) => {
      for (const [at, button] of buttons.entries()) button.ariaPressed = String(choices[at]?.id === id)
    }
  }
}
