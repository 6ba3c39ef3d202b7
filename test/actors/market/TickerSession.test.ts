import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { interrupt, isMute, make, muteAfterMs, newestExchangeMs, onSocket, receiver } from "../../../src/actors/market/TickerSession.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"

describe("TickerSession", () => {
  it("a connection is mute a minute after its last data, or after its opening if it never had data", () => {
    const openedMs = 1_000_000
    assert.isFalse(isMute(openedMs + muteAfterMs, openedMs, null, 0))
    assert.isTrue(isMute(openedMs + muteAfterMs + 1, openedMs, null, 0))
    const dataMs = openedMs + 30_000
    assert.isFalse(isMute(dataMs + muteAfterMs, openedMs, dataMs, 0))
    assert.isTrue(isMute(dataMs + muteAfterMs + 1, openedMs, dataMs, 0))
    // After a reconnect, data from before the break does not count.
    assert.isFalse(isMute(dataMs + 100_000, dataMs + 90_000, dataMs, 0))
  })
  it("a connection is mute only while its instruments trade, and not in the first minute of trading", () => {
    assert.isFalse(isMute(5 * muteAfterMs, 0, null, undefined))
    assert.isFalse(isMute(5 * muteAfterMs, 0, null, 4 * muteAfterMs))
    assert.isTrue(isMute(5 * muteAfterMs + 1, 0, null, 4 * muteAfterMs))
  })
  it("an attempt that fails makes the ticker failed until it is open, also after a new start; a lost connection is connecting", () => {
    const identity = { account: "a", source: "kite", incarnation: 1, lease: { epoch: 1, isHeld: () => true } } as const
    const session = make({ ...identity, failure: null })
    session.lanes.set(1, "md.frame.NSE.NIFTY")
    const seen = () => [session.state, session.detail]
    onSocket(session, "connecting", null, 0)
    assert.deepStrictEqual(seen(), ["connecting", null])
    onSocket(session, "closed", "the upgrade was answered with 403", 0)
    assert.deepStrictEqual(seen(), ["failed", "the upgrade was answered with 403"])
    onSocket(session, "connecting", null, 0)
    assert.deepStrictEqual(seen(), ["failed", "the upgrade was answered with 403"])
    const next = make({ ...identity, failure: session.failure })
    assert.deepStrictEqual([next.state, next.detail], ["failed", "the upgrade was answered with 403"])
    onSocket(session, "open", null, 7)
    assert.deepStrictEqual([...seen(), session.openedMs], ["streaming", null, 7])
    onSocket(session, "closed", "reset", 8)
    assert.deepStrictEqual(seen(), ["connecting", "reset"])
    session.lanes.clear()
    onSocket(session, "closed", "nothing is wanted", 9)
    assert.deepStrictEqual(seen(), ["idle", "nothing is wanted"])
  })
  it("BE-REC-02 a lost connection interrupts the record from the last packet until the next one, once", () => {
    const lease = { epoch: 1, isHeld: () => isHeld }
    let isHeld = true
    let nowMs = 1_000
    const noted: Array<unknown> = []
    const lost: Array<unknown> = []
    const publisher = {
      append: () => {},
      flush: () => {},
      clock: () => {},
      keyframes: () => {},
      drain: Effect.succeed(0),
      restore: () => {},
      forget: () => {},
      interrupt: (interruption: unknown) => noted.push(interruption),
      lost: (...packet: ReadonlyArray<unknown>) => lost.push(packet),
      stats: () => ({ frames: 0, packets: 0, resent: 0, dropped: 0, open: 0 })
    }
    const clock = { mode: "real", observe: () => {}, unsafeNow: () => nowMs } as const
    const session = make({ account: "a", source: "kite", incarnation: 1, lease, failure: null })
    session.lanes.set(1, "md.frame.NSE.NIFTY")
    const receive = receiver(session, clock, publisher)
    const packet = Frame.frameOf([Frame.encodeLtp({ token: 1, lastPrice: 5 }), Frame.encodeLtp({ token: 2, lastPrice: 5 })])
    receive(packet)
    nowMs = 2_000
    interrupt(session, publisher, nowMs)
    interrupt(session, publisher, nowMs)
    nowMs = 9_000
    receive(packet)
    receive(packet)
    const connection = { cause: "connection", packets: null }
    assert.deepStrictEqual(noted, [
      { ...connection, fromMs: 1_000, toMs: null },
      { ...connection, fromMs: 1_000, toMs: 9_000 }
    ])
    assert.deepStrictEqual(lost, [])
    isHeld = false
    receive(packet)
    assert.deepStrictEqual(lost, [["md.frame.NSE.NIFTY", "lease", 9_000]], "what nobody may publish any more is counted, by underlying")
  })
  it("the newest exchange time of a frame is 0 if no packet carries one", () => {
    assert.strictEqual(newestExchangeMs(Frame.frameOf([Frame.encodeLtp({ token: 256265, lastPrice: 100 })])), 0)
  })
})
