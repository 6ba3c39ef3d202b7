import type * as Race from "../Race.ts"
import type { Cell, Phase, Result } from "./Run.ts"
export const title = ({ kind, rate, underlyings }: Cell): string => `${kind} ${rate}/s over ${underlyings}`
export const line = (result: Result): string => JSON.stringify(result, null, 1)
export const write = async (_results: ReadonlyArray<Result>, _peer: ReadonlyArray<Race.Measured>, _: { minutes: () => number; isWhole: boolean }): Promise<string> => ""
export type { Phase }
