import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import { alone, connect, first, login, requestToken, until } from "../SimulatorWorld.ts"

const startMs = Date.parse("2026-11-23T04:00:00Z")
const start = (rate: number) =>
  Simulator.make({ accounts: [first], market: { mode: "synthetic", startMs, rate, strikesEachSide: 1 }, adminPort: 0 }).pipe(
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )
const ask = ({ adminUrl }: Simulator.Service, method: string, path: string, body: object) =>
  Effect.promise(async () => (await fetch(`${adminUrl}${path}`, { ...alone, method, body: JSON.stringify(body) })).status)

/** What a raw socket gets, with the time of its first message. */
const raw = (simulator: Simulator.Service) =>
  Effect.gen(function* () {
    const { accessToken } = yield* login(simulator.url)
    const query = `/?api_key=${first.apiKey}&access_token=${accessToken}`
    const client = yield* connect(simulator.wsUrl, query, "raw").pipe(Effect.orDie)
    const token = simulator.market.instruments[0]?.token ?? 0
    return { ...client, subscribe: () => client.send({ a: "subscribe", v: [token] }) }
  })

describe("faults of the simulator's sockets, asked for at its admin port", () => {
  it.scopedLive("a frame arrives cut or claims more than it has, which a reader can tell", () =>
    Effect.gen(function* () {
      const simulator = yield* start(0)
      const client = yield* raw(simulator)
      expect(yield* ask(simulator, "POST", "/sockets/fail", { place: 0, kind: "half_frame" })).toBe(200)
      client.subscribe()
      yield* until("the cut frame", () => client.raw.length === 1)
      yield* ask(simulator, "POST", "/sockets/fail", { place: 0, kind: "bad_frame" })
      yield* until("the bad frame", () => client.raw.length === 2)
      client.subscribe()
      yield* until("a sound frame", () => client.raw.length === 3)
      const columns = Frame.makeColumns()
      const bad = client.raw.map((frame) => Frame.decode(frame, columns).bad > 0)
      expect(bad).toEqual([true, true, false])
    })
  )

  it.scopedLive("a slow socket gets the same frames later, in their order", () =>
    Effect.gen(function* () {
      const simulator = yield* start(0)
      const client = yield* raw(simulator)
      yield* ask(simulator, "POST", "/sockets/fail", { place: 0, kind: "slow", delay_ms: 300 })
      const begunMs = performance.now()
      client.subscribe()
      yield* until("the late frame", () => client.raw.length === 1)
      expect(performance.now() - begunMs).toBeGreaterThanOrEqual(295)
      expect(Frame.decode(client.raw[0] ?? Buffer.alloc(0), Frame.makeColumns()).bad).toBe(0)
    })
  )

  it.scopedLive("a half-open socket stays open and answers nothing, not even a ping", () =>
    Effect.gen(function* () {
      const simulator = yield* start(20)
      const client = yield* raw(simulator)
      let pongs = 0
      client.socket.on("pong", () => pongs++)
      client.socket.ping()
      yield* until("a pong", () => pongs === 1)
      yield* ask(simulator, "POST", "/sockets/fail", { place: 0, kind: "half_open" })
      client.subscribe()
      client.socket.ping()
      // A second client proves that time has passed: the market ticks for it.
      const other = yield* raw(simulator)
      other.subscribe()
      yield* until("ticks of the other", () => other.raw.length > 20)
      expect([pongs, client.raw.length, client.isClosed()]).toEqual([1, 0, false])
    })
  )

  it.scopedLive("logins and upgrades are refused as often as asked", () =>
    Effect.gen(function* () {
      const simulator = yield* start(0)
      const { accessToken, kite } = yield* login(simulator.url)
      expect(yield* ask(simulator, "PUT", "/refusals", { logins: 1, upgrades: 2 })).toBe(200)
      const query = `/?api_key=${first.apiKey}&access_token=${accessToken}`
      for (let at = 0; at < 2; at++) expect(yield* Effect.flip(connect(simulator.wsUrl, query))).toMatchObject({ status: 403 })
      yield* connect(simulator.wsUrl, query).pipe(Effect.orDie)
      const token = yield* requestToken(simulator.url, first.apiKey)
      const refused = yield* Effect.flip(
        Effect.tryPromise({ try: () => kite.generateSession(token, first.apiSecret), catch: (error) => error })
      )
      expect(refused).toMatchObject({ error_type: "NetworkException" })
      yield* login(simulator.url)
      expect(yield* ask(simulator, "POST", "/sockets/fail", { place: 9, kind: "mute" })).toBe(404)
      expect(yield* ask(simulator, "POST", "/sockets/fail", { place: 0, kind: "explode" })).toBe(400)
    })
  )
})
