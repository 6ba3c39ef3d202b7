import type { AddressInfo } from "node:net"
import { assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { WebSocket, WebSocketServer } from "ws"
import * as Client from "../../src/client/Client.ts"
import * as Money from "../../src/domain/Money.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import {
  type ChainRow,
  chainMessage,
  eventually,
  fullPacket,
  near,
  publishChain,
  publishFrame,
  ready,
  token,
  tokens,
  World,
  world
} from "../gateway/GatewayWorld.ts"
import { migratedDatabase, natsServer } from "../TestBackends.ts"

const client = (user = "u1") =>
  Effect.gen(function* () {
    const { url } = yield* World
    const jwt = yield* token({ sub: user })
    return Client.make({ url, token: jwt, WebSocket })
  })

/** Opens a stream that gathers its events, closed with the scope. */
const gathering = <Item, E extends { readonly type: string }>(
  make: (options: Client.StreamOptions<Item, E>) => Client.Stream<Item, E>,
  items: ReadonlyArray<NoInfer<Item>>
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const events: Array<E> = []
      const stream = make({ items, onEvent: (event) => events.push(event) })
      const of = <T extends E["type"]>(type: T) => events.filter((event): event is Extract<E, { readonly type: T }> => event.type === type)
      return { events, stream, of }
    }),
    ({ stream }) => Effect.sync(stream.close)
  )
const there = (what: string, check: () => boolean) => eventually(what, Effect.sync(check))

const call: ChainRow = { strike: 24_500, side: "CE", token: tokens.call, price: 120 }
const chain = { symbol: "NIFTY", expiry: near }
const markOf = (strategyId: number, m2m: string) =>
  ({
    v: 1,
    as_of: "2026-11-24T09:30:00.000Z",
    seq: 5,
    strategy_id: strategyId,
    m2m: new Money.Decimal(m2m),
    unrealised_pnl: null,
    realised_pnl: Money.zero,
    total_pnl: null,
    net_delta: 1,
    net_gamma: null,
    net_theta: -3,
    net_vega: 4,
    complete: false,
    missing: [7]
  }) as const
const publishMark = (owner: string, id: number, m2m: string) =>
  Effect.flatMap(World, ({ engine }) =>
    engine.publish(Subjects.Mark.at({ owner, strategy: String(id) }), Subjects.Mark.encode(markOf(id, m2m)))
  )

layer(world(), { excludeTestServices: true })("Client of the streams", (it) => {
  it.scoped("decodes everything that /ws/ticks sends: greeting, answers, ticks of every kind", () =>
    Effect.gen(function* () {
      yield* ready
      const { ticks } = yield* client()
      const { events, of, stream } = yield* gathering(ticks, [tokens.call])
      yield* there("subscribed", () => of("subscribed").length === 1)
      stream.subscribe([tokens.nifty])
      yield* there("subscribed to the other", () => of("subscribed").length === 2)
      yield* publishFrame([fullPacket(tokens.call, 12_010), fullPacket(tokens.nifty, 2_450_000), fullPacket(tokens.infy, 1)])
      yield* there("both ticks", () => of("tick").length === 2)
      assert.deepStrictEqual(
        of("tick").map(({ data }) => [data.tradingsymbol, data.last_price, data.bid, data.mode]),
        [
          ["NIFTY98JAN24500CE", 120.1, 120.05, "full"],
          ["NIFTY 50", 24_500, 24_499.95, "full"]
        ]
      )
      stream.unsubscribe([tokens.nifty])
      yield* there("unsubscribed", () => of("unsubscribed").length === 1)
      assert.deepStrictEqual(
        events.map((event) => (event.type === "state" ? event.state : event.type)),
        ["connecting", "open", "connected", "subscribed", "subscribed", "tick", "tick", "unsubscribed"]
      )
    })
  )

  it.scoped("decodes everything that /fo/stream sends: the whole chain, then its changes", () =>
    Effect.gen(function* () {
      yield* ready
      const { chains } = yield* client()
      const { events, of } = yield* gathering(chains, [chain, { symbol: "NIFTY", expiry: "2001-01-01" }])
      yield* there("the whole chain", () => of("update").length === 1)
      const seq = yield* publishChain(chainMessage("delta", [call]))
      yield* there("the change", () => of("update").length === 2)
      const [whole, change] = of("update")
      assert.deepStrictEqual([whole?.kind, change?.kind, change?.seq], ["chain", "delta", seq])
      assert.deepInclude(change?.strikes[0]?.call, { instrument_token: tokens.call, last_price: 120, iv: 0.142, quality: "live" })
      assert.deepStrictEqual(of("error"), [
        { type: "error", code: "not_found", message: "Expiry not found", symbol: "NIFTY", expiry: "2001-01-01" }
      ])
      assert.deepStrictEqual([...new Set(events.map(({ type }) => type))].sort(), ["error", "state", "subscribed", "update", "welcome"])
    })
  )

  it.scoped("decodes everything that /strategies/stream sends: marks with decimal money, each once", () =>
    Effect.gen(function* () {
      yield* ready
      const { effects, strategies } = yield* client("maker")
      const { strategy_id } = yield* effects.strategies.create({ payload: { name: "s" } })
      const { events, of } = yield* gathering(strategies, [strategy_id])
      yield* there("subscribed", () => of("subscribed").length === 1)
      const { seq } = yield* publishMark("maker", strategy_id, "-100.05")
      yield* there("the mark", () => of("m2m").length === 1)
      const [mark] = of("m2m")
      assert.deepStrictEqual([mark?.m2m?.toFixed(), mark?.total_pnl, mark?.missing, mark?.seq], ["-100.05", null, [7], seq])
      assert.isTrue(events.every(({ type }) => type !== "unreadable"))
    })
  )

  it.scoped("decodes everything that /nifty-monitor/stream sends: the view with the nearest expiry, and with a named one", () =>
    Effect.gen(function* () {
      yield* ready
      const { monitor } = yield* client()
      yield* publishChain(chainMessage("chain", [call]))
      const { events, of } = yield* gathering(monitor, [{ symbol: "nifty" }, chain, { symbol: "NOSUCH" }])
      yield* there("both views", () => of("monitor").length >= 2)
      assert.deepStrictEqual(
        of("monitor")
          .slice(0, 2)
          .map(({ symbol, expiry, nearest }) => [symbol, expiry, nearest]),
        [
          ["NIFTY", near, true],
          ["NIFTY", near, false]
        ]
      )
      yield* there("the refusal", () => of("error").length === 1)
      assert.deepInclude(of("error")[0], { code: "not_found", symbol: "NOSUCH" })
      assert.isTrue(events.every(({ type }) => type !== "unreadable"))
    })
  )

  it.scoped("works as a Stream of Effect, which closes it when it has enough", () =>
    Effect.gen(function* () {
      yield* ready
      const { ticks } = yield* client()
      const stream = ticks({ items: [tokens.infy] })
      const prices = yield* Stream.fromAsyncIterable(stream, (cause) => cause).pipe(
        Stream.tap((event) =>
          event.type === "subscribed" ? publishFrame([1, 2, 3].map((at) => fullPacket(tokens.infy, at * 100))) : Effect.void
        ),
        Stream.filterMap((event) => (event.type === "tick" ? Option.some(event.data.last_price) : Option.none())),
        Stream.take(2),
        Stream.runCollect
      )
      assert.deepStrictEqual([...prices], [1, 2])
      assert.deepStrictEqual(yield* Effect.promise(() => stream[Symbol.asyncIterator]().next()), { done: true, value: undefined })
    })
  )

  it.scoped("reports a rejected token, and the next token is accepted", () =>
    Effect.gen(function* () {
      const { url } = yield* World
      const given = ["junk", yield* token()]
      const { ticks } = Client.make({ url, token: () => given.shift() ?? "none left", WebSocket })
      const { events, of } = yield* gathering(ticks, [tokens.nifty])
      yield* there("subscribed", () => of("subscribed").length === 1)
      const waiting = events.flatMap((event) => (event.type === "state" && event.state === "waiting" ? [event] : []))
      assert.deepStrictEqual(
        waiting.map(({ isRefused, reason }) => [isRefused, reason]),
        [[true, "Unexpected server response: 403"]]
      )
    })
  )

  it("explains what to do without a WebSocket, and what iterating needs", () => {
    const { ticks } = Client.make({ url: "http://127.0.0.1:1", token: "t", WebSocket })
    const heard = ticks({ onEvent: () => undefined })
    assert.throws(() => heard[Symbol.asyncIterator](), /make a stream without onEvent/)
    heard.close()
    const bare = Client.make({ url: "http://127.0.0.1:1", token: "t" })
    if (!("WebSocket" in globalThis)) assert.throws(() => bare.ticks(), /no WebSocket: pass one/)
  })
})

/** A gateway with backends that outlive it and a publisher that never stops. The client finds it at its current address. */
const restarting = Effect.gen(function* () {
  const [nats, databaseUrl] = [yield* natsServer, yield* migratedDatabase]
  let url = ""
  const start = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(world({ nats: Effect.succeed(nats), database: Effect.succeed(databaseUrl) }), scope)
    url = Context.get(context, World).url
    yield* ready.pipe(Effect.provide(context))
    const stop = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => stop)
    return { stop }
  })
  class Finding extends WebSocket {
    constructor(asked: string, protocols: Array<string>) {
      super(asked.replace("ws://gateway", url.replace("http", "ws")), protocols)
    }
  }
  const first = yield* start
  const settings = ConfigProvider.fromMap(
    new Map([
      ["NATS_URL", nats.url],
      ["NATS_ENGINE_PASSWORD", nats.passwords.engine]
    ])
  )
  const engine = Context.get(yield* Layer.build(JetStream.layer("engine")).pipe(Effect.withConfigProvider(settings)), JetStream)
  const publisher = Layer.succeed(World, { url: "", nats, databaseUrl, engine, logs: [] })
  const jwt = yield* token()
  return { first, start, publisher, client: Client.make({ url: "http://gateway", token: jwt, WebSocket: Finding }) }
})

describe("Client across a restart of the gateway", () => {
  it.live(
    "delivers every tick of the time without a gateway, once and in order",
    () =>
      Effect.gen(function* () {
        const { first, start, publisher, client } = yield* restarting
        const { events, of } = yield* gathering(client.ticks, [tokens.nifty, tokens.infy])
        yield* there("subscribed", () => of("subscribed").length === 1)
        const wanted: Array<number> = []
        const publish = (frames: number) =>
          Effect.repeatN(
            Effect.suspend(() => {
              const prices = [1, 2, 3].map((at) => wanted.length + at)
              wanted.push(...prices)
              return publishFrame(prices.map((price, at) => fullPacket(at === 1 ? tokens.infy : tokens.nifty, price * 100)))
            }),
            frames - 1
          ).pipe(Effect.provide(publisher))
        yield* publish(5)
        yield* there("the first ticks", () => of("tick").length === wanted.length)
        yield* first.stop
        yield* publish(200)
        const second = yield* start
        yield* publish(5)
        yield* there("all of them", () => of("tick").length >= wanted.length)
        yield* second.stop
        yield* start
        yield* publish(1)
        yield* there("the last", () => of("tick").length >= wanted.length)
        assert.deepStrictEqual(
          of("tick").map(({ data }) => data.last_price),
          wanted
        )
        assert.deepStrictEqual([of("connected").length, of("gap"), of("unreadable")], [3, [], []])
        assert.strictEqual(events.filter((event) => event.type === "state" && event.state === "open").length, 3)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "a subscription without a tick so far misses none either",
    () =>
      Effect.gen(function* () {
        const { first, start, publisher, client } = yield* restarting
        const { of } = yield* gathering(client.ticks, [tokens.nifty])
        yield* there("subscribed", () => of("subscribed").length === 1)
        yield* first.stop
        yield* publishFrame([fullPacket(tokens.nifty, 100)]).pipe(Effect.provide(publisher))
        yield* start
        yield* publishFrame([fullPacket(tokens.nifty, 200)]).pipe(Effect.provide(publisher))
        yield* there("both", () => of("tick").length >= 2)
        assert.deepStrictEqual(
          of("tick").map(({ data }) => data.last_price),
          [1, 2]
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "a chain includes the changes of the time without a gateway",
    () =>
      Effect.gen(function* () {
        const { first, start, publisher, client } = yield* restarting
        const publish = (kind: "chain" | "delta", price: number, more = {}) =>
          publishChain(chainMessage(kind, [{ ...call, price }], more)).pipe(Effect.provide(publisher))
        const covered = yield* publish("delta", 100)
        yield* publish("chain", 100, { delta_seq: covered })
        const { of } = yield* gathering(client.chains, [chain])
        const last = () => of("update").at(-1)?.strikes[0]?.call?.last_price
        yield* there("the chain", () => last() === 100)
        yield* first.stop
        for (const price of [101, 102, 103]) yield* publish("delta", price)
        yield* start
        yield* there("the newest state", () => last() === 103)
        const seqs = of("update").map(({ seq }) => seq)
        assert.deepStrictEqual(
          seqs,
          [...seqs].sort((a, b) => a - b)
        )
        yield* publish("delta", 104)
        yield* there("what comes next", () => last() === 104)
        assert.deepStrictEqual([of("gap"), of("unreadable")], [[], []])
      }).pipe(Effect.scoped),
    300_000
  )
})

interface Asked {
  readonly action: string
  readonly symbol?: string
  readonly expiry?: string
  readonly since?: { readonly epoch: number; readonly seq: number; readonly row?: number }
}
/** A gateway whose answers the test chooses. */
const answering = (answer: (asked: Asked, connection: number, say: (message: unknown) => void) => void) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly url: string; readonly closed: () => number; readonly stop: () => void }>((resolve) => {
          let closed = 0
          const server: WebSocketServer = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "tarang.v1" }, () =>
            resolve({
              url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
              closed: () => closed,
              stop: () => {
                for (const socket of server.clients) socket.terminate()
                server.close()
              }
            })
          )
          let connections = 0
          server.on("connection", (socket) => {
            const connection = ++connections
            socket.on("close", () => closed++)
            socket.on("message", (data) =>
              answer(JSON.parse(data.toString()), connection, (message) => {
                if (message === "cut") socket.terminate()
                else socket.send(typeof message === "string" ? message : JSON.stringify(message))
              })
            )
          })
        })
    ),
    ({ stop }) => Effect.sync(stop)
  )
const tick = (seq: number, row = 0) => ({
  type: "tick",
  epoch: 1,
  seq,
  row,
  data: {
    ...{ instrument_token: 1, tradingsymbol: null, last_price: seq, volume: null, oi: null, bid: null, ask: null, close: null, iv: null },
    ...{ delta: null, gamma: null, theta: null, vega: null, timestamp: "2026-11-24T04:00:00.000Z", mode: "ltp", is_mock: true }
  }
})

describe("Client of a gateway with unusual messages", () => {
  it.live("ticks repeated after a cut within a frame are delivered once, and a gap advances the position", () =>
    Effect.gen(function* () {
      const asked: Array<Asked["since"]> = []
      const { url } = yield* answering(({ action, since }, connection, say) => {
        if (action !== "subscribe") return
        asked.push(since)
        if (connection === 1) for (const message of [tick(5, 0), tick(5, 1), "cut"]) say(message)
        if (connection === 2)
          for (const message of [tick(4, 0), tick(5, 1), tick(5, 2), { type: "gap", epoch: 1, from: 6, to: 8 }, "cut"]) say(message)
        if (connection === 3) for (const message of [tick(8, 3), tick(9, 0)]) say(message)
      })
      const { of } = yield* gathering(Client.make({ url, token: "t", WebSocket }).ticks, [1])
      yield* there("the last", () => of("tick").length >= 4)
      assert.deepStrictEqual(
        of("tick").map(({ seq, row }) => [seq, row]),
        [
          [5, 0],
          [5, 1],
          [5, 2],
          [9, 0]
        ]
      )
      assert.deepStrictEqual(of("gap"), [{ type: "gap", epoch: 1, from: 6, to: 8 }])
      assert.deepStrictEqual(asked, [undefined, { epoch: 1, seq: 5, row: 1 }, { epoch: 1, seq: 8 }])
    }).pipe(Effect.scoped)
  )

  it.live("retries a temporary refusal and drops a permanent one", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const { url } = yield* answering((message, _, say) => {
        if (message.action !== "subscribe") return
        const { symbol, expiry } = message
        asked.push(symbol)
        const refused = { type: "error", message: "no", symbol, expiry }
        if (symbol === "GONE") say({ ...refused, code: "not_found" })
        else if (asked.length <= 2) say({ ...refused, code: "unavailable" })
        else say({ type: "subscribed", symbol, expiry, total: 1 })
      })
      const items = ["GONE", "NIFTY"].map((symbol) => ({ symbol, expiry: near }))
      const { of } = yield* gathering(Client.make({ url, token: "t", WebSocket }).chains, items)
      yield* there("subscribed", () => of("subscribed").length === 1)
      assert.deepStrictEqual(asked, ["GONE", "NIFTY", "NIFTY"])
      assert.deepStrictEqual(
        of("error").map(({ code }) => code),
        ["not_found", "unavailable"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("a pong advances the position, but not while a subscription is unanswered", () =>
    Effect.gen(function* () {
      const asked: Array<Asked["since"]> = []
      const subscribed = { type: "subscribed", tokens: [1], total: 1 }
      const pong = (seq: number) => ({ type: "pong", epoch: 1, seq })
      const { url } = yield* answering(({ action, since }, connection, say) => {
        if (action !== "subscribe") return
        asked.push(since)
        if (connection === 1) for (const message of [{ ...subscribed, epoch: 1, seq: 2 }, pong(50), "cut"]) say(message)
        if (connection === 2) for (const message of [pong(99), subscribed, tick(60), pong(70), tick(70), tick(71)]) say(message)
      })
      const { of } = yield* gathering(Client.make({ url, token: "t", WebSocket }).ticks, [1])
      yield* there("the last", () => of("tick").some(({ seq }) => seq === 71))
      assert.deepStrictEqual(
        of("tick").map(({ seq }) => seq),
        [60, 71]
      )
      assert.deepStrictEqual(asked, [undefined, { epoch: 1, seq: 50 }])
    }).pipe(Effect.scoped)
  )

  it.live("reports an unreadable message and skipped frames, and continues", () =>
    Effect.gen(function* () {
      const { url } = yield* answering(({ action }, _, say) => {
        if (action !== "subscribe") return
        say("{broken")
        say({ type: "batch", items: [{ type: "news" }, { ...tick(1), epoch: "one" }, tick(2)], conflated: 3 })
      })
      const { events, of } = yield* gathering(Client.make({ url, token: "t", WebSocket }).ticks, [1])
      yield* there("the tick", () => of("tick").length === 1)
      assert.deepStrictEqual(
        events.filter(({ type }) => type !== "state").map(({ type }) => type),
        ["unreadable", "conflated", "unreadable", "unreadable", "tick"]
      )
      assert.deepStrictEqual(
        of("unreadable").map(({ message }) => (typeof message === "string" ? message : "an object")),
        ["{broken", "an object", "an object"]
      )
      assert.strictEqual(of("conflated")[0]?.count, 3)
    }).pipe(Effect.scoped)
  )

  it.live("checks each message, or only the first of the frequent kind on a connection", () =>
    Effect.gen(function* () {
      const odd = { ...tick(2), data: { last_price: "two" } }
      const { url } = yield* answering(({ action }, connection, say) => {
        if (action !== "subscribe") return
        for (const message of connection === 1 ? [tick(1), odd, "cut"] : [odd, tick(3)]) say(message)
      })
      const { ticks } = Client.make({ url, token: "t", WebSocket })
      const types = (check: "each" | "first") =>
        Effect.gen(function* () {
          const { events, of } = yield* gathering<number, Client.TickEvent>((options) => ticks({ ...options, check }), [1])
          yield* there("the last", () => of("tick").some(({ seq }) => seq === 3))
          return events.filter(({ type }) => type !== "state").map((event) => ("seq" in event ? `${event.type} ${event.seq}` : event.type))
        })
      assert.deepStrictEqual(yield* types("first"), ["tick 1", "tick 2", "unreadable", "tick 3"])
      assert.deepStrictEqual(yield* types("each"), ["unreadable", "tick 3"])
    }).pipe(Effect.scoped)
  )

  it.live("a slow reader pauses the connection at the buffer's limit, then gets the rest from its position", () =>
    Effect.gen(function* () {
      const total = Client.bufferMax * 2.5
      const { url, closed } = yield* answering(({ action, since }, _, say) => {
        if (action !== "subscribe") return
        for (let seq = (since?.seq ?? 0) + 1; seq <= total; seq += 100)
          say({ type: "batch", items: Array.from({ length: Math.min(100, total - seq + 1) }, (_, at) => tick(seq + at)) })
      })
      const stream = Client.make({ url, token: "t", WebSocket }).ticks({ items: [1] })
      const read = yield* Effect.promise(async () => {
        const found: { readonly seqs: Array<number>; readonly states: Array<string> } = { seqs: [], states: [] }
        for await (const event of stream) {
          if (event.type === "state") found.states.push(event.state)
          if (event.type === "tick") found.seqs.push(event.seq)
          // The first tick is inspected until the buffer is full.
          if (found.seqs.length === 1) await Effect.runPromise(there("the pause", () => closed() > 0))
          if (event.type === "tick" && event.seq === total) break
        }
        return found
      })
      assert.deepStrictEqual(
        read.seqs,
        Array.from({ length: total }, (_, at) => at + 1)
      )
      assert.include(read.states, "paused")
      assert.deepStrictEqual(read.states.slice(0, 2), ["connecting", "open"])
    }).pipe(Effect.scoped)
  )
})
