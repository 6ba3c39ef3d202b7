import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc, Option } from "effect"
import { AccountFull, assign, refusalOf, type Save, subscriptionsPerUserMax } from "../../../src/store/subscriptions/SubscriptionPlaces.ts"
import type * as SubscriptionRows from "../../../src/store/subscriptions/SubscriptionRows.ts"

const wanted = (instrumentToken: number, more: Partial<Save> = {}): Save => ({
  instrumentToken,
  tradingsymbol: `SYM${instrumentToken}`,
  segment: "NFO-OPT",
  requestedMode: "FULL",
  createdBy: "u1",
  ...more
})
const load = (accountId: string, count: number, createdBy = "somebody"): SubscriptionRows.Load => ({
  accountId,
  createdBy,
  origin: "person",
  count
})
const stored = (token: number, more: Partial<SubscriptionRows.Row> = {}): readonly [number, SubscriptionRows.Row] => [
  token,
  {
    ...{ instrumentToken: token, tradingsymbol: `SYM${token}`, segment: "NFO-OPT", status: "active", requestedMode: "LTP" },
    ...{ accountId: "a1", createdBy: "u1", origin: "person", endedReason: null, createdAt: new Date(0), updatedAt: new Date(0) },
    ...more
  }
]
const instrumentsMax = 3_000
const nothing = { rows: new Map<number, SubscriptionRows.Row>(), loads: [], instrumentsMax }
const accounts = ["a1", "a2", "a3"]
const placesOf = (outcomes: ReturnType<typeof assign>) =>
  outcomes.map(Either.match({ onLeft: ({ _tag }) => _tag, onRight: ({ row }) => row.accountId }))

describe("places of subscriptions", () => {
  it("a batch is spread over the accounts, each save sees the ones before it", () => {
    const batch = [1, 2, 3, 4].map((token) => wanted(token))
    assert.deepStrictEqual(placesOf(assign(nothing, batch, accounts, "request")), ["a1", "a2", "a3", "a1"])
    const loads = [load("a1", 2), load("a2", 1)]
    assert.deepStrictEqual(placesOf(assign({ ...nothing, loads }, batch, accounts, "request")), ["a3", "a2", "a3", "a1"])
  })

  it("the last free places of accounts go to the first of a batch; the others learn that no account has room", () => {
    const loads = [load("a1", instrumentsMax - 1), load("a2", instrumentsMax), load("a3", instrumentsMax - 1)]
    const batch = [wanted(1, { accountId: "a3" }), wanted(2), wanted(3), wanted(4, { accountId: "a2" })]
    const outcomes = assign({ ...nothing, loads }, batch, accounts, "request")
    assert.deepStrictEqual(placesOf(outcomes), ["a3", "a1", "AccountFull", "AccountFull"])
    assert.deepStrictEqual(
      outcomes.slice(2).map((one) => Either.isLeft(one) && one.left instanceof AccountFull && one.left.account),
      [null, "a2"]
    )
  })

  it("a user's limit counts each new subscription of a batch, none that is active already, and never refuses legs and windows", () => {
    const loads = [load("a1", subscriptionsPerUserMax - 1, "u1")]
    const rows = new Map([stored(7)])
    const batch = [wanted(7), wanted(8), wanted(9), wanted(8), wanted(10, { origin: "window" }), wanted(11, { createdBy: "u2" })]
    const outcomes = assign({ rows, loads, instrumentsMax }, batch, accounts, "request")
    assert.deepStrictEqual(placesOf(outcomes), ["a1", "a2", "LimitReached", "a2", "a3", "a2"])
    assert.isTrue(assign({ rows, loads, instrumentsMax }, batch, accounts, "need").every(Either.isRight))
  })

  it("only its creator and administrators take something away from an active subscription, and anyone may add to it", () => {
    const rows = new Map([stored(1, { requestedMode: "QUOTE" }), stored(2, { status: "inactive", requestedMode: "FULL" })])
    const outcomeOf = (token: number, more: Partial<Save>) =>
      placesOf(assign({ rows, loads: [], instrumentsMax }, [wanted(token, more)], accounts, "request"))[0]
    const others = { createdBy: "u2" }
    assert.strictEqual(outcomeOf(1, { ...others, requestedMode: "LTP" }), "TakesAway")
    assert.strictEqual(outcomeOf(1, { ...others, accountId: "a2" }), "TakesAway")
    assert.strictEqual(outcomeOf(1, others), "a1")
    assert.strictEqual(outcomeOf(1, { requestedMode: "LTP", accountId: "a2" }), "a2")
    assert.strictEqual(outcomeOf(1, { ...others, isAdmin: true, requestedMode: "LTP" }), "a1")
    assert.strictEqual(outcomeOf(2, { ...others, requestedMode: "LTP" }), "a1", "nobody uses it")
    assert.strictEqual(outcomeOf(1, { ...others, requestedMode: "LTP", tradingsymbol: "NEW" }), "a1", "it was another contract's")
  })

  it("an instrument that is twice in a batch is created once and takes one place", () => {
    const outcomes = assign(nothing, [wanted(1), wanted(1, { requestedMode: "LTP" }), wanted(2)], accounts, "request")
    assert.deepStrictEqual(placesOf(outcomes), ["a1", "a1", "a2"])
    assert.deepStrictEqual(
      outcomes.map((one) => Either.isRight(one) && one.right.created),
      [true, false, true]
    )
  })

  it("a leg keeps the mode of an active subscription, a request sets it, and a person's subscription never becomes a window's", () => {
    const rows = new Map([stored(1), stored(2, { status: "inactive" }), stored(3, { tradingsymbol: "OLD", accountId: "a3" })])
    const modes = (purpose: "request" | "need") =>
      assign(
        { rows, loads: [], instrumentsMax },
        [wanted(1, { origin: "window" }), wanted(2, { origin: "window" }), wanted(3)],
        accounts,
        purpose
      ).map((one) => Either.isRight(one) && [one.right.row.requestedMode, one.right.row.origin, one.right.created])
    assert.deepStrictEqual(modes("need"), [
      ["LTP", "person", false],
      ["FULL", "window", false],
      ["FULL", "person", true]
    ])
    assert.deepStrictEqual(modes("request")[0], ["FULL", "person", false])
  })

  it("an account takes as many as its connections carry, and a refusal says how many that is", () => {
    for (const size of [2, 1_000, 6_000]) {
      const loads = [load("a1", size - 1), load("a2", size)]
      const batch = [wanted(1, { accountId: "a1" }), wanted(2, { accountId: "a1" }), wanted(3)]
      const outcomes = assign({ ...nothing, loads, instrumentsMax: size }, batch, ["a1", "a2"], "request")
      assert.deepStrictEqual(placesOf(outcomes), ["a1", "AccountFull", "AccountFull"])
      assert.deepStrictEqual(
        outcomes.slice(1).map((one) => Either.isLeft(one) && one.left),
        ["a1", null].map((account) => new AccountFull({ account, instrumentsMax: size }))
      )
      const [, row] = stored(1, { accountId: "a3" })
      const refusal = (account: string) => refusalOf(row, { status: "active", account }, { loads, instrumentsMax: size })
      assert.deepStrictEqual(
        [refusal("a1"), refusal("a2")],
        [Option.none(), Option.some(new AccountFull({ account: "a2", instrumentsMax: size }))]
      )
    }
  })

  it("no account takes more instruments than it may carry, whatever is requested in whatever order", () => {
    const free = 5
    const loads = accounts.map((account) => load(account, instrumentsMax - free))
    const saves = fc.array(
      fc.record({ token: fc.integer({ min: 1, max: 30 }), account: fc.option(fc.constantFrom(...accounts), { nil: undefined }) }),
      { maxLength: 60 }
    )
    fc.assert(
      fc.property(saves, (asked) => {
        const batch = asked.map(({ token, account }) => wanted(token, account === undefined ? {} : { accountId: account }))
        const last = new Map<number, string | null>()
        for (const outcome of assign({ ...nothing, loads }, batch, accounts, "need"))
          if (Either.isRight(outcome)) last.set(outcome.right.row.instrumentToken, outcome.right.row.accountId)
        for (const account of accounts) assert.isAtMost([...last.values()].filter((one) => one === account).length, free)
        // A save is refused only when there is no place for it.
        const isAnyFree = last.size < free * accounts.length
        if (isAnyFree)
          assert.isEmpty(batch.filter(({ accountId, instrumentToken }) => accountId === undefined && !last.has(instrumentToken)))
      })
    )
  })
})
