import { assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import * as Money from "../../src/domain/Money.ts"
import { isNewEnough, JetStream, NatsError, signIn } from "../../src/streams/JetStream.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { another, backend, bytes, freshStream, Server, text, until } from "./Nats.ts"

describe("server versions", () => {
  it.each([
    ["2.10.23", true],
    ["2.10.22", false],
    ["2.9.99", false],
    ["2.11.0", true],
    ["3.0.0", true],
    ["2.12.0-beta.1", true],
    ["1.99.99", false],
    ["0", false],
    ["", false]
  ])("%s: %s", (version, isEnough) => {
    assert.strictEqual(isNewEnough(version), isEnough)
  })
})

const found = <A>(option: Option.Option<A>): Effect.Effect<A> =>
  Option.match(option, { onNone: () => Effect.dieMessage("nothing stored"), onSome: Effect.succeed })

const connecting = (config: Readonly<Record<string, string>>) =>
  Effect.scoped(Layer.build(JetStream.layer("engine"))).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(config)))),
    Effect.flip,
    Effect.map(String)
  )

layer(backend, { excludeTestServices: true })("JetStream", (it) => {
  it.effect("TC-MATL-005 a server that cannot be reached fails the start with its name", () =>
    Effect.gen(function* () {
      const error = yield* connecting({ NATS_URL: "nats://127.0.0.1:1" })
      assert.include(error, "Failed to connect to NATS")
    })
  )

  it.effect("TC-ERR-031 the error names a host name that does not resolve", () =>
    Effect.gen(function* () {
      const error = yield* connecting({ NATS_URL: "nats://nowhere.invalid:4222" })
      assert.include(error, "Failed to connect to NATS")
      assert.include(error, "Failed to resolve hostname nowhere.invalid")
    })
  )

  it.effect("signs in with the address's user if the role has no password", () =>
    Effect.gen(function* () {
      const signedIn = (config: Record<string, string>) =>
        signIn("engine").pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(config)))))
      assert.deepStrictEqual(yield* signedIn({ NATS_URL: "nats://me:p%40ss@a:4222, nats://me:p%40ss@b:4222" }), {
        servers: ["nats://a:4222", "nats://b:4222"],
        user: "me",
        pass: "p@ss"
      })
      const own = yield* signedIn({ NATS_URL: "nats://me:x@a:4222", NATS_ENGINE_PASSWORD: "y" })
      assert.deepStrictEqual(own, { servers: ["nats://a:4222"], user: "engine", pass: "y" })
      assert.deepStrictEqual(yield* signedIn({ NATS_URL: "127.0.0.1:4222" }), { servers: ["127.0.0.1:4222"] })
    })
  )

  it.effect("a wrong password fails the start at once", () =>
    Effect.gen(function* () {
      const { url } = yield* Server
      const error = yield* connecting({ NATS_URL: url, NATS_ENGINE_PASSWORD: "wrong" })
      assert.include(error, "Failed to connect to NATS")
    })
  )

  it.effect("stores a publish with an id once, and answers its sequence", () =>
    Effect.gen(function* () {
      const { publish, info, last, first } = yield* JetStream
      const stream = yield* freshStream()
      assert.deepStrictEqual(yield* publish(stream.at("a"), bytes("1"), { msgId: "one", headers: { "Tarang-X": "y" } }), {
        seq: 1,
        stream: stream.name,
        duplicate: false
      })
      assert.strictEqual((yield* publish(stream.at("a"), bytes("1"), { msgId: "one" })).duplicate, true)
      yield* publish(stream.at("b"), bytes("2"))
      const newest = yield* Effect.flatMap(last(stream.name, stream.at("*")), found)
      assert.deepStrictEqual([newest.subject, newest.seq, text(newest)], [stream.at("b"), 2, "2"])
      const oldest = yield* Effect.flatMap(first(stream.name, stream.at("a")), found)
      assert.deepStrictEqual([oldest.seq, text(oldest), oldest.header("Tarang-X"), oldest.header("none")], [1, "1", "y", ""])
      const { createdMs, firstSeq, lastSeq } = yield* info(stream.name)
      assert.deepStrictEqual([firstSeq, lastSeq], [1, 2])
      assert.isBelow(Math.abs(createdMs - newest.timeMs), 60_000)
    })
  )

  it.effect("a subject without a message gives none, a missing stream an error", () =>
    Effect.gen(function* () {
      const { last, first, info, publish } = yield* JetStream
      const stream = yield* freshStream()
      assert.isTrue(Option.isNone(yield* last(stream.name, stream.at("a"))))
      assert.isTrue(Option.isNone(yield* first(stream.name, stream.at("a"))))
      for (const failing of [last("NONE", "a"), first("NONE", "a"), info("NONE"), publish("label.nobody", bytes("1"))]) {
        assert.instanceOf(yield* Effect.flip(Effect.asVoid<unknown, NatsError, never>(failing)), NatsError)
      }
    })
  )

  it.effect("a publish with an id waits for the server and is stored once; listeners are called for the loss and the return", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* Server
        const { publish, info, isConnected, onConnection } = yield* JetStream
        const stream = yield* freshStream()
        const heard: Array<boolean> = []
        yield* onConnection((isUp) => heard.push(isUp))
        yield* Effect.promise(() => server.stop())
        yield* until("the loss is noticed", () => !isConnected())
        const landing = yield* Effect.fork(publish(stream.at("a"), bytes("1"), { msgId: "once" }))
        yield* Effect.promise(() => server.start())
        assert.strictEqual((yield* Fiber.join(landing)).seq, 1)
        assert.strictEqual((yield* info(stream.name)).lastSeq, 1)
        assert.isTrue(isConnected())
        assert.deepStrictEqual(heard, [false, true])
      })
    )
  )

  it.effect("a mute or missing server does not delay the stop", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const open = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const js = yield* Scope.extend(another(), scope)
        return { js, close: Scope.close(scope, Exit.void) }
      })
      const mute = yield* open
      const gone = yield* open
      yield* Effect.sync(server.freeze)
      yield* mute.close.pipe(Effect.ensuring(Effect.sync(server.thaw)))
      assert.isTrue(mute.js.nc.isClosed())
      yield* Effect.promise(() => server.kill())
      yield* until("the loss is noticed", () => !gone.js.isConnected())
      yield* gone.close
      assert.isTrue(gone.js.nc.isClosed())
      yield* Effect.promise(() => server.start())
      const { isConnected } = yield* JetStream
      yield* until("the other connection is back", isConnected)
    })
  )

  it.effect("each role gets its answers on inboxes that only it may read", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const gateway = yield* another("gateway")
        const engine = yield* JetStream
        assert.match(engine.newInbox(), /^_INBOX_engine\./)
        assert.match(gateway.newInbox(), /^_INBOX_gateway\./)
        const stream = yield* freshStream()
        yield* stream.put("a")
        assert.strictEqual((yield* gateway.info(stream.name)).lastSeq, 1)
      })
    )
  )

  it.effect("BE-FIN-07 money passes through a subject, JetStream and back unchanged", () =>
    Effect.gen(function* () {
      const { publish, last } = yield* JetStream
      yield* Streams.ensure
      const amounts = ["999999999.99", "-999999999.99", "0.05", "-0.1", "123456789012345678.123456789", "0"]
      for (const [at, amount] of amounts.entries()) {
        const money = new Money.Decimal(amount)
        const minute = { v: 1, as_of: "2026-08-19T03:46:00Z", strategy_id: at, timestamp: "2026-08-19T03:45:00Z", seq: 1 } as const
        const candle = { ...minute, open: money, high: money, low: money, close: money }
        const subject = Subjects.Candle.at({ owner: "u1", strategy: String(at) })
        yield* publish(subject, Subjects.Candle.encode(candle))
        const stored = yield* Effect.flatMap(last(Subjects.Candle.stream, subject), found)
        assert.include(text(stored), `"close":"${amount}"`)
        const back = yield* Subjects.Candle.decode(stored.subject, stored.data)
        assert.strictEqual(Money.format(back.open), amount)
        assert.isTrue(back.low.equals(money))
      }
    })
  )
})
