import { Effect } from "effect"
import type { Cell } from "../../contract/chains/ScenarioApi.ts"
import type * as Payoff from "../../domain/options/Payoff.ts"
import { nextTurn } from "../../loop/Turn.ts"
import * as PayoffView from "./PayoffView.ts"

/** A grid as requested. */
export interface Asked {
  readonly spot_shifts: ReadonlyArray<number>
  readonly vol_shifts: ReadonlyArray<number>
  readonly dates?: ReadonlyArray<Date | string> | undefined
}

/** Values legs, sorted by `PayoffView.inOrder`, in every scenario of a grid. Other work gets a turn after each row. */
export const cells = (
  legs: ReadonlyArray<PayoffView.Leg>,
  ground: PayoffView.Ground,
  { dates, spot_shifts, vol_shifts }: Asked
): Effect.Effect<ReadonlyArray<Cell>, Payoff.InvalidPayoff> =>
  Effect.gen(function* () {
    const rows = yield* PayoffView.grid(legs, { ...ground, dates, spotShifts: spot_shifts, volShifts: vol_shifts })
    const all: Array<Cell> = []
    for (const row of rows) {
      all.push(...row())
      yield* nextTurn
    }
    return all
  })

/** Converts a grid's error to the field names of the request. */
export const refusal = (error: Payoff.InvalidPayoff, placeOf: (leg: number) => number) => {
  const { field, message } = PayoffView.refusal(error, placeOf)
  return { field: error.input === "elapsed" ? "dates" : field, message }
}
