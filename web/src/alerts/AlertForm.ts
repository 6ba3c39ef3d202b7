import { Decimal } from "../../../src/client/Client.ts"
import { textOf } from "../gateway/Api.ts"
import type { NewAlert } from "../gateway/Contract.ts"
import { el, labelled } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as AlertText from "./AlertText.ts"

const nameMax = 100
const symbolsMax = 12
const searchDelayMs = 200

export interface Place {
  readonly symbol: string
  readonly expiry: string
}
export interface Events {
  readonly strategies: () => ReadonlyArray<{ readonly id: number; readonly name: string }>
  /** Accounts whose market data may be watched. */
  readonly feeds: () => ReadonlyArray<string>
  /** Symbols that begin with a text. */
  readonly search: (text: string, max: number) => Promise<ReadonlyArray<string>>
  /** Saves an alert. A rejection is shown in the form. */
  readonly onCreate: (alert: NewAlert) => Promise<void>
}

const optionsOf = (names: Readonly<Record<string, string>>) => Object.entries(names).map(([value, text]) => el("option", { value }, text))
const select = (label: string, names: Readonly<Record<string, string>>) => el("select", { ariaLabel: label }, ...optionsOf(names))
const number = (label: string, min?: string) =>
  el("input", { type: "number", step: "any", ariaLabel: label, ...(min !== undefined && { min }) })

/** An input that proposes symbols while the user types. */
const makeSymbol = (search: Events["search"]) => {
  const found = el("datalist", { id: "alert-symbols" })
  const input = el("input", {
    type: "text",
    required: true,
    autocomplete: "off",
    spellcheck: false,
    ariaLabel: "Instrument",
    placeholder: "NIFTY or a contract",
    attrs: { list: found.id }
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0
  const propose = async (text: string): Promise<void> => {
    const one = ++asked
    // Without proposals the symbol can still be typed, and the gateway checks it.
    const symbols = await search(text, symbolsMax).catch(() => [])
    if (one === asked) found.replaceChildren(...symbols.map((value) => el("option", { value })))
  }
  input.oninput = () => {
    clearTimeout(timer)
    const text = input.value.trim()
    if (text !== "") timer = setTimeout(() => void propose(text), searchDelayMs)
  }
  return { input, found }
}

/** What the alert looks at: the source, and for each source which one. */
const makeTarget = ({ feeds, search, strategies }: Events) => {
  let place: Place | undefined
  const source = select("Alert on", AlertText.sources)
  const symbol = makeSymbol(search)
  const chain = el("select", { ariaLabel: "Chain" })
  const strategy = el("select", { ariaLabel: "Strategy of the alert" })
  const feed = el("select", { ariaLabel: "Account of the feed" })
  const field = el("select", { ariaLabel: "Value" })
  const parts = {
    instrument: labelled("Instrument", symbol.input),
    chain: labelled("Chain", chain),
    strategy: labelled("Strategy", strategy),
    feed: labelled("Account", feed)
  } as const
  const chosen = (): AlertText.Source => source.value as AlertText.Source
  /** Shows the present choices. What the user chose stays if it still exists. */
  const refill = (list: HTMLSelectElement, names: Readonly<Record<string, string>>): void => {
    const before = list.value
    list.replaceChildren(...optionsOf(names))
    if (before in names) list.value = before
  }
  const refresh = (): void => {
    refill(chain, place === undefined ? {} : { [place.expiry]: `${place.symbol} ${Format.expiry(place.expiry)}` })
    refill(strategy, Object.fromEntries(strategies().map(({ id, name }) => [String(id), name])))
    refill(feed, Object.fromEntries(feeds().map((id) => [id, id])))
    if (symbol.input.value === "") symbol.input.value = place?.symbol ?? ""
  }
  const draw = (): void => {
    for (const [one, element] of Object.entries(parts)) element.hidden = one !== chosen()
    symbol.input.required = chosen() === "instrument"
    refill(field, AlertText.fields[chosen()])
    refresh()
  }
  source.onchange = draw
  const on = (): NewAlert["on"] | string => {
    const name = field.value
    switch (chosen()) {
      case "instrument":
        return { source: "instrument", symbol: symbol.input.value.trim().toUpperCase(), field: name as "oi" }
      case "chain":
        return place === undefined
          ? "No chain is shown."
          : { source: "chain", symbol: place.symbol, expiry: place.expiry, field: name as "spot" }
      case "strategy":
        return strategy.value === ""
          ? "There is no strategy yet."
          : { source: "strategy", strategy_id: Number(strategy.value), field: name as "m2m" }
      case "feed":
        return feed.value === "" ? "No account streams." : { source: "feed", account_id: feed.value, field: name as "dropped" }
    }
  }
  return {
    elements: [labelled("Alert on", source), ...Object.values(parts), labelled("Value", field)],
    found: symbol.found,
    field: () => field.value as AlertText.Field,
    on,
    refresh,
    draw,
    place: (next: Place): void => {
      if (symbol.input.value === (place?.symbol ?? "")) symbol.input.value = next.symbol
      place = next
      refresh()
    }
  }
}

/** The condition, and whether the alert fires again. */
const makeRule = () => {
  const condition = select("Condition", AlertText.conditions)
  const threshold = number("Threshold")
  threshold.required = true
  const repeat = el("input", { type: "checkbox" })
  const hysteresis = number("How far it comes back first", "0")
  hysteresis.value = "0"
  const cooldown = number("Seconds between two alerts", "0")
  cooldown.value = "60"
  cooldown.step = "1"
  cooldown.max = "86400"
  const again = [labelled("After it came back by", hysteresis), labelled("At most every … seconds", cooldown)]
  const draw = (): void => {
    for (const element of again) element.hidden = !repeat.checked
  }
  repeat.onchange = draw
  draw()
  return {
    elements: [
      labelled("Condition", condition),
      labelled("Threshold", threshold),
      el("label", { className: "check wide" }, repeat, "Fire again whenever the value comes back and returns"),
      ...again
    ],
    threshold,
    /** Amounts are entered in the page's unit, which is `scale` times the contract's. */
    read: (scale: number) => ({
      condition: condition.value as AlertText.Condition,
      threshold: new Decimal(threshold.value).div(scale),
      repeat: repeat.checked,
      ...(repeat.checked && { hysteresis: new Decimal(hysteresis.value || "0").div(scale), cooldown_s: Number(cooldown.value) })
    })
  }
}

/** The form of a new alert. */
export const make = (events: Events) => {
  const target = makeTarget(events)
  const rule = makeRule()
  const name = el("input", { type: "text", maxLength: nameMax, ariaLabel: "Name of the alert", placeholder: "from its rule" })
  const problem = el("p", { className: "problem wide", hidden: true, attrs: { role: "alert" } })
  const button = el("button", { type: "submit", className: "primary" }, "Set alert")
  const form = el(
    "form",
    { className: "alertfields" },
    ...target.elements,
    ...rule.elements,
    labelled("Name", name),
    target.found,
    problem,
    el("div", { className: "row end wide" }, button)
  )
  const details = el("details", { className: "addbox alertbox" }, el("summary", {}, "New alert"), form)
  details.ontoggle = () => target.refresh()
  const say = (text: string): void => {
    problem.hidden = text === ""
    problem.textContent = text
  }
  /** The name that the user gave, or one from the rule. */
  const named = (on: NewAlert["on"], { condition, threshold }: ReturnType<typeof rule.read>): string => {
    const given = name.value.trim()
    if (given !== "") return given
    const subject = on.source === "instrument" ? { ...on, tradingsymbol: on.symbol } : on
    const strategyName = (id: number) => events.strategies().find((one) => one.id === id)?.name
    return AlertText.rule({ on: subject as AlertText.Watch, condition, threshold }, strategyName).slice(0, nameMax)
  }
  form.onsubmit = async (event) => {
    event.preventDefault()
    const on = target.on()
    if (typeof on === "string") return say(on)
    say("")
    button.disabled = true
    try {
      const read = rule.read(AlertText.scaleOf(target.field()))
      await events.onCreate({ name: named(on, read), on, ...read })
      rule.threshold.value = name.value = ""
      details.open = false
    } catch (error) {
      say(textOf(error))
    } finally {
      button.disabled = false
    }
  }
  target.draw()
  return { element: details, show: target.place }
}
