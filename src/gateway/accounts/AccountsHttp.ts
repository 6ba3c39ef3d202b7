import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Clock, Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import { releaseMsMax } from "../../domain/orders/StrategyLimits.ts"
import * as Task from "../../domain/orders/Task.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { AccountStopRepo, type Stop } from "../../store/orders/AccountStopRepo.ts"
import { everyAccount, OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import * as Admin from "../shared/Admin.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as Linking from "./Linking.ts"

type Limits = Effect.Effect.Success<ReturnType<OrderAccounts["settings"]>>["limits"]
const stoppedView = (stop: Stop) => ({
  stop_id: stop.stopId,
  action: stop.action,
  reason: stop.reason,
  profit: stop.profit,
  max_daily_loss: stop.maxDailyLoss,
  at: stop.stoppedAt.toISOString(),
  square_off:
    stop.status === null
      ? null
      : {
          mode: stop.mode,
          status: stop.status,
          message: stop.message,
          rounds: stop.rounds ?? 0,
          updated_at: (stop.updatedAt ?? stop.stoppedAt).toISOString()
        }
})
const limitsView = (account_id: string, it: Limits, stop: Stop | undefined) => ({
  account_id,
  max_order_value: it.maxOrderValue,
  max_position_lots: it.maxPositionLots,
  max_total_lots: it.maxTotalLots,
  max_daily_loss: it.maxDailyLoss,
  loss_action: it.lossAction,
  max_orders_per_day: it.maxOrdersPerDay,
  price_band_percent: it.priceBandPercent,
  duplicate_window_s: it.duplicateWindowMs === null ? null : it.duplicateWindowMs / 1_000,
  state: stop === undefined ? ("open" as const) : ("stopped" as const),
  stop: stop === undefined ? null : stoppedView(stop)
})

type Killed = Effect.Effect.Success<ReturnType<OrderAccounts["settings"]>>["stop"]
const stopView = (account_id: string, stop: Killed) =>
  stop === null
    ? ({ account_id, state: "open", scope: null, reason: null, at: null } as const)
    : ({
        account_id,
        state: "killed",
        scope: stop.scope === everyAccount ? "all" : "account",
        reason: stop.reason,
        at: stop.stoppedAt.toISOString()
      } as const)

/** How long an answer waits for the cancellations of a stop. Cancellations continue after the answer. */
const killWaitMsMax = 5_000
const lookEveryMs = 100

interface Release<State extends string, E, R> {
  /** Saves the token for the second step. False if nothing is stopped. */
  readonly ask: (token: string, untilMs: number) => Effect.Effect<boolean, E, R>
  /** False if the token is not the one that was saved, or too old. */
  readonly release: (token: string, nowMs: number) => Effect.Effect<boolean, E, R>
  /** The state while the release waits for its second step. */
  readonly state: State
  readonly notStopped: string
  readonly audit: Effect.Effect<void>
}

/** The first step answers with a token, and the second step releases with it. */
const releaseInTwoSteps = <State extends string, E, R>(
  token: string | undefined,
  { ask, audit, notStopped, release, state }: Release<State, E, R>
) =>
  Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    if (token === undefined) {
      const fresh = crypto.randomUUID()
      const untilMs = nowMs + releaseMsMax
      const isStopped = yield* orProblem(ask(fresh, untilMs))
      if (!isStopped) return yield* new Problem.Conflict({ detail: notStopped })
      return { state, release_token: fresh, valid_until: IndiaTime.isoTime(untilMs) }
    }
    const isReleased = yield* orProblem(release(token, nowMs))
    if (!isReleased) return yield* new Problem.Conflict({ detail: "The release token is not valid: ask for a new one" })
    yield* audit
    return { state: "open" as const, release_token: null, valid_until: null }
  })

/** Stops orders, and releases them in two steps. `scope` is an account or every account. */
const stops = Effect.gen(function* () {
  const accounts = yield* OrderAccounts
  const repo = yield* OrderRepo

  /** Cancels what was not sent yet. The row says whether a task was sent, so a task that is being sent now is not touched. */
  const cancelWaiting = (accountId: string, who: string) =>
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      const cancelled: Array<string> = []
      for (const stored of yield* orProblem(repo.unfinished(accountId))) {
        // A cancellation and a deleted trigger only lower the risk.
        if (stored.request.kind === "cancel" || stored.request.kind === "gtt_delete") continue
        const [task] = OrderDecider.decide(OrderDecider.defaults)(stored.task, OrderDecider.Input.Cancel({ nowMs }))
        if (task === stored.task) continue
        if ((yield* orProblem(repo.save(stored, task, { who, epoch: null }))) !== undefined) cancelled.push(String(stored.taskId))
      }
      return cancelled
    })
  /** The outcome for the accounts' open orders, which the executors find and cancel. */
  const swept = (ids: ReadonlyArray<string>, stoppedAtMs: number) =>
    Effect.gen(function* () {
      const settings = yield* Effect.forEach(ids, (id) => Effect.map(accounts.settings(id), ({ sweptAt }) => ({ id, sweptAt })))
      const tasks = yield* repo.ofStop(ids, stoppedAtMs)
      const orderIds = (isDone: boolean) =>
        tasks.flatMap(({ request, task }) =>
          request.kind === "cancel" && (task.status === "COMPLETED") === isDone ? [request.order_id] : []
        )
      const unread = settings.filter(({ sweptAt }) => sweptAt === null || sweptAt.getTime() < stoppedAtMs).map(({ id }) => id)
      const isSettled = unread.length === 0 && tasks.every(({ task }) => Task.hasEnded(task))
      return { isSettled, cancelled: orderIds(true), not_cancelled: orderIds(false), accounts_unread: unread }
    })
  const settled = (ids: ReadonlyArray<string>, stoppedAtMs: number) =>
    Effect.gen(function* () {
      const untilMs = (yield* SteadyTime.nowMs) + killWaitMsMax
      while (true) {
        const { isSettled, ...found } = yield* orProblem(swept(ids, stoppedAtMs))
        if (isSettled || (yield* SteadyTime.nowMs) >= untilMs) return found
        yield* Effect.sleep(lookEveryMs)
      }
    })
  const kill = (scope: string, ids: ReadonlyArray<string>, reason: string, who: string) =>
    Effect.gen(function* () {
      const stoppedAt = yield* orProblem(accounts.stop(scope, ids, reason, who))
      const unsent = yield* Effect.forEach(ids, (id) => cancelWaiting(id, who))
      yield* Effect.annotateLogs(Effect.logWarning("orders are stopped"), { audit: "orders", scope, by: who, reason })
      const found = yield* settled(ids, stoppedAt.getTime())
      return { state: "killed" as const, ...found, cancelled_tasks: unsent.flat(), at: stoppedAt.toISOString() }
    })
  const release = (scope: string, ids: ReadonlyArray<string>, token: string | undefined, who: string) =>
    releaseInTwoSteps(token, {
      ask: (fresh, untilMs) => accounts.askRelease(scope, fresh, untilMs, who),
      release: (asked, nowMs) => accounts.release(scope, ids, asked, nowMs, who),
      state: "killed",
      notStopped: "Orders are not stopped here",
      audit: Effect.annotateLogs(Effect.logWarning("orders are released"), { audit: "orders", scope, by: who })
    })
  return { kill, release } as const
})

/** Releases the stop of an account by its loss of a day. */
const lossStops = Effect.gen(function* () {
  const repo = yield* AccountStopRepo
  const release = (id: string, token: string | undefined, who: string) =>
    releaseInTwoSteps(token, {
      ask: (fresh, untilMs) => repo.askRelease(id, fresh, untilMs, who),
      release: (asked, nowMs) => repo.release(id, asked, nowMs, who),
      state: "stopped",
      notStopped: "The account is not stopped by its loss",
      audit: Effect.annotateLogs(Effect.logWarning("the stop of an account is released"), { audit: "orders", account: id, by: who })
    })
  return { open: (id: string) => orProblem(repo.open(id)), release } as const
})

export const AccountsHttp = HttpApiBuilder.group(
  Api,
  "accounts",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* OrderAccounts
    const rights = yield* AccountRights.make
    const { kill, release } = yield* stops
    const linking = yield* Linking.make
    const stopsByLoss = yield* lossStops
    const limitsOf = (id: string) =>
      Effect.zipWith(orProblem(accounts.settings(id)), stopsByLoss.open(id), ({ limits }, stop) => limitsView(id, limits, stop))
    const modeOf = (id: string) => Effect.map(orProblem(accounts.settings(id)), ({ mode }) => ({ account_id: id, mode }))
    return handlers
      .handle("list", ({ urlParams }) => linking.list(urlParams))
      .handle("link", ({ payload }) => linking.link(payload))
      .handle("get", ({ path: { id } }) => linking.get(id))
      .handle("remove", ({ path: { id } }) => linking.remove(id))
      .handle("limits", ({ path: { id } }) => Effect.zipRight(rights.userOfPath(id), limitsOf(id)))
      .handle("setLimits", ({ path: { id }, payload }) =>
        Effect.gen(function* () {
          const user = yield* rights.userOfPath(id)
          const limits: Limits = {
            maxOrderValue: payload.max_order_value,
            maxPositionLots: payload.max_position_lots,
            maxTotalLots: payload.max_total_lots,
            maxDailyLoss: payload.max_daily_loss,
            lossAction: payload.loss_action,
            maxOrdersPerDay: payload.max_orders_per_day,
            priceBandPercent: payload.price_band_percent,
            duplicateWindowMs: payload.duplicate_window_s === null ? null : Math.round(payload.duplicate_window_s * 1_000)
          }
          yield* orProblem(accounts.setLimits(id, limits, user.id))
          return yield* limitsOf(id)
        })
      )
      .handle("releaseLimits", ({ path: { id }, payload: { release_token } }) =>
        Effect.flatMap(rights.userOfPath(id), (user) => stopsByLoss.release(id, release_token, user.id))
      )
      .handle("mode", ({ path: { id } }) => Effect.zipRight(rights.userOfPath(id), modeOf(id)))
      .handle("setMode", ({ path: { id }, payload: { confirm, mode } }) =>
        Effect.gen(function* () {
          const user = yield* rights.userOfPath(id)
          if (mode === "live" && confirm !== id)
            return yield* Problem.invalidField("confirm", "must repeat the account's id, because live orders cost money")
          yield* orProblem(accounts.setMode(id, mode, user.id))
          return yield* modeOf(id)
        })
      )
      .handle("stop", ({ path: { id } }) =>
        Effect.zipRight(
          rights.userOfPath(id),
          Effect.map(orProblem(accounts.settings(id)), ({ stop }) => stopView(id, stop))
        )
      )
      .handle("kill", ({ path: { id }, payload: { reason } }) =>
        Effect.flatMap(rights.userOfPath(id), (user) => kill(id, [id], reason, user.id))
      )
      .handle("release", ({ path: { id }, payload: { release_token } }) =>
        Effect.flatMap(rights.userOfPath(id), (user) => release(id, [id], release_token, user.id))
      )
      .handle("killAll", ({ payload: { reason } }) => Effect.flatMap(Admin.only, ({ id }) => kill(everyAccount, rights.all(), reason, id)))
      .handle("releaseAll", ({ payload: { release_token } }) =>
        Effect.flatMap(Admin.only, ({ id }) => release(everyAccount, rights.all(), release_token, id))
      )
  })
)
