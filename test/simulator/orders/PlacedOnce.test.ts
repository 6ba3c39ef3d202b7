import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import * as Outcome from "../../../src/domain/orders/Outcome.ts"
import * as Tag from "../../../src/domain/orders/Tag.ts"
import * as Task from "../../../src/domain/orders/Task.ts"
import type { Fault } from "../../../src/simulator/orders/Faults.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import { first, login } from "../SimulatorWorld.ts"

const startMs = Date.parse("2026-11-23T04:00:00Z")
/** A policy with few readings of the order book before the horizon, because each costs a request. */
const policy: OrderDecider.Policy = { ...OrderDecider.defaults, readEveryMs: 20_000 }
const faults: ReadonlyArray<Fault> = [
  { kind: "drop_reply" },
  { kind: "lose" },
  { kind: "gateway_timeout", isCarriedOut: true },
  { kind: "gateway_timeout", isCarriedOut: false },
  { kind: "too_many" }
]
const nameOf = (fault: Fault) =>
  fault.kind === "gateway_timeout" ? `504 ${fault.isCarriedOut ? "after" : "without"} acceptance` : fault.kind

type Decide = ReturnType<typeof OrderDecider.decide>
const safe = OrderDecider.decide(policy)
/** Sends again when no answer came. */
const naive: Decide = (task, input) =>
  safe(
    task,
    input._tag === "Answered" && input.outcome._tag === "Unknown"
      ? { ...input, outcome: Outcome.Outcome.Refused({ ...input.outcome, isTransient: true }) }
      : input
  )

interface Case {
  readonly faults: ReadonlyArray<Fault>
  /** The point at which the process dies; -1 if it lives. */
  readonly crashAt: number
  readonly unknown: Task.Intent["unknown"]
}
class Crash extends Error {}

interface Broker {
  readonly place: (tag: string) => Promise<Outcome.Reply>
  readonly book: () => Promise<ReadonlyArray<{ readonly order_id: string; readonly tag: string | null }>>
}

const broker = (url: string, authorization: string, instrument: Instrument.Instrument, price: string): Broker => {
  const headers = { authorization, "x-kite-version": "3" }
  return {
    place: async (tag) => {
      const { exchange, lotSize, tradingsymbol } = instrument
      const terms = { exchange, tradingsymbol, transaction_type: "BUY", quantity: String(lotSize), product: "NRML", order_type: "LIMIT" }
      try {
        const response = await fetch(`${url}/orders/regular`, {
          method: "POST",
          headers,
          body: new URLSearchParams({ ...terms, price, tag })
        })
        const isJson = response.headers.get("content-type") === "application/json"
        const { data, error_type, message } = isJson ? JSON.parse(await response.text()) : {}
        return Outcome.Reply.Answer({
          httpStatus: response.status,
          errorType: error_type ?? null,
          message: message ?? null,
          orderId: data?.order_id ?? null
        })
      } catch (error) {
        return Outcome.Reply.Lost({ reason: String(error) })
      }
    },
    book: async () => JSON.parse(await (await fetch(`${url}/orders`, { headers })).text()).data
  }
}

/** The most decisions of a case. The longest case needs far fewer. */
const decisionsMax = 100

/**
 * Runs one task to its end as an owner does, on a clock of its own: it saves, acts, and dies at one point. Then a new owner continues from
 * the saved task.
 */
const run = async (at: Broker, decide: Decide, tag: string, { crashAt, unknown }: Case): Promise<Task.Task> => {
  let saved = Task.make({ kind: "place", isLimit: true, unknown, deadlineAtMs: 600_000 })
  let [nowMs, epoch, points, decisions] = [0, 1, 0, 0]
  const point = () => {
    if (points++ === crashAt) throw new Crash()
  }
  const act = async (input: OrderDecider.Input): Promise<void> => {
    if (++decisions > decisionsMax) throw new Error(`the task did not end: ${JSON.stringify(saved)}`)
    point()
    const [task, outputs] = decide(saved, input)
    saved = task
    point()
    const next = outputs.find(({ _tag }) => _tag === "Send" || _tag === "ReadBook" || _tag === "WakeAt")
    if (next?._tag === "Send") {
      const outcome = Outcome.of(await at.place(tag), "place")
      point()
      await act(OrderDecider.Input.Answered({ nowMs, epoch, attempt: next.attempt, outcome, jitter: 1 }))
    } else if (next?._tag === "ReadBook") {
      nowMs = Math.max(nowMs, next.atMs)
      const startedAtMs = nowMs
      const orderId = (await at.book()).find((order) => order.tag === tag)?.order_id ?? null
      point()
      await act(OrderDecider.Input.BookRead({ nowMs, epoch, startedAtMs, orderId }))
    } else if (next?._tag === "WakeAt") {
      nowMs = Math.max(nowMs, next.atMs)
      await act(OrderDecider.Input.Wake({ nowMs, epoch, blockedUntilMs: null }))
    }
  }
  while (!Task.hasEnded(saved)) {
    try {
      await act(OrderDecider.Input.Wake({ nowMs, epoch, blockedUntilMs: null }))
    } catch (error) {
      if (!(error instanceof Crash)) throw error
      epoch++
    }
  }
  return saved
}

/** Why a result is wrong, compared with the broker's own orders; null if it is right. */
const wrong = (task: Task.Task, orders: ReadonlyArray<string>): string | null => {
  if (orders.length > 1) return `${orders.length} orders`
  if (task.status === "COMPLETED" && task.orderId !== orders[0]) return `COMPLETED as ${task.orderId}, but the broker has ${orders[0]}`
  return task.status === "DEAD_LETTER" && orders.length > 0 ? "DEAD_LETTER with an order" : null
}

/** Points of the longest run, found by a first run without a crash: every case is killed at each of the first so many. */
const pointsMax = 12
const unknowns = ["park", "resend"] as const
const alone = unknowns.flatMap((unknown) => [[], ...faults.map((fault) => [fault])].map((list) => ({ faults: list, unknown })))
const cases: ReadonlyArray<Case> = [
  ...alone.flatMap((one) => Array.from({ length: pointsMax + 1 }, (_, point) => ({ ...one, crashAt: point - 1 }))),
  ...faults.flatMap((one) => faults.flatMap((other) => unknowns.map((unknown) => ({ faults: [one, other], unknown, crashAt: -1 }))))
]

const chaos = (decide: Decide, name: string, cases: ReadonlyArray<Case>) =>
  Effect.gen(function* () {
    const simulator = yield* Simulator.make({ accounts: [first], market: { mode: "synthetic", startMs, rate: 0, strikesEachSide: 1 } })
    const { accessToken } = yield* login(simulator.url)
    const instrument = simulator.market.instruments.find(({ instrumentType }) => instrumentType === "FUT")
    if (instrument === undefined) return yield* Effect.dieMessage("the market has no future")
    const row = simulator.market.rowByToken.get(instrument.token) ?? 0
    const price = String((simulator.market.columns.bidPrice[row * 5] ?? 0) / Instrument.priceScale(instrument.token))
    const at = broker(simulator.url, `token ${first.apiKey}:${accessToken}`, instrument, price)
    const problems: Array<string> = []
    const ends = new Map<Task.Status, number>()
    for (const [number, one] of cases.entries()) {
      const tag = Tag.of((text) => createHash("sha256").update(text).digest(), first.accountId, `${name} ${number}`)
      simulator.faults.clear()
      simulator.faults.add(...one.faults)
      const task = yield* Effect.promise(() => run(at, decide, tag, one))
      const orders = (yield* Effect.promise(at.book)).filter((order) => order.tag === tag).map(({ order_id }) => order_id)
      const problem = wrong(task, orders)
      ends.set(task.status, (ends.get(task.status) ?? 0) + 1)
      if (problem !== null) problems.push(`${one.faults.map(nameOf).join(" + ")}, crash at ${one.crashAt}, ${one.unknown}: ${problem}`)
    }
    process.stdout.write(
      `orders placed once, ${name}: ${cases.length} cases, ${problems.length} wrong; ${[...ends].map((end) => end.join(" ")).join(", ")}\n`
    )
    return { problems, ends }
  }).pipe(Logger.withMinimumLogLevel(LogLevel.Warning), Effect.scoped)

/** The time limit of a case that hangs. A case has several requests, for which a busy machine needs many times as long. */
const timeoutMs = 180_000

describe("the order protocol against the simulator, with a crash at every point and every fault, alone and in pairs", () => {
  it.live(
    "places each order once, and its result agrees with the broker's own orders",
    () =>
      Effect.gen(function* () {
        const { ends, problems } = yield* chaos(safe, "safe", cases)
        assert.deepStrictEqual(problems, [])
        assert.isAbove(ends.get("COMPLETED") ?? 0, 60)
        assert.isAbove(ends.get("UNKNOWN") ?? 0, 0)
      }),
    timeoutMs
  )

  it.live(
    "the same harness finds the second orders of a client that sends again when no answer came",
    () =>
      Effect.gen(function* () {
        const { problems } = yield* chaos(
          naive,
          "naive",
          cases.filter(({ crashAt }) => crashAt === -1)
        )
        assert.match(problems.join("\n"), /drop_reply, crash at -1, park: 2 orders/)
      }),
    timeoutMs
  )
})
