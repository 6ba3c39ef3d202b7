import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { documentedSockets } from "../../DocumentedSockets.ts"
import { eventually, metric, ready, token, world } from "../GatewayWorld.ts"
import { type EverySocket, everySocket, owner } from "./EverySocket.ts"
import { type Client, connect, dial, type Received } from "./SocketClient.ts"

const open = (path: string, sub = owner) => Effect.flatMap(token({ sub }), (jwt) => connect(`${path}?token=${jwt}`))
/** A client that was greeted and has subscribed. */
const subscribed = (socket: EverySocket, message = socket.subscribe, sub = owner) =>
  Effect.gen(function* () {
    const client = yield* open(socket.path, sub)
    yield* client.next
    client.send(message)
    yield* client.nextOf(socket.subscribed)
    return client
  })
const numbers = (socket: EverySocket, received: ReadonlyArray<Received>): ReadonlyArray<number> =>
  received.filter(({ type }) => type === socket.data).map(socket.numberOf)
const has = (socket: EverySocket, client: Client, number: number) =>
  eventually(
    `${number} on ${socket.path}`,
    Effect.sync(() => numbers(socket, client.received).includes(number))
  )
const connections = metric("active_ws_connections")
const noConnections = eventually(
  "the connections are counted as closed",
  Effect.map(connections, (count) => count === 0)
)

/** Connect, welcome, subscribe, data and unsubscribe, of two connections of a user. */
const twoClients = (socket: EverySocket) =>
  Effect.gen(function* () {
    const client = yield* open(socket.path)
    const welcome = yield* client.next
    assert.strictEqual(welcome.type, socket.first)
    assert.strictEqual(welcome.user.user_id, owner)
    assert.isString(welcome.connection_id)
    client.send(socket.subscribe)
    yield* client.nextOf(socket.subscribed)
    const twin = yield* subscribed(socket)
    assert.notStrictEqual(twin.received[0].connection_id, welcome.connection_id)
    assert.strictEqual(yield* connections, 2)
    yield* socket.publish(1)
    for (const one of [client, twin]) yield* has(socket, one, 1)

    client.send(socket.unsubscribe)
    yield* client.nextOf(socket.unsubscribed)
    // A set that is the user's ends for each of the user's connections. Another user's goes on.
    const witness = socket.isUsers === true ? yield* subscribed(socket, socket.subscribe, "another") : twin
    yield* socket.publish(2)
    yield* has(socket, witness, 2)
    assert.notInclude(numbers(socket, yield* client.settled), 2)
    for (const one of [client, twin, witness])
      for (const message of one.received) assert.isTrue(socket.isMessage(message), JSON.stringify(message))
  }).pipe(Effect.scoped)

/** Heartbeats of both sides, and a close of the client's. */
const heartbeatAndClose = (socket: EverySocket) =>
  Effect.gen(function* () {
    const client = yield* subscribed(socket)
    const pinged = new Promise((resolve) => client.socket.once("ping", resolve))
    client.send({ action: "ping" })
    yield* client.nextOf("pong")
    yield* Effect.promise(() => pinged)
    client.send("{nope")
    yield* client.nextOf("error")
    assert.strictEqual(client.socket.readyState, client.socket.OPEN)
    client.socket.close(1000, "bye")
    assert.strictEqual(yield* client.closeCode, 1000)
  }).pipe(Effect.scoped)

/** A client that comes back gets what it missed. */
const comeBack = (socket: EverySocket) =>
  Effect.gen(function* () {
    const witness = yield* subscribed(socket)
    const first = yield* Effect.scoped(
      Effect.gen(function* () {
        const client = yield* subscribed(socket)
        yield* socket.publish(3)
        yield* has(socket, client, 3)
        return client.received.findLast(({ type }) => type === socket.data)
      })
    )
    yield* socket.publish(4)
    yield* socket.publish(5)
    yield* has(socket, witness, 5)
    const back = yield* subscribed(socket, socket.again(first))
    yield* has(socket, back, 5)
    yield* socket.publish(6)
    yield* has(socket, back, 6)
    const got = numbers(socket, back.received)
    if (socket.recovery === "all") assert.deepStrictEqual(got, [4, 5, 6])
    else if (socket.recovery === "newest") assert.deepStrictEqual(got, [5, 6])
    else assert.deepStrictEqual(got.slice(-4), [3, 4, 5, 6])
    assert.isFalse(back.received.some(({ type }) => type === "gap"))
  }).pipe(Effect.scoped)

layer(world({ owners: [owner], config: { WS_PING_EVERY: "5 seconds" } }), { excludeTestServices: true })("every WebSocket", (it) => {
  it.scoped(
    "BE-API-04 greets, subscribes, sends data, unsubscribes, answers heartbeats, closes, and restores what a client missed",
    () =>
      Effect.gen(function* () {
        yield* ready
        const sockets = yield* everySocket
        assert.deepStrictEqual(sockets.map(({ path }) => path).toSorted(), documentedSockets().toSorted())
        for (const socket of sockets)
          for (const step of [twoClients, heartbeatAndClose, comeBack])
            yield* Effect.zipRight(step(socket), noConnections).pipe(Effect.annotateLogs({ path: socket.path }))
      }),
    600_000
  )
})

const within = <A, E, R>(config: Record<string, string>, program: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Layer.build(world({ owners: [owner], config })), (context) => Effect.provide(Effect.zipRight(ready, program), context))

/** Requests whose answers wait at once. A gateway closes a client that is 256 messages ahead. */
const requestsMax = 200

/** Asks and does not read, until the gateway closes the connection. */
const ignoreAnswers = (socket: EverySocket, client: Client) =>
  Effect.gen(function* () {
    const before = yield* metric("ws_slow_closed_total")
    // Each field that cannot be read makes the answer longer.
    const names = [...Object.keys(socket.subscribe), "since", "mode", "expiry"]
    const wrong = Object.fromEntries(names.map((name) => [name, { wrong: "x".repeat(500) }]))
    const request = JSON.stringify({ ...wrong, action: "action" in socket.subscribe ? socket.subscribe.action : "" })
    client.socket.pause()
    yield* eventually(
      `the client of ${socket.path} is closed`,
      Effect.gen(function* () {
        const sent = yield* metric("ws_messages_sent_total")
        for (let at = 0; at < requestsMax; at++) client.send(request)
        return yield* eventually(
          "the requests are answered",
          Effect.gen(function* () {
            const isClosed = (yield* metric("ws_slow_closed_total")) > before
            const areAnswered = (yield* metric("ws_messages_sent_total")) >= sent + requestsMax
            return isClosed || areAnswered ? { isClosed } : undefined
          })
        ).pipe(Effect.map(({ isClosed }) => isClosed))
      })
    )
    client.socket.resume()
    assert.include([4008, 1006], yield* client.closeCode)
  })

describe("WebSockets under load", () => {
  it.scopedLive(
    "BE-API-04 each closes a client that does not read, and the user's other client gets everything",
    () =>
      within(
        // A client that does not read answers no ping either, which would end it first.
        { WS_SOFT_BYTES: "20000", WS_HARD_BYTES: "50000", WS_PING_EVERY: "1 hour" },
        Effect.gen(function* () {
          for (const socket of yield* everySocket)
            yield* Effect.scoped(
              Effect.gen(function* () {
                const [slow, good] = [yield* subscribed(socket), yield* subscribed(socket)]
                yield* ignoreAnswers(socket, slow)
                yield* socket.publish(1)
                yield* has(socket, good, 1)
              })
            )
        })
      ),
    600_000
  )

  it.scopedLive("BE-API-04 each refuses connections beyond a user's share and beyond the gateway's", () =>
    within(
      { WS_CONNECTIONS_MAX: "3", WS_CONNECTIONS_PER_USER_MAX: "2" },
      Effect.gen(function* () {
        for (const path of documentedSockets()) {
          const as = (sub: string) => Effect.flatMap(token({ sub }), (jwt) => dial(`${path}?token=${jwt}`))
          const statuses = yield* Effect.scoped(Effect.forEach(["a", "a", "a", "b", "c"], as))
          assert.deepStrictEqual(
            statuses.map(({ status }) => status),
            [101, 101, 429, 101, 503],
            path
          )
          yield* noConnections
        }
      })
    )
  )
})
