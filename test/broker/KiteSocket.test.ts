import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, type Duration, Effect, Exit, Fiber, Redacted, Ref, TestClock, TestServices } from "effect"
import * as KiteError from "../../src/broker/KiteError.ts"
import * as KiteSocket from "../../src/broker/KiteSocket.ts"
import type * as SocketInbox from "../../src/broker/SocketInbox.ts"
import type { Mode } from "../../src/domain/accounts/Subscription.ts"
import { nextTurn } from "../../src/loop/Turn.ts"
import { valueOf } from "../metrics/Counted.ts"
import { stepped } from "../SteppedClock.ts"
import { addressOf, captureLogs, eventually, leaks, silentServer, socketServer, subscribedOf } from "./KiteServer.ts"

/** Short real times. No test waits for one of them to pass or asserts how long something took. */
const quick = { backoffBaseMs: 5, backoffMaxMs: 20, livenessMs: 600_000 }

const recorder = () => {
  const frames: Array<Uint8Array> = []
  const texts: Array<SocketInbox.KiteText> = []
  const states: Array<string> = []
  const events: KiteSocket.SocketEvents = {
    onFrame: (bytes) => void frames.push(bytes.slice()),
    onText: (text) => void texts.push(text),
    onState: (state) => void states.push(state)
  }
  return { frames, texts, states, events }
}
const wanted = (...pairs: ReadonlyArray<readonly [number, Mode]>) => new Map(pairs)
const range = (from: number, count: number, mode: Mode) => new Map(Array.from({ length: count }, (_, at) => [from + at, mode] as const))

/** Moves the test clock forward until the condition holds. Real time passes between the steps, because the sockets are real. */
const adjustUntil = (name: string, step: Duration.DurationInput, holds: () => boolean) =>
  Effect.gen(function* () {
    for (let round = 0; round < 1_000 && !holds(); round++) {
      yield* TestClock.adjust(step)
      yield* TestServices.provideLive(Effect.sleep("5 millis"))
    }
    assert.isTrue(holds(), name)
  })

describe("KiteSocket", () => {
  it.scopedLive("TC-MATL-002 connects when the first instrument is wanted, and closes when none is wanted", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const asked = yield* Ref.make(0)
      const seen = recorder()
      const address = Effect.zipRight(
        Ref.update(asked, (n) => n + 1),
        addressOf(server.url)
      )
      const socket = yield* KiteSocket.make({ account: "A1", address, events: seen.events, settings: quick })
      socket.set(new Map())
      yield* Effect.yieldNow()
      // Any earlier connection attempt would have asked for an address before this one.
      assert.strictEqual(yield* Ref.get(asked), 0)
      socket.set(wanted([256265, "full"]))
      yield* eventually("subscribed", () => socket.stats().subscribed === 1)
      assert.strictEqual(yield* Ref.get(asked), 1)
      assert.strictEqual(server.upgrades.length, 1)
      socket.set(new Map())
      yield* eventually("closed by us", () => server.peers[0]?.socket.readyState === 3 && socket.stats().state === "closed")
      assert.strictEqual(socket.stats().subscribed, 0)
      assert.strictEqual(server.upgrades.length, 1)
      socket.set(wanted([256265, "ltp"]))
      yield* eventually("open again without a restart", () => server.peers[1]?.said.length === 2)
      assert.deepStrictEqual(subscribedOf(server.peers[1]!), new Map([[256265, "ltp"]]))
      assert.deepStrictEqual(seen.states, ["connecting", "open", "closed", "connecting", "open"])
    })
  )

  it.scopedLive("TC-MATL-041 a dropped socket reconnects by itself, restores all subscriptions and modes, and logs it", () => {
    const logs = captureLogs()
    return Effect.gen(function* () {
      const server = yield* socketServer()
      const seen = recorder()
      const socket = yield* KiteSocket.make({ account: "DROP", address: addressOf(server.url), events: seen.events, settings: quick })
      const want = new Map<number, Mode>([...range(1, 40, "full"), ...range(100, 30, "quote"), ...range(200, 20, "ltp")])
      socket.set(want)
      yield* eventually("subscribed", () => socket.stats().subscribed === 90)
      for (let drop = 1; drop <= 3; drop++) {
        server.peers.at(-1)?.socket.terminate()
        yield* eventually(`restored after drop ${drop}`, () => server.peers.length === drop + 1 && socket.stats().subscribed === 90)
        yield* eventually("the server heard it", () => server.peers.at(-1)?.said.length === 4)
        assert.deepStrictEqual(subscribedOf(server.peers.at(-1)!), want)
      }
      server.peers.at(-1)?.socket.send(Buffer.from([0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1]))
      yield* eventually("data flows again", () => seen.frames.length === 1)
      assert.strictEqual(socket.stats().opened, 4)
      assert.strictEqual(valueOf("kite_socket_reconnects_total", { account: "DROP" }), 3)
      const lost = logs.lines.filter((line) => line.includes("broker socket lost, reconnecting"))
      assert.strictEqual(lost.length, 3)
      assert.isTrue(lost.every((line) => line.includes('"account":"DROP"')))
      assert.strictEqual(logs.lines.filter((line) => line.includes("open again, restoring 90 subscriptions")).length, 3)
      assert.deepStrictEqual(leaks(logs.lines.join("\n")), [])
    }).pipe(Effect.provide(logs.layer))
  })

  it.scopedLive("the next connection gets the subscriptions that were set during an outage", () =>
    Effect.gen(function* () {
      let isRefusing = false
      const server = yield* socketServer({ refuse: () => (isRefusing ? 503 : undefined) })
      const socket = yield* KiteSocket.make({ account: "A1", address: addressOf(server.url), events: recorder().events, settings: quick })
      socket.set(range(1, 5, "full"))
      yield* eventually("subscribed", () => socket.stats().subscribed === 5)
      isRefusing = true
      server.peers[0]?.socket.terminate()
      yield* eventually("refused twice", () => server.upgrades.length >= 3)
      socket.set(wanted([3, "ltp"], [9, "quote"]))
      assert.strictEqual(socket.stats().subscribed, 0)
      isRefusing = false
      yield* eventually("restored", () => socket.stats().subscribed === 2 && server.peers[1]?.said.length === 3)
      assert.deepStrictEqual(
        subscribedOf(server.peers[1]!),
        new Map([
          [9, "quote"],
          [3, "ltp"]
        ])
      )
    })
  )

  it.scopedLive("an open connection gets only the differences, in chunks, and nothing when nothing changed", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const settings = { ...quick, chunkTokens: 4 }
      const socket = yield* KiteSocket.make({ account: "A1", address: addressOf(server.url), events: recorder().events, settings })
      socket.set(range(1, 10, "full"))
      yield* eventually("first", () => socket.stats().subscribed === 10)
      const peer = server.peers[0]!
      yield* eventually("first heard", () => peer.said.length === 6)
      assert.deepStrictEqual(
        peer.said.map(({ a, v }) => [a, a === "mode" ? (v as [string, Array<number>])[1].length : (v as Array<number>).length]),
        [
          ["subscribe", 4],
          ["subscribe", 4],
          ["subscribe", 2],
          ["mode", 4],
          ["mode", 4],
          ["mode", 2]
        ]
      )
      socket.set(range(1, 10, "full"))
      socket.set(new Map<number, Mode>([...range(2, 9, "full"), [10, "ltp"], [11, "quote"]]))
      yield* eventually("second heard", () => peer.said.length === 10)
      assert.deepStrictEqual(peer.said.slice(6), [
        { a: "unsubscribe", v: [1] },
        { a: "subscribe", v: [11] },
        { a: "mode", v: ["ltp", [10]] },
        { a: "mode", v: ["quote", [11]] }
      ])
      assert.strictEqual(socket.stats().subscribed, 10)
      assert.strictEqual(server.upgrades.length, 1)
    })
  )

  it.scopedLive("heartbeats do not count as data, frames arrive unchanged, and text messages have a size limit", () => {
    const logs = captureLogs()
    return Effect.gen(function* () {
      const server = yield* socketServer()
      const seen = recorder()
      const settings = { ...quick, textBytesMax: 200 }
      const socket = yield* KiteSocket.make({ account: "BEAT", address: addressOf(server.url), events: seen.events, settings })
      socket.set(wanted([1, "ltp"]))
      yield* eventually("open", () => server.peers.length === 1)
      const peer = server.peers[0]!.socket
      const frame = Buffer.from([0, 1, 0, 8, 0, 0, 1, 1, 0, 0, 39, 16])
      for (let beat = 0; beat < 5; beat++) peer.send(Buffer.from([0]))
      yield* eventually("heartbeats counted", () => socket.stats().heartbeats === 5)
      assert.isNotNull(socket.stats().lastHeartbeatMs)
      assert.isNull(socket.stats().lastDataMs)
      assert.strictEqual(seen.frames.length, 0)
      peer.send(frame)
      peer.send(JSON.stringify({ type: "order", data: { order_id: "1", status: "COMPLETE" } }))
      peer.send(JSON.stringify({ type: "error", data: "too many tokens, access_token=canaryAccessToken77" }))
      peer.send(JSON.stringify({ type: "message", data: "maintenance at 8" }))
      peer.send("no json")
      peer.send(JSON.stringify({ type: "surprise", data: 1 }))
      peer.send(JSON.stringify({ type: "message", data: "x".repeat(500) }))
      yield* eventually("all read", () => socket.stats().badTexts === 3)
      assert.deepStrictEqual(
        seen.frames.map((bytes) => [...bytes]),
        [[...frame]]
      )
      assert.deepStrictEqual(
        seen.texts.map((text) => text.type),
        ["order", "error", "message"]
      )
      assert.deepStrictEqual(seen.texts[0]?.data, { order_id: "1", status: "COMPLETE" })
      assert.isNotNull(socket.stats().lastDataMs)
      socket.set(new Map())
      yield* eventually("reported", () => logs.lines.some((line) => line.includes("the broker reports: too many tokens")))
      assert.isTrue(logs.lines.some((line) => line.includes("unparsable text message of 7 bytes: no json")))
      assert.deepStrictEqual(leaks(logs.lines.join("\n")), [])
      assert.strictEqual(valueOf("kite_socket_frames_total", { account: "BEAT" }), 1)
      assert.strictEqual(valueOf("kite_socket_heartbeats_total", { account: "BEAT" }), 5)
      assert.strictEqual(valueOf("kite_socket_texts_total", { account: "BEAT" }), 3)
    }).pipe(Effect.provide(logs.layer))
  })

  it.scoped("the socket leaves a server after five seconds without a message; a heartbeat counts as a message", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const socket = yield* KiteSocket.make({ account: "A1", address: addressOf(server.url), events: recorder().events })
      socket.set(wanted([1, "full"]))
      yield* TestServices.provideLive(eventually("open", () => socket.stats().subscribed === 1))
      yield* TestClock.adjust("4 seconds")
      server.peers[0]?.socket.send(Buffer.from([0]))
      yield* TestServices.provideLive(eventually("heartbeat", () => socket.stats().heartbeats === 1))
      yield* TestClock.adjust("4900 millis")
      assert.deepStrictEqual([socket.stats().state, socket.stats().opened], ["open", 1])
      yield* TestClock.adjust("100 millis")
      yield* TestServices.provideLive(eventually("given up", () => socket.stats().state === "closed"))
      yield* adjustUntil("again", "500 millis", () => server.peers.length === 2 && socket.stats().subscribed === 1)
    })
  )

  it.scoped("a machine's clock that is set ahead ends no good socket, and one that is set back hides no mute one", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      let wallAheadMs = 0
      const clock = stepped(yield* Effect.clock, () => wallAheadMs)
      const socket = yield* Effect.withClock(
        KiteSocket.make({ account: "A1", address: addressOf(server.url), events: recorder().events }),
        clock
      )
      socket.set(wanted([1, "full"]))
      yield* TestServices.provideLive(eventually("open", () => socket.stats().subscribed === 1))
      yield* TestClock.adjust("2 seconds")
      server.peers[0]?.socket.send(Buffer.from([0]))
      yield* TestServices.provideLive(eventually("heartbeat", () => socket.stats().heartbeats === 1))
      wallAheadMs = 3_600_000
      // After five seconds the socket looks how long it has been silent: three seconds.
      yield* TestClock.adjust("3 seconds")
      yield* TestServices.provideLive(nextTurn)
      yield* TestClock.adjust("1900 millis")
      assert.deepStrictEqual([socket.stats().state, socket.stats().opened], ["open", 1])
      wallAheadMs = -3_600_000
      yield* TestClock.adjust("100 millis")
      yield* TestServices.provideLive(eventually("given up", () => socket.stats().state === "closed"))
      assert.strictEqual(socket.stats().opened, 1)
    })
  )

  it.scoped("the backoff doubles with jitter up to its maximum, and never gives up", () =>
    Effect.gen(function* () {
      const attempts: Array<number> = []
      const address = Effect.flatMap(TestClock.currentTimeMillis, (nowMs) => {
        attempts.push(nowMs)
        return new KiteError.KiteUnreachable({ account: "A1", op: "session", host: "h", code: "ECONNREFUSED" })
      })
      const socket = yield* KiteSocket.make({ account: "A1", address, events: recorder().events })
      socket.set(wanted([1, "full"]))
      yield* TestClock.adjust("10 minutes")
      const delays = attempts.slice(1).map((atMs, at) => atMs - attempts[at]!)
      for (const [at, delay] of delays.entries()) {
        const nominal = 500 * 2 ** at
        assert.isAtLeast(Math.round(delay), Math.floor(Math.min(30_000, nominal * 0.8)), `delay ${at}`)
        assert.isAtMost(Math.round(delay), Math.ceil(Math.min(30_000, nominal * 1.2)), `delay ${at}`)
      }
      assert.isAbove(delays.length, 20)
      assert.strictEqual(Math.round(delays.at(-1)!), 30_000)
    })
  )

  it.scoped("after a connection that lived for thirty seconds the backoff starts at its base again", () =>
    Effect.gen(function* () {
      let isRefusing = true
      const asked: Array<number> = []
      const server = yield* socketServer({ refuse: () => (isRefusing ? 500 : undefined) })
      const address = Effect.zipRight(
        Effect.map(TestClock.currentTimeMillis, (nowMs) => asked.push(nowMs)),
        addressOf(server.url)
      )
      // The handshake takes real time while the test's clock runs faster, so its timeout is long.
      const settings = { handshakeTimeoutMs: 3_600_000 }
      const socket = yield* KiteSocket.make({ account: "A1", address, events: recorder().events, settings })
      socket.set(wanted([1, "full"]))
      yield* adjustUntil("refused six times", "500 millis", () => server.upgrades.length === 6)
      isRefusing = false
      yield* adjustUntil("open", "500 millis", () => socket.stats().subscribed === 1)
      for (let beat = 1; beat <= 8; beat++) {
        yield* TestClock.adjust("4 seconds")
        server.peers[0]?.socket.send(Buffer.from([0]))
        yield* TestServices.provideLive(eventually(`beat ${beat}`, () => socket.stats().heartbeats === beat))
      }
      assert.strictEqual(socket.stats().opened, 1)
      const lostMs = yield* TestClock.currentTimeMillis
      server.peers[0]?.socket.terminate()
      yield* adjustUntil("open again", "100 millis", () => socket.stats().opened === 2)
      // Without the reset the backoff would wait for at least 25 seconds.
      assert.isBelow(asked.at(-1)! - lostMs, 5_000)
    })
  )

  it.scopedLive("an upgrade that is never answered fails after the handshake timeout, and the socket tries again", () =>
    Effect.gen(function* () {
      const mute = yield* silentServer
      const logs: Array<string> = []
      const events = { ...recorder().events, onState: (_: string, detail?: string) => void logs.push(detail ?? "") }
      const settings = { ...quick, handshakeTimeoutMs: 40 }
      const socket = yield* KiteSocket.make({ account: "A1", address: addressOf(mute), events, settings })
      socket.set(wanted([1, "full"]))
      yield* eventually("timed out twice", () => logs.filter((line) => line.includes("no answer within 40 ms")).length >= 2)
    })
  )

  it.scopedLive("an upgrade answered with 403 asks for a new login and connects with the new token", () => {
    const logs = captureLogs()
    return Effect.gen(function* () {
      const server = yield* socketServer({ refuse: (request) => (request.url?.includes("fresh") ? undefined : 403) })
      const token = yield* Ref.make("stale")
      const address = Effect.map(Ref.get(token), (current) => ({
        url: Redacted.make(`${server.url}?access_token=${current}`),
        limited: Effect.void,
        refused: Ref.set(token, "fresh"),
        ended: Effect.never
      }))
      const states: Array<string> = []
      const events = { ...recorder().events, onState: (state: string, detail = "") => void states.push(`${state} ${detail}`) }
      const socket = yield* KiteSocket.make({ account: "A1", address, events, settings: quick })
      socket.set(wanted([1, "full"]))
      yield* eventually("subscribed", () => socket.stats().subscribed === 1)
      assert.deepStrictEqual(server.upgrades, ["/?access_token=stale", "/?access_token=fresh"])
      assert.isTrue(
        states.some((line) => line.startsWith("closed") && line.includes("Kite answered 403: the WebSocket upgrade was refused"))
      )
      assert.isTrue(logs.lines.some((line) => line.includes("could not connect, reconnecting") && line.includes("403")))
    }).pipe(Effect.provide(logs.layer))
  })

  it.scopedLive("a connection ends with its token, and the next one has the next token and all subscriptions", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const died = yield* Deferred.make<string>()
      const seen = recorder()
      let token = "old"
      const address = Effect.sync(() => ({
        url: Redacted.make(`${server.url}?access_token=${token}`),
        limited: Effect.void,
        refused: Effect.void,
        ended: token === "old" ? Deferred.await(died) : Effect.never
      }))
      const socket = yield* KiteSocket.make({ account: "A1", address, events: seen.events, settings: quick })
      socket.set(wanted([1, "full"]))
      yield* eventually("subscribed", () => socket.stats().subscribed === 1)
      token = "new"
      yield* Deferred.succeed(died, "the access token died")
      yield* eventually("subscribed again", () => socket.stats().opened === 2 && socket.stats().subscribed === 1)
      assert.deepStrictEqual(server.upgrades, ["/?access_token=old", "/?access_token=new"])
      yield* eventually("the subscription arrives", () => subscribedOf(server.peers[1]!).get(1) === "full")
    })
  )

  it.scopedLive("TC-ERR-031 a socket names the host that cannot be resolved, and tries again", () =>
    Effect.gen(function* () {
      const details: Array<string> = []
      const events = { ...recorder().events, onState: (_: string, detail = "") => void details.push(detail) }
      const socket = yield* KiteSocket.make({ account: "A1", address: addressOf("ws://no-such-host.invalid"), events, settings: quick })
      socket.set(wanted([1, "full"]))
      yield* eventually(
        "reported twice",
        () => details.filter((line) => line.startsWith("Failed to resolve hostname no-such-host.invalid")).length >= 2
      )
      assert.deepStrictEqual(leaks(details.join()), [])
    })
  )

  it.scopedLive("a message beyond the size limit ends the connection, and the socket reconnects", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const seen = recorder()
      const settings = { ...quick, payloadBytesMax: 1_000 }
      const socket = yield* KiteSocket.make({ account: "A1", address: addressOf(server.url), events: seen.events, settings })
      socket.set(wanted([1, "full"]))
      yield* eventually("open", () => server.peers.length === 1)
      server.peers[0]?.socket.send(Buffer.alloc(1_001))
      yield* eventually("restored", () => server.peers.length === 2 && socket.stats().subscribed === 1)
      assert.strictEqual(seen.frames.length, 0)
    })
  )

  it.scopedLive("a handler that throws makes `done` die, and causes no uncaught exception", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const events = {
        ...recorder().events,
        onFrame: () => {
          throw new Error("a bug")
        }
      }
      const socket = yield* KiteSocket.make({ account: "A1", address: addressOf(server.url), events, settings: quick })
      socket.set(wanted([1, "full"]))
      yield* eventually("open", () => server.peers.length === 1)
      server.peers[0]?.socket.send(Buffer.alloc(12))
      const exit = yield* Effect.exit(socket.done)
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause) && Cause.pretty(exit.cause).includes("a bug"))
      yield* eventually("closed", () => server.peers[0]?.socket.readyState === 3)
    })
  )

  it.live("closing the scope closes the connection and stops reconnecting", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const fiber = yield* Effect.gen(function* () {
        const socket = yield* KiteSocket.make({ account: "A1", address: addressOf(server.url), events: recorder().events, settings: quick })
        socket.set(wanted([1, "full"]))
        return yield* Effect.never
      }).pipe(Effect.scoped, Effect.fork)
      yield* eventually("open", () => server.peers.length === 1 && server.peers[0]?.said.length === 2)
      yield* Fiber.interrupt(fiber)
      yield* eventually("closed", () => server.peers[0]?.socket.readyState === 3)
      assert.strictEqual(server.upgrades.length, 1)
    }).pipe(Effect.scoped)
  )

  it.scopedLive("two sockets of one process do not affect each other", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const [left, right] = [recorder(), recorder()]
      const first = yield* KiteSocket.make({ account: "L", address: addressOf(`${server.url}/left`), events: left.events, settings: quick })
      const second = yield* KiteSocket.make({
        account: "R",
        address: addressOf(`${server.url}/right`),
        events: right.events,
        settings: quick
      })
      first.set(wanted([1, "full"]))
      second.set(wanted([2, "ltp"]))
      yield* eventually("both heard", () => server.peers.length === 2 && server.peers.every((peer) => peer.said.length === 2))
      const of = (side: string) => server.peers.find((peer) => peer.url.startsWith(`/${side}`))!
      assert.deepStrictEqual(subscribedOf(of("left")), new Map([[1, "full"]]))
      assert.deepStrictEqual(subscribedOf(of("right")), new Map([[2, "ltp"]]))
      assert.strictEqual(of("left").headers["x-kite-version"], "3")
      assert.isUndefined(of("left").headers["sec-websocket-extensions"])
      of("right").socket.send(Buffer.alloc(10))
      yield* eventually("right only", () => right.frames.length === 1)
      assert.strictEqual(left.frames.length, 0)
    })
  )
})
