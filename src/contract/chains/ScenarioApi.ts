import { Schema } from "effect"
import { Money } from "../../domain/Money.ts"
import { listText, MarketInstant, NumberBetween, numberText, withDefault } from "../shared/Input.ts"
import { Greeks, spotShift, volShift } from "./PayoffApi.ts"

/** Bounds of a grid: a request costs at most this many cells for each of its legs. */
const spotShiftsMax = 31
const volShiftsMax = 11
const datesMax = 5
const spotShiftsDefault = [-0.1, -0.05, -0.02, 0, 0.02, 0.05, 0.1]
const volShiftsDefault = [-0.05, 0, 0.05]

const list = <A, I>(item: Schema.Schema<A, I>, max: number) =>
  Schema.Array(item).pipe(
    Schema.minItems(1, { message: () => "expected at least one" }),
    Schema.maxItems(max, { message: () => `expected at most ${max}` })
  )

/** The shifts and dates of a grid, in a body. `dates` is now by default. */
export const gridBody = {
  spot_shifts: withDefault(list(NumberBetween(...spotShift), spotShiftsMax), () => spotShiftsDefault),
  vol_shifts: withDefault(list(NumberBetween(...volShift), volShiftsMax), () => volShiftsDefault),
  dates: Schema.optional(list(MarketInstant, datesMax))
}
/** The same in a query, each as a list with commas. */
export const gridQuery = {
  spot_shifts: withDefault(listText(numberText(...spotShift), spotShiftsMax), () => spotShiftsDefault),
  vol_shifts: withDefault(listText(numberText(...volShift), volShiftsMax), () => volShiftsDefault),
  dates: Schema.optional(listText(MarketInstant, datesMax))
}

/** The position's value in one scenario. Greeks are those of the whole position. */
const Cell = Schema.Struct({
  date: Schema.String,
  vol_shift: Schema.Number,
  spot_shift: Schema.Number,
  spot: Schema.Number,
  profit: Money,
  greeks: Greeks
}).annotations({ identifier: "ScenarioCell" })
export type Cell = typeof Cell.Type

/** One cell for each date, volatility shift and spot shift, in this order. */
export const grid = { cells: Schema.Array(Cell) }
