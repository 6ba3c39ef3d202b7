import { el, setText } from "../view/Element.ts"
import * as Format from "../view/Format.ts"
import * as Scenario from "./Scenario.ts"

/** Number of steps of the date slider. */
const dateSteps = 40

const slider = (name: string, min: number, max: number, step: number, onInput: () => void) => {
  const text = el("output")
  const input = el("input", { type: "range", min: String(min), max: String(max), step: String(step), value: "0" })
  input.oninput = onInput
  return { input, text, element: el("label", { className: "slider" }, el("span", {}, name), input, text) }
}
const signed = (value: number, unit: string): string => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value)}${unit}`

export interface PayoffControls {
  readonly element: HTMLElement
  readonly scenario: () => Scenario.Scenario
  /** Sets the first and last moment of the date slider. */
  readonly setSpan: (nowMs: number, horizonMs: number) => void
}

/** Sliders for the date, the spot and the volatility of the scenario. */
export const make = (onChange: () => void): PayoffControls => {
  let span: { readonly nowMs: number; readonly horizonMs: number } | undefined
  const changed = (): void => {
    describe()
    onChange()
  }
  const date = slider("Date", 0, dateSteps, 1, changed)
  const spot = slider("Spot", -Scenario.spotPercentMax, Scenario.spotPercentMax, 0.5, changed)
  const vol = slider("Volatility", -Scenario.volPointsMax, Scenario.volPointsMax, 0.5, changed)
  const dateOf = (): Date | undefined => span && Scenario.dateAt(Number(date.input.value) / dateSteps, span.nowMs, span.horizonMs)
  const describe = (): void => {
    const at = dateOf()
    setText(date.text, at === undefined ? "now" : `${Format.day(at.getTime())} ${Format.minute(at.getTime())}`)
    setText(spot.text, signed(Number(spot.input.value), "%"))
    setText(vol.text, signed(Number(vol.input.value), " pts"))
  }
  const reset = el("button", { type: "button", className: "quiet" }, "Reset")
  reset.onclick = () => {
    for (const { input } of [date, spot, vol]) input.value = "0"
    changed()
  }
  describe()
  return {
    element: el("div", { className: "sliders" }, date.element, spot.element, vol.element, reset),
    scenario: () => ({
      date: dateOf(),
      spotShift: Number(spot.input.value) / 100,
      volShift: Number(vol.input.value) / 100,
      points: Scenario.pointsMax
    }),
    setSpan: (nowMs, horizonMs) => {
      span = { nowMs, horizonMs }
      describe()
    }
  }
}
