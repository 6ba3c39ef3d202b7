import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import { Outcome } from "../../../src/domain/orders/Outcome.ts"
import type * as Task from "../../../src/domain/orders/Task.ts"
import { nextTurn } from "../../../src/loop/Turn.ts"
import { type Bounds, type Explored, explore, type Setting, tickMs } from "./OrderModel.ts"

const bounds: Bounds = { ticks: 7, takeovers: 1, crashes: 1, faults: 2, cancels: 0, isRefused: false, acceptTicks: 1, lagTicks: 1 }
/**
 * An order can be visible three ticks after its attempt started: one for the send, one for its acceptance, one for the book. A reading that
 * begins after a horizon of two ticks begins at the third or later.
 */
const policy: OrderDecider.Policy = {
  sendDelayMaxMs: tickMs,
  answerMsMax: tickMs,
  horizonMs: (bounds.acceptTicks + bounds.lagTicks) * tickMs,
  readEveryMs: tickMs,
  refusalsMax: 2,
  resendsMax: 1,
  keepsTags: false
}
const intent: Task.Intent = { kind: "place", isLimit: true, unknown: "park", deadlineAtMs: 1e9 }
const resend: Task.Intent = { ...intent, unknown: "resend" }

const run = (name: string, setting: Partial<Setting>): Explored => {
  const explored = explore({ bounds, policy, intent, ...setting })
  const ends = [...explored.ends].map(([status, count]) => `${status} ${count}`).join(", ")
  const violation = explored.violation === null ? "no violation" : `${explored.violation.rule}: ${explored.violation.steps.join("; ")}`
  // The figures belong to the report of a run.
  process.stdout.write(`order model, ${name}: ${explored.states} states; ${violation}${ends === "" ? "" : `; ended ${ends}`}\n`)
  return explored
}

/** Sends again when no answer came, as a client without the protocol does. */
const naive: NonNullable<Setting["decide"]> = (task, input) =>
  OrderDecider.decide(policy)(
    task,
    input._tag === "Answered" && input.outcome._tag === "Unknown"
      ? { ...input, outcome: Outcome.Refused({ ...input.outcome, isTransient: true }) }
      : input
  )

describe("the order protocol, in every interleaving of crash, fault, take-over and cancel", () => {
  it.live("never has two live orders of one key, and never an end that contradicts the broker", () =>
    Effect.gen(function* () {
      const settings: ReadonlyArray<readonly [string, Partial<Setting>]> = [
        ["park", {}],
        ["resend, refused by a rule", { intent: resend, bounds: { ...bounds, faults: 1, isRefused: true } }],
        ["resend", { intent: resend }],
        ["resend, cancelled by the user", { intent: resend, bounds: { ...bounds, faults: 1, cancels: 1 } }]
      ]
      const reached = new Set<string>()
      for (const [name, setting] of settings) {
        const { ends, states, violation } = run(name, setting)
        assert.isNull(violation)
        assert.isAbove(states, 20_000)
        for (const end of ends.keys()) reached.add(end)
        // A run takes many seconds, and the runner waits for a sign of life for a minute.
        yield* nextTurn
      }
      // Checks that each end is reached, because the invariant says nothing about ends that no run reaches.
      assert.sameMembers([...reached], ["COMPLETED", "DEAD_LETTER", "CANCELLED", "UNKNOWN"])
    })
  )

  it("finds the order of a decider that lets a rule refuse a request that may have been sent", () => {
    const late: NonNullable<Setting["decide"]> = (task, input) =>
      input._tag === "Declined" && task.status === "RUNNING"
        ? [{ ...task, status: "DEAD_LETTER", error: input.failure }, []]
        : OrderDecider.decide(policy)(task, input)
    assert.strictEqual(
      run("refused late", { decide: late, bounds: { ...bounds, isRefused: true } }).violation?.rule,
      "an order, though DEAD_LETTER"
    )
  })

  it("finds the second order of a client that sends again when no answer came", () => {
    assert.strictEqual(run("naive", { decide: naive }).violation?.rule, "two live orders of one key")
  })

  it("needs the horizon and the self-fence for sending again, and finds both missing", () => {
    const short = run("resend, horizon one tick short", { intent: resend, policy: { ...policy, horizonMs: policy.horizonMs - tickMs } })
    assert.strictEqual(short.violation?.rule, "two live orders of one key")
    const unfenced = run("resend, no self-fence", { intent: resend, policy: { ...policy, sendDelayMaxMs: 9 * tickMs } })
    assert.strictEqual(unfenced.violation?.rule, "two live orders of one key")
  })

  it("never places twice when it parks, even where the broker takes longer than the horizon", () => {
    const violation = run("park, horizon 0", { policy: { ...policy, horizonMs: 0 } }).violation
    assert.isNull(violation)
  })
})
