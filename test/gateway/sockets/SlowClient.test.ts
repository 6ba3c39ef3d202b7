import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Layer, type Scope } from "effect"
import WebSocket from "ws"
import { pongShare, settings } from "../../../src/gateway/sockets/WebSocket.ts"
import { eventually, fullPacket, metric, publishFrame, ready, token, tokens, World, world } from "../GatewayWorld.ts"
import { connect, dial } from "./SocketClient.ts"

const within = <E>(config: Record<string, string>, program: Effect.Effect<void, E, World | Scope.Scope>) =>
  Effect.flatMap(Layer.build(world({ config })), (context) => Effect.provide(Effect.zipRight(ready, program), context))

const watcher = Effect.gen(function* () {
  const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
  yield* client.next
  yield* client.ask({ action: "subscribe", tokens: [tokens.nifty] })
  return client
})
let price = 0
const burst = Effect.flatMap(
  Effect.sync(() => Array.from({ length: 500 }, () => fullPacket(tokens.nifty, ++price))),
  (packets) => publishFrame(packets)
)
/** Sends ticks until the condition holds, because the size of a kernel's buffers is unknown. */
const burstUntil = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) => eventually(what, Effect.zipRight(burst, condition))

describe("Slow clients", () => {
  it.scopedLive(
    "TC-PERF-031 a client that falls behind gets the newest ticks and the number of missed ones; the others get everything",
    () =>
      within(
        { WS_SOFT_BYTES: "50000" },
        Effect.gen(function* () {
          const [slow, good] = [yield* watcher, yield* watcher]
          const start = price
          slow.socket.pause()
          const before = yield* metric("ws_conflated_total")
          yield* Effect.repeatN(burst, 59)
          yield* eventually(
            "the good one has all",
            Effect.sync(() => good.received.filter(({ type }) => type === "tick").length === price - start)
          )
          const ticks = good.received.filter(({ type }) => type === "tick").map(({ data }) => data.last_price)
          assert.deepStrictEqual(
            ticks,
            Array.from({ length: price - start }, (_, at) => (start + at + 1) / 100)
          )
          slow.socket.resume()
          yield* eventually(
            "the newest has come",
            Effect.sync(() => slow.received.some(({ data }) => data?.last_price === price / 100))
          )
          const got = slow.received.filter(({ type }) => type === "tick")
          const missed = got.reduce((sum, { conflated = 0 }) => sum + conflated, 0)
          assert.isAbove(missed, 0)
          assert.strictEqual(got.length + missed, price - start)
          assert.strictEqual(yield* metric("ws_conflated_total"), before + missed)
          const prices = got.map(({ data }) => data.last_price)
          assert.deepStrictEqual(
            prices,
            [...prices].sort((a, b) => a - b)
          )
        })
      )
  )

  it.scopedLive("TC-PERF-031 a client that reads nothing for too long is closed with 4008, and the others stay", () =>
    within(
      { WS_SOFT_BYTES: "50000", WS_STALLED_MAX: "5 seconds" },
      Effect.gen(function* () {
        const [stuck, good] = [yield* watcher, yield* watcher]
        const before = yield* metric("ws_slow_closed_total")
        stuck.socket.pause()
        yield* burstUntil(
          "the stuck one is closed",
          Effect.map(metric("ws_slow_closed_total"), (count) => count > before)
        )
        stuck.socket.resume()
        assert.include([4008, 1006], yield* stuck.closeCode)
        yield* publishFrame([fullPacket(tokens.nifty, ++price)])
        yield* eventually(
          "the good one has the newest",
          Effect.sync(() => good.received.at(-1)?.data?.last_price === price / 100)
        )
      })
    )
  )

  it.scopedLive("TC-WSS-005 a client that stops answering pings is found and removed; one that answers stays", () =>
    within(
      { WS_PING_EVERY: "10 seconds" },
      Effect.gen(function* () {
        const { url } = yield* World
        const good = yield* watcher
        const before = yield* metric("active_ws_connections")
        const jwt = yield* token()
        const mute = new WebSocket(`${url.replace("http", "ws")}/ws/ticks?token=${jwt}`, { autoPong: false })
        const code = new Promise<number>((resolve) => mute.once("close", resolve))
        // It answers until it has been counted.
        let isMute = false
        mute.on("ping", () => {
          if (!isMute) mute.pong()
        })
        yield* Effect.promise(() => new Promise((resolve) => mute.once("message", resolve)))
        assert.strictEqual(yield* metric("active_ws_connections"), before + 1)
        isMute = true
        assert.strictEqual(yield* Effect.promise(() => code), 1006)
        yield* eventually(
          "the gauge is down",
          Effect.map(metric("active_ws_connections"), (now) => now === before)
        )
        assert.deepInclude(yield* good.ask({ action: "ping" }), { type: "pong" })
      })
    )
  )

  it.effect("TC-WSS-005 a vanished client is found within 30 s of its last sign of life by default", () =>
    Effect.gen(function* () {
      const { pingEvery } = yield* Effect.withConfigProvider(settings, ConfigProvider.fromMap(new Map()))
      assert.isAtMost(Duration.toSeconds(pingEvery) * (1 + pongShare), 30)
    })
  )

  it.scopedLive("refuses too many connections, of one user or in total, at the handshake", () =>
    within(
      { WS_CONNECTIONS_MAX: "3", WS_CONNECTIONS_PER_USER_MAX: "2" },
      Effect.gen(function* () {
        const as = (sub: string) => Effect.flatMap(token({ sub }), (jwt) => dial(`/ws/ticks?token=${jwt}`))
        const statuses = []
        for (const user of ["a", "a", "a", "b", "c"]) statuses.push((yield* as(user)).status)
        assert.deepStrictEqual(statuses, [101, 101, 429, 101, 503])
      })
    )
  )
})
