import { Effect, Either } from "effect"
import type { Payoff, Scenario } from "../../contract/chains/ChainAnalysisApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import * as PayoffLegs from "./PayoffLegs.ts"
import * as PayoffView from "./PayoffView.ts"
import * as ScenarioGrid from "./ScenarioGrid.ts"
import { Valuation } from "./Valuation.ts"

const invalid = (errors: ReadonlyArray<PayoffLegs.Refused>) =>
  new Problem.Invalid({ detail: `Validation error: ${errors.map(({ field, message }) => `${field}: ${message}`).join("; ")}`, errors })

/** Answers POST /fo/payoff and POST /fo/scenario. */
export const make = Effect.gen(function* () {
  const valuation = yield* Valuation
  const { termsOf, symbolOf, legOf, volOf } = yield* PayoffLegs.make
  const { rate } = valuation.settings
  const lifetimes = yield* Lifetimes

  /** The legs with all values that the market supplies, and the market in which they are valued. */
  const resolve = (payload: Pick<Payoff, "legs" | "spot" | "symbol">) =>
    Effect.gen(function* () {
      const parsed = payload.legs.map(termsOf)
      const wrong = parsed.flatMap((one) => (Either.isLeft(one) ? [one.left] : []))
      if (wrong.length > 0) return yield* invalid(wrong)
      const terms = PayoffView.inOrder(parsed.flatMap((one) => (Either.isRight(one) ? [one.right] : [])))
      const symbol = yield* Either.mapLeft(symbolOf(payload.symbol, terms), (refused) => invalid([refused]))
      const spot = payload.spot ?? (symbol === null ? null : valuation.basePrice(symbol))
      if (spot === null) return yield* invalid([{ field: "spot", message: PayoffLegs.givenOr }])
      const resolved = terms.map((one) => legOf(one, symbol, spot))
      const unknown = resolved.flatMap((one) => (Either.isLeft(one) ? [one.left] : []))
      if (unknown.length > 0) return yield* invalid(unknown)
      const legs = resolved.flatMap((one) => (Either.isRight(one) ? [one.right] : []))
      const nowMs = valuation.nowMs()
      const ground: PayoffView.Ground = {
        spot,
        valuedMs: valuation.valuedMs(symbol ?? "", PayoffView.earliestExpiry(legs) ?? "", nowMs),
        rate,
        endsMs: (expiry) => lifetimes.endsMs(symbol ?? "", expiry),
        vol: volOf(symbol, legs)
      }
      const shown = legs.map(({ entryPrice, expiry, forward, iv, kind, quantity, strike }, at) => ({
        leg_ids: [],
        tradingsymbol: terms[at]?.instrument?.tradingsymbol ?? null,
        type: kind,
        strike,
        expiry,
        quantity,
        entry_price: entryPrice,
        iv,
        forward: PayoffView.shownForward(forward)
      }))
      return { symbol, spot, legs, terms, ground, shown, as_of: IndiaTime.isoTime(nowMs) }
    })

  const payoff = (payload: Payoff) =>
    Effect.gen(function* () {
      const { as_of, ground, legs, shown, spot, symbol, terms } = yield* resolve(payload)
      const scene = { ...ground, date: payload.date, spotShift: payload.spot_shift, volShift: payload.vol_shift, points: payload.points }
      const analysed = PayoffView.analyse(legs, scene)
      if (Either.isLeft(analysed)) return yield* invalid([PayoffView.refusal(analysed.left, (at) => terms[at]?.place ?? at)])
      return { symbol, spot, legs: shown, ...analysed.right, as_of }
    })

  const scenario = (payload: Scenario) =>
    Effect.gen(function* () {
      const { as_of, ground, legs, shown, spot, symbol, terms } = yield* resolve(payload)
      const cells = yield* ScenarioGrid.cells(legs, ground, payload).pipe(
        Effect.mapError((error) => invalid([ScenarioGrid.refusal(error, (at) => terms[at]?.place ?? at)]))
      )
      return { symbol, spot, legs: shown, cells, as_of }
    })

  return { payoff, scenario } as const
})
