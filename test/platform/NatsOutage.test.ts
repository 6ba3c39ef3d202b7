import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { NatsServer } from "../TestBackends.ts"
import { ask, eventually, natsClient, receivedUntilStop, socket, start, world } from "./PlatformWorld.ts"
import { readRecord } from "./Record.ts"

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
})
