/** The unit of a recording's quantities: contracts, like NSE's website, or units of the underlying, like Kite. */
import * as Frame from "../../domain/market/Frame.ts"
import type * as Recording from "./Recording.ts"

export type Counted = "contracts" | "units"

type LotOf = (contract: number) => number

/**
 * Open interest in units is a whole multiple of the contract's lot. One value that is not shows that the file counts contracts. Its
 * volume has the same source and the same unit.
 */
export const counted = ({ snapshots }: Recording.Recording, lotOf: LotOf): Counted =>
  snapshots.every(({ contract, oi }) => oi.every((value, index) => value % lotOf(contract[index] ?? 0) === 0)) ? "units" : "contracts"

/** The recording with its quantities in units. */
export const inUnits = (recording: Recording.Recording, how: Counted, lotOf: LotOf): Recording.Recording => {
  if (how === "units") return recording
  const times = (value: number, contract: number) => Math.min(Frame.u32Max, value * lotOf(contract))
  return {
    ...recording,
    previousOi: new Map(
      Array.from(recording.previousOi, ([day, values]) => [
        day,
        values.map((value, contract) => (value === null ? null : times(value, contract)))
      ])
    ),
    snapshots: recording.snapshots.map((snapshot) => ({
      ...snapshot,
      volume: snapshot.volume.map((value, index) => times(value, snapshot.contract[index] ?? 0)),
      oi: snapshot.oi.map((value, index) => times(value, snapshot.contract[index] ?? 0))
    }))
  }
}
