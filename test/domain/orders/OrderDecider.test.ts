import { assert, describe, it } from "@effect/vitest"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import { Outcome } from "../../../src/domain/orders/Outcome.ts"
import * as Task from "../../../src/domain/orders/Task.ts"
import * as Deciding from "../Deciding.ts"

const policy = OrderDecider.defaults
const { Input, Output } = OrderDecider
const limit: Task.Intent = { kind: "place", isLimit: true, unknown: "park", deadlineAtMs: 1_000_000 }
const resend: Task.Intent = { ...limit, unknown: "resend" }

const evidence = { httpStatus: null, errorType: "lost", message: "reset" }
const lost = Outcome.Unknown(evidence)
const refused = (isTransient: boolean, errorType = "InputException") =>
  Outcome.Refused({ isTransient, httpStatus: isTransient ? 429 : 400, errorType, message: errorType })
const done = Outcome.Done({ orderId: "o1" })

const wake = (nowMs: number, epoch = 1, blockedUntilMs: number | null = null) => Input.Wake({ nowMs, epoch, blockedUntilMs })
const answered = (nowMs: number, outcome: Outcome, attempt = 1, epoch = 1) => Input.Answered({ nowMs, epoch, attempt, outcome, jitter: 1 })
const book = (startedAtMs: number, orderId: string | null = null, epoch = 1) =>
  Input.BookRead({ nowMs: startedAtMs + 5, epoch, startedAtMs, orderId })

const given = (intent: Task.Intent, ...inputs: ReadonlyArray<OrderDecider.Input>) => givenBy(policy, intent, ...inputs)
const givenBy = (by: OrderDecider.Policy, intent: Task.Intent, ...inputs: ReadonlyArray<OrderDecider.Input>) => {
  const decider = { initial: Task.make(intent), decide: OrderDecider.decide(by) }
  const [task, outputs] = Deciding.fold(decider, decider.initial, inputs)
  const statuses = outputs.flatMap((it) => (it._tag === "Changed" ? [it.status] : []))
  return { task, outputs, statuses, outcomes: task.attempts.map(({ outcome }) => outcome) }
}

describe("an order's task", () => {
  it("TC-ORD-001 PENDING, RUNNING, COMPLETED with the broker's order id", () => {
    const { outputs, task } = given(limit, wake(100), answered(200, done))
    assert.deepStrictEqual(outputs, [
      Output.Changed({ status: "RUNNING" }),
      Output.Send({ attempt: 1 }),
      Output.WakeAt({ atMs: 100 + policy.sendDelayMaxMs + policy.answerMsMax }),
      Output.Changed({ status: "COMPLETED" })
    ])
    assert.deepInclude(task, { status: "COMPLETED", orderId: "o1", revision: 2, epoch: 1, error: null })
    assert.deepInclude(task.attempts[0], { number: 1, startedAtMs: 100, endedAtMs: 200, outcome: "done" })
  })

  it("TC-ORD-002 a definite and transient failure is retried after its backoff, and every attempt is kept", () => {
    const { outcomes, statuses, task } = given(
      limit,
      wake(0),
      answered(10, refused(true)),
      wake(1_009),
      wake(1_010),
      answered(1_020, done, 2)
    )
    assert.deepStrictEqual(statuses, ["RUNNING", "RETRYING", "RUNNING", "COMPLETED"])
    assert.deepStrictEqual(outcomes, ["refused", "done"])
    assert.deepStrictEqual([task.attempts[1]?.startedAtMs, task.dueAtMs], [1_010, null])
    assert.deepStrictEqual(given(limit, wake(0), answered(10, refused(true)), wake(500)).outputs.at(-1), Output.WakeAt({ atMs: 1_010 }))
  })

  it("TC-ORD-003 TC-ORD-030 the third refusal makes a dead letter that keeps each error", () => {
    const { outcomes, statuses, task } = given(
      limit,
      wake(0),
      answered(10, refused(true, "first")),
      wake(2_000),
      answered(2_010, refused(true, "second"), 2),
      wake(5_000),
      answered(5_010, refused(true, "third"), 3)
    )
    assert.deepStrictEqual(statuses.slice(-2), ["RUNNING", "DEAD_LETTER"])
    assert.deepStrictEqual(outcomes, ["refused", "refused", "refused"])
    assert.deepStrictEqual(
      task.attempts.map(({ message }) => message),
      ["first", "second", "third"]
    )
    assert.deepStrictEqual(task.error, { type: "third", message: "third" })
    assert.deepStrictEqual(
      given(limit, wake(0), answered(1, Outcome.Refused({ ...evidence, errorType: null, message: null, isTransient: false }))).task.error,
      {
        type: "refused",
        message: "no message"
      }
    )
  })

  it("TC-ORD-021 a refusal that no repetition can change is a dead letter at once", () => {
    for (const type of ["InputException", "MarginException", "TokenException"]) {
      const { statuses, task } = given(limit, wake(0), answered(10, refused(false, type)))
      assert.deepStrictEqual([statuses, task.error?.type], [["RUNNING", "DEAD_LETTER"], type])
    }
  })

  it("an open breaker makes the task RETRYING without a send, until the breaker or the deadline", () => {
    const { outputs, task } = given(limit, wake(10, 1, 60_000))
    assert.deepStrictEqual(outputs, [Output.Changed({ status: "RETRYING" }), Output.WakeAt({ atMs: 60_000 })])
    assert.deepStrictEqual([task.error?.message, task.attempts], ["Circuit breaker open", []])
    const short = given({ ...limit, deadlineAtMs: 30_000 }, wake(10, 1, 60_000), wake(30_000))
    assert.deepStrictEqual([short.task.status, short.task.error?.type], ["DEAD_LETTER", "deadline"])
  })

  it("an unknown outcome is settled by the order book, and consumes no retry", () => {
    const lostOnce = given(limit, wake(0), answered(10, lost))
    assert.deepStrictEqual(
      [lostOnce.task.status, lostOnce.outcomes, lostOnce.outputs.at(-1)],
      ["RUNNING", ["unknown"], Output.ReadBook({ atMs: 10 })]
    )
    const found = given(limit, wake(0), answered(10, lost), book(500), book(1_600, "o7"))
    assert.deepInclude(found.task, { status: "COMPLETED", orderId: "o7" })
    // Two unknown outcomes and two refusals: one refusal is left.
    const inputs = [wake(0), answered(1, refused(true)), wake(2_000), answered(2_001, lost, 2), book(40_000), wake(40_005)]
    const again = given(resend, ...inputs, answered(40_010, refused(true), 3))
    assert.deepStrictEqual([again.outcomes, again.task.status], [["refused", "unknown", "refused"], "RETRYING"])
  })

  it("a reading of the book counts only if it began after the horizon", () => {
    const at = (startedAtMs: number) => given(limit, wake(0), answered(10, lost), book(startedAtMs))
    const early = at(policy.horizonMs)
    assert.deepStrictEqual([early.task.status, early.outputs.at(-1)], ["RUNNING", Output.ReadBook({ atMs: policy.horizonMs + 5 })])
    assert.deepStrictEqual(at(20_000).outputs.at(-1), Output.ReadBook({ atMs: 20_005 + policy.readEveryMs }))
    assert.deepStrictEqual(at(policy.horizonMs - 100).outputs.at(-1), Output.ReadBook({ atMs: policy.horizonMs + 1 }))
    const late = at(policy.horizonMs + 1)
    assert.deepInclude(late.task, { status: "UNKNOWN", absentAtMs: policy.horizonMs + 1 })
    assert.strictEqual(late.task.error?.type, "unknown_outcome")
    assert.deepInclude(late.outputs.at(-1), { _tag: "Alert", kind: "parked" })
  })

  it("only a limit order with that policy is sent again, before its deadline, and a bounded number of times", () => {
    const status = (intent: Task.Intent) => given(intent, wake(0), answered(10, lost), book(40_000)).task.status
    assert.strictEqual(status(resend), "RETRYING")
    assert.strictEqual(status(limit), "UNKNOWN")
    assert.strictEqual(status({ ...resend, isLimit: false }), "UNKNOWN")
    assert.strictEqual(status({ ...resend, deadlineAtMs: 40_000 }), "UNKNOWN")
    assert.strictEqual(status({ ...limit, kind: "cancel", isLimit: false }), "RETRYING")
    assert.strictEqual(status({ ...limit, kind: "modify" }), "RETRYING")
    assert.strictEqual(status({ ...limit, kind: "gtt_delete", isLimit: false }), "RETRYING")
    assert.strictEqual(status({ ...limit, kind: "gtt_place", isLimit: false }), "UNKNOWN")
    const rounds = Array.from({ length: policy.resendsMax + 1 }, (_, round) => [
      wake(round * 50_000),
      answered(round * 50_000 + 10, lost, round + 1),
      book(round * 50_000 + 40_000)
    ])
    const { outcomes, task } = given(resend, ...rounds.flat())
    assert.deepStrictEqual([task.status, outcomes.length], ["UNKNOWN", policy.resendsMax + 1])
  })

  it("on paper any order is sent again at once, because its tag is carried out once", () => {
    const again = givenBy(OrderDecider.onPaper, { ...limit, isLimit: false }, wake(0), answered(10, lost), book(11), wake(16, 2))
    assert.deepStrictEqual(
      [again.statuses, again.outcomes],
      [
        ["RUNNING", "RETRYING", "RUNNING"],
        ["unknown", null]
      ]
    )
    const seen = givenBy(OrderDecider.onPaper, limit, wake(0), answered(10, lost), book(11, "paper-t1"))
    assert.deepStrictEqual([seen.task.status, seen.task.orderId], ["COMPLETED", "paper-t1"])
  })

  it("a parked task completes when the book shows its order after all", () => {
    const parked = [wake(0), answered(10, lost), book(40_000)]
    assert.deepInclude(given(limit, ...parked, book(50_000)).task, { status: "UNKNOWN", absentAtMs: 50_000 })
    const { statuses, task } = given(limit, ...parked, book(60_000, "o9"))
    assert.deepStrictEqual([statuses.at(-1), task.orderId, task.error], ["COMPLETED", "o9", null])
  })

  it("an order that appears after its end is an alert", () => {
    const { outputs, task } = given(limit, wake(0), answered(10, refused(false)), book(500, "o1"))
    assert.strictEqual(task.status, "DEAD_LETTER")
    assert.deepStrictEqual(
      outputs.at(-1),
      Output.Alert({ kind: "found_after_end", message: "order o1 exists, but the task is DEAD_LETTER" })
    )
    assert.deepInclude(given(limit, Input.Cancel({ nowMs: 0 }), book(1, "o1")).outputs.at(-1), { kind: "found_after_end" })
    assert.lengthOf(given(limit, wake(0), answered(1, done), book(2, "o1")).outputs, 4)
  })

  it("is a dead letter without an attempt when a rule refuses it, and only before it is sent", () => {
    const failure = { type: "kill_switch", message: "orders are stopped: drill" }
    const declined = (epoch = 1) => Input.Declined({ nowMs: 20, epoch, failure })
    const fresh = given(limit, declined())
    assert.deepStrictEqual(fresh.outputs, [Output.Changed({ status: "DEAD_LETTER" })])
    assert.deepInclude(fresh.task, { status: "DEAD_LETTER", error: failure, attempts: [], epoch: 1 })
    const again = given(limit, wake(0), answered(10, refused(true)), declined())
    assert.deepInclude(again.task, { status: "DEAD_LETTER", error: failure })
    assert.deepStrictEqual(again.outcomes, ["refused"])
    assert.strictEqual(given(limit, wake(0), declined()).task.status, "RUNNING")
    assert.strictEqual(given(limit, wake(0), answered(10, done), declined()).task.status, "COMPLETED")
    assert.strictEqual(given(limit, wake(0, 2), answered(10, refused(true), 1, 2), declined(1)).task.status, "RETRYING")
  })

  it("a cancelled task keeps the reason that it was given, or its last error", () => {
    const failure = { type: "basket", message: "an earlier task failed" }
    assert.deepInclude(given(limit, Input.Cancel({ nowMs: 0, failure })).task, { status: "CANCELLED", error: failure })
    assert.strictEqual(given(limit, Input.Cancel({ nowMs: 0 })).task.error, null)
  })

  it("a new owner settles the attempt that the previous owner may have sent, and the older owner changes nothing", () => {
    const { outputs, task } = given(limit, wake(0), wake(100, 2))
    assert.deepStrictEqual([task.status, task.epoch, task.attempts[0]?.outcome], ["RUNNING", 2, "unknown"])
    assert.deepStrictEqual(outputs.at(-1), Output.ReadBook({ atMs: 100 }))
    const frozen = [wake(200), answered(200, done), Input.Fenced({ nowMs: 200, epoch: 1, attempt: 1 }), book(60_000)]
    for (const input of frozen) assert.strictEqual(given(limit, wake(0), wake(100, 2), input).task.revision, task.revision, input._tag)
    // The new owner reads again when it looks again.
    assert.deepStrictEqual(given(limit, wake(0), wake(100, 2), wake(150, 2)).outputs.at(-1), Output.ReadBook({ atMs: 150 }))
  })

  it("an owner waits for its answer, and settles when it is overdue", () => {
    const overdueMs = policy.sendDelayMaxMs + policy.answerMsMax
    assert.deepStrictEqual(given(limit, wake(0), wake(5_000)).outputs.at(-1), Output.WakeAt({ atMs: overdueMs }))
    assert.deepStrictEqual(given(limit, wake(0), wake(overdueMs)).outcomes, ["unknown"])
  })

  it("the self-fence forbids a late send, and a fenced attempt is no refusal of the broker", () => {
    const may = (nowMs: number) => OrderDecider.maySend(policy, 1_000, nowMs)
    assert.deepStrictEqual([999, 1_000, 1_300, 1_301].map(may), [false, true, true, false])
    const fences = [1, 2, 3, 4].flatMap((attempt) => [wake(attempt), Input.Fenced({ nowMs: attempt, epoch: 1, attempt })])
    const { outcomes, task } = given(limit, ...fences, wake(5), answered(6, refused(true), 5))
    assert.deepStrictEqual([task.status, outcomes.length], ["RETRYING", 5])
  })

  it("a user cancels a task that was not sent; nothing changes a task that runs or has ended", () => {
    const cancel = Input.Cancel({ nowMs: 50 })
    assert.strictEqual(given(limit, cancel).task.status, "CANCELLED")
    assert.strictEqual(given(limit, wake(0), answered(1, refused(true)), cancel).task.status, "CANCELLED")
    const running = given(limit, wake(0), cancel)
    assert.strictEqual(running.task.status, "RUNNING")
    const ended = given(limit, cancel, cancel, wake(60), answered(70, done), Input.Fenced({ nowMs: 70, epoch: 1, attempt: 1 }), book(80))
    assert.deepStrictEqual([ended.task.status, ended.task.revision], ["CANCELLED", 1])
  })

  it("an answer or a fence of another attempt changes nothing, and a reading while an answer is awaited decides only by presence", () => {
    const running = given(limit, wake(0)).task.revision
    for (const input of [
      answered(1, done, 2),
      Input.Fenced({ nowMs: 1, epoch: 1, attempt: 2 }),
      answered(1, done, 1, 3),
      Input.Fenced({ nowMs: 1, epoch: 3, attempt: 1 }),
      book(90_000)
    ])
      assert.strictEqual(given(limit, wake(0), input).task.revision, running, JSON.stringify(input))
    assert.strictEqual(given(limit, book(90_000)).task.revision, 0)
    assert.deepInclude(given(limit, wake(0), book(1, "o1")).task, { status: "COMPLETED", orderId: "o1" })
    assert.deepInclude(given(limit, book(1, "o1")).task, { status: "COMPLETED", attempts: [] })
  })

  it("keeps the exact outcome of each attempt", () => {
    const attempt = (number: number, startedAtMs: number, endedAtMs: number | null, more: Partial<Task.Attempt> = {}): Task.Attempt => ({
      number,
      startedAtMs,
      endedAtMs,
      outcome: null,
      httpStatus: null,
      errorType: null,
      message: null,
      ...more
    })
    const attempts = (...inputs: ReadonlyArray<OrderDecider.Input>) => given(limit, ...inputs).task.attempts
    assert.deepStrictEqual(attempts(wake(5)), [attempt(1, 5, null)])
    assert.deepStrictEqual(attempts(wake(5), answered(9, done)), [attempt(1, 5, 9, { outcome: "done", httpStatus: 200 })])
    assert.deepStrictEqual(attempts(wake(5), answered(9, lost)), [attempt(1, 5, 9, { ...evidence, outcome: "unknown" })])
    assert.deepStrictEqual(attempts(wake(5), answered(9, refused(false))), [
      attempt(1, 5, 9, { outcome: "refused", httpStatus: 400, errorType: "InputException", message: "InputException" })
    ])
    assert.deepStrictEqual(attempts(wake(5), book(9, "o1")), [attempt(1, 5, 14, { outcome: "done", message: "found in the order book" })])
    const unheard = "no answer came to the process that owns the task"
    assert.deepStrictEqual(attempts(wake(5), wake(9, 2)), [attempt(1, 5, 9, { outcome: "unknown", errorType: "lost", message: unheard })])
    const slow = (number: number, startedAtMs: number) =>
      attempt(number, startedAtMs, startedAtMs, { outcome: "refused", errorType: "fenced", message: "the process was too slow to send it" })
    const fence = (nowMs: number, number: number) => Input.Fenced({ nowMs, epoch: 1, attempt: number })
    assert.deepStrictEqual(attempts(wake(5), fence(5, 1), wake(6), fence(6, 2), wake(7), fence(7, 3)), [slow(1, 5), slow(2, 6), slow(3, 7)])
  })

  it("names the reason of each end and of each wait", () => {
    assert.deepStrictEqual(given(limit, wake(0), answered(1, refused(false))).task.error, {
      type: "InputException",
      message: "InputException"
    })
    const late = { type: "deadline", message: "the task's deadline passed before it could be sent" }
    assert.deepStrictEqual(given({ ...limit, deadlineAtMs: 10 }, wake(10)).task, {
      ...Task.make({ ...limit, deadlineAtMs: 10 }),
      status: "DEAD_LETTER",
      epoch: 1,
      revision: 1,
      error: late
    })
    assert.deepStrictEqual(given(limit, wake(0, 1, 60_000)).task.error, { type: "circuit_breaker", message: "Circuit breaker open" })
    const parked = given(limit, wake(0), answered(10, lost), book(40_000))
    const message = "the broker gave no definite answer, and its order book does not show the order"
    assert.deepStrictEqual(parked.task.error, { type: "unknown_outcome", message })
    assert.deepStrictEqual(parked.outputs.slice(-2), [Output.Changed({ status: "UNKNOWN" }), Output.Alert({ kind: "parked", message })])
    const retrying = [wake(0), answered(1, refused(true)), Input.Cancel({ nowMs: 2 })]
    assert.deepStrictEqual(given(limit, ...retrying).task.error, { type: "InputException", message: "InputException" })
  })

  it("gives only the outputs that its state calls for", () => {
    const outputs = (...inputs: ReadonlyArray<OrderDecider.Input>) => given(limit, ...inputs).outputs
    const sent = outputs(wake(0))
    assert.deepStrictEqual(outputs(wake(0), answered(10, lost)), [...sent, Output.ReadBook({ atMs: 10 })])
    const parked = [wake(0), answered(10, lost), book(40_000)]
    assert.deepStrictEqual(outputs(...parked, book(50_000)), outputs(...parked))
    assert.deepStrictEqual(outputs(...parked, wake(50_000)), outputs(...parked))
  })

  it("an answer, a fence and a reading that come too late change nothing", () => {
    const fence = Input.Fenced({ nowMs: 600, epoch: 1, attempt: 1 })
    const ends: ReadonlyArray<ReadonlyArray<OrderDecider.Input>> = [
      [wake(0), book(1, "o1")],
      [wake(0), answered(1, refused(true))],
      [wake(0), answered(1, refused(false))]
    ]
    for (const end of ends) {
      const { revision, status } = given(limit, ...end).task
      const after = given(limit, ...end, answered(600, done), fence).task
      assert.deepStrictEqual([after.status, after.revision], [status, revision])
    }
    const completed = [wake(0), answered(1, done)]
    assert.deepStrictEqual(given(limit, ...completed, book(600, "o2")).task, given(limit, ...completed).task)
    // Proven absent and about to be sent again: a second reading proves nothing new.
    const again = [wake(0), answered(10, lost), book(40_000)]
    assert.deepStrictEqual(given(resend, ...again, book(50_000)).task, given(resend, ...again).task)
  })

  it("is not sent again at its deadline, and only unknown outcomes count towards the limit of repeated sends", () => {
    const sentAgain = (deadlineAtMs: number) => given({ ...resend, deadlineAtMs }, wake(0), answered(10, lost), book(40_000)).task.status
    assert.deepStrictEqual([40_005, 40_006].map(sentAgain), ["UNKNOWN", "RETRYING"])
    const fences = [1, 2, 3, 4].flatMap((attempt) => [wake(attempt), Input.Fenced({ nowMs: attempt, epoch: 1, attempt })])
    assert.strictEqual(given(resend, ...fences, wake(5), answered(10, lost, 5), book(40_100)).task.status, "RETRYING")
  })

  it("begins as PENDING, and counts as ended in every final status", () => {
    assert.deepStrictEqual(Task.make(limit), {
      intent: limit,
      status: "PENDING",
      revision: 0,
      epoch: 0,
      attempts: [],
      dueAtMs: null,
      orderId: null,
      error: null,
      absentAtMs: null
    })
    const has = (status: Task.Status) => Task.hasEnded({ status })
    assert.deepStrictEqual((["PENDING", "RUNNING", "RETRYING"] as const).map(has), [false, false, false])
    assert.deepStrictEqual((["COMPLETED", "DEAD_LETTER", "CANCELLED", "UNKNOWN"] as const).map(has), [true, true, true, true])
  })

  it("a row that is RUNNING without an attempt, which nobody writes, is sent and takes no answer", () => {
    const odd: Task.Task = { ...Task.make(limit), status: "RUNNING" }
    const decide = OrderDecider.decide(policy)
    assert.deepInclude(decide(odd, wake(5))[1][0], Output.Send({ attempt: 1 }))
    const late = [answered(5, done, 1, 0), Input.Fenced({ nowMs: 5, epoch: 0, attempt: 1 }), book(40_000, null, 0)]
    for (const input of late) assert.deepStrictEqual(decide(odd, input), [odd, []], input._tag)
  })

  it("belongs to the owner that proves that its order is absent", () => {
    const { task } = given(resend, wake(0), answered(10, lost), book(40_000, null, 2))
    assert.deepStrictEqual([task.status, task.epoch], ["RETRYING", 2])
  })
})
