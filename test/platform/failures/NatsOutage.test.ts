import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { NatsServer } from "../../TestBackends.ts"
import { ask, eventually, natsClient, receivedUntilStop, socket, start, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

const nifty = 256_265
/** Packets that the broker sends while NATS is away. */
const packetsAway = 3_000

const outages: ReadonlyArray<{
  readonly how: string
  readonly begin: (nats: NatsServer) => Promise<void>
  readonly end: (nats: NatsServer) => Promise<void>
}> = [
  { how: "killed", begin: (nats) => nats.kill(), end: (nats) => nats.start() },
  { how: "frozen", begin: async (nats) => nats.freeze(), end: async (nats) => nats.thaw() },
  { how: "stopped and started", begin: (nats) => nats.stop(), end: (nats) => nats.start() }
]

describe("NATS away under load", () => {
  for (const { how, begin, end } of outages) {
    it.live(
      `BE-SVC-10 ${how}: no packet is lost, no tick comes twice, and /health says it`,
      () =>
        Effect.gen(function* () {
          const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 12 })
          const running = yield* start({ ...config, SEED_USER: "demo" })
          const client = yield* socket(running, "/ws/ticks")
          client.send({ action: "subscribe", tokens: [nifty] })
          const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick"))
          yield* eventually("ticks", ticks, (all) => all.length > 20)
          const made = yield* ask(running, "/strategies", { method: "POST", body: { name: "before" } })
          assert.strictEqual(made.status, 201)

          const sentBefore = simulator.stats().packets
          yield* Effect.promise(() => begin(nats))
          yield* eventually("health says it", ask(running, "/health"), ({ body }) => body.reason?.includes("NATS is down"))
          yield* eventually(
            "the broker sends on",
            Effect.sync(() => simulator.stats().packets),
            (now) => now > sentBefore + packetsAway
          )
          const during = yield* ask(running, "/strategies", { method: "POST", body: { name: "during" } })
          assert.strictEqual(during.status, 201)
          const seen = (yield* ticks).length
          yield* Effect.promise(() => end(nats))
          yield* eventually("ticks go on", ticks, (all) => all.length > seen + 20)
          yield* eventually("health is well", ask(running, "/health"), ({ body }) => body.dependencies.nats === "ok")

          const nc = yield* natsClient(nats)
          const received = yield* receivedUntilStop(nc, running)
          const record = yield* Effect.promise(() => readRecord(nc, nifty))
          assert.strictEqual(record.packets, received) // nothing is lost
          for (const [key, numbers] of record.numbers) assert.strictEqual(Math.max(...numbers) + 1, numbers.size, `holes in ${key}`)

          const places = (yield* ticks).map(({ seq, row }) => `${seq} ${row}`)
          assert.strictEqual(new Set(places).size, places.length) // nothing is doubled
          const first = places[0] ?? ""
          const last = places.at(-1) ?? ""
          const between = [...record.places]
          const expected = between.slice(between.indexOf(first), between.indexOf(last) + 1)
          assert.deepStrictEqual(places, expected) // every tick, once, in order
          assert.deepStrictEqual(
            client.received.filter(({ type }) => type === "gap"),
            []
          )
        }).pipe(Effect.scoped),
      300_000
    )
  }

  it.live(
    "a platform that is stopped while NATS is away logs what it could not publish, and the next start continues after what was acknowledged",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 12 })
        const ticksOf = (client: { readonly received: ReadonlyArray<Record<string, unknown>> }) =>
          Effect.sync(() => client.received.filter(({ type }) => type === "tick"))
        const first = yield* start({ ...config, SEED_USER: "demo" })
        const client = yield* socket(first, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        yield* eventually("ticks", ticksOf(client), (all) => all.length > 20)
        yield* Effect.promise(() => nats.kill())
        yield* eventually("health says it", ask(first, "/health"), ({ body }) => body.reason?.includes("NATS is down"))
        const sentBefore = simulator.stats().packets
        yield* eventually(
          "the broker sends on",
          Effect.sync(() => simulator.stats().packets),
          (now) => now > sentBefore + packetsAway
        )
        yield* first.stop
        const left = first.logs.filter(({ message }) => message === "packets not acknowledged at the stop")
        assert.isAbove(Number(left[0]?.annotations["lost"]), packetsAway / 2)
        assert.isTrue(first.logs.some(({ message }) => message.startsWith("ends without NATS: the next start folds the record again")))

        yield* Effect.promise(() => nats.start())
        const second = yield* start({ ...config, SEED_USER: "demo" })
        const again = yield* socket(second, "/ws/ticks")
        again.send({ action: "subscribe", tokens: [nifty] })
        yield* eventually("ticks go on", ticksOf(again), (all) => all.length > 20)
        yield* eventually("the demo strategy is valued", ask(second, "/strategies?limit=1"), ({ body }) => body.total === 1)
        yield* second.stop
        const record = yield* Effect.flatMap(natsClient(nats), (nc) => Effect.promise(() => readRecord(nc, nifty)))
        for (const [key, numbers] of record.numbers) assert.strictEqual(Math.max(...numbers) + 1, numbers.size, `holes in ${key}`)
        const places = new Set(record.places)
        // What a client saw was acknowledged: all of it is in the record.
        for (const { row, seq } of yield* ticksOf(client)) assert.isTrue(places.has(`${seq} ${row}`), `${seq} ${row}`)
      }).pipe(Effect.scoped),
    300_000
  )
})
