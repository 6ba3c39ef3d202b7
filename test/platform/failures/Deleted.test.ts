import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, natsClient, socket, start, world } from "../PlatformWorld.ts"

/** Streams and the endpoint whose clients receive their messages. */
const deleted = ["OPT", "OPT_LAST", "STRAT", "MD_TICK", "MD_BARS", "SYS", "KV_actors", "KV_snapshots", "KV_incarnations", "MD_FRAMES"]
const moving = ["OPT", "OPT_LAST", "STRAT", "MD_TICK", "MD_BARS", "SYS", "MD_FRAMES"]

describe("Streams that someone deletes", () => {
  it.live(
    "BE-ISO-05 each stream, bucket and durable consumer is created again under traffic, /health reports it, and every output continues",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world()
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const nc = yield* natsClient(nats, "engine")
        const jsm = yield* Effect.promise(() => nc.jetstreamManager({ checkAPI: false }))
        const expiry = (yield* eventually("a chain", ask(running, "/fo/expiries?symbol=NIFTY"), ({ body }) => body.expiries?.length > 0))
          .body.expiries[0]
        const chains = yield* socket(running, "/fo/stream")
        const marks = yield* socket(running, "/strategies/stream")
        chains.send({ action: "subscribe", symbol: "NIFTY", expiry })
        marks.send({ action: "subscribe", strategy_ids: [1] })
        const updates = (client: typeof chains, type: string) =>
          Effect.sync(() => client.received.filter((one) => one.type === type).length)
        const goesOn = (what: string) =>
          Effect.gen(function* () {
            const before = [yield* updates(chains, "update"), yield* updates(marks, "m2m")] as const
            yield* eventually(`chain updates ${what}`, updates(chains, "update"), (now) => now > before[0] + 2)
            yield* eventually(`marks ${what}`, updates(marks, "m2m"), (now) => now > before[1])
          })
        /** Its creation time and end; undefined while it does not exist. */
        const infoOf = (name: string) =>
          Effect.promise(() =>
            jsm.streams.info(name).then(
              ({ created, state }) => ({ created, lastSeq: state.last_seq }),
              () => undefined
            )
          )
        yield* eventually("all of them hold something", Effect.forEach(moving, infoOf), (all) =>
          all.every((one) => (one?.lastSeq ?? 0) > 0)
        )
        yield* goesOn("before")
        for (const name of deleted) {
          const before = yield* infoOf(name)
          yield* Effect.promise(() => jsm.streams.delete(name))
          const after = yield* eventually(
            `${name} is made again`,
            infoOf(name),
            (now) => now !== undefined && now.created !== before?.created
          )
          yield* eventually(`/health says it of ${name}`, ask(running, "/health"), ({ body }) =>
            body.reason?.includes(`stream ${name} was deleted, and created again at `)
          )
          if (moving.includes(name))
            yield* eventually(
              `${name} moves`,
              infoOf(name),
              (now) => (now?.lastSeq ?? 0) > (after?.lastSeq ?? 0) && (now?.lastSeq ?? 0) > 1
            )
          yield* goesOn(`after ${name} was deleted`)
        }
        for (const [stream, consumer] of [
          ["MD_BARS", "bar-writer"],
          ["STRAT", "candle-writer"],
          ["MD_FRAMES", "life-writer"]
        ] as const) {
          const createdOf = Effect.promise(() =>
            jsm.consumers.info(stream, consumer).then(
              ({ created }) => created,
              () => undefined
            )
          )
          const before = yield* eventually(`${consumer} is there`, createdOf, (now) => now !== undefined)
          yield* Effect.promise(() => jsm.consumers.delete(stream, consumer))
          yield* eventually(`${consumer} is made again`, createdOf, (now) => now !== undefined && now !== before)
          const isSaid = running.logs.some(({ annotations }) => annotations["actor"] === consumer || annotations["consumer"] === consumer)
          assert.isTrue(isSaid, `the log names ${consumer}`)
        }
        const remade = running.logs.filter(({ message }) => message.startsWith("a stream was deleted and has been made again"))
        assert.includeMembers(
          remade.map(({ annotations }) => annotations["stream"]),
          deleted
        )
      }).pipe(Effect.scoped),
    300_000
  )
})
