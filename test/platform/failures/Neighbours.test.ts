import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as M2mActor from "../../../src/actors/strategies/M2mActor.ts"
import * as ProcessTime from "../../ProcessTime.ts"
import { ask, eventually, natsClient, socket, start, world } from "../PlatformWorld.ts"

const nifty = 256_265
/** No neighbour may delay a user's ticks for longer. The time-outs behind which ticks could wait are longer. */
const tickDelayMsMax = 5_000
const sampleMs = 20
/** Ticks that must come while the neighbour disturbs. */
const ticksWanted = 60

describe("Another user's trouble", () => {
  it.live(
    "BE-ISO-01 an instruments refresh, actors with much to do, a poisoned snapshot and a full bucket delay nobody's ticks by five seconds",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 12 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
        yield* eventually("ticks", ticks, (count) => count > 20)
        yield* eventually("all is well", ask(running, "/health"), ({ body }) => body.status === "ok")
        const nc = yield* natsClient(nats, "engine")
        const jsm = yield* Effect.promise(() => nc.jetstreamManager())
        const kv = yield* Effect.promise(() => nc.jetstream().views.kv("snapshots", { bindOnly: true }))

        const now = yield* ProcessTime.clock
        let seen = { count: yield* ticks, atMs: now() }
        let longestMs = 0
        const sampler = setInterval(() => {
          const count = client.received.length
          const nowMs = now()
          longestMs = Math.max(longestMs, nowMs - seen.atMs)
          if (count !== seen.count) seen = { count, atMs: nowMs }
        }, sampleMs)
        yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(sampler)))
        /** Runs the disturbance, and waits for ticks while it lasts. */
        const during = (what: string, disturb: Effect.Effect<unknown>) =>
          Effect.gen(function* () {
            longestMs = 0
            seen = { ...seen, atMs: now() }
            const before = yield* ticks
            yield* Effect.all([disturb, eventually(`ticks during ${what}`, ticks, (count) => count > before + ticksWanted)], {
              concurrency: "unbounded"
            })
            assert.isBelow(longestMs, tickDelayMsMax, what)
          })
        const legOf = (tradingsymbol: string) => ({ tradingsymbol, exchange: "NSE", direction: "BUY", quantity: 1, entry_price: "100" })
        const [inNifty, inBankNifty] = [legOf("NIFTY 50"), legOf("NIFTY BANK")]
        const create = (name: string, user: string, instruments: ReadonlyArray<object>) =>
          Effect.map(ask(running, "/strategies", { method: "POST", user, body: { name, instruments } }), ({ status, body }) => {
            assert.strictEqual(status, 201, JSON.stringify(body))
            return Number(body.strategy_id)
          })
        const marked = (id: number, user: string) =>
          eventually(
            `strategy ${id} has a value`,
            ask(running, `/strategies/${id}`, { user }),
            ({ body }) => typeof body.latest?.m2m === "string"
          )

        yield* during(
          "an instruments refresh",
          Effect.map(ask(running, "/instruments/refresh", { method: "POST", user: "u1", role: "admin" }), ({ status }) =>
            assert.strictEqual(status, 200)
          )
        )
        yield* during(
          "twenty strategies of fifty legs",
          Effect.gen(function* () {
            let last = 0
            for (let at = 0; at < 20; at++) last = yield* create(`heavy ${at}`, "u2", Array(50).fill(inNifty))
            yield* marked(last, "u2")
          })
        )
        yield* during(
          "a poisoned snapshot",
          Effect.gen(function* () {
            // One new actor finds a manifest that names chunks which do not exist, the other one finds garbage.
            const bankNifty = { exchange: "NSE", name: "BANKNIFTY" }
            const poison = JSON.stringify({ v: 1, layout: M2mActor.layout, slot: 0, chunks: 9, sha256: "?", recordCreatedMs: 1, seq: 1 })
            yield* Effect.promise(() => kv.put(M2mActor.key([bankNifty]), Buffer.from(poison)))
            yield* Effect.promise(() => kv.put(M2mActor.key([bankNifty, { exchange: "NSE", name: "NIFTY" }]), Buffer.from("garbage")))
            yield* marked(yield* create("first", "u3", [inBankNifty]), "u3")
            yield* marked(yield* create("second", "u3", [inBankNifty, inNifty]), "u3")
          })
        )
        yield* during(
          "a full bucket of snapshots",
          Effect.gen(function* () {
            const { config, state } = yield* Effect.promise(() => jsm.streams.info("KV_snapshots"))
            const full = { ...config, max_bytes: state.bytes }
            yield* Effect.promise(() => jsm.streams.update("KV_snapshots", full))
            const refused = yield* Effect.promise(() =>
              kv.put("filler", Buffer.alloc(100_000)).then(
                () => "",
                (error: Error) => error.message
              )
            )
            assert.match(refused, /maximum bytes exceeded/)
            yield* marked(yield* create("in a full bucket", "u4", [inNifty, inNifty]), "u4")
          })
        )
        assert.isEmpty(client.received.filter(({ type }) => type === "gap" || type === "error"))
      }).pipe(Effect.scoped),
    900_000
  )
})
