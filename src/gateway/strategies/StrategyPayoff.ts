import { Effect, Either } from "effect"
import { unknownAnalysis } from "../../contract/chains/PayoffApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as PayoffView from "../chains/PayoffView.ts"
import * as ScenarioGrid from "../chains/ScenarioGrid.ts"
import type { Valuation } from "../chains/Valuation.ts"
import type { Lifetimes } from "../shared/Lifetimes.ts"
import * as PositionsView from "./PositionsView.ts"
import type { Book } from "./StrategyBook.ts"

/** What the caller asked for, as in the query of GET /strategies/{id}/payoff. */
export interface Scenario {
  readonly underlying?: string | undefined
  readonly spot_shift: number
  readonly vol_shift: number
  readonly date?: Date | string | undefined
  readonly points: number
}

interface Valued {
  readonly book: Book
  readonly strategyId: number
  readonly as_of: string
  readonly complete: boolean
  readonly missing: ReadonlyArray<string>
}

/** A strategy's open holdings on one underlying, and the market in which they are valued; null if a price is missing or nothing is open. */
const holdings = ({ book, strategyId, ...shared }: Valued, asked: string | undefined, valuation: Valuation, lifetimes: Lifetimes) =>
  Effect.gen(function* () {
    const names = PositionsView.underlyings(book)
    if (asked === undefined ? names.length > 1 : !names.includes(asked))
      return yield* Problem.invalidField("underlying", `expected one that the strategy holds: ${names.join(", ")}`)
    const symbol = asked ?? names[0] ?? null
    const spot = symbol === null ? null : valuation.basePrice(symbol)
    const lines = symbol === null ? [] : PayoffView.inOrder(PositionsView.payoffLines(book, symbol, spot, valuation, lifetimes))
    const head = {
      ...shared,
      strategy_id: strategyId,
      symbol,
      spot,
      realised: PositionsView.realised(book),
      legs: lines.map(PositionsView.payoffLeg)
    }
    const legs = lines.flatMap(({ leg }) => leg ?? [])
    if (symbol === null) return { head, open: null }
    if (spot === null || legs.length === 0 || legs.length < lines.length) return { head: { ...head, complete: false }, open: null }
    const earliest = PayoffView.earliestExpiry(legs)
    const ground: PayoffView.Ground = {
      spot,
      valuedMs: valuation.valuedMs(symbol, earliest ?? "", valuation.nowMs()),
      rate: valuation.settings.rate,
      endsMs: (expiry) => lifetimes.endsMs(symbol, expiry),
      vol: earliest === null ? null : valuation.atmIv(symbol, earliest)
    }
    return { head, open: { legs, ground } }
  })

/** The payoff of a strategy's open holdings on one underlying. Its analysis is null while a leg has no price. */
export const payoff = (valued: Valued, scenario: Scenario, valuation: Valuation, lifetimes: Lifetimes) =>
  Effect.gen(function* () {
    const { head, open } = yield* holdings(valued, scenario.underlying, valuation, lifetimes)
    if (open === null) return { ...head, ...unknownAnalysis }
    const { date, points, spot_shift, vol_shift } = scenario
    const analysed = PayoffView.analyse(open.legs, { ...open.ground, date, points, spotShift: spot_shift, volShift: vol_shift })
    if (Either.isLeft(analysed)) {
      const { field, message } = PayoffView.refusal(analysed.left, (at) => at)
      return yield* Problem.invalidField(field, message)
    }
    return { ...head, ...analysed.right }
  })

/** Profit and Greeks of the same holdings over a grid of scenarios. Its cells are null while a leg has no price. */
export const scenarios = (
  valued: Valued,
  asked: ScenarioGrid.Asked & { readonly underlying?: string | undefined },
  valuation: Valuation,
  lifetimes: Lifetimes
) =>
  Effect.gen(function* () {
    const { head, open } = yield* holdings(valued, asked.underlying, valuation, lifetimes)
    if (open === null) return { ...head, cells: null }
    const cells = yield* ScenarioGrid.cells(open.legs, open.ground, asked).pipe(
      Effect.catchAll((error) => {
        const { field, message } = ScenarioGrid.refusal(error, (at) => at)
        return Problem.invalidField(field, message)
      })
    )
    return { ...head, cells }
  })
