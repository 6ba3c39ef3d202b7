import { Data } from "effect"
import type * as Outcome from "./Outcome.ts"
import * as RetryDelay from "./RetryDelay.ts"
import * as Task from "./Task.ts"

/** All waits and bounds of the protocol. */
export interface Policy {
  /** A process sends only within this time after an attempt started (the self-fence). */
  readonly sendDelayMaxMs: number
  /** How long the process waits for an answer. */
  readonly answerMsMax: number
  /**
   * After this time from an attempt's start, an order that the book does not show does not exist. It must exceed `sendDelayMaxMs`, the time
   * that the broker may take to accept a request, and the lag of its order book. This is the assumption under which nothing is sent twice.
   */
  readonly horizonMs: number
  readonly readEveryMs: number
  /** Attempts that the broker refused, until the task is a dead letter. */
  readonly refusalsMax: number
  /** How often one task is sent again after an unknown outcome. */
  readonly resendsMax: number
  /** The venue carries out a tag once, however often it is sent. Kite does not; the platform does for paper accounts. */
  readonly keepsTags: boolean
}

export const defaults: Policy = {
  sendDelayMaxMs: 300,
  answerMsMax: 10_000,
  horizonMs: 35_000,
  readEveryMs: 1_000,
  refusalsMax: 3,
  resendsMax: 3,
  keepsTags: false
}

/**
 * For orders that the platform matches itself. It carries out a tag once, so an order with an unknown outcome is sent again without a wait.
 */
export const onPaper: Policy = { ...defaults, sendDelayMaxMs: 2_000, answerMsMax: 2_000, horizonMs: 0, keepsTags: true }

/** `epoch` is the owner's; an owner with an older epoch than the task's changes nothing. `jitter` is a number in [0, 1]. */
export type Input = Data.TaggedEnum<{
  /** The owner looks at the task: after its command, at a time it asked for, after a start. `blockedUntilMs`: the breaker is open. */
  Wake: { readonly nowMs: number; readonly epoch: number; readonly blockedUntilMs: number | null }
  /** The result of the request of an attempt. */
  Answered: {
    readonly nowMs: number
    readonly epoch: number
    readonly attempt: number
    readonly outcome: Outcome.Outcome
    readonly jitter: number
  }
  /** The self-fence forbade the send of an attempt, so no byte of it left. */
  Fenced: { readonly nowMs: number; readonly epoch: number; readonly attempt: number }
  /** The order book was read, beginning at `startedAtMs`. It shows the task's order, or the change that the task asked for; or not. */
  BookRead: { readonly nowMs: number; readonly epoch: number; readonly startedAtMs: number; readonly orderId: string | null }
  /** A rule refuses the request, so that no attempt is made. */
  Declined: { readonly nowMs: number; readonly epoch: number; readonly failure: Task.Failure }
  /** The user cancels the task, or `failure` says why it is not sent. */
  Cancel: { readonly nowMs: number; readonly failure?: Task.Failure }
}>
export const Input = Data.taggedEnum<Input>()

/** What the owner does after the task is saved. */
export type Output = Data.TaggedEnum<{
  /** Send the request, if `maySend` still holds as the last act before the write. */
  Send: { readonly attempt: number }
  ReadBook: { readonly atMs: number }
  WakeAt: { readonly atMs: number }
  /** The task's new status, for the outbox. */
  Changed: { readonly status: Task.Status }
  Alert: { readonly kind: "parked" | "found_after_end"; readonly message: string }
}>
export const Output = Data.taggedEnum<Output>()

type Step = readonly [Task.Task, ReadonlyArray<Output>]
type InputOf<Tag extends Input["_tag"]> = Extract<Input, { readonly _tag: Tag }>

/** The self-fence: whether the process that started an attempt may still send it. `startedAtMs` and `nowMs` are of the same clock. */
export const maySend = (policy: Policy, startedAtMs: number, nowMs: number): boolean =>
  nowMs >= startedAtMs && nowMs - startedAtMs <= policy.sendDelayMaxMs

const unchanged = (task: Task.Task, ...outputs: ReadonlyArray<Output>): Step => [task, outputs]

const to = (task: Task.Task, change: Partial<Task.Task> & Pick<Task.Task, "status">, ...outputs: ReadonlyArray<Output>): Step => [
  { ...task, dueAtMs: null, ...change, revision: task.revision + 1 },
  [...(change.status === task.status ? [] : [Output.Changed({ status: change.status })]), ...outputs]
]

const retryAt = (task: Task.Task, atMs: number, change: Partial<Task.Task>): Step =>
  to(task, { ...change, status: "RETRYING", dueAtMs: atMs }, Output.WakeAt({ atMs }))

const noEvidence: Outcome.Evidence = { httpStatus: null, errorType: null, message: null }
/** The attempts, of which the last one gets an outcome. */
const ended = (
  task: Task.Task,
  nowMs: number,
  outcome: Task.Attempt["outcome"],
  { errorType, httpStatus, message }: Outcome.Evidence
): ReadonlyArray<Task.Attempt> => [
  ...task.attempts.slice(0, -1),
  ...task.attempts.slice(-1).map((last) => ({ ...last, endedAtMs: nowMs, outcome, errorType, httpStatus, message }))
]

const failure = ({ errorType, message }: Outcome.Evidence, otherwise: string): Task.Failure => ({
  type: errorType ?? otherwise,
  message: message ?? "no message"
})

/** The outcome of the last attempt is unknown from now on; the order book is read at once. */
const settle = (task: Task.Task, epoch: number, nowMs: number, evidence: Outcome.Evidence): Step =>
  to(task, { status: "RUNNING", epoch, attempts: ended(task, nowMs, "unknown", evidence) }, Output.ReadBook({ atMs: nowMs }))

const expired = (task: Task.Task, epoch: number): Step =>
  to(task, { status: "DEAD_LETTER", epoch, error: { type: "deadline", message: "the task's deadline passed before it could be sent" } })

const send = (policy: Policy, task: Task.Task, { blockedUntilMs, epoch, nowMs }: InputOf<"Wake">): Step => {
  if (nowMs >= task.intent.deadlineAtMs) return expired(task, epoch)
  const dueAtMs = task.dueAtMs ?? nowMs
  if (nowMs < dueAtMs) return unchanged(task, Output.WakeAt({ atMs: dueAtMs }))
  if (blockedUntilMs !== null)
    return retryAt(task, Math.min(blockedUntilMs, task.intent.deadlineAtMs), {
      epoch,
      error: { type: "circuit_breaker", message: "Circuit breaker open" }
    })
  const number = task.attempts.length + 1
  const attempt: Task.Attempt = { ...noEvidence, number, startedAtMs: nowMs, endedAtMs: null, outcome: null }
  return to(
    task,
    { status: "RUNNING", epoch, error: null, attempts: [...task.attempts, attempt] },
    Output.Send({ attempt: number }),
    Output.WakeAt({ atMs: overdueAtMs(policy, attempt) })
  )
}

const overdueAtMs = (policy: Policy, { startedAtMs }: Task.Attempt): number => startedAtMs + policy.sendDelayMaxMs + policy.answerMsMax

const wake = (policy: Policy, task: Task.Task, input: InputOf<"Wake">): Step => {
  const { epoch, nowMs } = input
  if (Task.hasEnded(task)) return unchanged(task)
  const last = task.attempts.at(-1)
  if (task.status !== "RUNNING" || last === undefined) return send(policy, task, input)
  if (last.outcome === "unknown") return unchanged(task, Output.ReadBook({ atMs: nowMs }))
  const overdueMs = overdueAtMs(policy, last)
  // Only the owner that started the attempt can still get its answer.
  return task.epoch === epoch && nowMs < overdueMs
    ? unchanged(task, Output.WakeAt({ atMs: overdueMs }))
    : settle(task, epoch, nowMs, { httpStatus: null, errorType: "lost", message: "no answer came to the process that owns the task" })
}

const answered = (policy: Policy, task: Task.Task, { attempt, epoch, jitter, nowMs, outcome }: InputOf<"Answered">): Step => {
  if (task.status !== "RUNNING" || task.epoch !== epoch || task.attempts.at(-1)?.number !== attempt) return unchanged(task)
  switch (outcome._tag) {
    case "Done": {
      const attempts = ended(task, nowMs, "done", { httpStatus: 200, errorType: null, message: null })
      return to(task, { status: "COMPLETED", orderId: outcome.orderId, attempts })
    }
    case "Unknown":
      return settle(task, epoch, nowMs, outcome)
    case "Refused": {
      const refused = { attempts: ended(task, nowMs, "refused", outcome), error: failure(outcome, "refused") }
      const refusals = refused.attempts.filter((it) => it.outcome === "refused" && it.errorType !== fenced).length
      if (!outcome.isTransient || refusals >= policy.refusalsMax) return to(task, { ...refused, status: "DEAD_LETTER" })
      return retryAt(task, nowMs + RetryDelay.delayMs(refusals, jitter), refused)
    }
  }
}

const fenced = "fenced"
const unsent = (task: Task.Task, { attempt, epoch, nowMs }: InputOf<"Fenced">): Step =>
  task.status !== "RUNNING" || task.epoch !== epoch || task.attempts.at(-1)?.number !== attempt
    ? unchanged(task)
    : retryAt(task, nowMs, {
        attempts: ended(task, nowMs, "refused", { httpStatus: null, errorType: fenced, message: "the process was too slow to send it" })
      })

const found = (task: Task.Task, orderId: string, { epoch, nowMs }: InputOf<"BookRead">): Step => {
  if (task.status === "COMPLETED") return unchanged(task)
  if (task.status === "DEAD_LETTER" || task.status === "CANCELLED")
    return unchanged(task, Output.Alert({ kind: "found_after_end", message: `order ${orderId} exists, but the task is ${task.status}` }))
  const attempts = ended(task, nowMs, "done", { httpStatus: null, errorType: null, message: "found in the order book" })
  return to(task, { status: "COMPLETED", epoch, orderId, attempts, error: null })
}

const mayResend = (policy: Policy, { attempts, intent }: Task.Task, nowMs: number): boolean =>
  nowMs < intent.deadlineAtMs &&
  attempts.filter(({ outcome }) => outcome === "unknown").length <= policy.resendsMax &&
  (policy.keepsTags || !Task.makesNew(intent.kind) || (intent.unknown === "resend" && intent.isLimit))

const absent = (policy: Policy, task: Task.Task, { epoch, nowMs, startedAtMs }: InputOf<"BookRead">): Step => {
  if (task.status === "UNKNOWN") return to(task, { status: "UNKNOWN", epoch, absentAtMs: startedAtMs })
  const last = task.attempts.at(-1)
  if (task.status !== "RUNNING" || last?.outcome !== "unknown") return unchanged(task)
  const horizonAtMs = last.startedAtMs + policy.horizonMs
  if (startedAtMs <= horizonAtMs)
    return unchanged(task, Output.ReadBook({ atMs: Math.min(nowMs + policy.readEveryMs, Math.max(nowMs, horizonAtMs + 1)) }))
  if (mayResend(policy, task, nowMs)) return retryAt(task, nowMs, { epoch })
  const message = "the broker gave no definite answer, and its order book does not show the order"
  return to(
    task,
    { status: "UNKNOWN", epoch, absentAtMs: startedAtMs, error: { type: "unknown_outcome", message } },
    Output.Alert({ kind: "parked", message })
  )
}

const cancel = (task: Task.Task, { failure }: InputOf<"Cancel">): Step =>
  Task.isUnsent(task) ? to(task, { status: "CANCELLED", error: failure ?? task.error }) : unchanged(task)
const declined = (task: Task.Task, { epoch, failure }: InputOf<"Declined">): Step =>
  Task.isUnsent(task) ? to(task, { status: "DEAD_LETTER", epoch, error: failure }) : unchanged(task)

/**
 * The protocol of one task: save, then send. If no answer decides the outcome, the order book does. Production, the simulator's tests and
 * the exhaustive model run this function. Source: the protocol of docs/orders.md.
 */
export const decide =
  (policy: Policy) =>
  (task: Task.Task, input: Input): Step => {
    if (input._tag === "Cancel") return cancel(task, input)
    if (input.epoch < task.epoch) return unchanged(task)
    switch (input._tag) {
      case "Wake":
        return wake(policy, task, input)
      case "Answered":
        return answered(policy, task, input)
      case "Fenced":
        return unsent(task, input)
      case "Declined":
        return declined(task, input)
      case "BookRead":
        return input.orderId === null ? absent(policy, task, input) : found(task, input.orderId, input)
    }
  }
