import { Clock, Effect, Either, Option } from "effect"
import { isOpen } from "../../broker/orders/Orders.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Exposure from "../../domain/orders/Exposure.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import * as OrderRequest from "../../domain/orders/OrderRequest.ts"
import * as TaskGate from "../../domain/orders/TaskGate.ts"
import { marketGround } from "../../settings/SessionRules.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import { StrategyLimitRepo } from "../../store/orders/StrategyLimitRepo.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import type { StoreUnavailable } from "../../store/StoreError.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Venue } from "./Venue.ts"

/** Every rule that refuses a task, and how many requests the account had sent before the rules were checked. */
export interface Answer {
  readonly refusals: ReadonlyArray<TaskGate.Refusal>
  readonly sent: { readonly second: number; readonly minute: number }
}
export type SendGate = (stored: OrderRepo.StoredTask) => Effect.Effect<Answer, StoreUnavailable>

/** The broker counts a day from midnight in India. */
const withDay = (nowMs: number) => ({ nowMs, dayStartMs: IndiaTime.startOfDayMs(nowMs) })

/**
 * The account's own orders are read first, then the book, then the positions. So an order that moves on in between may count twice, but is
 * never missed.
 */
const exposures = (orders: Venue, underway: Effect.Effect<ReadonlyArray<Exposure.Underway>, StoreUnavailable>) =>
  Effect.gen(function* () {
    const sent = yield* underway
    const book = yield* orders.book
    const unseen = Exposure.unseen(sent, new Set(book.map(({ tag }) => tag)))
    const open = book.filter(isOpen).map(({ exchange, pending_quantity, tradingsymbol, transaction_type }): Exposure.Part => {
      const side = transaction_type === "SELL" ? "SELL" : "BUY"
      return { exchange, tradingsymbol, side, quantity: pending_quantity, isOpen: true }
    })
    return Exposure.sum([...(yield* orders.held), ...open, ...unseen])
  })

/** The profit in the strategy's newest mark. Null if it is unknown; the gate then refuses an order whose check needs it. */
const profitOf = (jetStream: JetStream, owner: string, strategyId: number) =>
  Effect.map(
    Effect.orElseSucceed(jetStream.last(Subjects.Mark.stream, Subjects.Mark.at({ owner, strategy: String(strategyId) })), Option.none),
    (found) =>
      Option.flatMap(found, ({ data, subject }) => Either.getRight(Subjects.Mark.read(subject, data))).pipe(
        Option.match({ onNone: () => null, onSome: ({ total_pnl }) => total_pnl })
      )
  )

/** Answers what the rules of a task's strategy need to know. They do not apply to orders with which a stop closes a position. */
const makeStrategyOf = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const strategyLimits = yield* StrategyLimitRepo
  const jetStream = yield* JetStream
  const strategyIdOf = ({ accountId, request, strategyId }: OrderRepo.StoredTask) =>
    request.kind === "modify" ? strategyLimits.strategyOfOrder(accountId, request.order_id) : Effect.succeed(strategyId)

  return (stored: OrderRepo.StoredTask) =>
    Effect.gen(function* () {
      if (TaskNames.isOfStop(stored.idempotencyKey)) return null
      const strategyId = yield* strategyIdOf(stored)
      if (strategyId === null) return null
      const instrument = OrderRequest.instrumentOf(stored.request) ?? { exchange: "", tradingsymbol: "" }
      const nowMs = yield* Clock.currentTimeMillis
      const candidate = { strategyId, instrument, taskId: stored.taskId, dayStartMs: IndiaTime.startOfDayMs(nowMs) }
      const known = yield* strategyLimits.known(candidate)
      if (known === undefined) return null
      const otherLots = Exposure.otherLots(known.held, instrument, registry.lotOf)
      return { ...known, otherLots, profit: known.limits.maxLoss === null ? null : yield* profitOf(jetStream, known.owner, strategyId) }
    })
})

/** Checks a task by all rules right before it is sent, because a stop or a limit may be newer than its acceptance. */
export const make = (orders: Venue, mode: Mode) =>
  Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const accounts = yield* OrderAccounts
    const repo = yield* OrderRepo
    const marketClock = yield* MarketClock
    const groundAt = yield* marketGround
    const strategyOf = yield* makeStrategyOf

    const ahead = ({ accountId, basketId, idempotencyKey, request, taskId, termsHash }: OrderRepo.StoredTask) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
        const { kind } = request
        const modifiedId = OrderRequest.modifiedBy(request)
        const madeBy = TaskNames.stopOf(idempotencyKey)
        return repo.ahead({ accountId, mode, kind, termsHash, modifiedId, madeBy, taskId, basketId, ...withDay(nowMs) })
      })
    const underway = ({ accountId, taskId }: OrderRepo.StoredTask) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => repo.underway({ accountId, mode, taskId, ...withDay(nowMs) }))

    return (stored: OrderRepo.StoredTask): Effect.Effect<Answer, StoreUnavailable> =>
      Effect.gen(function* () {
        const found = yield* ahead(stored)
        const { limits, lossStop } = found
        const named = OrderRequest.instrumentOf(stored.request)
        const instrument = named === null ? undefined : registry.bySymbol(named.exchange, named.tradingsymbol)
        const needsProfit = limits.maxDailyLoss !== null
        // An order that only reduces a position is allowed despite a loss or a stop.
        const isLimited = limits.maxPositionLots !== null || limits.maxTotalLots !== null || needsProfit || lossStop !== null
        const held =
          isLimited && instrument !== undefined ? yield* Effect.orElseSucceed(exposures(orders, underway(stored)), () => null) : null
        const strategy = yield* strategyOf(stored)
        const hasDerivatives = instrument !== undefined && registry.hasDerivatives(instrument)
        const market: TaskGate.Market = { ...groundAt(marketClock.unsafeNow()), instrument, hasDerivatives }
        const facts = TaskGate.factsOf(market, found, {
          lastPrice: stored.referencePrice,
          limits,
          lossStop,
          // A figure that the broker does not give counts as unknown, and the gate then refuses the order.
          dayProfit: needsProfit ? yield* Effect.orElseSucceed(orders.dayProfit, () => null) : null,
          exposure: held === null || instrument === undefined ? null : Exposure.of(held, instrument),
          otherLots: held === null || instrument === undefined ? null : Exposure.otherLots(held, instrument, registry.lotOf),
          sameTermsAtMs: TaskGate.sameTermsAtMs(found.sameTermsAtMs, stored.createdAt.getTime(), marketClock.unsafeNow()),
          closes: stored.undoes !== null || TaskNames.isOfStop(stored.idempotencyKey),
          isReleased: found.isReleased,
          isOfAccountStop: TaskNames.isOfAccountStop(stored.idempotencyKey),
          strategy,
          // The stop is read again after the other questions, so that the check can miss a new stop only during one question.
          stopped: isLimited || strategy !== null ? ((yield* accounts.stopOf(stored.accountId))?.reason ?? null) : found.stopped
        })
        return { refusals: TaskGate.refusals(stored.request, facts), sent: found.sent }
      })
  })
