import { Data, Either } from "effect"
import * as Adx from "./Adx.ts"
import * as Atr from "./Atr.ts"
import * as Bollinger from "./Bollinger.ts"
import * as Cci from "./Cci.ts"
import * as Ema from "./Ema.ts"
import type { Indicator } from "./Indicator.ts"
import * as Macd from "./Macd.ts"
import * as Mfi from "./Mfi.ts"
import * as Obv from "./Obv.ts"
import * as Rsi from "./Rsi.ts"
import * as Sma from "./Sma.ts"
import * as Stochastic from "./Stochastic.ts"
import * as Supertrend from "./Supertrend.ts"
import * as Vwap from "./Vwap.ts"
import * as WilliamsR from "./WilliamsR.ts"

/** Longest window of any indicator, in bars. It bounds the size of a state. */
export const periodMax = 1000
const multiplierMax = 100

/** A setting's name, default value and permitted values. */
export type Parameter =
  | { readonly name: string; readonly type: "whole"; readonly default: number; readonly min: number; readonly max: number }
  | { readonly name: string; readonly type: "positive"; readonly default: number; readonly max: number }
  | { readonly name: string; readonly type: "choice"; readonly default: string; readonly choices: ReadonlyArray<string> }

/**
 * Which earlier bars a value depends on. window: as many as the periods add up to. decaying: all of them, with weights that fall
 * exponentially. session: those of its own day. all: every one, with equal weights.
 */
export type Memory = "window" | "decaying" | "session" | "all"

export interface Entry {
  readonly name: string
  readonly title: string
  readonly memory: (settings: Settings) => Memory
  readonly parameters: ReadonlyArray<Parameter>
  /** The names of its values, in the order to show them. */
  readonly outputs: ReadonlyArray<string>
  readonly build: (settings: Settings) => Indicator<unknown>
  /** Checks several settings against each other. Returns the reason for a conflict, or null. */
  readonly conflict?: (settings: Settings) => string | null
}

/** Every parameter's value, already checked. Asking for a parameter that the entry lacks is a defect. */
export interface Settings {
  readonly number: (name: string) => number
  readonly choice: <C extends string>(name: string, choices: ReadonlyArray<C>) => C
}

const period = (name: string, byDefault: number, min = 1): Parameter => ({ name, type: "whole", default: byDefault, min, max: periodMax })
const multiplier = (name: string, byDefault: number): Parameter => ({ name, type: "positive", default: byDefault, max: multiplierMax })
const choice = (name: string, choices: ReadonlyArray<string>, byDefault: string): Parameter => ({
  name,
  type: "choice",
  default: byDefault,
  choices
})

const macdSeeds: ReadonlyArray<Macd.Seed> = ["textbook", "talib"]
const atrSeeds: ReadonlyArray<Atr.Seed> = ["talib", "tradingview"]
const adxSeeds: ReadonlyArray<Adx.Seed> = ["talib", "wilder"]
const anchors: ReadonlyArray<Vwap.Anchor> = ["session", "cumulative"]

/** All available indicators. */
export const entries: ReadonlyArray<Entry> = [
  {
    name: "sma",
    title: "Simple moving average",
    memory: () => "window",
    parameters: [period("period", 20)],
    outputs: ["sma"],
    build: (it) => Sma.make(it.number("period"))
  },
  {
    name: "ema",
    title: "Exponential moving average",
    memory: () => "decaying",
    parameters: [period("period", 20)],
    outputs: ["ema"],
    build: (it) => Ema.make(it.number("period"))
  },
  {
    name: "rsi",
    title: "Relative strength index",
    memory: () => "decaying",
    parameters: [period("period", 14)],
    outputs: ["rsi"],
    build: (it) => Rsi.make(it.number("period"))
  },
  {
    name: "macd",
    title: "Moving average convergence divergence",
    memory: () => "decaying",
    parameters: [period("fast", 12), period("slow", 26), period("signal", 9), choice("seed", macdSeeds, "textbook")],
    outputs: ["line", "signal", "hist"],
    build: (it) => Macd.make(it.number("fast"), it.number("slow"), it.number("signal"), it.choice("seed", macdSeeds)),
    conflict: (it) => (it.number("fast") < it.number("slow") ? null : "fast must be below slow")
  },
  {
    name: "bollinger",
    title: "Bollinger bands",
    memory: () => "window",
    parameters: [period("period", 20), multiplier("deviations", 2)],
    outputs: ["upper", "middle", "lower"],
    build: (it) => Bollinger.make(it.number("period"), it.number("deviations"))
  },
  {
    name: "atr",
    title: "Average true range",
    memory: () => "decaying",
    parameters: [period("period", 14), choice("seed", atrSeeds, "talib")],
    outputs: ["tr", "atr"],
    build: (it) => Atr.make(it.number("period"), it.choice("seed", atrSeeds))
  },
  {
    name: "vwap",
    title: "Volume weighted average price",
    memory: (it) => (it.choice("anchor", anchors) === "session" ? "session" : "all"),
    parameters: [choice("anchor", anchors, "session")],
    outputs: ["vwap"],
    build: (it) => Vwap.make(it.choice("anchor", anchors))
  },
  {
    name: "supertrend",
    title: "Supertrend",
    memory: () => "decaying",
    parameters: [period("period", 10), multiplier("multiplier", 3), choice("seed", atrSeeds, "talib")],
    outputs: ["line", "direction", "upper", "lower"],
    build: (it) => Supertrend.make(it.number("period"), it.number("multiplier"), it.choice("seed", atrSeeds))
  },
  {
    name: "adx",
    title: "Average directional index",
    memory: () => "decaying",
    parameters: [period("period", 14, 2), choice("seed", adxSeeds, "talib")],
    outputs: ["adx", "plus_di", "minus_di", "dx"],
    build: (it) => Adx.make(it.number("period"), it.choice("seed", adxSeeds))
  },
  {
    name: "stochastic",
    title: "Stochastic oscillator",
    memory: () => "window",
    parameters: [period("period", 14), period("smooth_k", 3), period("smooth_d", 3)],
    outputs: ["fast_k", "slow_k", "slow_d"],
    build: (it) => Stochastic.make(it.number("period"), it.number("smooth_k"), it.number("smooth_d"))
  },
  {
    name: "cci",
    title: "Commodity channel index",
    memory: () => "window",
    parameters: [period("period", 20)],
    outputs: ["cci"],
    build: (it) => Cci.make(it.number("period"))
  },
  {
    name: "williams_r",
    title: "Williams %R",
    memory: () => "window",
    parameters: [period("period", 14)],
    outputs: ["williams_r"],
    build: (it) => WilliamsR.make(it.number("period"))
  },
  {
    name: "mfi",
    title: "Money flow index",
    // One bar more than the period, because a flow needs the typical price before it.
    memory: () => "window",
    parameters: [period("period", 14)],
    outputs: ["mfi"],
    build: (it) => Mfi.make(it.number("period"))
  },
  {
    name: "obv",
    title: "On-balance volume",
    memory: () => "all",
    parameters: [],
    outputs: ["obv"],
    build: () => Obv.make()
  }
]

const byName: ReadonlyMap<string, Entry> = new Map(entries.map((entry) => [entry.name, entry]))

/** A request for an indicator that cannot be built. `field` is "name" or the setting that is wrong. */
export class InvalidIndicator extends Data.TaggedError("InvalidIndicator")<{ readonly field: string; readonly reason: string }> {
  override get message(): string {
    return `${this.field}: ${this.reason}`
  }
}

export interface Ready {
  /** The same text for the same indicator and settings, however the request wrote them: "macd(fast=12,slow=26,signal=9,seed=textbook)". */
  readonly id: string
  readonly name: string
  readonly outputs: ReadonlyArray<string>
  readonly settings: Readonly<Record<string, number | string>>
  readonly memory: Memory
  /** The sum of its periods, in bars. */
  readonly bars: number
  readonly indicator: Indicator<unknown>
}

/** The reason to reject a parameter's value, or null if the value is permitted. */
const refusal = (parameter: Parameter, value: unknown): string | null => {
  switch (parameter.type) {
    case "choice":
      return typeof value === "string" && parameter.choices.includes(value) ? null : `one of ${parameter.choices.join(", ")}`
    case "whole": {
      const fits = typeof value === "number" && Number.isInteger(value) && value >= parameter.min && value <= parameter.max
      return fits ? null : `a whole number from ${parameter.min} to ${parameter.max}`
    }
    case "positive":
      return typeof value === "number" && value > 0 && value <= parameter.max ? null : `a number above 0 and up to ${parameter.max}`
  }
}

const settingsOf = (values: ReadonlyMap<string, number | string>): Settings => ({
  number: (name) => {
    const value = values.get(name)
    if (typeof value !== "number") throw new TypeError(`no number ${name} among the settings`)
    return value
  },
  choice: (name, choices) => {
    const found = choices.find((it) => it === values.get(name))
    if (found === undefined) throw new TypeError(`no choice ${name} among the settings`)
    return found
  }
})

/** Builds an indicator by name. Missing settings take their defaults; unknown settings are rejected. */
export const make = (
  name: string,
  given: Readonly<Record<string, number | string | undefined>> = {}
): Either.Either<Ready, InvalidIndicator> => {
  const refuse = (field: string, reason: string) => Either.left(new InvalidIndicator({ field, reason }))
  const entry = byName.get(name)
  if (entry === undefined) return refuse("name", `one of ${entries.map((it) => it.name).join(", ")}`)
  const unknown = Object.keys(given).find((key) => !entry.parameters.some((parameter) => parameter.name === key))
  if (unknown !== undefined) return refuse(unknown, `${name} has ${entry.parameters.map((it) => it.name).join(", ")}`)
  const values = new Map<string, number | string>()
  for (const parameter of entry.parameters) {
    const value = given[parameter.name] ?? parameter.default
    const reason = refusal(parameter, value)
    if (reason !== null) return refuse(parameter.name, reason)
    values.set(parameter.name, value)
  }
  const settings = settingsOf(values)
  const conflict = entry.conflict?.(settings) ?? null
  if (conflict !== null) return refuse("settings", conflict)
  return Either.right({
    id: `${name}(${Array.from(values, ([key, value]) => `${key}=${value}`).join(",")})`,
    name,
    outputs: entry.outputs,
    settings: Object.fromEntries(values),
    memory: entry.memory(settings),
    bars: entry.parameters.reduce((sum, { name, type }) => sum + (type === "whole" ? settings.number(name) : 0), 0),
    indicator: entry.build(settings)
  })
}

const idForm = /^([a-z_]+)(?:\(([a-z0-9_=.,\- ]*)\))?$/

/** Longest text of one indicator. */
export const textMax = 200

/**
 * Builds an indicator from its id or from a shorter text: "macd", "rsi(period=21)", "macd(fast=12,slow=26,signal=9,seed=textbook)".
 * Missing settings take their defaults.
 */
export const parse = (text: string): Either.Either<Ready, InvalidIndicator> => {
  const refuse = (field: string, reason: string) => Either.left(new InvalidIndicator({ field, reason }))
  const match = text.length <= textMax ? idForm.exec(text.trim().toLowerCase()) : null
  if (match === null) return refuse("name", "expected a name such as rsi(period=14)")
  const [, name = "", inner = ""] = match
  const given: Record<string, number | string> = {}
  for (const part of inner.trim() === "" ? [] : inner.split(",")) {
    const [key = "", value = "", ...more] = part.split("=").map((piece) => piece.trim())
    if (key === "" || value === "" || more.length > 0 || Object.hasOwn(given, key))
      return refuse("settings", "expected settings such as period=14, each once")
    given[key] = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value
  }
  return make(name, given)
}

/** The texts of a list with commas between them. A comma inside brackets does not separate. */
export const split = (list: string): ReadonlyArray<string> => list.split(/,(?![^(]*\))/)
