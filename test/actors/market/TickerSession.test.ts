import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  changeOf,
  type Desired,
  desire,
  epochAfter,
  heardWithinMs,
  instrumentsOf,
  interrupt,
  make,
  newestExchangeMs,
  onConnection,
  partOf,
  receiver,
  resume,
  settledParts,
  statusOf
} from "../../../src/actors/market/TickerSession.ts"
import { muteAfterMs } from "../../../src/domain/accounts/ConnectionPool.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { valueOf } from "../../metrics/Counted.ts"
import { heldLease } from "../HeldLease.ts"

describe("TickerSession", () => {
  const identity = {
    account: "a",
    source: "kite",
    incarnation: 1,
    epoch: 1,
    lease: heldLease,
    failure: null
  } as const
  it("after a failed attempt the ticker is failed until a connection is open, also after a restart; a lost connection is connecting", () => {
    const session = make(identity)
    const seen = () => [session.state, session.detail]
    onConnection(session, 1, "connecting", null, true)
    assert.deepStrictEqual(seen(), ["connecting", null])
    onConnection(session, 1, "closed", "the upgrade was answered with 403", true)
    assert.deepStrictEqual(seen(), ["failed", "the upgrade was answered with 403"])
    onConnection(session, 1, "connecting", null, true)
    assert.deepStrictEqual(seen(), ["failed", "the upgrade was answered with 403"])
    const next = make({ ...identity, failure: session.failure })
    assert.deepStrictEqual([next.state, next.detail], ["failed", "the upgrade was answered with 403"])
    onConnection(next, 1, "connecting", null, true)
    assert.deepStrictEqual([next.state, next.detail], ["failed", "the upgrade was answered with 403"])
    onConnection(session, 1, "open", null, true)
    assert.deepStrictEqual(seen(), ["streaming", null])
    onConnection(session, 1, "closed", "reset", true)
    assert.deepStrictEqual(seen(), ["connecting", "reset"])
    onConnection(session, 1, "closed", "nothing is wanted", false)
    assert.deepStrictEqual(seen(), ["idle", "nothing is wanted"])
  })
  it("one connection of three that is lost leaves the ticker streaming, and its detail names the connection", () => {
    const session = make(identity)
    for (const connection of [1, 2, 3]) {
      onConnection(session, connection, "connecting", null, true)
      onConnection(session, connection, "open", null, true)
    }
    onConnection(session, 2, "closed", "reset", true)
    assert.deepStrictEqual([session.state, session.detail], ["streaming", "connection 2 of 3 is connecting: reset"])
    onConnection(session, 2, "closed", "refused", true)
    assert.deepStrictEqual([session.state, session.detail], ["streaming", "connection 2 of 3 is failed: refused"])
    onConnection(session, 2, "open", null, true)
    assert.deepStrictEqual([session.state, session.detail], ["streaming", null])
  })
  it("a connection without due data for a minute shows as mute, and the ticker when all of its open connections are", () => {
    const session = make(identity)
    const rules = shipped
    const opensMs = Date.parse("2026-08-24T09:15:00+05:30")
    const nifty = (token: number) => ({ instrument_token: token, mode: "full", exchange: "NSE", underlying: "NIFTY" }) as const
    desire(session, { forget: () => {} }, 1, { revision: 1, instruments: [nifty(256 + 2), nifty(512 + 2)] })
    for (const connection of [1, 2]) onConnection(session, connection, "open", null, true)
    const stats = (connection: number, tokens: ReadonlyArray<number>, lastDataMs: number | null) => ({
      ...{
        connection,
        tokens,
        lastDataMs,
        recorded: 1,
        state: "open" as const,
        opened: 1,
        openedMs: opensMs - 3_600_000,
        wanted: 1,
        subscribed: 1
      },
      ...{ frames: 0, bytes: 0, heartbeats: 0, texts: 0, badTexts: 0, lastHeartbeatMs: null }
    })
    const signedIn = { state: "signed_in", is_automatic: false, token_dies_at: null, required_since: null, detail: null } as const
    const at = (nowMs: number, secondMs: number | null, source: "kite" | "simulator" = "kite") => {
      const carriers = [stats(1, [258], null), stats(2, [514], secondMs)]
      const status = statusOf({ ...session, source }, signedIn, carriers, rules, "real", { clockMs: nowMs, steadyMs: nowMs, nowMs })
      return [status.state, ...(status.connections ?? []).map(({ state }) => state)]
    }
    // The connections are older than the session, but no data is due before trading begins.
    assert.deepStrictEqual(at(opensMs - 1_000, null), ["streaming", "open", "open"])
    assert.deepStrictEqual(at(opensMs + muteAfterMs, null), ["streaming", "open", "open"])
    assert.deepStrictEqual(at(opensMs + muteAfterMs + 1, opensMs + 5_000), ["streaming", "mute", "open"])
    assert.deepStrictEqual(at(opensMs + muteAfterMs + 1, null), ["mute", "mute", "mute"])
    assert.deepStrictEqual(at(opensMs + 12 * 3_600_000, null), ["streaming", "open", "open"])
    assert.deepStrictEqual(at(opensMs - 1_000, null, "simulator"), ["mute", "mute", "mute"], "a simulated market never closes")
  })
  it("BE-ISO-02 the epoch of a lease follows the record's, unless the lease is lost", () => {
    const lease = { epoch: 5, isHeld: () => true }
    assert.strictEqual(epochAfter(lease, 0), 5)
    assert.strictEqual(epochAfter(lease, 5), 5, "a ticker that starts again under its lease")
    assert.strictEqual(epochAfter(lease, 900), 901, "the bucket of the leases was made again")
    assert.strictEqual(epochAfter({ ...lease, isHeld: () => false }, 900), 5, "a replaced process stays older than its successor")
  })

  /** A publisher that ignores everything. */
  const idle = {
    append: () => {},
    flush: () => {},
    clock: () => {},
    keyframes: () => {},
    drain: Effect.succeed(0),
    restore: () => {},
    forget: () => {},
    interrupt: () => {},
    lost: () => {},
    stats: () => ({ frames: 0, packets: 0, resent: 0, dropped: 0, open: 0, pressure: "HEALTHY" as const, lagMs: 0, bufferedBytes: 0 })
  }
  it("BE-REC-02 a lost connection interrupts the record from its last packet until its next one, once", () => {
    const lease = { epoch: 1, isHeld: () => isHeld }
    let isHeld = true
    let nowMs = 1_000
    const noted: Array<unknown> = []
    const lost: Array<unknown> = []
    const publisher = {
      ...idle,
      interrupt: ({ fromMs, toMs }: { fromMs: number; toMs: number | null }, subjects?: ReadonlySet<string>) =>
        noted.push([fromMs, toMs, [...(subjects ?? [])].sort().join(" ")]),
      lost: (...packet: ReadonlyArray<unknown>) => lost.push(packet)
    }
    const clock = { mode: "real", observe: () => {}, unsafeNow: () => nowMs } as const
    const session = make({ ...identity, lease })
    // The second connection carries the third token, of another underlying, and the fourth, of the same.
    for (const token of [1, 4]) session.lanes.set(token, "md.frame.NSE.NIFTY")
    session.lanes.set(3, "md.frame.BSE.SENSEX")
    for (const connection of [1, 2]) onConnection(session, connection, "open", null, true)
    const handle = receiver(session, clock, publisher)
    const carried = new Map([1, 2, 3, 4].map((token) => [token, null]))
    const receive = (bytes: Uint8Array, connection: number) => handle(bytes, connection, carried)
    const packets = (...tokens: ReadonlyArray<number>) => Frame.frameOf(tokens.map((token) => Packets.encodeLtp({ token, lastPrice: 5 })))
    const take = () => noted.splice(0)
    receive(packets(1, 2), 1)
    nowMs = 1_500
    receive(packets(3), 2)
    nowMs = 2_000
    interrupt(session, publisher, 1, [1], nowMs)
    interrupt(session, publisher, 1, [1], nowMs)
    assert.deepStrictEqual(take(), [[1_000, null, "md.frame.NSE.NIFTY"]])
    // Packets of the other connection do not end it.
    receive(packets(3), 2)
    assert.deepStrictEqual(take(), [])
    nowMs = 9_000
    receive(packets(1), 1)
    receive(packets(1), 1)
    assert.deepStrictEqual(take(), [[1_000, 9_000, "md.frame.NSE.NIFTY"]])

    // Both connections are lost: an underlying that both carry is whole again only with the second one.
    interrupt(session, publisher, 1, [1], 9_500)
    interrupt(session, publisher, 2, [3, 4], 9_600)
    assert.deepStrictEqual(take(), [
      [9_000, null, "md.frame.NSE.NIFTY"],
      [2_000, null, "md.frame.BSE.SENSEX"]
    ])
    nowMs = 10_000
    receive(packets(1), 1)
    assert.deepStrictEqual(take(), [])
    nowMs = 11_000
    receive(packets(3), 2)
    assert.deepStrictEqual(take(), [
      [9_000, 11_000, "md.frame.NSE.NIFTY"],
      [2_000, 11_000, "md.frame.BSE.SENSEX"]
    ])
    // The lost connection has no wanted instruments left.
    interrupt(session, publisher, 2, [3], 12_000)
    resume(session, publisher, 2, 12_500)
    assert.deepStrictEqual(take(), [
      [11_000, null, "md.frame.BSE.SENSEX"],
      [11_000, 12_500, "md.frame.BSE.SENSEX"]
    ])
    assert.deepStrictEqual(lost, [])
    isHeld = false
    receive(packets(1, 2), 1)
    assert.deepStrictEqual(lost, [["md.frame.NSE.NIFTY", "lease", 11_000]], "what nobody may publish any more is counted, by underlying")
  })

  it("TC-MATL-032 only the packet that cannot be read is lost: it is counted, and kept with its token for the log, at most ten of them", () => {
    const appended: Array<number> = []
    const publisher = {
      ...idle,
      append: (_: string, bytes: Uint8Array, offset: number) => void appended.push(Frame.tokenAt(bytes, offset))
    }
    const session = make({ ...identity, account: "malformed" })
    for (const token of [1, 2, 3]) session.lanes.set(token, "md.frame.NSE.NIFTY")
    onConnection(session, 1, "open", null, true)
    const handle = receiver(session, { mode: "real", observe: () => {}, unsafeNow: () => 1_000 }, publisher)
    const carried = new Map([1, 2, 3].map((token) => [token, null]))
    const receive = (bytes: Uint8Array) => handle(bytes, 1, carried)
    const ltp = (token: number) => Packets.encodeLtp({ token, lastPrice: 5 })
    const odd = (token: number, length = 100) => {
      const bytes = new Uint8Array(length)
      new DataView(bytes.buffer).setUint32(0, token)
      return bytes
    }
    const counted = () => valueOf("bad_packets_total", { account: "malformed" })

    receive(Frame.frameOf([ltp(1), odd(2), ltp(3)]))
    assert.deepStrictEqual([appended, session.unreadable, counted()], [[1, 3], [{ token: 2, bytes: 100 }], 1])
    receive(Frame.frameOf([ltp(2)]))
    assert.deepStrictEqual(appended, [1, 3, 2], "the next packet of the same instrument is read")
    assert.deepStrictEqual(session.broken, new Map(), "nothing is missing any more")

    const whole = Frame.frameOf([ltp(1), ltp(2)])
    receive(whole.subarray(0, whole.length - 1))
    receive(whole.subarray(0, whole.length - 5))
    assert.deepStrictEqual(session.unreadable.slice(1), [
      { token: 2, bytes: 8 },
      { token: null, bytes: 8 }
    ])
    receive(Frame.frameOf([new Uint8Array(3), odd(2, 4)]))
    assert.deepStrictEqual(session.unreadable.slice(3), [
      { token: null, bytes: 3 },
      { token: 2, bytes: 4 }
    ])
    receive(Frame.frameOf(Array.from({ length: 20 }, () => odd(3))))
    assert.deepStrictEqual([session.unreadable.length, counted()], [10, 25])
    assert.deepStrictEqual(appended, [1, 3, 2, 1, 1])
  })

  describe("a recording, whose time only its packets know", () => {
    const second = 1_785_000_000
    const atMs = (after: number) => (second + after) * 1_000
    const nifty = { exchange: "NSE", underlying: "NIFTY" } as const
    const packet = (kind: number, token: number, lastPrice: number, exchangeTime: number) => {
      const columns = Frame.makeColumns(1)
      Object.assign(columns, {
        token: Uint32Array.of(token),
        lastPrice: Uint32Array.of(lastPrice),
        exchangeTime: Uint32Array.of(exchangeTime)
      })
      const writer = new Frame.Writer()
      writer.append(columns, 0, kind)
      return writer.finish().subarray(2 * Frame.headerBytes)
    }
    const full = (token: number, after: number, lastPrice: number) => packet(Frame.Kind.full, token, lastPrice, second + after)
    const quote = (token: number, lastPrice: number) => packet(Frame.Kind.quote, token, lastPrice, 0)
    /** Token 514 is wanted in the mode `full`, 770 in `quote`. */
    const begin = (isHeld: () => boolean = () => true) => {
      let nowMs = atMs(0)
      const observe = (toMs: number) => {
        nowMs = Math.max(nowMs, toMs)
      }
      const clock = { mode: "feed", observe, unsafeNow: () => nowMs } as const
      const appended: Array<readonly [price: number, atSeconds: number]> = []
      const noted: Array<readonly [fromSeconds: number, toSeconds: number | null]> = []
      const seconds = (ms: number) => ms / 1_000 - second
      const publisher = {
        ...idle,
        append: (_: string, bytes: Uint8Array, offset: number, __: number, receivedMs: number) =>
          void appended.push([Frame.lastPriceAt(bytes, offset), seconds(receivedMs)]),
        interrupt: ({ fromMs, toMs }: { fromMs: number; toMs: number | null }) =>
          void noted.push([seconds(fromMs), toMs === null ? null : seconds(toMs)])
      }
      const session = make({ ...identity, lease: { epoch: 1, isHeld } })
      const instruments = [
        { instrument_token: 514, mode: "full", ...nifty },
        { instrument_token: 770, mode: "quote", ...nifty }
      ] as const
      desire(session, publisher, 1, { revision: 1, instruments })
      onConnection(session, 1, "open", null, true)
      const handle = receiver(session, clock, publisher)
      const carried = new Map([
        [514, null],
        [770, null]
      ])
      const receive = (...bodies: ReadonlyArray<Uint8Array>) => handle(Frame.frameOf(bodies), 1, carried)
      const receiveHalf = (...bodies: ReadonlyArray<Uint8Array>) => {
        const bytes = Frame.frameOf(bodies)
        handle(bytes.subarray(0, bytes.length >>> 1), 1, carried)
      }
      return { session, publisher, appended, noted, receive, receiveHalf, nowMs: () => nowMs }
    }

    it("BE-REC-02 prices without a time that come first on a new connection never get the time of the connection before", () => {
      const { appended, noted, publisher, receive, session } = begin()
      receive(full(514, 0, 10_000), quote(770, 500))
      onConnection(session, 1, "closed", "reset", true)
      interrupt(session, publisher, 1, [514, 770], atMs(0))
      onConnection(session, 1, "open", null, true)
      // Three minutes have passed. The broker answers the subscription before it knows the mode.
      receive(quote(514, 10_300), quote(770, 530))
      assert.deepStrictEqual(noted, [[0, null]], "the interruption lasts until the time is known")
      receive(full(514, 180, 10_300))
      receive(quote(770, 531))
      assert.deepStrictEqual(appended, [
        [10_000, 0],
        [500, 0],
        [10_300, 180],
        [531, 180]
      ])
      assert.deepStrictEqual(noted, [
        [0, null],
        [0, 180]
      ])
    })

    it("an instrument that is added to an open connection begins with its first packet that has a time", () => {
      const { appended, receive } = begin()
      receive(full(514, 60, 10_000))
      receive(quote(514, 10_010), quote(770, 500))
      receive(full(514, 61, 10_010), quote(770, 501))
      assert.deepStrictEqual(appended, [
        [10_000, 60],
        [500, 60],
        [10_010, 61],
        [501, 61]
      ])
    })

    it("market time advances for an account that may not publish, so that its later packets do not get an old time", () => {
      const { appended, nowMs, receive } = begin(() => false)
      receive(full(514, 120, 10_000))
      assert.deepStrictEqual(appended, [])
      assert.strictEqual(nowMs(), atMs(120))
    })

    it("BE-REC-02 a message that is cut off interrupts every instrument that it may have carried, until the next message", () => {
      const { appended, noted, receive, receiveHalf } = begin()
      receive(full(514, 0, 10_000), quote(770, 500))
      receiveHalf(full(514, 60, 10_001), quote(770, 501))
      assert.deepStrictEqual(noted, [[0, null]])
      receiveHalf(full(514, 120, 10_002), full(770, 120, 502), quote(514, 10_003))
      receive(full(514, 180, 10_003), quote(770, 503))
      receive(full(514, 240, 10_004), quote(770, 504))
      assert.deepStrictEqual(noted, [
        [0, null],
        [0, 180]
      ])
      assert.deepStrictEqual(
        appended.map(([price]) => price),
        [10_000, 500, 10_002, 10_003, 503, 10_004, 504]
      )
    })
  })

  it("the newest exchange time of a frame is 0 if no packet carries one", () => {
    assert.strictEqual(newestExchangeMs(Frame.frameOf([Packets.encodeLtp({ token: 256265, lastPrice: 100 })])), 0)
  })

  describe("what the connections should stream", () => {
    const instrument = (token: number, mode: Desired["mode"] = "full", underlying = "NIFTY") =>
      ({ instrument_token: token, mode, exchange: "NSE", underlying }) as const
    const publisher = { forget: () => {} }

    it("3,000 instruments are a value of less than 64 KB, whose text does not depend on their order", () => {
      const all = Array.from({ length: 3_000 }, (_, at) => instrument(10_000_000 + at, at % 3 === 0 ? "quote" : "full", `U${at % 5}`))
      const part = partOf(all)
      assert.deepStrictEqual(partOf(all.toReversed()), part)
      assert.isBelow(JSON.stringify(part).length, 65_536)
      const back = [...instrumentsOf(part)].sort((a, b) => a.instrument_token - b.instrument_token)
      assert.deepStrictEqual(back, all)
    })

    it("a change of one connection leaves the instruments of the other, and each goes to its own connection", () => {
      const session = make(identity)
      desire(session, publisher, 1, { revision: 4, instruments: [instrument(1), instrument(2)] })
      desire(session, publisher, 2, { revision: 5, instruments: [instrument(3, "quote")] })
      desire(session, publisher, 1, { revision: 6, instruments: [instrument(2)] })
      const change = changeOf(session, new Map([[1, "full"]]))
      assert.deepStrictEqual(
        [...change.subscribe],
        [
          [2, "full"],
          [3, "quote"]
        ]
      )
      assert.deepStrictEqual(
        [...(change.on ?? [])],
        [
          [2, 1],
          [3, 2]
        ]
      )
      assert.deepStrictEqual(change.unsubscribe, [1])
      desire(session, publisher, 2, undefined)
      assert.deepStrictEqual([...session.lanes.keys()], [2])
    })

    it("a revision is settled when all of it is sent and heard; what nobody trades counts as heard after two seconds", () => {
      const session = make(identity)
      desire(session, publisher, 1, { revision: 7, instruments: [instrument(1), instrument(2)] })
      const sent = new Map([
        [1, "full"],
        [2, "full"]
      ] as const)
      assert.deepStrictEqual(settledParts(session, new Map(), 0), {}, "nothing is sent")
      assert.deepStrictEqual(settledParts(session, new Map([[1, "full"]] as const), 1_000), {}, "one is not sent")
      assert.deepStrictEqual(settledParts(session, sent, 2_000), {}, "no packet has come")
      session.unheard.delete(1)
      assert.deepStrictEqual(settledParts(session, sent, 2_000 + heardWithinMs - 1), {}, "no packet of the second has come")
      assert.deepStrictEqual(settledParts(session, sent, 2_000 + heardWithinMs), { 1: 7 })
      desire(session, publisher, 1, { revision: 8, instruments: [instrument(1, "ltp"), instrument(2)] })
      assert.deepStrictEqual(settledParts(session, sent, 9_000), {}, "another mode is not sent yet")
      assert.deepStrictEqual(
        settledParts(
          session,
          new Map([
            [1, "ltp"],
            [2, "full"]
          ] as const),
          9_000
        ),
        { 1: 8 }
      )
    })
  })
})
