import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect, Option, Schema } from "effect"
import type { NewOrder } from "../../contract/orders/NewOrder.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import * as Task from "../../domain/orders/Task.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import * as OrderRows from "../../store/orders/OrderRows.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { OrderFeed } from "./OrderFeed.ts"
import * as OrderIntake from "./OrderIntake.ts"

const encodeTask = Schema.encodeSync(OrderMessage.OrderTask)
const everyStatus: ReadonlyArray<string> = OrderMessage.Status.literals
const alone = { basketId: null, basketPlace: null, retries: null } as const

/** The text of a task with the answer's status. */
const answerOf = (task: OrderMessage.OrderTask, status: number) => HttpServerResponse.unsafeJson(encodeTask(task), { status })

/** 202 for a new task, also if it has ended meanwhile; 200 for a key that was used before. So a caller can tell the two apart. */
const statusOf = (isNew: boolean): number => (isNew ? 202 : 200)

interface Filter {
  readonly account_id?: string | undefined
  readonly limit: number
  readonly offset: number
}

/** Why a task is not retried; null: it may be. A paper order must not become a real one because the account has become live. */
const notRetried = ({ mode: own, task, updatedAt }: OrderRepo.StoredTask, mode: OrderMessage.Mode): string | null => {
  if (task.status !== "DEAD_LETTER" && task.status !== "UNKNOWN")
    return `The task is ${task.status}: only dead letters and parked tasks are retried`
  if (task.status === "UNKNOWN" && (task.absentAtMs ?? 0) <= updatedAt.getTime())
    return "The order book was not read since the task was parked: try again in some seconds"
  return mode === own ? null : `The task is of ${own} mode and the account is in ${mode} mode: place a new order`
}

/** Accepts requests, and waits for their end as long as the caller does. */
const submissions = Effect.gen(function* () {
  const repo = yield* OrderRepo
  const feed = yield* OrderFeed
  const rights = yield* AccountRights.make
  const intake = yield* OrderIntake.make

  /** The task after its end, or as it is when the time is up. A new task was saved a moment ago, so it is not read again. */
  const awaited = (stored: OrderRepo.StoredTask, isNew: boolean, waitMs: number) =>
    feed.withEnd(String(stored.taskId), (ended) =>
      Effect.gen(function* () {
        const now = Effect.map(orProblem(repo.byId(stored.taskId)), (it) => OrderRows.messageOf(it ?? stored))
        const before = isNew ? OrderRows.messageOf(stored) : yield* now
        if (waitMs === 0 || Task.hasEnded(before)) return before
        const after = yield* Effect.timeoutOption(ended, waitMs)
        return Option.isSome(after) ? after.value : yield* now
      })
    )

  const submit = (order: NewOrder, key: string, waitMs: number) =>
    Effect.gen(function* () {
      const user = yield* rights.user(order.account_id)
      const isSliced = order.kind === "place" && order.slice === true
      const { isNew, stored } = yield* isSliced
        ? intake.submitSliced(user, order, key)
        : intake.submit(user, [{ ...alone, order, key }], order)
      const last = stored.at(-1)
      if (last === undefined) return yield* Effect.dieMessage("a submitted task is gone")
      // The last part of a sliced order ends last, because each waits for the one before it.
      const now = yield* awaited(last, isNew, waitMs)
      const status = statusOf(isNew)
      if (!isSliced) return answerOf(now, status)
      const parts = last.basketId === null ? [now] : (yield* orProblem(repo.ofBasket(last.basketId))).map(OrderRows.messageOf)
      const slices = parts.map((it) => encodeTask(it))
      return HttpServerResponse.unsafeJson({ ...slices[0], slices }, { status })
    })

  /** A request about a trigger, which is one task. */
  const submitGtt = <E extends { readonly _tag: string }, R>(wanted: OrderIntake.WantedGtt<E, R>, key: string, waitMs: number) =>
    Effect.gen(function* () {
      const user = yield* rights.user(wanted.accountId)
      const { isNew, stored } = yield* intake.submitGtt(user, wanted, key)
      const [only] = stored
      if (only === undefined) return yield* Effect.dieMessage("a submitted task is gone")
      const now = yield* awaited(only, isNew, waitMs)
      return answerOf(now, statusOf(isNew))
    })
  return { intake, submit, submitGtt } as const
})

/** What the routes of order tasks do. */
export const make = Effect.gen(function* () {
  const repo = yield* OrderRepo
  const accounts = yield* OrderAccounts
  const rights = yield* AccountRights.make
  const { intake, submit, submitGtt } = yield* submissions

  const owned = (taskId: number) =>
    Effect.gen(function* () {
      const user = yield* CurrentUser
      const stored = yield* orProblem(repo.byId(taskId))
      if (stored === undefined || !rights.idsOf(user).includes(stored.accountId)) return yield* notFound("Order task")
      return { user, stored }
    })

  const list = (filter: Filter, statuses: ReadonlyArray<string>, error: string | null) =>
    Effect.gen(function* () {
      const mine = rights.idsOf(yield* CurrentUser)
      const accounts = filter.account_id === undefined ? mine : mine.filter((id) => id === filter.account_id)
      const { limit, offset } = filter
      const { rows, total } = yield* orProblem(repo.list({ accounts, statuses, error, limit, offset }))
      return { tasks: rows.map(OrderRows.messageOf), total, limit, offset }
    })

  /** Only a task that was never sent can be cancelled; the decider says which. */
  const cancel = (taskId: number) =>
    Effect.gen(function* () {
      const { stored, user } = yield* owned(taskId)
      const nowMs = yield* Clock.currentTimeMillis
      const [task] = OrderDecider.decide(OrderDecider.defaults)(stored.task, OrderDecider.Input.Cancel({ nowMs }))
      const refused = new Problem.Conflict({ detail: `The task is ${stored.task.status}: cancel its order instead` })
      if (task === stored.task) return yield* refused
      const saved = yield* orProblem(repo.save(stored, task, { who: user.id, epoch: null }))
      return saved === undefined ? yield* refused : OrderRows.messageOf(saved)
    })

  /** A new task with the same request. A parked task first needs a reading of the order book that still does not show its order. */
  const retry = (taskId: number) =>
    Effect.gen(function* () {
      const { stored, user } = yield* owned(taskId)
      const { accountId, request, strategyId, task } = stored
      const { mode } = yield* orProblem(accounts.settings(accountId))
      const detail = notRetried(stored, mode)
      if (detail !== null) return yield* new Problem.Conflict({ detail })
      const order = {
        ...request,
        account_id: accountId,
        deadline_s: retryDeadlineS,
        unknown: task.intent.unknown,
        ...(strategyId === null ? {} : { strategy_id: strategyId })
      } as NewOrder
      const key = `retry of ${taskId}`
      const { stored: made } = yield* intake.submit(user, [{ ...alone, order, key, retries: taskId }], order)
      const [again] = made
      return again === undefined ? yield* Effect.dieMessage("a retried task is gone") : OrderRows.messageOf(again)
    })

  return {
    submit,
    submitGtt,
    tasks: (filter: Filter, status: string | undefined) => list(filter, status === undefined ? everyStatus : [status], null),
    deadLetters: (filter: Filter, error: string | undefined) => list(filter, ["DEAD_LETTER", "UNKNOWN"], error ?? null),
    task: (taskId: number) => Effect.map(owned(taskId), ({ stored }) => OrderRows.messageOf(stored)),
    cancel,
    retry
  } as const
})

export type OrderTasks = Effect.Effect.Success<typeof make>

const retryDeadlineS = 30
