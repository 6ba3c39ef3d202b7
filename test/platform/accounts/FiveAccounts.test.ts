import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { NatsConnection } from "nats"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { account, subscriber } from "../../simulator/SimulatorWorld.ts"
import { ask, eventually, natsClient, simulatorAccount, spareAccount, start, world } from "../PlatformWorld.ts"
import { framesAfter } from "../record/Record.ts"

const ids = ["five1", "five2", "five3", "five4", "five5"]
const each = 5
const packetsMin = 10

type Packets = ReadonlyMap<number, ReadonlyArray<string>>

/**
 * The full packets of frames, by token in the order in which they came. The answer to a change of the mode repeats the newest packet, and a
 * packet of another mode came before that change: both say only when the client subscribed.
 */
const collect = (frames: ReadonlyArray<Uint8Array>): Packets => {
  const found = new Map<number, Array<string>>()
  for (const frame of frames) {
    const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.length)
    Frame.forEachPacket(bytes, (offset, length) => {
      if (length !== Frame.Kind.full) return
      const token = Frame.tokenAt(bytes, offset)
      const packets = found.get(token) ?? []
      found.set(token, packets)
      const packet = Buffer.from(bytes.subarray(offset, offset + length)).toString("base64")
      if (packets.at(-1) !== packet) packets.push(packet)
    })
  }
  return found
}

const hasEnough = (packets: Packets, tokens: ReadonlyArray<number>): boolean =>
  tokens.every((token) => (packets.get(token)?.length ?? 0) > packetsMin)

const recorded = (nc: NatsConnection) =>
  Effect.map(
    Effect.promise(() => framesAfter(nc)),
    (frames) => collect(frames.map(({ data }) => data))
  )

/** Asserts that two clients got the same packets in the same order from the later one's first packet until the slower one's last. */
const assertSame = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): void => {
  const at = one.indexOf(other[0] ?? "")
  const [early, late] = at >= 0 ? [one.slice(at), other] : [other.slice(Math.max(0, other.indexOf(one[0] ?? ""))), one]
  const common = Math.min(early.length, late.length)
  assert.isAbove(common, packetsMin)
  assert.deepStrictEqual(early.slice(0, common), late.slice(0, common))
}

describe("five accounts that start together", () => {
  it.live(
    "TC-MATL-023 see one consistent simulated market: at the broker all get the same packets, and the platform's record has the packets of all five",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world(
          { mode: "synthetic", rate: 5, strikesEachSide: 4 },
          {},
          { accounts: [...ids.map(simulatorAccount), ...ids.map((id) => account(`direct-${id}`)), spareAccount] },
          ids
        )
        const tokens = simulator.market.instruments
          .filter(({ segment }) => segment === "NFO-OPT")
          .map(({ token }) => token)
          .slice(0, ids.length * each)
        assert.strictEqual(tokens.length, ids.length * each)

        // Five clients of the broker sign in and subscribe at once, each to all instruments.
        const clients = yield* Effect.forEach(ids, (id) => subscriber(simulator, account(`direct-${id}`), "raw"), {
          concurrency: "unbounded"
        })
        for (const client of clients) {
          client.send({ a: "subscribe", v: tokens })
          client.send({ a: "mode", v: ["full", tokens] })
        }
        const seen = Effect.sync(() => clients.map(({ raw }) => collect(raw)))
        yield* eventually("each client has packets of all instruments", seen, (all) => all.every((one) => hasEnough(one, tokens)))

        // Five accounts of the platform start together, each with instruments of its own of the same underlying.
        const running = yield* start(config)
        const nc = yield* natsClient(nats)
        const subscriptions = tokens.map((instrument_token, at) => ({
          instrument_token,
          requested_mode: "FULL",
          account_id: ids[Math.floor(at / each)]
        }))
        const added = yield* ask(running, "/subscriptions/batch", { method: "POST", body: { subscriptions } })
        assert.deepInclude(added.body, { created: tokens.length, refused: [] })
        const record = yield* eventually("the record has packets of all instruments", recorded(nc), (found) => hasEnough(found, tokens))

        const all = yield* eventually("the clients have what the record has", seen, (found) =>
          found.every((one) =>
            tokens.every((token) => {
              const known = new Set(one.get(token))
              return record.get(token)?.every((packet) => known.has(packet))
            })
          )
        )
        for (const token of tokens) {
          const [first, ...others] = all.map((one) => one.get(token) ?? [])
          for (const other of others) assertSame(first ?? [], other)
          assertSame(first ?? [], record.get(token) ?? [])
        }
      }).pipe(Effect.scoped),
    300_000
  )
})
