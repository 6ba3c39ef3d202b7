import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as ConnectionPool from "../../../src/domain/accounts/ConnectionPool.ts"
import type { Mode, Wanted } from "../../../src/domain/accounts/Subscription.ts"

const range = (from: number, count: number, mode: Mode = "full") =>
  new Map(Array.from({ length: count }, (_, at) => [from + at, mode] as const))
const keys = (from: number, count: number) => [...range(from, count).keys()]
const none: Wanted = new Map()

/** A pool whose connections send at once, unless they are in `stuck`. */
const story = (tokensMax = 1_000) => {
  const { initial, decide } = ConnectionPool.make({ tokensMax })
  const carried = new Map<number, Wanted>()
  const answers = new Map<number, { readonly noRoom: ReadonlyArray<number>; readonly late: ReadonlyArray<number> }>()
  const stuck = new Set<number>()
  const already: Array<number> = []
  const replaced: Array<number> = []
  let asked = 0
  let wants = 0
  const give = (input: ConnectionPool.Input): void => {
    for (const output of decide(initial_, input)[1]) {
      if (output._tag === "Already") already.push(output.token)
      else if (output._tag === "Replace") replaced.push(output.connection)
      else if (output._tag === "Answered") answers.set(output.ask, { noRoom: output.noRoom, late: output.late })
      else {
        wants++
        carried.set(output.connection, output.wanted)
        if (!stuck.has(output.connection)) give({ _tag: "Sent", connection: output.connection, wanted: output.wanted })
      }
    }
  }
  const initial_ = initial
  return {
    state: initial_,
    stuck,
    already,
    replaced,
    answers,
    wants: () => wants,
    change: (subscribe: Wanted, unsubscribe: ReadonlyArray<number> = [], on?: ReadonlyMap<number, number>) => {
      const ask = ++asked
      give({ _tag: "Change", ask, subscribe, unsubscribe, ...(on === undefined ? {} : { on }) })
      return ask
    },
    give,
    spread: () => [1, 2, 3].map((connection) => carried.get(connection)?.size ?? 0),
    recorded: () => [...ConnectionPool.sentCounts(initial_).values()]
  }
}

describe("ConnectionPool", () => {
  it("a token goes to the connection that is named for it, and to the first with room where that one is full or does not exist", () => {
    const pool = story(2)
    pool.change(
      range(1, 3),
      [],
      new Map([
        [1, 2],
        [2, 2],
        [3, 2]
      ])
    )
    assert.deepStrictEqual(pool.spread(), [1, 2, 0])
    pool.change(range(4, 1), [], new Map([[4, 9]]))
    assert.deepStrictEqual(pool.spread(), [2, 2, 0])
    assert.deepStrictEqual([...ConnectionPool.sentModes(pool.state).keys()].sort(), [1, 2, 3, 4])
  })

  it("TC-WSP-002 tokens beyond a connection's limit open another, up to three; what has no room is named", () => {
    const pool = story()
    pool.change(range(1, 1_500))
    assert.deepStrictEqual(pool.spread(), [1_000, 500, 0])
    const ask = pool.change(range(5_000, 1_502))
    assert.deepStrictEqual(pool.spread(), [1_000, 1_000, 1_000])
    assert.deepStrictEqual(pool.answers.get(ask), { noRoom: [6_500, 6_501], late: [] })
    const wide = story(ConnectionPool.brokerTokensMax)
    wide.change(range(1, 3_001))
    assert.deepStrictEqual(wide.spread(), [3_000, 1, 0])
  })

  it("TC-WSP-003 from [1000, 500], 400 new tokens fill the gaps of 600 unsubscribed ones", () => {
    const pool = story()
    pool.change(range(1, 1_500))
    pool.change(none, keys(1, 600))
    assert.deepStrictEqual(pool.spread(), [400, 500, 0])
    pool.change(range(9_000, 400))
    assert.deepStrictEqual(pool.spread(), [800, 500, 0])
    // A change that does both at once uses the gaps too.
    pool.change(range(10_000, 600), keys(9_000, 400))
    assert.deepStrictEqual(pool.spread(), [1_000, 500, 0])
  })

  it("TC-WSP-004 a connection without a token is gone, and its number is used again", () => {
    const pool = story(10)
    pool.change(range(1, 25))
    pool.change(none, keys(11, 10))
    assert.deepStrictEqual(pool.recorded(), [10, 5])
    assert.deepStrictEqual([...pool.state.connections.keys()], [1, 3])
    pool.change(range(50, 6))
    assert.deepStrictEqual(pool.spread(), [10, 6, 5])
  })

  it("TC-WSP-013 TC-WSP-010 a change causes one output for each affected connection, and a repeated change none", () => {
    const pool = story()
    pool.change(range(1, 100))
    assert.strictEqual(pool.wants(), 1)
    const again = pool.change(range(1, 2))
    assert.strictEqual(pool.wants(), 1)
    assert.deepStrictEqual(pool.already, [1, 2])
    assert.deepStrictEqual(pool.answers.get(again), { noRoom: [], late: [] })
    assert.deepStrictEqual(pool.state.totals, { subscribed: 100, unsubscribed: 0, late: 0 })
  })

  it("TC-WSP-011 a change that was not sent in time is rolled back: a new token is removed, a changed mode returns, a retry succeeds", () => {
    const pool = story(10)
    pool.change(range(1, 8))
    pool.stuck.add(1)
    const slow = pool.change(
      new Map<number, Mode>([
        [1, "ltp"],
        [20, "full"],
        [21, "full"],
        [22, "full"]
      ])
    )
    // Another caller asks for one of the same tokens.
    const joined = pool.change(range(20, 1))
    assert.deepStrictEqual(pool.recorded(), [7, 1], "the second connection has sent its token")
    assert.isUndefined(pool.answers.get(slow))
    pool.give({ _tag: "Expired", ask: slow })
    assert.deepStrictEqual(pool.answers.get(slow), { noRoom: [], late: [1, 20, 21] })
    assert.deepStrictEqual(pool.answers.get(joined), { noRoom: [], late: [20] })
    assert.deepStrictEqual(pool.recorded(), [8, 1])
    assert.strictEqual(pool.state.totals.late, 3)
    pool.give({ _tag: "Expired", ask: slow })
    assert.strictEqual(pool.state.totals.late, 3, "a time that ends twice counts once")
    pool.stuck.clear()
    const retry = pool.change(range(20, 2))
    assert.deepStrictEqual(pool.answers.get(retry), { noRoom: [], late: [] })
    assert.deepStrictEqual(pool.recorded(), [10, 1])
  })

  it("a change is complete when its tokens are unsubscribed before their message was sent", () => {
    const pool = story()
    pool.stuck.add(1)
    const ask = pool.change(range(1, 2))
    pool.change(none, [1, 2])
    assert.deepStrictEqual(pool.answers.get(ask), { noRoom: [], late: [] })
    assert.deepStrictEqual(pool.state.totals, { subscribed: 0, unsubscribed: 0, late: 0 })
    assert.strictEqual(pool.state.connections.size, 0)
    pool.give({ _tag: "Sent", connection: 1, wanted: range(1, 2) })
    assert.deepStrictEqual(pool.recorded(), [])
  })

  it("TC-WSP-040 500 tokens, then 100 more, 50 fewer and 75 more are 625", () => {
    const pool = story()
    pool.change(range(1, 500))
    pool.change(range(1_000, 100))
    pool.change(none, keys(1, 50))
    pool.change(range(2_000, 75))
    assert.deepStrictEqual(pool.recorded(), [625])
  })

  it("TC-WSP-030 an open connection without due data for a minute is replaced; each replacement that does not help doubles the time until the next", () => {
    const pool = story(1)
    pool.change(range(1, 3))
    const check = (atMs: number, ...hearings: ReadonlyArray<ConnectionPool.Hearing>) => {
      pool.replaced.length = 0
      pool.give({ _tag: "Check", atMs, hearings })
      return [...pool.replaced]
    }
    const heard = (connection: number, openedMs: number, lastDataMs: number | null, dueSinceMs: number | undefined = 0) => ({
      connection,
      openedMs,
      lastDataMs,
      dueSinceMs
    })
    const minute = ConnectionPool.muteAfterMs
    assert.deepStrictEqual(check(minute - 1, heard(1, 0, null), heard(2, 0, null, undefined)), [])
    assert.deepStrictEqual(check(minute, heard(1, 0, null), heard(2, 0, minute - 5), heard(3, 0, null, minute / 2)), [1])
    // Data came once after the new connection opened, and then silence again, so the time until the next replacement is doubled.
    assert.deepStrictEqual(check(2 * minute + 10, heard(1, minute, minute + 5)), [])
    assert.deepStrictEqual(check(3 * minute + 5, heard(1, minute, minute + 5)), [1])
    assert.deepStrictEqual(check(6 * minute, heard(1, 4 * minute, null)), [])
    // It stayed alive for more than a minute, so one minute counts again.
    assert.deepStrictEqual(check(6 * minute, heard(1, 4 * minute, 5 * minute + 1)), [])
    assert.deepStrictEqual(check(6 * minute + 1, heard(1, 4 * minute, 5 * minute + 1)), [1])
    assert.deepStrictEqual(check(9 * minute, heard(7, 0, null)), [], "a connection that carries nothing")
  })

  it("TC-WSP-030 an underlying that stopped replaces its connection three times at most, and a connection once for all of its underlyings", () => {
    const pool = story(1)
    pool.change(range(1, 2))
    const check = (atMs: number, ...hearings: ReadonlyArray<ConnectionPool.Hearing>) => {
      pool.replaced.length = 0
      pool.give({ _tag: "Check", atMs, hearings })
      return [...pool.replaced]
    }
    const minute = ConnectionPool.muteAfterMs
    /** The whole connection gets data all the time. */
    const streams = (atMs: number, openedMs = 0) => ({ connection: 1, openedMs, lastDataMs: atMs - 5, dueSinceMs: 0 })
    const silent = (part: string, openedMs = 0) => ({ connection: 1, part, openedMs, lastDataMs: 0, dueSinceMs: 0 })
    assert.deepStrictEqual(check(minute - 1, streams(minute - 1), silent("NSE.NIFTY")), [])
    assert.deepStrictEqual(check(minute, streams(minute), { ...silent("NSE.NIFTY"), dueSinceMs: undefined }), [], "its trading is over")
    assert.deepStrictEqual(check(minute, streams(minute), silent("NSE.NIFTY"), silent("NSE.BANKNIFTY")), [1])
    // It stays silent though the others stream on the new connection: two minutes, four minutes, and then never again.
    for (const [openedMinute, patience] of [
      [1, 2],
      [3, 4]
    ] as const) {
      const openedMs = openedMinute * minute
      const dueMs = openedMs + patience * minute
      assert.deepStrictEqual(check(dueMs - 1, streams(dueMs - 1, openedMs), silent("NSE.NIFTY", openedMs)), [])
      assert.deepStrictEqual(check(dueMs, streams(dueMs, openedMs), silent("NSE.NIFTY", openedMs)), [1])
    }
    assert.deepStrictEqual(check(99 * minute, streams(99 * minute, 7 * minute), silent("NSE.NIFTY", 7 * minute)), [])
    // It came again for more than a minute, so it counts again.
    const lastDataMs = 102 * minute
    assert.deepStrictEqual(check(103 * minute, { ...silent("NSE.NIFTY", 100 * minute), lastDataMs }), [1])
  })

  it("TC-WSP-041 through any operations every token has one place, no connection exceeds its limit, and the totals balance and never fall", () => {
    const operation = fc.record({
      from: fc.integer({ min: 1, max: 60 }),
      count: fc.integer({ min: 0, max: 20 }),
      mode: fc.constantFrom<Mode>("ltp", "quote", "full"),
      isUnsubscribe: fc.boolean(),
      isStuck: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const pool = story(25)
        let before = { ...pool.state.totals }
        for (const { from, count, mode, isUnsubscribe, isStuck } of operations) {
          if (isStuck) pool.stuck.add(1)
          else pool.stuck.delete(1)
          const ask = isUnsubscribe ? pool.change(none, keys(from, count)) : pool.change(range(from, count, mode))
          pool.give({ _tag: "Expired", ask })
          const { connections, connectionOf, totals, asks } = pool.state
          const placed = [...connections.values()].flatMap((places) => [...places.keys()])
          assert.strictEqual(new Set(placed).size, placed.length)
          assert.strictEqual(placed.length, connectionOf.size)
          for (const places of connections.values()) {
            assert.isAtMost(places.size, 25)
            assert.isAtLeast(places.size, 1)
          }
          assert.strictEqual(asks.size, 0)
          const recorded = pool.recorded().reduce((sum, one) => sum + one, 0)
          assert.strictEqual(totals.subscribed - totals.unsubscribed, recorded)
          assert.isTrue(totals.subscribed >= before.subscribed && totals.unsubscribed >= before.unsubscribed && totals.late >= before.late)
          before = { ...totals }
        }
      })
    )
  })
})
