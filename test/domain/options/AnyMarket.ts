import { FastCheck } from "effect"
import type * as BlackScholes from "../../../src/domain/options/BlackScholes.ts"

export const between = (min: number, max: number) => FastCheck.double({ min, max, noNaN: true })
export const kind = FastCheck.constantFrom<BlackScholes.OptionKind>("CE", "PE")

/** Realistic options: strikes within 40 % of the forward, from a quarter of an hour to two years. */
export const market = FastCheck.record({
  f: between(50, 60_000),
  moneyness: between(0.6, 1.4),
  t: between(3e-5, 2),
  r: between(-0.02, 0.12),
  vol: between(0.01, 2)
}).map(({ moneyness, ...rest }) => ({ ...rest, k: rest.f * moneyness }))
