import { Clock, Effect, Random, Schedule, type Scope } from "effect"
import * as Basket from "../../domain/orders/Basket.ts"
import * as Breaker from "../../domain/orders/Breaker.ts"
import * as GttRequest from "../../domain/orders/GttRequest.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import * as Outcome from "../../domain/orders/Outcome.ts"
import * as Task from "../../domain/orders/Task.ts"
import * as TaskGate from "../../domain/orders/TaskGate.ts"
import type { OrderRepo } from "../../store/orders/OrderRepo.ts"
import type { Outbox } from "../../store/orders/Outbox.ts"
import type { Lease } from "../runtime/Leases.ts"
import * as BookReading from "./BookReading.ts"
import * as Metrics from "./Metrics.ts"
import type { OrderSettings } from "./OrderSettings.ts"
import type * as SendBudget from "./SendBudget.ts"
import type * as SendGate from "./SendGate.ts"
import type { Step } from "./Steps.ts"
import type { Venue } from "./Venue.ts"

/** What all tasks of an account and mode share. */
export interface Desk extends OrderSettings {
  readonly account: string
  readonly mode: Mode
  readonly lease: Lease
  readonly orders: Venue
  readonly book: BookReading.BookReading
  readonly triggers: BookReading.TriggerReading
  /** The broker's clock at a time of this process. A simulated broker has its market's time. */
  readonly atBroker: (ms: number) => number
  readonly repo: OrderRepo
  readonly outbox: Outbox
  readonly gate: SendGate.SendGate
  /** Only one task at a time is between its check and the save of its attempt, so that each check sees all earlier attempts. */
  readonly atGate: Effect.Semaphore
  readonly budget: SendBudget.SendBudget
  /** Runs after each saved change, so that its event is published at once. */
  readonly changed: Effect.Effect<void>
  /**
   * Runs after a saved change that is soon followed by another. Its event may wait, so that publishing does not delay the request that is
   * sent now.
   */
  readonly changing: Effect.Effect<void>
  readonly step: (step: Step, taskId: number) => Effect.Effect<void>
  breaker: Breaker.Breaker
}

/** A task goes to the desk of its own mode, whatever the account's mode is now. */
export type Desks = Readonly<Record<Mode, Desk>>

export const who = "executor"
const breakerLevel = { closed: 0, half_open: 1, open: 2 } as const
type Action = Extract<OrderDecider.Output, { readonly _tag: "Send" | "ReadBook" | "WakeAt" }>

/** Reports the state of the account's breaker from now on: a run of the executor begins with a closed one. */
export const reportBreaker = ({ account, breaker }: Pick<Desk, "account" | "breaker">): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => Metrics.breakerState.set(account, breakerLevel[breaker.state])),
    () => Effect.sync(() => Metrics.breakerState.forget(account))
  )

const setBreaker = (desk: Desk, breaker: Breaker.Breaker): void => {
  desk.breaker = breaker
  // The platform's own matching has no health that a breaker could watch.
  if (desk.mode === "live") Metrics.breakerState.set(desk.account, breakerLevel[breaker.state])
}

const settleBreaker = (desk: Desk, outcome: Outcome.Outcome, nowMs: number): void => {
  const [breaker, change] = Breaker.settle(desk.breakerLimits, desk.breaker, Outcome.isFailure(outcome), nowMs)
  setBreaker(desk, breaker)
  if (change === "opened") Metrics.breakerOpens(desk.account)
  if (change === "closed") Metrics.breakerCloses(desk.account)
}

const readAgain = (everyMs: number) => Schedule.spaced(everyMs)

const now = Clock.currentTimeMillis

type Wake = Extract<OrderDecider.Input, { readonly _tag: "Wake" }>
const wakeOf = (desk: Desk): Effect.Effect<Wake> =>
  Effect.map(now, (nowMs) =>
    OrderDecider.Input.Wake({
      nowMs,
      epoch: desk.lease.epoch,
      blockedUntilMs:
        Breaker.admit(desk.breakerLimits, desk.breaker, nowMs) === null ? Breaker.retryAtMs(desk.breakerLimits, desk.breaker, nowMs) : null
    })
  )

export const alert = (desk: Desk, stored: OrderRepo.StoredTask, kind: string, message: string) => {
  Metrics.alerts(kind)
  const { accountId, tag, taskId } = stored
  return Effect.zipRight(
    Effect.annotateLogs(Effect.logError(`order task: ${message}`), { task: taskId, tag, alert: kind }),
    desk.outbox.announce({ accountId, taskId, kind: "alert", body: { message, detail: { kind, tag } } }, who)
  )
}

/** Decides, and saves the decision. Undefined if somebody else changed the task in between, so that it has to be read again. */
export const advance = (desk: Desk, stored: OrderRepo.StoredTask, input: OrderDecider.Input) =>
  Effect.gen(function* () {
    const [task, outputs] = OrderDecider.decide(desk.policy)(stored.task, input)
    yield* desk.step("decided", stored.taskId)
    let saved: OrderRepo.StoredTask | undefined = stored
    if (task !== stored.task) {
      saved = yield* desk.repo.save(stored, task, { who, epoch: desk.lease.epoch })
      if (saved === undefined) return undefined
      yield* outputs.some(({ _tag }) => _tag === "Send") ? desk.changing : desk.changed
    }
    yield* desk.step("saved", stored.taskId)
    for (const output of outputs) {
      if (output._tag === "Changed") Metrics.taskChanges(output.status)
      if (output._tag === "Alert") yield* alert(desk, saved, output.kind, output.message)
    }
    const isAction = (output: OrderDecider.Output): output is Action =>
      output._tag === "Send" || output._tag === "ReadBook" || output._tag === "WakeAt"
    return { saved, action: outputs.find(isAction) }
  })

const answered = (desk: Desk, attempt: number, outcome: Outcome.Outcome) =>
  Effect.map(Effect.all([now, Random.next]), ([nowMs, jitter]) =>
    OrderDecider.Input.Answered({ nowMs, epoch: desk.lease.epoch, attempt, outcome, jitter })
  )

/** A refused token is no answer about the order. After a new login the same request may succeed. */
const renewed = (desk: Desk, outcome: Outcome.Outcome) =>
  outcome._tag === "Refused" && outcome.errorType === "TokenException"
    ? Effect.match(desk.orders.renew, { onFailure: () => outcome, onSuccess: () => ({ ...outcome, isTransient: true }) })
    : Effect.succeed(outcome)

/** Sends an attempt whose row is saved. Every outcome becomes an input of the decider. */
const send = (desk: Desk, stored: OrderRepo.StoredTask, attempt: number) =>
  Effect.gen(function* () {
    const { request, strategyId, tag, task, taskId } = stored
    const startedAtMs = task.attempts.at(-1)?.startedAtMs ?? 0
    const fenced = Effect.map(now, (nowMs) => OrderDecider.Input.Fenced({ nowMs, epoch: desk.lease.epoch, attempt }))
    const before = desk.breaker
    const admitted = Breaker.admit(desk.breakerLimits, before, yield* now)
    if (admitted === null) return yield* fenced
    setBreaker(desk, admitted)
    const clock = yield* Effect.clock
    const maySend = () => desk.lease.isHeld() && OrderDecider.maySend(desk.policy, startedAtMs, clock.unsafeCurrentTimeMillis())
    const sent = yield* desk.orders.send(request, tag, maySend, strategyId)
    if (sent._tag === "Fenced") {
      Metrics.fenced(desk.account)
      // The breaker's trial request was not sent, so another request may be the trial.
      if (desk.breaker === admitted) setBreaker(desk, before)
      return yield* fenced
    }
    const outcome = Outcome.of(sent, request.kind)
    settleBreaker(desk, outcome, yield* now)
    yield* desk.step("answered", taskId)
    return yield* answered(desk, attempt, yield* renewed(desk, outcome))
  })

const sleepUntil = (atMs: number) => Effect.flatMap(now, (nowMs) => Effect.sleep(Math.max(0, atMs - nowMs)))

/** The tolerance for the broker's times of triggers, which are whole seconds by a clock that may be behind ours. */
const clockSlackMs = 2_000

/** The trigger that shows that the task's request was carried out, in a list that was read at `atMs` or later. */
const triggerSince = (desk: Desk, stored: OrderRepo.StoredTask, request: GttRequest.GttRequest, atMs: number) =>
  Effect.gen(function* () {
    const { accountId, task, taskId, termsHash } = stored
    const { startedAtMs, triggers } = yield* desk.triggers.since(atMs)
    // If another task with the same terms is open, a trigger in the list cannot be assigned to this task.
    if (request.kind === "gtt_place" && (yield* desk.repo.hasTwin(accountId, termsHash, taskId))) return { startedAtMs, orderId: null }
    const taken = yield* desk.repo.triggersMade(accountId, taskId)
    const sinceMs = desk.atBroker(task.attempts[0]?.startedAtMs ?? 0) - clockSlackMs
    return { startedAtMs, orderId: GttRequest.shown(request, { triggers, sinceMs, taken }) }
  })

const isGtt = (request: OrderRepo.StoredTask["request"]): request is GttRequest.GttRequest => request.kind.startsWith("gtt_")

/** What a reading of the book, or of the triggers, says about a task. It begins at `atMs` or later. */
export const shownSince = (desk: Desk, stored: OrderRepo.StoredTask, atMs: number) =>
  isGtt(stored.request)
    ? triggerSince(desk, stored, stored.request, atMs)
    : Effect.map(desk.book.since(atMs), (reading) => ({
        startedAtMs: reading.startedAtMs,
        orderId: BookReading.shown(stored, reading)
      }))

/** Looks the task's order up in a reading of the book that begins at `atMs` or later. A reading that fails is repeated. */
const lookUp = (desk: Desk, stored: OrderRepo.StoredTask, atMs: number) =>
  Effect.gen(function* () {
    yield* sleepUntil(atMs)
    const { orderId, startedAtMs } = yield* shownSince(desk, stored, atMs).pipe(
      Effect.tapError((error) => Effect.logWarning("order book not read, reading it again", error.message)),
      Effect.retry({ schedule: readAgain(desk.policy.readEveryMs) })
    )
    yield* desk.step("booked", stored.taskId)
    return OrderDecider.Input.BookRead({ nowMs: yield* now, epoch: desk.lease.epoch, startedAtMs, orderId })
  })

const stopped = { type: "basket_stopped", message: "an earlier task of the basket ended without its order" }

/**
 * Whether a task that was not sent may be sent now. A basket's task waits for the tasks before it, and is cancelled if one of them failed.
 */
const hasTurn = (desk: Desk, stored: OrderRepo.StoredTask) =>
  Effect.gen(function* () {
    const { basketId, basketPlace, task } = stored
    if (basketId === null || task.status !== "PENDING") return true
    const before = (yield* desk.repo.ofBasket(basketId)).filter((it) => (it.basketPlace ?? 0) < (basketPlace ?? 0))
    const turn = Basket.turnOf(before.map((it) => it.task.status))
    if (turn === "stop") yield* advance(desk, stored, OrderDecider.Input.Cancel({ nowMs: yield* now, failure: stopped }))
    return turn === "send"
  })

/** A check that is older than this is made again before the attempt is saved. */
const gateAgeMsMax = 1_000

/**
 * Decides about an attempt that is due, when the account's send budget allows it. The rules are checked before the attempt is saved,
 * because the self-fence's time begins with the attempt and must not include the time for the rules' questions.
 */
const begun = (desk: Desk, stored: OrderRepo.StoredTask) => {
  const { request, task, taskId } = stored
  const { deadlineAtMs } = task.intent
  const decide = Effect.flatMap(wakeOf(desk), (wake) => advance(desk, stored, wake))
  const gated = Effect.gen(function* () {
    while (true) {
      // The decision uses the time of this check. A millisecond later the breaker may be closed, and the task would be sent unchecked.
      const wake = yield* wakeOf(desk)
      if (wake.blockedUntilMs !== null || wake.nowMs >= deadlineAtMs) return yield* advance(desk, stored, wake)
      const mark = desk.budget.mark()
      const { refusals, sent } = yield* desk.gate(stored)
      const [refusal] = refusals
      yield* desk.step("gated", taskId)
      const gatedAtMs = yield* now
      if (refusal !== undefined) {
        Metrics.gateRefusals(refusal.rule)
        const failure = { type: refusal.rule, message: refusal.message }
        return yield* advance(desk, stored, OrderDecider.Input.Declined({ nowMs: gatedAtMs, epoch: desk.lease.epoch, failure }))
      }
      const isFresh = Effect.map(now, (nowMs) => nowMs - gatedAtMs <= gateAgeMsMax || nowMs >= deadlineAtMs)
      const inTime = Effect.flatMap(isFresh, (fresh) => (fresh ? Effect.map(decide, (next) => ({ next })) : Effect.succeed(null)))
      const done = yield* desk.budget.inTurn(deadlineAtMs, { ...sent, mark }, inTime)
      if (done !== null) return done.next
    }
  })
  return TaskGate.isFree(request) ? desk.budget.inTurn(deadlineAtMs, null, decide) : desk.atGate.withPermits(1)(gated)
}

const isDue = ({ task }: OrderRepo.StoredTask, nowMs: number): boolean =>
  Task.isUnsent(task) && (task.dueAtMs === null || task.dueAtMs <= nowMs)

/**
 * Runs one task until it has ended, or another process owns it, or it has to wait for other tasks of its basket. Returns its basket's id.
 * It begins by reading the row, so a start and a recovery are the same. A failure of Postgres ends the run; the executor starts it again.
 */
export const run = (desks: Desks, taskId: number) =>
  Effect.gen(function* () {
    let stored = yield* desks.live.repo.byId(taskId)
    let input: OrderDecider.Input | undefined
    const desk = desks[stored?.mode ?? "paper"]
    const basketId = stored?.basketId ?? null
    yield* desk.step("read", taskId)
    if (stored !== undefined && !(yield* hasTurn(desk, stored))) return basketId
    while (stored !== undefined && desk.lease.isHeld()) {
      const read: OrderRepo.StoredTask = stored
      const isSend = input === undefined && isDue(read, yield* now)
      const next = yield* isSend ? begun(desk, read) : advance(desk, read, input ?? (yield* wakeOf(desk)))
      input = undefined
      if (next === undefined) stored = yield* desk.repo.byId(taskId)
      else if (next.action === undefined) return basketId
      else if (next.action._tag === "WakeAt") {
        yield* sleepUntil(next.action.atMs)
        stored = yield* desk.repo.byId(taskId)
      } else {
        stored = next.saved
        input = yield* next.action._tag === "Send" ? send(desk, stored, next.action.attempt) : lookUp(desk, stored, next.action.atMs)
      }
    }
    return basketId
  }).pipe(Effect.annotateLogs({ task: taskId }))
