import { textOf } from "../gateway/Api.ts"
import type { Payoff, PayoffAnswer } from "../gateway/Contract.ts"
import { el } from "../view/Element.ts"
import * as Facts from "../view/Facts.ts"
import * as Format from "../view/Format.ts"
import * as Bands from "./Bands.ts"
import * as PayoffControls from "./PayoffControls.ts"
import * as PayoffDiagram from "./PayoffDiagram.ts"
import * as PayoffTable from "./PayoffTable.ts"
import * as Scenario from "./Scenario.ts"

/** Changes are gathered for this long before the gateway is asked. */
const delayMs = 250

export interface Options {
  /** Requests the gateway's analysis of the position in a scenario. */
  readonly ask: (scenario: Scenario.Scenario) => Promise<PayoffAnswer>
}
export interface PayoffPanel {
  readonly element: HTMLElement
  /** Requests the payoff again soon, because the position or its prices changed. */
  readonly refresh: () => void
  readonly clear: () => void
}

const isKnown = (answer: PayoffAnswer): answer is PayoffAnswer & Payoff => answer.curve !== null

const makeFacts = () => {
  const profit = Facts.make("Profit", "Profit on the date at the spot of the scenario, rupees")
  const most = Facts.make("Max profit", "At expiry, rupees")
  const least = Facts.make("Max loss", "At expiry, rupees")
  const evens = Facts.make("Break-even", "Spots at which nothing is won or lost at expiry")
  const chance = Facts.make("Chance of profit", "Probability of a profit at expiry")
  return {
    element: el("dl", { className: "facts" }, ...[profit, most, least, evens, chance].map(({ element }) => element)),
    set: (payoff: Payoff): void => {
      profit.set(Format.rupees(payoff.profit), Format.signOf(payoff.profit))
      most.set(PayoffDiagram.money(payoff.max_profit), "up")
      least.set(PayoffDiagram.money(payoff.max_loss), "down")
      evens.set(payoff.break_evens.map((price) => Format.strike(Math.round(price))).join(" · ") || Format.none)
      const share = payoff.probability_of_profit
      chance.set(share === null ? Format.none : `${(share * 100).toFixed(1)}%`)
    }
  }
}

const legend = (): HTMLElement =>
  el(
    "p",
    { className: "legend" },
    el("span", { className: "key solid" }, "at expiry"),
    el("span", { className: "key dashed" }, "on the date"),
    el("span", { className: "key band1" }, "1 σ"),
    el("span", { className: "key band2" }, "2 σ")
  )

/** The payoff of a position: sliders for a scenario, the diagram, its key figures, and a table. */
export const make = ({ ask }: Options): PayoffPanel => {
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0
  /** Bands of the present, independent of the scenario. */
  let bands: ReadonlyArray<Bands.Band> = []
  let pointed: PayoffDiagram.Pointed = { spot: undefined, isCrossShown: false }
  const controls = PayoffControls.make(() => refresh())
  const facts = makeFacts()
  const diagram = el("div")
  const table = el("div")
  const hint = el("p", { className: "hint", hidden: true })
  const known = el("div", { className: "payoffbox", hidden: true }, diagram, legend(), controls.element, facts.element, table)
  const element = el("div", { className: "payoffhost" }, hint, known)

  const show = (answer: PayoffAnswer, scenario: Scenario.Scenario): void => {
    known.hidden = !isKnown(answer)
    hint.hidden = isKnown(answer)
    if (!isKnown(answer)) {
      hint.textContent = "Not every leg has a price yet."
      return
    }
    if (Scenario.isNow(scenario)) {
      const [nowMs, horizonMs] = [Date.parse(answer.scenario.date), Date.parse(answer.horizon)]
      controls.setSpan(nowMs, horizonMs)
      bands = Bands.of(answer.legs, nowMs, horizonMs)
    }
    const isOpen = table.querySelector("details")?.open === true
    const hasFocus = diagram.contains(document.activeElement)
    diagram.replaceChildren(PayoffDiagram.render(answer, bands, pointed))
    if (hasFocus) diagram.querySelector("svg")?.focus({ preventScroll: true })
    table.replaceChildren(PayoffTable.render(answer, bands))
    const details = table.querySelector("details")
    if (details !== null) details.open = isOpen
    facts.set(answer)
  }
  const load = async (): Promise<void> => {
    const number = ++asked
    const scenario = controls.scenario()
    try {
      const answer = await ask(scenario)
      // An answer is not shown if a newer question was sent.
      if (number === asked) show(answer, scenario)
    } catch (error) {
      if (number !== asked) return
      known.hidden = true
      hint.hidden = false
      hint.textContent = textOf(error)
    }
  }
  const refresh = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => void load(), delayMs)
  }
  return {
    element,
    refresh,
    clear: () => {
      clearTimeout(timer)
      asked++
      known.hidden = hint.hidden = true
      pointed = { spot: undefined, isCrossShown: false }
    }
  }
}
