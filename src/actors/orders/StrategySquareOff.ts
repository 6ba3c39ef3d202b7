import { Clock, Effect } from "effect"
import { isOpen, type Order } from "../../broker/orders/Orders.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Gate from "../../domain/orders/Gate.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import * as OrderRequest from "../../domain/orders/OrderRequest.ts"
import * as SquareOff from "../../domain/orders/SquareOff.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { type Change, SquareOffRepo, type Stored, type StrategyTask } from "../../store/orders/SquareOffRepo.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import type { NewTask } from "../../store/orders/TaskWrites.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import * as Metrics from "./Metrics.ts"
import * as OpenWork from "./OpenWork.ts"
import * as OwnTask from "./OwnTask.ts"
import * as TaskRun from "./TaskRun.ts"

/** How long a cancellation or a closing order is tried. */
const deadlineMs = 60_000
/** Where something is left, the order book may be as old as this. */
const bookAgeMsMax = 5_000
/** With these waits the rounds of closing orders take about a quarter of an hour. */
const rounds = { roundsMax: 8, waitMs: 5_000, waitMsMax: 300_000, openMsMax: 300_000 } as const
/** A closing order is sent at the market, within the protection that the broker chooses. */
const automaticProtection = new Money.Decimal(-1)

const isProduct = (text: string): text is OrderRequest.Place["product"] => ["NRML", "MIS", "CNC", "MTF"].includes(text)
const isVariety = (text: string): text is OrderRequest.Cancel["variety"] =>
  (OrderRequest.Variety.literals as ReadonlyArray<string>).includes(text)

const failureOf = ({ errorMessage, errorType }: StrategyTask) =>
  errorType === null ? null : { type: errorType, message: errorMessage ?? "" }

const sideOf = ({ transaction_type }: Order): "BUY" | "SELL" => (transaction_type === "SELL" ? "SELL" : "BUY")
const shownOf = (orders: ReadonlyArray<Order>, tags: ReadonlySet<string>): ReadonlyArray<SquareOff.Shown> =>
  orders.flatMap((order) =>
    order.tag !== null && tags.has(order.tag)
      ? [
          {
            orderId: order.order_id,
            tag: order.tag,
            exchange: order.exchange,
            tradingsymbol: order.tradingsymbol,
            product: order.product,
            side: sideOf(order),
            filled: order.filled_quantity,
            isOpen: isOpen(order)
          }
        ]
      : []
  )

/** What a look knows of the strategy in the account. */
const makeFacts = Effect.gen(function* () {
  const repo = yield* SquareOffRepo
  const registry = yield* InstrumentRegistry
  return (desk: TaskRun.Desk, stored: Stored) =>
    Effect.gen(function* () {
      // Tasks are read before the book, so that the book has the orders of all tasks that had ended.
      const tasks = yield* repo.tasks(stored)
      const startedAtMs = yield* Clock.currentTimeMillis
      const { orders } = yield* desk.book.since(stored.status === "incomplete" ? startedAtMs - bookAgeMsMax : startedAtMs)
      const nowMs = yield* Clock.currentTimeMillis
      const marketMs = desk.atBroker(nowMs)
      const trades = yield* repo.trades(stored, marketMs - IndiaTime.istTimeOfDayMs(marketMs))
      const places = tasks.filter(({ kind }) => kind === "place")
      const isOwn = ({ key }: StrategyTask) => TaskNames.isOfThisStop(key, stored.stopId)
      const facts: SquareOff.Facts = {
        tasks: places.map((it) => ({
          taskId: it.taskId,
          tag: it.tag,
          status: it.status,
          changedAtMs: it.updatedAt.getTime(),
          closes: isOwn(it),
          error: failureOf(it)
        })),
        orders: shownOf(orders, new Set(places.map(({ tag }) => tag))),
        trades,
        cancelling: tasks.flatMap((it) =>
          it.kind === "cancel" && it.orderId !== null && isOwn(it)
            ? [{ orderId: it.orderId, status: it.status, changedAtMs: it.updatedAt.getTime(), error: failureOf(it) }]
            : []
        ),
        isListed: ({ exchange, tradingsymbol }) => registry.bySymbol(exchange, tradingsymbol) !== undefined,
        rounds: stored.rounds,
        roundAtMs: stored.roundAt?.getTime() ?? 0,
        nowMs
      }
      return { facts, orders, newestTaskId: places.at(-1)?.taskId ?? 0 }
    })
})

/**
 * Closes the positions of stopped strategies in this account, where the stop asks for it. Everything is an order task with the protocol of all
 * tasks. A crash repeats the look; a round of closing orders is saved with the count of rounds in one transaction, which compares what the look
 * knew, so that each closing order is made once.
 */
export const run = (desks: TaskRun.Desks, begin: (taskId: number) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const repo = yield* SquareOffRepo
    const registry = yield* InstrumentRegistry
    const rules = yield* RuleBook
    const marketClock = yield* MarketClock
    const factsOf = yield* makeFacts
    const { account, changed, lease } = desks.live

    const closing = (stored: Stored, positions: ReadonlyArray<SquareOff.Position>, nowMs: number): ReadonlyArray<NewTask> => {
      const requests = positions.flatMap(({ exchange, net, product, tradingsymbol }): ReadonlyArray<OrderRequest.Place> => {
        const instrument = registry.bySymbol(exchange, tradingsymbol)
        if (instrument === undefined || !isProduct(product)) return []
        const parts = Gate.closingParts({ rules: rules.current(), atMs: marketClock.unsafeNow(), instrument }, Math.abs(net))
        return parts.map((quantity) => ({
          kind: "place",
          variety: "regular",
          exchange,
          tradingsymbol,
          transaction_type: net > 0 ? "SELL" : "BUY",
          quantity,
          product,
          order_type: "MARKET",
          validity: "DAY",
          market_protection: automaticProtection
        }))
      })
      return requests.map((request, at) =>
        OwnTask.make(stored, TaskNames.squareOffKey(stored.stopId, stored.rounds + 1, at), request, nowMs + deadlineMs)
      )
    }
    /** Cancels what was not sent, and what is open. A task that is being sent now is not touched. */
    const clear = (desk: TaskRun.Desk, stored: Stored, { cancel, withdraw }: SquareOff.Step, orders: ReadonlyArray<Order>) =>
      Effect.gen(function* () {
        const nowMs = yield* Clock.currentTimeMillis
        const failure = { type: "strategy_stop", message: `strategy ${stored.strategyId} is stopped` }
        for (const taskId of withdraw) {
          const found = yield* desk.repo.byId(taskId)
          if (found !== undefined) yield* TaskRun.advance(desk, found, OrderDecider.Input.Cancel({ nowMs, failure }))
        }
        for (const orderId of cancel) {
          const variety = orders.find(({ order_id }) => order_id === orderId)?.variety ?? ""
          if (!isVariety(variety)) continue
          const request = { kind: "cancel", variety, order_id: orderId } as const
          const task = OwnTask.make(stored, TaskNames.stopCancelKey(stored.stopId, orderId), request, nowMs + deadlineMs)
          const made = yield* desk.repo.submit([task])
          for (const { taskId } of made.stored) yield* begin(taskId)
        }
      })
    const save = (desk: TaskRun.Desk, stored: Stored, change: Change) =>
      // No order of the account passes the gate meanwhile, so that one that closes a position by hand is not sent beside the round.
      desk.atGate.withPermits(1)(repo.save(stored, change, TaskRun.who))

    const lookAt = (stored: Stored) =>
      Effect.gen(function* () {
        const desk = desks[stored.mode]
        const { facts, newestTaskId, orders } = yield* factsOf(desk, stored)
        const step = SquareOff.stepOf({ ...rounds, horizonMs: desk.policy.horizonMs }, facts)
        yield* clear(desk, stored, step, orders)
        const round = closing(stored, step.close, facts.nowMs)
        const { message, status } = step
        const isSame = status === stored.status && message === stored.message && round.length === 0 && stored.epoch === lease.epoch
        if (isSame) return
        const made = yield* save(desk, stored, { status, message, epoch: lease.epoch, newestTaskId, round })
        if (made === undefined) return
        yield* desk.step("squared", stored.stopId)
        for (const { taskId } of made) yield* begin(taskId)
        yield* changed
        if (status === stored.status) return
        Metrics.squareOffs(status)
        if (status !== "incomplete") return
        Metrics.alerts("square_off")
        yield* Effect.logError("the positions of a stopped strategy are not closed", message).pipe(
          Effect.annotateLogs({ strategy: stored.strategyId })
        )
      })
    return yield* OpenWork.watch({
      open: repo.open(account),
      lookAt,
      failed: "a strategy's positions are not closed yet, trying again",
      unread: "stopped strategies are not read, trying again",
      named: ({ strategyId }) => ({ strategy: strategyId })
    })
  })
