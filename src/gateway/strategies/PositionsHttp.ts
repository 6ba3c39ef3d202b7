import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { Valuation } from "../chains/Valuation.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import * as NewFills from "./NewFills.ts"
import * as PositionsView from "./PositionsView.ts"
import { type Book, StrategyBook } from "./StrategyBook.ts"
import * as StrategyPayoff from "./StrategyPayoff.ts"

export const PositionsHttp = HttpApiBuilder.group(
  Api,
  "positions",
  Effect.fnUntraced(function* (handlers) {
    const newFills = yield* NewFills.make
    const book = yield* StrategyBook
    const valuation = yield* Valuation
    const lifetimes = yield* Lifetimes

    const valued = (of: Book) => ({
      as_of: IndiaTime.isoTime(valuation.nowMs()),
      complete: of.missing.length === 0,
      missing: of.missing
    })
    return handlers
      .handle("record", ({ path, payload }) => newFills.record(path.id, payload.fills))
      .handle("pnl", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const of = yield* book.of(user.id, path.id)
          return { strategy_id: path.id, ...PositionsView.pnl(of), ...valued(of) }
        })
      )
      .handle("greeks", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const of = yield* book.of(user.id, path.id)
          return { strategy_id: path.id, ...PositionsView.greeks(of), ...valued(of) }
        })
      )
      .handle("payoff", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const of = yield* book.of(user.id, path.id)
          return yield* StrategyPayoff.payoff({ book: of, strategyId: path.id, ...valued(of) }, urlParams, valuation, lifetimes)
        })
      )
      .handle("scenario", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const of = yield* book.of(user.id, path.id)
          return yield* StrategyPayoff.scenarios({ book: of, strategyId: path.id, ...valued(of) }, urlParams, valuation, lifetimes)
        })
      )
  })
)
