import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { StreamName } from "../../../src/contract/replay/ReplayApi.ts"
import * as Catalogue from "../../../src/gateway/replay/Catalogue.ts"
import * as Pace from "../../../src/gateway/replay/Pace.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import {
  ask,
  chainMessage,
  eventually,
  fullPacket,
  publishChain,
  publishFrame,
  ready,
  token,
  tokens,
  World,
  world
} from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

describe("Pace", () => {
  const anchor = { atMs: 1_000, streamMs: 500_000 }
  it("BE-SVC-09 a message waits for its distance in the stream divided by the speed, and never when it is overdue or as fast as possible", () => {
    assert.strictEqual(Pace.waitMs(anchor, 1, 510_000, 1_000), 10_000)
    assert.strictEqual(Pace.waitMs(anchor, 1_000, 510_000, 1_000), 10)
    assert.strictEqual(Pace.waitMs(anchor, 10, 510_000, 1_400), 600)
    assert.strictEqual(Pace.waitMs(anchor, 10, 510_000, 5_000), 0)
    assert.strictEqual(Pace.waitMs(anchor, "max", 510_000, 1_000), 0)
    assert.strictEqual(Pace.streamMsAt(anchor, 10, 1_400), 504_000)
    assert.strictEqual(Pace.streamMsAt(anchor, "max", 1_400), 500_000)
  })
})

describe("Catalogue", () => {
  it("a key names one subject of the caller, whatever its names contain", () => {
    assert.strictEqual(Catalogue.find("opt.delta", "NSE:NIFTY:2098-01-30", "u1")?.subject, "opt.delta.NSE.NIFTY.2098-01-30")
    assert.strictEqual(Catalogue.find("strat.m2m", "7", "u1")?.subject, "strat.m2m.u1.7")
    assert.strictEqual(Catalogue.find("strat.m2m", "7", "*")?.subject, "strat.m2m.%2A.7")
    assert.strictEqual(Catalogue.find("und.state", "NSE:>", "u1")?.subject, "und.state.NSE.%3E")
    assert.strictEqual(Catalogue.find("und.state", "*:NIFTY", "u1")?.subject, "und.state.%2A.NIFTY")
    assert.strictEqual(Catalogue.find("und.state", "NSE:A.B", "u1")?.subject, "und.state.NSE.A%2EB")
    for (const key of ["", "NIFTY", "NSE:", "NSE:NIFTY:x"]) assert.isUndefined(Catalogue.find("und.state", key, "u1"), key)
  })
})

const rows = [{ strike: 24_500, side: "CE", token: tokens.call, price: 120 }] as const
/** Deltas of a separate underlying for each test, which their spot identifies. */
const publishDeltas = (underlying: string, from: number, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, at) => from + at),
    (spot) => publishChain(chainMessage("delta", rows, { underlying, spot, seq: spot }))
  )
const spots = (messages: ReadonlyArray<{ readonly data: { readonly spot: number } }>) => messages.map(({ data }) => data.spot)
const range = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at)
const keyOf = (underlying: string) => `NSE:${underlying}:2098-01-30`
const past = "2020-01-01"

layer(world(), { excludeTestServices: true })("Replay", (it) => {
  it.effect("BE-SVC-09 REST answers the stored messages of one subject in pages, unchanged and in their order", () =>
    Effect.gen(function* () {
      yield* ready
      yield* publishDeltas("REST", 1, 7)
      yield* publishDeltas("OTHER", 100, 1)
      const { createdMs } = yield* Effect.flatMap(World, ({ engine }) => engine.info("OPT"))
      const path = `/replay?stream=opt.delta&key=${keyOf("REST")}`
      const first = (yield* ask(`${path}&from=${past}&limit=4`)).body
      assert.deepInclude(first, { stream: "opt.delta", key: keyOf("REST"), epoch: createdMs })
      assert.deepStrictEqual(spots(first.messages), range(1, 4))
      assert.deepStrictEqual(first.messages[0].data, chainMessage("delta", rows, { underlying: "REST", spot: 1, seq: 1 }))
      assert.strictEqual(first.next, first.messages[3].seq)
      const second = (yield* ask(`${path}&after=${first.next}&limit=4`)).body
      assert.deepStrictEqual([spots(second.messages), second.next], [range(5, 3), null])
      const fourth = first.messages[3].time
      const some = (yield* ask(`${path}&from=${first.messages[0].time}&to=${fourth}`)).body.messages
      assert.isTrue(some.every(({ time }: { time: string }) => time <= fourth))
      assert.deepStrictEqual((yield* ask(`${path}&after=999999`)).body.messages, [])
      assert.deepStrictEqual((yield* ask(`/replay?stream=opt.delta&key=${keyOf("NOBODY")}&from=${past}`)).body.messages, [])
    })
  )

  it.effect("a frame is answered with its bytes and its header; every stream of the catalogue can be read", () =>
    Effect.gen(function* () {
      yield* ready
      const packet = fullPacket(tokens.call, 12_005)
      yield* publishFrame([packet], { underlying: "FRAMES" })
      const { body } = yield* ask(`/replay?stream=md.frame&key=NSE:FRAMES&from=${past}`)
      assert.strictEqual(body.messages.length, 1)
      assert.isTrue(Buffer.from(body.messages[0].data.base64, "base64").includes(Buffer.from(packet)))
      assert.match(body.messages[0].data.header, /^acc1 /)
      const strategy = (yield* ask("/strategies", { method: "POST", body: { name: "replayed" } })).body.strategy_id
      const keys: ReadonlyArray<readonly [StreamName, string]> = [
        ["md.life", "NSE:NIFTY"],
        ["md.break", "NSE:NIFTY"],
        ["md.tick", "NSE:NIFTY"],
        ["md.bar", "1m:NSE:NIFTY:256265"],
        ["opt.chain", keyOf("NIFTY")],
        ["opt.minute", keyOf("NIFTY")],
        ["und.state", "NSE:NIFTY"],
        ["ind", "NSE:NIFTY 50:5m:rsi(period=14)"],
        ["strat.m2m", String(strategy)],
        ["strat.candle", String(strategy)],
        ["strat.evt", String(strategy)]
      ]
      for (const [stream, key] of keys) {
        const { status, body } = yield* ask(`/replay?stream=${stream}&key=${encodeURIComponent(key)}&from=${past}`)
        assert.deepStrictEqual([status, body.next], [200, null], stream)
      }
    })
  )

  it.effect("BE-SEC-02 nobody replays another user's strategy or account, and a wrong request is refused with its field", () =>
    Effect.gen(function* () {
      yield* ready
      const { engine } = yield* World
      const strategy = (yield* ask("/strategies", { method: "POST", body: { name: "mine" } })).body.strategy_id
      const candle = new TextEncoder().encode(JSON.stringify({ v: 1, secret: true }))
      yield* engine.publish(Subjects.Candle.at({ owner: "u1", strategy: String(strategy) }), candle)
      const path = `/replay?stream=strat.candle&key=${strategy}&from=${past}`
      assert.strictEqual((yield* ask(path)).body.messages.length, 1)
      const others = yield* ask(path, { as: "u2" })
      assert.deepStrictEqual([others.status, others.body.detail], [404, "Strategy not found"])
      for (const [query, status] of [
        [`stream=acct.evt&key=acc1&from=${past}`, 404],
        [`stream=ord.evt&key=acc1:1&from=${past}`, 404],
        [`stream=strat.m2m&key=x&from=${past}`, 404],
        [`stream=und.state&key=NIFTY&from=${past}`, 422],
        ["stream=und.state&key=NSE:NIFTY", 200],
        [`stream=ctl.ask&key=instruments&from=${past}`, 422],
        [`stream=und.state&key=NSE:NIFTY&from=2026-01-02&to=2026-01-01`, 422]
      ] as const)
        assert.strictEqual((yield* ask(`/replay?${query}`)).status, status, query)
      assert.strictEqual((yield* ask(path, { as: null })).status, 401)
    })
  )

  it.effect("BE-SVC-09 a playback sends the stored messages and continues with live ones, without a gap and without a repetition", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* connect(`/replay?token=${yield* token()}`)
      yield* publishDeltas("LIVE", 1, 20)
      client.send({ action: "play", stream: "opt.delta", key: keyOf("LIVE"), from: past, speed: "max" })
      // More is published while it is played.
      yield* publishDeltas("LIVE", 21, 20)
      const messages = () => client.received.filter(({ type }) => type === "message")
      yield* eventually(
        "it is live",
        Effect.sync(() => client.received.some(({ type }) => type === "live"))
      )
      yield* publishDeltas("LIVE", 41, 20)
      yield* eventually(
        "all sixty came",
        Effect.sync(() => messages().length >= 60)
      )
      assert.deepStrictEqual(spots(messages() as never), range(1, 60))
      const seqs = messages().map(({ seq }): number => Number(seq))
      assert.deepStrictEqual(
        seqs,
        [...new Set(seqs)].sort((a, b) => a - b)
      )
      assert.isEmpty(client.received.filter(({ type }) => type === "gap" || type === "error"))
    }).pipe(Effect.scoped)
  )

  it.effect("BE-SVC-09 a playback that ends before it begins is refused, and the present one goes on", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* connect(`/replay?token=${yield* token()}`)
      const span = (from: string, to: string) => ({ action: "play", stream: "opt.delta", key: keyOf("REVERSED"), from, to, paused: true })
      yield* publishDeltas("REVERSED", 1, 1)
      client.send(span(past, "9999-12-31"))
      client.send(span("2026-01-02", "2026-01-01"))
      client.send({ action: "resume" })
      yield* eventually(
        "three answers",
        Effect.sync(() => client.received.filter(({ type }) => type === "playing" || type === "error").length >= 3)
      )
      const answers = client.received.filter(({ type }) => type === "playing" || type === "error")
      assert.deepStrictEqual(answers[1], {
        type: "error",
        code: "validation_error",
        message: "Validation error: from: must not be after to"
      })
      assert.deepInclude(answers[2], { type: "playing", paused: false })
    }).pipe(Effect.scoped)
  )

  it.effect("BE-SVC-09 pause holds the messages, resume and seek go on, and the end is a message", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* connect(`/replay?token=${yield* token()}`)
      yield* publishDeltas("PAUSED", 1, 5)
      const stored = (yield* ask(`/replay?stream=opt.delta&key=${keyOf("PAUSED")}&from=${past}`)).body.messages
      const messages = () => client.received.filter(({ type }) => type === "message")
      const answered = (count: number) =>
        eventually(
          `${count} answers`,
          Effect.sync(() => client.received.filter(({ type }) => type === "playing").length >= count)
        )
      client.send({ action: "pause" })
      yield* eventually(
        "nothing plays",
        Effect.sync(() => client.received.some(({ code, message }) => code === "validation_error" && message === "Nothing is playing"))
      )
      const to = stored.at(-1).time
      client.send({ action: "play", stream: "opt.delta", key: keyOf("PAUSED"), from: past, to, speed: 1_000, paused: true })
      yield* answered(1)
      client.send({ action: "speed", speed: "max" })
      yield* answered(2)
      assert.isEmpty(messages())
      client.send({ action: "resume" })
      yield* eventually(
        "the end",
        Effect.sync(() => client.received.some(({ type }) => type === "ended"))
      )
      const played = spots(messages() as never)
      assert.deepStrictEqual(played, range(1, played.length))
      assert.isTrue(stored.filter(({ time }: { time: string }) => time < to).length <= played.length)

      client.send({ action: "play", stream: "opt.delta", key: keyOf("PAUSED"), from: past, speed: "max" })
      yield* eventually(
        "it is live",
        Effect.sync(() => client.received.some(({ type }) => type === "live"))
      )
      const before = messages().length
      client.send({ action: "seek", to: past })
      yield* eventually(
        "everything again",
        Effect.sync(() => messages().length >= before + 5)
      )
      assert.deepStrictEqual(spots(messages().slice(before) as never), range(1, 5))
      client.send({ action: "stop" })
      yield* eventually(
        "stopped",
        Effect.sync(() => client.received.filter(({ type }) => type === "ended").length >= 2)
      )
      client.send({ action: "play", stream: "strat.m2m", key: "999999", from: past })
      yield* eventually(
        "another user's strategy is refused",
        Effect.sync(() => client.received.some(({ code }) => code === "not_found"))
      )
    }).pipe(Effect.scoped)
  )
})
