import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, mayFallSilent, metric, natsClient, socket, start, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

describe("The metrics of a running platform", () => {
  it.live(
    "BE-OPS-02 agree with what was sent: sockets, ticks, lag, pool and breaker",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 3 }, mayFallSilent, {}, ["sim1"])
        const running = yield* start(config)
        const tokens = simulator.market.instruments
          .filter(({ segment }) => segment === "NFO-OPT")
          .slice(0, 10)
          .map(({ token }) => token)
        const clients = yield* Effect.forEach([1, 2, 3], () => socket(running, "/ws/ticks"))
        for (const client of clients) client.send({ action: "subscribe", tokens })
        yield* eventually(
          "all have subscribed",
          Effect.sync(() => clients.every(({ received }) => received.some(({ type }) => type === "subscribed"))),
          (all) => all
        )
        const subscriptions = tokens.map((instrument_token) => ({ instrument_token, requested_mode: "FULL" }))
        const added = yield* ask(running, "/subscriptions/batch", { method: "POST", body: { subscriptions } })
        assert.deepInclude(added.body, { created: 10, refused: [] })
        const ticksOf = (received: ReadonlyArray<{ readonly type: string }>) => received.filter(({ type }) => type === "tick").length
        yield* eventually(
          "ticks",
          Effect.sync(() => clients.every(({ received }) => ticksOf(received) > 200)),
          (all) => all
        )

        // The market falls silent, so that everything that was sent arrives.
        simulator.mute(0)
        const { packets } = simulator.stats()
        const nc = yield* natsClient(nats)
        yield* eventually(
          "the record has all packets",
          Effect.map(
            Effect.promise(() => readRecord(nc, 0)),
            (record) => record.packets
          ),
          (count) => count === packets
        )
        yield* eventually(
          "the clients have all ticks",
          Effect.sync(() => clients.map(({ received }) => ticksOf(received))),
          (counts) => counts.every((count) => count === packets)
        )
        const { body } = yield* eventually("the executor reports its breaker", ask(running, "/metrics"), ({ body }) =>
          body.includes("order_breaker_state{")
        )
        const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(body)?.[1] ?? Number.NaN)
        assert.deepStrictEqual([value("active_ws_connections"), value("ticks_broadcast")], [3, packets])
        const expected = {
          ticks_total: packets,
          frame_packets_published_total: packets,
          kite_connections: 1,
          kite_connection_subscribed: 10,
          kite_subscriptions_total: 10
        }
        for (const [name, count] of Object.entries(expected)) assert.strictEqual(yield* metric(running, name), count, name)
        assert.match(body, /^actor_lag_messages\{actor="[^"]+"\} \d+$/m)
        assert.match(body, /^order_breaker_state\{account="sim1"\} 0$/m)
      }).pipe(Effect.scoped),
    300_000
  )
})
