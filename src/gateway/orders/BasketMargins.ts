import { Effect, Either } from "effect"
import type { OrderTerms } from "../../contract/orders/OrderTerms.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Margins from "../../domain/accounts/Margins.ts"
import * as Money from "../../domain/Money.ts"
import * as PaperMargin from "../../domain/orders/PaperMargin.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import * as Asks from "../../streams/Asks.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { Engine } from "../shared/Engine.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as BasketCharges from "./BasketCharges.ts"

/** Kite wants a price of every order; 0 where the type has none. */
const wantedOf = (terms: OrderTerms, { order, tradingsymbol }: BasketCharges.Charged): Margins.Wanted => ({
  exchange: order.exchange,
  tradingsymbol,
  transaction_type: terms.transaction_type,
  variety: terms.variety,
  product: terms.product,
  order_type: terms.order_type,
  quantity: terms.quantity,
  price: terms.price ?? Money.zero,
  trigger_price: terms.trigger_price ?? Money.zero
})

interface Found {
  readonly source: "broker" | "rule"
  readonly orders: ReadonlyArray<Margins.Margin | null>
  readonly initial: Margins.Margin | null
  readonly final: Margins.Margin | null
  readonly unknown: ReadonlyArray<string>
}

const ofBroker = ({ final, initial, orders }: Margins.Basket): Found => ({ source: "broker", orders, initial, final, unknown: [] })

/** By the public rule alone. One order that it does not know leaves the totals unknown too. */
const ofRule = (known: ReadonlyArray<Either.Either<Margins.Margin, string>>, why: ReadonlyArray<string>): Found => {
  const orders = known.map(Either.getOrNull)
  const all = orders.flatMap((it) => (it === null ? [] : [it]))
  const total = all.length === orders.length ? Margins.sum(all) : null
  return { source: "rule", orders, initial: total, final: total, unknown: [...new Set([...known.flatMap(reasonOf), ...why])] }
}
const reasonOf = (it: Either.Either<unknown, string>): ReadonlyArray<string> => (Either.isLeft(it) ? [it.left] : [])

/**
 * What hypothetical orders would block. A live account's broker answers. For a paper account the public rule answers, and for a margin that
 * it does not know, the account's broker, if it can be asked.
 */
export const make = Effect.gen(function* () {
  const rights = yield* AccountRights.make
  const accounts = yield* OrderAccounts
  const engine = yield* Engine
  const rules = yield* RuleBook
  const charged = yield* BasketCharges.makeCharged

  const asked = (accountId: string, orders: ReadonlyArray<Margins.Wanted>) =>
    Effect.flatMap(engine.ask(Asks.orderMargins(accountId), { orders }), (answer) =>
      "refused" in answer
        ? Effect.fail(Problem.invalidField("orders", `the broker refused: ${answer.refused.error_type}: ${answer.refused.message}`))
        : Effect.succeed(ofBroker(answer.margins))
    )

  return (accountId: string, wanted: ReadonlyArray<OrderTerms>) =>
    Effect.gen(function* () {
      yield* rights.user(accountId)
      const { date, orders } = yield* charged(wanted)
      const { mode } = yield* orProblem(accounts.settings(accountId))
      const ask = asked(
        accountId,
        wanted.flatMap((terms, at) => orders.slice(at, at + 1).map((it) => wantedOf(terms, it)))
      )
      const known = orders.map(({ order }) => PaperMargin.of(rules.current(), order))
      const {
        final,
        initial,
        orders: margins,
        source,
        unknown
      }: Found = mode === "live"
        ? yield* ask
        : known.every(Either.isRight)
          ? ofRule(known, [])
          : yield* Effect.catchAll(ask, (problem) => Effect.succeed(ofRule(known, [problem.detail])))
      return {
        account_id: accountId,
        date,
        mode,
        source,
        orders: orders.map((it, at) => ({ ...BasketCharges.rowOf(it), margin: margins[at] ?? null })),
        total: { ...BasketCharges.totalOf(orders), initial, final },
        unknown
      }
    })
})
