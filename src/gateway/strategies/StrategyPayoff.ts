import { Effect, Either } from "effect"
import { unknownAnalysis } from "../../contract/chains/PayoffApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as PayoffView from "../chains/PayoffView.ts"
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

/** The payoff of a strategy's open holdings on one underlying. Its analysis is null where a leg has no price yet. */
export const payoff = ({ book, strategyId, ...shared }: Valued, scenario: Scenario, valuation: Valuation, lifetimes: Lifetimes) =>
  Effect.gen(function* () {
    const names = PositionsView.underlyings(book)
    const asked = scenario.underlying
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
    if (symbol === null) return { ...head, ...unknownAnalysis }
    if (spot === null || legs.length === 0 || legs.length < lines.length) return { ...head, ...unknownAnalysis, complete: false }
    const earliest = PayoffView.earliestExpiry(legs)
    const analysed = PayoffView.analyse(legs, {
      spot,
      nowMs: valuation.nowMs(),
      date: scenario.date,
      spotShift: scenario.spot_shift,
      volShift: scenario.vol_shift,
      points: scenario.points,
      rate: valuation.settings.rate,
      endsMs: (expiry) => lifetimes.endsMs(symbol, expiry),
      vol: earliest === null ? null : valuation.atmIv(symbol, earliest)
    })
    if (Either.isLeft(analysed)) {
      const { field, message } = PayoffView.refusal(analysed.left, (at) => at)
      return yield* Problem.invalidField(field, message)
    }
    return { ...head, ...analysed.right }
  })
