import { Effect } from "effect"
import type { ChangedGtt, NewGtt } from "../../contract/orders/Gtt.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import * as Asks from "../../streams/Asks.ts"
import { Valuation } from "../chains/Valuation.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { Engine } from "../shared/Engine.ts"
import { instrumentBySymbol, instrumentsLoaded, notFoundText } from "../shared/Lookup.ts"
import { pageOf } from "../shared/Paging.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { givenOrLast } from "./GivenPrice.ts"
import type * as OrderTasks from "./OrderTasks.ts"

/** A request that is neither repeated after an unknown outcome nor sent late. */
const task = (account_id: string, deadline_s: number) => ({ account_id, deadline_s, unknown: "park" as const })
const deleteDeadlineS = 30

/** A page of an account's triggers, as a request names it. */
interface Listed {
  readonly account_id: string
  readonly limit: number
  readonly offset: number
}

/** Good-till-triggered orders: they are listed by the account's broker, and changed by order tasks. */
export const make = ({ submitGtt }: Pick<OrderTasks.OrderTasks, "submitGtt">) =>
  Effect.gen(function* () {
    const rights = yield* AccountRights.make
    const accounts = yield* OrderAccounts
    const engine = yield* Engine
    const registry = yield* InstrumentRegistry
    const valuation = yield* Valuation

    /** Kite's terms. If the caller names no `last_price`, the newest price of the instrument is used. */
    const termsOf = (wanted: NewGtt) =>
      Effect.gen(function* () {
        yield* instrumentsLoaded(registry)
        const instrument = instrumentBySymbol(registry, wanted.exchange, wanted.tradingsymbol)
        if (instrument === undefined) return yield* Problem.invalidField("tradingsymbol", notFoundText("Instrument"))
        const last_price = yield* givenOrLast(wanted.last_price, instrument, valuation, "last_price")
        const { exchange, tradingsymbol } = instrument
        return {
          type: wanted.type,
          condition: { exchange, tradingsymbol, trigger_values: wanted.trigger_values, last_price },
          orders: wanted.orders.map(({ order_type, price, product, quantity, transaction_type }) => ({
            transaction_type,
            quantity,
            product,
            order_type,
            price
          }))
        }
      })

    return {
      list: ({ account_id: accountId, limit, offset }: Listed) =>
        Effect.gen(function* () {
          yield* rights.user(accountId)
          const { mode } = yield* orProblem(accounts.settings(accountId))
          const of = { account_id: accountId, as_of: IndiaTime.isoTime(valuation.nowMs()) }
          if (mode === "paper") return { ...of, source: "paper" as const, triggers: [], total: 0, limit, offset }
          const answer = yield* engine.ask(Asks.accountTriggers(accountId), {})
          if ("refused" in answer)
            return yield* new Problem.Unavailable({ detail: `The broker refused: ${answer.refused.error_type}: ${answer.refused.message}` })
          // Pages need an order that the broker does not promise.
          const triggers = answer.triggers.toSorted((one, other) => one.id - other.id)
          return {
            ...of,
            source: "broker" as const,
            triggers: pageOf(triggers, { limit, offset }),
            total: triggers.length,
            limit,
            offset
          }
        }),
      place: (body: NewGtt, key: string, waitMs: number) =>
        submitGtt(
          {
            accountId: body.account_id,
            body,
            order: Effect.map(termsOf(body), (terms) => ({
              ...task(body.account_id, body.deadline_s),
              kind: "gtt_place" as const,
              ...terms
            }))
          },
          key,
          waitMs
        ),
      modify: (body: ChangedGtt, key: string, waitMs: number) =>
        submitGtt(
          {
            accountId: body.account_id,
            body: { kind: "gtt_modify", ...body },
            order: Effect.map(termsOf(body), (terms) => ({
              ...task(body.account_id, body.deadline_s),
              kind: "gtt_modify" as const,
              trigger_id: body.trigger_id,
              ...terms
            }))
          },
          key,
          waitMs
        ),
      remove: (accountId: string, trigger_id: string, key: string, waitMs: number) =>
        submitGtt(
          {
            accountId,
            body: { kind: "gtt_delete", trigger_id },
            order: Effect.succeed({ ...task(accountId, deleteDeadlineS), kind: "gtt_delete" as const, trigger_id })
          },
          key,
          waitMs
        )
    } as const
  })
