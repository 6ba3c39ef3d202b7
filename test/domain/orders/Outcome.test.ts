import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "../../../src/domain/orders/Breaker.ts"
import * as Outcome from "../../../src/domain/orders/Outcome.ts"
import * as RetryDelay from "../../../src/domain/orders/RetryDelay.ts"
import * as Tag from "../../../src/domain/orders/Tag.ts"
import type * as Task from "../../../src/domain/orders/Task.ts"

const answer = (httpStatus: number, errorType: string | null = null, orderId: string | null = null, of: Task.Kind = "place") =>
  Outcome.of(Outcome.Reply.Answer({ httpStatus, errorType, message: "m", orderId }), of)
const kind = (outcome: Outcome.Outcome) =>
  outcome._tag === "Refused" ? (outcome.isTransient ? "refused, transient" : "refused") : outcome._tag

describe("outcomes", () => {
  it("only certain answers count as definite", () => {
    assert.deepStrictEqual(answer(200, null, "151220000000000"), Outcome.Outcome.Done({ orderId: "151220000000000" }))
    const cases: ReadonlyArray<readonly [number, string | null, string]> = [
      [400, "InputException", "refused"],
      [400, "MarginException", "refused"],
      [400, "OrderException", "refused"],
      [403, "TokenException", "refused"],
      [403, "PermissionException", "refused"],
      [400, "HoldingException", "refused"],
      [403, "UserException", "refused"],
      [499, "InputException", "refused"],
      [399, "InputException", "Unknown"],
      [429, "NetworkException", "refused, transient"],
      [200, null, "Unknown"],
      [400, null, "Unknown"],
      [400, "NetworkException", "Unknown"],
      [400, "GeneralException", "Unknown"],
      [408, "InputException", "Unknown"],
      [500, "OrderException", "Unknown"],
      [502, null, "Unknown"],
      [503, "NetworkException", "Unknown"],
      [504, null, "Unknown"]
    ]
    for (const [status, type, expected] of cases) assert.strictEqual(kind(answer(status, type)), expected, `${status} ${type}`)
    assert.strictEqual(kind(Outcome.of(Outcome.Reply.NotSent({ reason: "ECONNREFUSED" }), "place")), "refused, transient")
    assert.strictEqual(kind(Outcome.of(Outcome.Reply.Lost({ reason: "ECONNRESET" }), "place")), "Unknown")
    const own = Outcome.of(Outcome.Reply.Declined({ errorType: "no_book", message: "m" }), "place")
    assert.deepStrictEqual(own, Outcome.Outcome.Refused({ isTransient: false, httpStatus: null, errorType: "no_book", message: "m" }))
  })

  it("an order id counts only with the status 200", () => {
    assert.deepStrictEqual([answer(201, null, "1"), answer(500, null, "1")].map(kind), ["Unknown", "Unknown"])
  })

  it("every outcome keeps the details of the reply", () => {
    const message = "m"
    const { Refused, Unknown } = Outcome.Outcome
    assert.deepStrictEqual(answer(504), Unknown({ httpStatus: 504, errorType: null, message }))
    assert.deepStrictEqual(
      answer(429, "NetworkException"),
      Refused({ isTransient: true, httpStatus: 429, errorType: "NetworkException", message })
    )
    assert.deepStrictEqual(
      answer(400, "InputException"),
      Refused({ isTransient: false, httpStatus: 400, errorType: "InputException", message })
    )
    assert.deepStrictEqual(
      Outcome.of(Outcome.Reply.Lost({ reason: "ECONNRESET" }), "place"),
      Unknown({ httpStatus: null, errorType: "lost", message: "ECONNRESET" })
    )
    assert.deepStrictEqual(
      Outcome.of(Outcome.Reply.NotSent({ reason: "ECONNREFUSED" }), "place"),
      Refused({ isTransient: true, httpStatus: null, errorType: "not_sent", message: "ECONNREFUSED" })
    )
  })

  it("an order that a change names counts as missing only if Kite itself says so; this never makes the outcome of a new order definite", () => {
    const changes = ["modify", "cancel", "gtt_modify", "gtt_delete"] as const
    for (const change of changes) {
      for (const type of ["DataException", "GeneralException", "InputException"])
        assert.strictEqual(kind(answer(404, type, null, change)), "refused", `${change} ${type}`)
      for (const [status, type] of [
        [404, null],
        [404, "NetworkException"],
        [400, "DataException"],
        [410, "DataException"],
        [504, null]
      ] as const)
        assert.strictEqual(kind(answer(status, type, null, change)), "Unknown", `${change} ${status} ${type}`)
    }
    for (const made of ["place", "gtt_place"] as const)
      for (const type of ["DataException", "GeneralException", "NetworkException", null])
        assert.strictEqual(kind(answer(404, type, null, made)), "Unknown", `${made} ${type}`)
  })

  it("time-outs, 5xx, 429 and refused connections count as failures of the broker, rejected orders do not", () => {
    const failures = [
      answer(504),
      answer(429),
      Outcome.of(Outcome.Reply.NotSent({ reason: "" }), "place"),
      Outcome.of(Outcome.Reply.Lost({ reason: "" }), "place")
    ]
    assert.deepStrictEqual(failures.map(Outcome.isFailure), [true, true, true, true])
    assert.deepStrictEqual([answer(400, "MarginException"), answer(200, null, "1")].map(Outcome.isFailure), [false, false])
  })
})

describe("the circuit breaker", () => {
  const limits = Breaker.defaults
  const failed = (breaker: Breaker.Breaker, times: number, nowMs = 0) =>
    Array.from({ length: times }).reduce<readonly [Breaker.Breaker, Breaker.Change | null]>(
      ([it]) => Breaker.settle(limits, it, true, nowMs),
      [breaker, null]
    )
  const open = failed(Breaker.closed, 5, 1_000)[0]
  const halfOpen = Breaker.admit(limits, open, 61_000)

  it("TC-REG-042 five failures in a row open it for 60 s, and a success in between starts the count again", () => {
    assert.deepStrictEqual([limits.failuresMax, limits.openMs], [5, 60_000])
    assert.deepStrictEqual(failed(Breaker.closed, 4), [{ state: "closed", failures: 4 }, null])
    assert.deepStrictEqual(failed(Breaker.closed, 5, 1_000), [{ state: "open", untilMs: 61_000 }, "opened"])
    const [healthy, change] = Breaker.settle(limits, failed(Breaker.closed, 4)[0], false, 0)
    assert.deepStrictEqual([healthy, change], [Breaker.closed, null])
    assert.strictEqual(Breaker.admit(limits, Breaker.closed, 0), Breaker.closed)
  })

  it("TC-ORD-012 open, it admits nothing until its time is over; late results change nothing", () => {
    assert.isNull(Breaker.admit(limits, open, 60_999))
    assert.strictEqual(Breaker.retryAtMs(limits, open, 2_000), 61_000)
    assert.deepStrictEqual(Breaker.settle(limits, open, false, 2_000), [open, null])
    assert.deepStrictEqual(halfOpen, { state: "half_open", trials: 1 })
  })

  it("TC-ORD-013 TC-ORD-014 half open, it lets three through; a success closes and resets it", () => {
    const three = [1, 2].reduce<Breaker.Breaker | null>((it) => it && Breaker.admit(limits, it, 61_000), halfOpen)
    assert.deepStrictEqual(three, { state: "half_open", trials: 3 })
    assert.isNull(three && Breaker.admit(limits, three, 61_000))
    assert.strictEqual(three && Breaker.retryAtMs(limits, three, 61_000), 121_000)
    assert.deepStrictEqual(three && Breaker.settle(limits, three, false, 61_500), [Breaker.closed, "closed"])
  })

  it("TC-ORD-015 half open, a failure opens it again and starts the clock again", () => {
    assert.deepStrictEqual(halfOpen && Breaker.settle(limits, halfOpen, true, 62_000), [{ state: "open", untilMs: 122_000 }, "opened"])
  })
})

describe("retries and tags", () => {
  it("TC-ORD-020 backoff is 1, 2, 4, 8, 16 s and at most 30 s; the jitter takes up to half of it", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 6, 60].map((failures) => RetryDelay.delayMs(failures, 1)),
      [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
    )
    assert.deepStrictEqual([RetryDelay.delayMs(1, 0), RetryDelay.delayMs(3, 0.5)], [500, 3_000])
  })

  it("one account and key always give one tag that Kite takes, and others give another", () => {
    const of = (account: string, key: string) => Tag.of((text) => createHash("sha256").update(text).digest(), account, key)
    assert.match(of("acc1", "key"), /^[0-9a-z]{20}$/)
    // Computed by Python's hashlib: digits of base 36 of the whole hash, the first 20.
    assert.strictEqual(of("acc1", "key"), "16588vtqrnxbm2e2zool")
    assert.strictEqual(of("acc1", "key"), of("acc1", "key"))
    assert.strictEqual(new Set([of("acc1", "key"), of("acc1", "key2"), of("acc2", "key"), of("acc1:k", "ey")]).size, 4)
  })
})
