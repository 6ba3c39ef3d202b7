import { Either } from "effect"
import * as Black76 from "../domain/options/Black76.ts"
import * as BlackScholes from "../domain/options/BlackScholes.ts"
import * as ImpliedVol from "../domain/options/ImpliedVol.ts"

/** A calculation on rows: takes `kind` and named numbers; returns the texts of the named results, or the reason why there are none. */
export interface Table {
  readonly numbers: ReadonlyArray<string>
  readonly results: ReadonlyArray<string>
  readonly evaluate: (kind: BlackScholes.OptionKind, numbers: ReadonlyArray<number>) => Either.Either<ReadonlyArray<string>, string>
}

/** In the order of `BlackScholes.Column`, per year and per 1.00. */
const twelve = [
  "price",
  "delta",
  "gamma",
  "theta_per_year",
  "vega_per_unit_vol",
  "rho_per_unit_rate",
  "vanna",
  "charm_per_year",
  "vomma",
  "speed",
  "zomma",
  "color_per_year"
]

const columnOf: Record<BlackScholes.InputName, string> = {
  spot: "spot",
  forward: "forward",
  strike: "strike",
  t: "t_years",
  r: "rate",
  q: "dividend_yield",
  vol: "vol",
  price: "price"
}
const reasonOf = (refused: BlackScholes.InvalidPricingInput): string => `${columnOf[refused.input]}: ${refused.message}`

/** d1 and d2 of a row; empty if its deviation is zero (expired, or no volatility). */
const deviates = (s: number, k: number, t: number, r: number, q: number, vol: number): ReadonlyArray<string> => {
  const sd = vol * Math.sqrt(t)
  if (sd < BlackScholes.DEVIATION_MIN) return ["", ""]
  const d1 = (BlackScholes.logRatio(s, k) + (r - q) * t) / sd + 0.5 * sd
  return [String(d1), String(d1 - sd)]
}

/** The row being computed. Evaluation is synchronous, so one array serves all rows. It is not state. */
const row = new Float64Array(BlackScholes.COLUMNS)
const rowTexts = (): ReadonlyArray<string> => Array.from(row, String)

const statusAndVol = (solved: ReturnType<typeof ImpliedVol.solve>): Either.Either<ReadonlyArray<string>, string> => {
  if (Either.isRight(solved)) return Either.right(["ok", String(solved.right)])
  return solved.left._tag === "NoImpliedVol" ? Either.right([solved.left.reason, ""]) : Either.left(reasonOf(solved.left))
}

/** Black-Scholes-Merton on a spot with a yield. */
export const greeks: Table = {
  numbers: ["spot", "strike", "t_years", "rate", "dividend_yield", "vol"],
  results: [...twelve, "d1", "d2"],
  evaluate: (kind, [s = 0, k = 0, t = 0, r = 0, q = 0, vol = 0]) => {
    const refused = BlackScholes.refuse("spot", s, k, t, r, q, vol)
    if (refused !== undefined) return Either.left(reasonOf(refused))
    BlackScholes.evaluate(row, 0, BlackScholes.sign(kind), s, k, t, r, q, vol)
    return Either.right([...rowTexts(), ...deviates(s, k, t, r, q, vol)])
  }
}

/** Black-76 on a forward, and the volatility implied by the computed price. */
export const black76: Table = {
  numbers: ["forward", "strike", "t_years", "rate", "vol"],
  results: [...twelve, "d1", "d2", "iv_status", "iv_from_price"],
  evaluate: (kind, [f = 0, k = 0, t = 0, r = 0, vol = 0]) => {
    const refused = BlackScholes.refuse("forward", f, k, t, r, r, vol)
    if (refused !== undefined) return Either.left(reasonOf(refused))
    Black76.evaluate(row, 0, BlackScholes.sign(kind), f, k, t, r, vol)
    return Either.map(statusAndVol(ImpliedVol.solve(kind, row[BlackScholes.Column.price] ?? 0, f, k, t, r)), (iv) => [
      ...rowTexts(),
      ...deviates(f, k, t, r, r, vol),
      ...iv
    ])
  }
}

/** Implied volatility of a price by Black-Scholes-Merton. */
export const ivOfSpot: Table = {
  numbers: ["spot", "strike", "t_years", "rate", "dividend_yield", "price"],
  results: ["status", "vol"],
  evaluate: (kind, [s = 0, k = 0, t = 0, r = 0, q = 0, price = 0]) => statusAndVol(ImpliedVol.solveSpot(kind, price, s, k, t, r, q))
}

/** Implied volatility of a price by Black-76. */
export const ivOfForward: Table = {
  numbers: ["forward", "strike", "t_years", "rate", "price"],
  results: ["status", "vol"],
  evaluate: (kind, [f = 0, k = 0, t = 0, r = 0, price = 0]) => statusAndVol(ImpliedVol.solve(kind, price, f, k, t, r))
}
