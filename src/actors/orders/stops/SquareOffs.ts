import { Clock, Effect } from "effect"
import { isOpen, type Order } from "../../../broker/orders/Orders.ts"
import { isProduct, isVariety } from "../../../domain/accounts/OrderAttributes.ts"
import * as IndiaTime from "../../../domain/IndiaTime.ts"
import * as Gate from "../../../domain/orders/Gate.ts"
import * as OrderDecider from "../../../domain/orders/OrderDecider.ts"
import type * as OrderRequest from "../../../domain/orders/OrderRequest.ts"
import * as SquareOff from "../../../domain/orders/SquareOff.ts"
import * as SteadyTime from "../../../loop/SteadyTime.ts"
import { RuleBook } from "../../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../../store/instruments/InstrumentRegistry.ts"
import { type Change, SquareOffRepo, type StoppedTask, type Stored } from "../../../store/orders/SquareOffRepo.ts"
import * as TaskNames from "../../../store/orders/TaskNames.ts"
import type { NewTask } from "../../../store/orders/TaskWrites.ts"
import { MarketClock } from "../../../streams/MarketClock.ts"
import * as Metrics from "../Metrics.ts"
import * as OpenWork from "../OpenWork.ts"
import * as OwnTask from "../OwnTask.ts"
import * as TaskRun from "../TaskRun.ts"

/** How long a cancellation or a closing order is tried. */
const deadlineMs = 60_000
/** How old a reading of the order book may be while the status is incomplete. */
const bookAgeMsMax = 5_000
/** The pauses between the eight rounds of closing orders add up to about ten minutes. Each round may also wait for its orders. */
const rounds = { roundsMax: 8, waitMs: 5_000, waitMsMax: 300_000, openMsMax: 300_000 } as const

const failureOf = ({ errorMessage, errorType }: StoppedTask) =>
  errorType === null ? null : { type: errorType, message: errorMessage ?? "" }

const sideOf = ({ transaction_type }: Order): "BUY" | "SELL" => (transaction_type === "SELL" ? "SELL" : "BUY")
const shownOf = (orders: ReadonlyArray<Order>, mayCancel: (order: Order) => boolean): ReadonlyArray<SquareOff.Shown> =>
  orders.map((order) => ({
    orderId: order.order_id,
    tag: order.tag ?? "",
    exchange: order.exchange,
    tradingsymbol: order.tradingsymbol,
    product: order.product,
    side: sideOf(order),
    filled: order.filled_quantity,
    isOpen: isOpen(order),
    mayCancel: mayCancel(order)
  }))

/** The name of a stop in the keys of its tasks. */
const nameOf = ({ scope, stopId }: Stored) => (scope === "account" ? TaskNames.accountStopId(stopId) : stopId)
/** The type and the message of the error with which a stop withdraws tasks. */
const stopOf = ({ accountId, scope, strategyId }: Stored) =>
  scope === "account"
    ? { type: "account_stop", message: `account ${accountId} is stopped` }
    : { type: "strategy_stop", message: `strategy ${strategyId} is stopped` }

type Found = Pick<SquareOff.Facts, "orders" | "trades" | "positions" | "isSettled">

/**
 * Finds what has to be closed. For a strategy: the result of its orders in the account, by the book and the trades. For an account: the
 * broker's positions. They are used once they include every fill of the book, or once book and positions have not changed for `horizonMs`:
 * if a person converted a position to another product, they never agree.
 */
const makeFound = (desks: TaskRun.Desks) =>
  Effect.gen(function* () {
    const repo = yield* SquareOffRepo
    const seen = new Map<number, { readonly text: string; readonly sinceMs: number }>()

    const ofStrategy = (stored: Stored, tags: ReadonlySet<string>, book: ReadonlyArray<Order>, dayStartMs: number) =>
      Effect.gen(function* () {
        const own = book.filter(({ tag }) => tag !== null && tags.has(tag))
        const orders = shownOf(own, () => true)
        const trades = yield* repo.trades(stored, dayStartMs)
        return { orders, trades, positions: SquareOff.positionsOf({ orders, trades }), isSettled: true } satisfies Found
      })
    const ofAccount = (stored: Stored, tags: ReadonlySet<string>, book: ReadonlyArray<Order>) =>
      Effect.gen(function* () {
        const { mode, status, stopId } = stored
        // While a person has to look, orders that the person places elsewhere are left alone.
        const orders = shownOf(book, ({ tag }) => status === "running" || (tag !== null && tags.has(tag)))
        const rows = yield* desks[mode].orders.positions
        const positions = SquareOff.closable(rows)
        const nowMs = yield* SteadyTime.nowMs
        const text = JSON.stringify([orders, positions])
        const before = seen.get(stopId)
        const now = before?.text === text ? before : { text, sinceMs: nowMs }
        seen.set(stopId, now)
        // On paper, fills and positions always agree, because the platform computes both.
        const isSettled = mode === "paper" || SquareOff.agree(rows, orders) || nowMs - now.sinceMs > desks[mode].policy.horizonMs
        return { orders, trades: [], positions, isSettled } satisfies Found
      })
    return { ofStrategy, ofAccount } as const
  })

/** Reads the facts of one look at a strategy in the account, or at the account. */
const makeFacts = (desks: TaskRun.Desks) =>
  Effect.gen(function* () {
    const repo = yield* SquareOffRepo
    const registry = yield* InstrumentRegistry
    const { ofAccount, ofStrategy } = yield* makeFound(desks)
    return (desk: TaskRun.Desk, stored: Stored) =>
      Effect.gen(function* () {
        // Tasks are read before the book, so that the book has the orders of all tasks that had ended.
        const newestTaskId = yield* repo.newest(stored)
        const startedAtMs = yield* Clock.currentTimeMillis
        const tasks = yield* repo.tasks(stored, IndiaTime.startOfDayMs(startedAtMs))
        const { orders } = yield* desk.book.since(stored.status === "incomplete" ? startedAtMs - bookAgeMsMax : startedAtMs)
        const nowMs = yield* Clock.currentTimeMillis
        const marketMs = desk.atBroker(nowMs)
        const places = tasks.filter(({ kind }) => kind === "place")
        const isOwn = ({ key }: StoppedTask) => TaskNames.isOfThisStop(key, nameOf(stored))
        const tags = new Set(places.map(({ tag }) => tag))
        const dayStartMs = IndiaTime.startOfDayMs(marketMs)
        const found = yield* stored.scope === "account" ? ofAccount(stored, tags, orders) : ofStrategy(stored, tags, orders, dayStartMs)
        const facts: SquareOff.Facts = {
          ...found,
          scope: stored.scope,
          tasks: places.map((it) => ({
            taskId: it.taskId,
            tag: it.tag,
            status: it.status,
            changedAtMs: it.updatedAt.getTime(),
            closes: isOwn(it),
            error: failureOf(it)
          })),
          cancelling: tasks.flatMap((it) =>
            it.kind === "cancel" && it.orderId !== null && isOwn(it)
              ? [{ orderId: it.orderId, status: it.status, changedAtMs: it.updatedAt.getTime(), error: failureOf(it) }]
              : []
          ),
          isListed:
            registry.current() === undefined
              ? undefined
              : ({ exchange, tradingsymbol }) => registry.bySymbol(exchange, tradingsymbol) !== undefined,
          rounds: stored.rounds,
          roundAtMs: stored.roundAt?.getTime() ?? 0,
          nowMs
        }
        return { facts, orders, newestTaskId }
      })
  })

type Begin = (taskId: number) => Effect.Effect<void>

/** The orders of one round that close positions. A position of an instrument that is not listed has none. */
const makeRound = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const rules = yield* RuleBook
  const marketClock = yield* MarketClock
  const closing = (position: SquareOff.Position): ReadonlyArray<OrderRequest.Place> => {
    const { exchange, net, product, tradingsymbol } = position
    const instrument = registry.bySymbol(exchange, tradingsymbol)
    if (instrument === undefined || !isProduct(product)) return []
    const parts = Gate.closingParts({ rules: rules.current(), atMs: marketClock.unsafeNow(), instrument }, Math.abs(net))
    return parts.map((quantity) => OwnTask.closing({ exchange, product, tradingsymbol }, net > 0 ? "SELL" : "BUY", quantity))
  }
  return (stored: Stored, positions: ReadonlyArray<SquareOff.Position>, nowMs: number): ReadonlyArray<NewTask> =>
    positions
      .flatMap(closing)
      .map((request, at) =>
        OwnTask.make(stored, TaskNames.squareOffKey(nameOf(stored), stored.rounds + 1, at), request, nowMs + deadlineMs)
      )
})

/** Cancels tasks that were not sent, and open orders. A task that is being sent now is not touched. */
const clear = (desk: TaskRun.Desk, stored: Stored, { cancel, withdraw }: SquareOff.Step, orders: ReadonlyArray<Order>, begin: Begin) =>
  Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    const failure = stopOf(stored)
    for (const taskId of withdraw) {
      const found = yield* desk.repo.byId(taskId)
      if (found !== undefined) yield* TaskRun.advance(desk, found, OrderDecider.Input.Cancel({ nowMs, failure }))
    }
    for (const orderId of cancel) {
      const variety = orders.find(({ order_id }) => order_id === orderId)?.variety ?? ""
      if (!isVariety(variety)) continue
      const request = { kind: "cancel", variety, order_id: orderId } as const
      const task = OwnTask.make(stored, TaskNames.stopCancelKey(nameOf(stored), orderId), request, nowMs + deadlineMs)
      const made = yield* desk.repo.submit([task])
      for (const { taskId } of made.stored) yield* begin(taskId)
    }
  })

/** Counts a changed status. A person has to look at an incomplete one. */
const announce = ({ scope, strategyId }: Stored, account: string, { message, status }: SquareOff.Step) =>
  Effect.gen(function* () {
    Metrics.squareOffs(scope, status)
    if (status !== "incomplete") return
    Metrics.alerts("square_off")
    yield* Effect.logError(`the positions of a stopped ${scope} are not closed`, message).pipe(
      Effect.annotateLogs({ account, strategy: strategyId })
    )
  })

/** Takes the next step of one stop. */
const makeLookAt = (desks: TaskRun.Desks, begin: Begin) =>
  Effect.gen(function* () {
    const repo = yield* SquareOffRepo
    const factsOf = yield* makeFacts(desks)
    const roundOf = yield* makeRound
    const { account, changed, lease } = desks.live
    const save = (desk: TaskRun.Desk, stored: Stored, change: Change) =>
      // Meanwhile no order of the account passes the gate, so that a person's closing order is not sent at the same time as the round.
      desk.atGate.withPermits(1)(repo.save(stored, change, TaskRun.who))

    return (stored: Stored) =>
      Effect.gen(function* () {
        const desk = desks[stored.mode]
        const { facts, newestTaskId, orders } = yield* factsOf(desk, stored)
        const step = SquareOff.stepOf({ ...rounds, horizonMs: desk.policy.horizonMs }, facts)
        yield* clear(desk, stored, step, orders, begin)
        const round = roundOf(stored, step.close, facts.nowMs)
        const { message, status } = step
        const isSame = status === stored.status && message === stored.message && round.length === 0 && stored.epoch === lease.epoch
        if (isSame) return
        const made = yield* save(desk, stored, { status, message, epoch: lease.epoch, newestTaskId, round })
        if (made === undefined) return
        yield* desk.step("squared", stored.stopId)
        for (const { taskId } of made) yield* begin(taskId)
        yield* changed
        if (status !== stored.status) yield* announce(stored, account, step)
      })
  })

/**
 * Closes the positions of stopped strategies in this account, and of the account itself, if the stop asks for it. Every step is an order
 * task with the usual protocol. After a crash the look is repeated. A round of closing orders and the count of rounds are saved in one
 * transaction, which fails if the facts of the look have changed, so that each closing order is made once.
 */
export const run = (desks: TaskRun.Desks, begin: Begin) =>
  Effect.gen(function* () {
    const repo = yield* SquareOffRepo
    const lookAt = yield* makeLookAt(desks, begin)
    const { account } = desks.live
    return yield* OpenWork.watch({
      open: repo.open(account),
      lookAt,
      failed: "the positions of a stopped strategy or account are not closed yet, trying again",
      unread: "stops are not read, trying again",
      named: ({ accountId, strategyId }) => ({ account: accountId, strategy: strategyId })
    })
  })
