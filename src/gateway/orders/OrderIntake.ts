import { Clock, Effect, Either, Option } from "effect"
import type { NewOrder, NewPlace } from "../../contract/orders/NewOrder.ts"
import type { User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Money from "../../domain/Money.ts"
import * as Exposure from "../../domain/orders/Exposure.ts"
import type { GttRequest } from "../../domain/orders/GttRequest.ts"
import * as Iceberg from "../../domain/orders/Iceberg.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import * as OrderRequest from "../../domain/orders/OrderRequest.ts"
import * as PaperOrder from "../../domain/orders/PaperOrder.ts"
import * as TaskGate from "../../domain/orders/TaskGate.ts"
import { marketGround } from "../../settings/SessionRules.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { type AccountSettings, OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import { StrategyLimitRepo } from "../../store/orders/StrategyLimitRepo.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import type { NewTask } from "../../store/orders/TaskWrites.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { lastPrice, Valuation } from "../chains/Valuation.ts"
import { instrumentBySymbol, instrumentsLoaded, notFoundText } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** A request about a good-till-triggered order. */
export type GttOrder = GttRequest & { readonly account_id: string; readonly deadline_s: number; readonly unknown: "park" }
type Order = NewOrder | GttOrder

/** The broker's part of a request, without what only concerns the task. Absent fields stay absent. */
const requestOf = (it: Order): OrderRequest.OrderRequest => {
  const { account_id: _account, deadline_s: _deadline, unknown: _unknown, ...own } = it
  const { strategy_id: _strategy, ...rest }: typeof own & { readonly strategy_id?: unknown } = own
  const { slice: _slice, ...request }: typeof rest & { readonly slice?: unknown } = rest
  return request as OrderRequest.OrderRequest
}

/** One request of a caller with its idempotency key. */
export interface Wanted {
  readonly order: Order
  readonly key: string
  readonly basketId: string | null
  readonly basketPlace: number | null
  readonly retries: number | null
}

/** A request about a trigger. `body` is what the caller sent; the order is computed only for a new key. */
export interface WantedGtt<E, R> {
  readonly accountId: string
  readonly body: unknown
  readonly order: Effect.Effect<GttOrder, E, R>
}

interface Gated {
  readonly accountId: string
  readonly mode: Mode
  readonly settings: AccountSettings
  readonly request: OrderRequest.OrderRequest
  readonly termsHash: string
  readonly basketId: string | null
  readonly strategyId: number | null
}

/** A new order gets the account's mode. A change of an order goes where the order is, but from a paper account never to the broker. */
const modeOf = (request: OrderRequest.OrderRequest, { mode }: AccountSettings): Either.Either<Mode, Problem.Invalid> => {
  if (request.kind === "place")
    return mode === "paper" && (request.variety === "iceberg" || request.variety === "co")
      ? Either.left(Problem.invalidField("variety", "a paper account takes regular and amo orders"))
      : Either.right(mode)
  if (request.kind === "gtt_place" || request.kind === "gtt_modify" || request.kind === "gtt_delete")
    return mode === "live"
      ? Either.right(mode)
      : Either.left(
          Problem.invalidField("account_id", "is in paper mode, and triggers stay at the broker: switch it to live, or place an order")
        )
  if (PaperOrder.isPaperId(request.order_id)) return Either.right("paper")
  return mode === "live"
    ? Either.right(mode)
    : Either.left(Problem.invalidField("order_id", "is not a paper order, and the account is in paper mode: switch it to live"))
}

/** Checks a request by every rule before it becomes a task. Also answers the last price, because the executor compares with it. */
const makeGate = Effect.gen(function* () {
  const repo = yield* OrderRepo
  const strategyLimits = yield* StrategyLimitRepo
  const registry = yield* InstrumentRegistry
  const valuation = yield* Valuation
  const groundAt = yield* marketGround
  const marketClock = yield* MarketClock

  const instrumentOf = (request: OrderRequest.OrderRequest) => {
    const named = OrderRequest.instrumentOf(request)
    return named === null ? undefined : instrumentBySymbol(registry, named.exchange, named.tradingsymbol)
  }

  const lastPriceOf = (request: OrderRequest.OrderRequest): Money.Decimal | null => {
    const instrument = instrumentOf(request)
    return instrument === undefined ? null : lastPrice(valuation, instrument)
  }

  /** The executor compares the strategy's loss with its limit right before it sends. */
  const strategyOf = (strategyId: number | null, request: OrderRequest.OrderRequest, dayStartMs: number) =>
    Effect.gen(function* () {
      const instrument = OrderRequest.instrumentOf(request)
      if (strategyId === null || instrument === null) return null
      const known = yield* orProblem(strategyLimits.known({ strategyId, instrument, taskId: 0, dayStartMs }))
      if (known === undefined) return null
      const otherLots = Exposure.otherLots(known.held, instrument, registry.lotOf)
      return { ...known, otherLots, limits: { ...known.limits, maxLoss: null }, profit: null }
    })

  const factsOf = ({ accountId, basketId, mode, request, settings: { limits, stop }, strategyId, termsHash }: Gated) =>
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      const instrument = instrumentOf(request)
      const modifiedId = OrderRequest.modifiedBy(request)
      const dayStartMs = IndiaTime.startOfDayMs(nowMs)
      const ask = { accountId, mode, kind: request.kind, termsHash, modifiedId, madeBy: null, taskId: 0, basketId, nowMs, dayStartMs }
      const ahead = yield* orProblem(repo.ahead(ask))
      const hasDerivatives = instrument !== undefined && registry.hasDerivatives(instrument)
      const market: TaskGate.Market = { ...groundAt(marketClock.unsafeNow()), instrument, hasDerivatives }
      return TaskGate.factsOf(market, ahead, {
        lastPrice: lastPriceOf(request),
        // The executor asks the broker for the day's profit and the positions right before it sends.
        limits: { ...limits, maxDailyLoss: null, maxPositionLots: null, maxTotalLots: null },
        stopped: stop?.reason ?? null,
        lossStop: null,
        dayProfit: null,
        exposure: null,
        otherLots: null,
        sameTermsAtMs: TaskGate.sameTermsAtMs(ahead.sameTermsAtMs, nowMs, market.atMs),
        closes: false,
        isOfAccountStop: false,
        isReleased: false,
        strategy: yield* strategyOf(strategyId, request, dayStartMs)
      })
    })
  const refused = (refusals: ReadonlyArray<TaskGate.Refusal>) =>
    new Problem.Invalid({
      detail: `Order refused: ${refusals.map(({ message, rule }) => `${rule}: ${message}`).join("; ")}`,
      errors: refusals.map(({ message, rule }) => ({ field: rule, message }))
    })
  const gate = (gated: Gated) =>
    Effect.flatMap(factsOf(gated), (facts) => {
      const refusals = TaskGate.refusals(gated.request, facts)
      return refusals.length > 0 ? Effect.fail(refused(refusals)) : Effect.void
    })
  /** The quantities into which an order is cut, if the rules accept the whole order. */
  const slicesOf = (gated: Gated & { readonly request: OrderRequest.Place }) =>
    Effect.flatMap(factsOf(gated), (facts) => Either.mapLeft(TaskGate.sliced(gated.request, facts), refused))

  /** The request with the quantity of an iceberg order's legs, which depends on the day's lot. The gate refuses legs that are not possible. */
  const withLegs = (request: OrderRequest.OrderRequest): OrderRequest.OrderRequest => {
    const instrument = instrumentOf(request)
    if (request.kind !== "place" || request.iceberg_legs === undefined || instrument === undefined) return request
    const each = Iceberg.legQuantity(request.quantity, request.iceberg_legs, instrument.lotSize)
    return each === null ? request : { ...request, iceberg_quantity: each }
  }

  return { gate, lastPriceOf, slicesOf, withLegs } as const
})

/** A refusal of a basket's order names its place. */
const placed = (refused: Problem.Invalid, place: number | null): Problem.Invalid =>
  place === null || refused.errors === undefined
    ? refused
    : new Problem.Invalid({
        detail: refused.detail,
        errors: refused.errors.map(({ field, message }) => ({ field: `orders.${place}.${field}`, message }))
      })

/** A lost command costs a moment: the executor also looks for tasks by itself. */
const command = (jetStream: JetStream, { accountId, taskId }: OrderRepo.StoredTask) =>
  jetStream
    .publish(
      Subjects.OrderCommand.at({ account: accountId }),
      Subjects.OrderCommand.encode({ v: 1, account_id: accountId, task_id: String(taskId) }),
      { msgId: `order-command-${taskId}` }
    )
    .pipe(Effect.catchAll((error) => Effect.logWarning("order command not published, the executor finds the task by itself", error)))

/** What identifies a request of a caller. `compensated`: the basket whose placed orders are taken back when one fails. */
interface Submission {
  readonly accountId: string
  readonly key: string
  readonly body: unknown
  readonly compensated?: string | null
}

/** Makes the task of a request that no rule refuses. */
const makeTasks = Effect.gen(function* () {
  const strategies = yield* StrategyRepo
  const { gate, lastPriceOf, slicesOf, withLegs } = yield* makeGate
  const taskOf = (user: User, settings: AccountSettings, { basketId, basketPlace, key, order, retries }: Wanted, bodyHash: string) =>
    Effect.gen(function* () {
      const { account_id, deadline_s, unknown } = order
      const strategy_id = "strategy_id" in order ? order.strategy_id : undefined
      if (strategy_id !== undefined && Option.isNone(yield* orProblem(strategies.byId(user.id, strategy_id))))
        return yield* Problem.invalidField("strategy_id", notFoundText("Strategy"))
      const request = withLegs(requestOf(order))
      const termsHash = TaskNames.hashOf(OrderRequest.termsOf(request))
      const mode = yield* modeOf(request, settings)
      yield* gate({ accountId: account_id, mode, settings, request, termsHash, basketId, strategyId: strategy_id ?? null })
      return {
        owner: user.id,
        accountId: account_id,
        idempotencyKey: key,
        bodyHash,
        tag: TaskNames.tagOf(account_id, user.id, key),
        mode,
        request,
        termsHash,
        referencePrice: lastPriceOf(request),
        intent: {
          kind: request.kind,
          isLimit: request.kind === "place" && request.order_type === "LIMIT",
          unknown,
          deadlineAtMs: (yield* Clock.currentTimeMillis) + deadline_s * 1_000
        },
        strategyId: strategy_id ?? null,
        basketId,
        basketPlace,
        retries,
        undoes: null
      } satisfies NewTask
    })
  return { taskOf, slicesOf } as const
})

/** Accepts requests: checks each by every rule, and makes one task for each key. */
export const make = Effect.gen(function* () {
  const repo = yield* OrderRepo
  const registry = yield* InstrumentRegistry
  const jetStream = yield* JetStream
  const accounts = yield* OrderAccounts
  const { slicesOf, taskOf } = yield* makeTasks

  /** The answer to a request whose key already has a task. */
  const earlierOf = (stored: OrderRepo.StoredTask, bodyHash: string) =>
    stored.bodyHash === bodyHash
      ? Effect.map(
          stored.basketId === null ? Effect.succeed([stored]) : orProblem(repo.ofBasket(stored.basketId)),
          (tasks: ReadonlyArray<OrderRepo.StoredTask>) => ({ isNew: false, stored: tasks })
        )
      : Effect.fail(new Problem.Conflict({ detail: "Idempotency key was used for another request" }))

  /**
   * Nearly every key is new, so an earlier task is looked for only after a refusal; otherwise the insertion finds it. A repeated request thus
   * gets its first answer, whatever the rules say now. The settings are read once, so that all orders of a basket have the same mode.
   */
  const submitOnce = <E extends { readonly _tag: string }, R>(
    user: User,
    { accountId, body, compensated = null, key }: Submission,
    wantedOf: (settings: AccountSettings) => Effect.Effect<ReadonlyArray<Wanted>, E, R>
  ) =>
    Effect.gen(function* () {
      yield* instrumentsLoaded(registry)
      const bodyHash = TaskNames.hashOf(body)
      const made = yield* Effect.either(
        Effect.gen(function* () {
          const settings = yield* orProblem(accounts.settings(accountId))
          return yield* Effect.forEach(yield* wantedOf(settings), (it) =>
            Effect.mapError(taskOf(user, settings, it, bodyHash), (error) =>
              error._tag === "Invalid" ? placed(error, it.basketPlace) : error
            )
          )
        })
      )
      if (Either.isLeft(made)) {
        if (made.left._tag === "Unavailable") return yield* Effect.fail(made.left)
        const earlier = yield* orProblem(repo.byKey(user.id, accountId, key))
        return earlier === undefined ? yield* Effect.fail(made.left) : yield* earlierOf(earlier, bodyHash)
      }
      const { isNew, stored } = yield* orProblem(repo.submit(made.right, compensated))
      const [taken] = stored
      if (!isNew && taken !== undefined) return yield* earlierOf(taken, bodyHash)
      yield* Effect.forEach(stored, (task) => command(jetStream, task), { discard: true })
      return { isNew, stored }
    })

  return {
    /**
     * Makes one task for each request, all or none. `isNew` is false when the first key was used before with the same body; with another
     * body this fails with Conflict. `compensated` is the id of a basket whose placed orders are taken back when one fails.
     */
    submit: (user: User, wanted: readonly [Wanted, ...ReadonlyArray<Wanted>], body: unknown, compensated: string | null = null) =>
      submitOnce(user, { accountId: wanted[0].order.account_id, key: wanted[0].key, body, compensated }, () => Effect.succeed(wanted)),
    submitGtt: <E extends { readonly _tag: string }, R>(user: User, { accountId, body, order }: WantedGtt<E, R>, key: string) =>
      Effect.gen(function* () {
        // The broker is asked only if the key is new.
        const earlier = yield* orProblem(repo.byKey(user.id, accountId, key))
        if (earlier !== undefined) return yield* earlierOf(earlier, TaskNames.hashOf(body))
        return yield* submitOnce(user, { accountId, key, body }, () =>
          Effect.map(order, (it): ReadonlyArray<Wanted> => [{ order: it, key, basketId: null, basketPlace: null, retries: null }])
        )
      }),
    /** Cuts an order by the freeze quantity of the day, and makes one task for each part, to be sent one after the other. */
    submitSliced: (user: User, order: NewPlace, key: string) =>
      submitOnce(user, { accountId: order.account_id, key, body: order }, (settings) =>
        Effect.gen(function* () {
          const request = requestOf(order) as OrderRequest.Place
          const mode = yield* modeOf(request, settings)
          const termsHash = TaskNames.hashOf(request)
          const basketId = crypto.randomUUID()
          const { account_id: accountId, strategy_id: strategyId = null } = order
          const quantities = yield* slicesOf({ accountId, mode, settings, request, termsHash, basketId, strategyId })
          return quantities.map((quantity, at): Wanted => {
            return { order: { ...order, quantity }, key: TaskNames.partKey(key, at), basketId, basketPlace: at, retries: null }
          })
        })
      )
  } as const
})
