import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, mayFallSilent, metric, natsClient, socket, start, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

describe("A packet of the broker that cannot be read", () => {
  it.live(
    "TC-MATL-032 is the only one lost: it is logged with its token and counted, and all else streams on over the same connection",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 3 }, mayFallSilent, {}, ["sim1"])
        const running = yield* start(config)
        const tokens = simulator.market.instruments
          .filter(({ segment }) => segment === "NFO-OPT")
          .slice(0, 4)
          .map(({ token }) => token)
        const subscriptions = tokens.map((instrument_token) => ({ instrument_token, requested_mode: "FULL" }))
        yield* ask(running, "/subscriptions/batch", { method: "POST", body: { subscriptions } })
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens })
        const allTick = (what: string) => {
          const from = client.received.length
          return eventually(
            what,
            Effect.sync(() => client.received.slice(from)),
            (later) => tokens.every((token) => later.some(({ type, data }) => type === "tick" && data.instrument_token === token))
          )
        }
        yield* allTick("all tick")
        const unreadable = () => running.logs.filter(({ message }) => message === "a packet of the broker cannot be read")
        assert.strictEqual(yield* metric(running, "bad_packets_total"), 0)

        const answer = yield* Effect.promise(() =>
          fetch(`${simulator.adminUrl}/sockets/fail`, { method: "POST", body: JSON.stringify({ place: 0, kind: "half_frame" }) })
        )
        assert.strictEqual(answer.status, 200)
        const lines = yield* eventually("it is logged", Effect.sync(unreadable), (found) => found.length > 0)
        assert.lengthOf(lines, 1)
        assert.include(tokens, lines[0]?.annotations["token"])
        assert.deepInclude(lines[0]?.annotations, { account: "sim1", bytes: 184 })
        assert.strictEqual(yield* metric(running, "bad_packets_total"), 1)
        yield* allTick("all tick again")
        const { connections } = simulator.stats()
        assert.deepStrictEqual([connections, yield* metric(running, "kite_socket_reconnects_total")], [1, 0])

        // The market falls silent, so that everything that was sent arrives.
        simulator.mute(0)
        const { packets } = simulator.stats()
        const nc = yield* natsClient(nats)
        const lost = yield* eventually(
          "all that could be read is in the record",
          Effect.map(
            Effect.promise(() => readRecord(nc, 0)),
            (record) => packets - record.packets
          ),
          (missing) => missing <= tokens.length
        )
        // The rest of the frame that was cut: at least the packet itself, at most the frame.
        assert.isAtLeast(lost, 1)
      }).pipe(Effect.scoped),
    300_000
  )
})
