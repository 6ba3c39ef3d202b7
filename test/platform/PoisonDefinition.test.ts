import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { KV } from "nats"
import * as Subjects from "../../src/streams/Subjects.ts"
import { eventually, natsClient, start, world } from "./PlatformWorld.ts"

describe("A ticker's definition", () => {
  it.live(
    "BE-SVC-10 that cannot be read is a dead letter: the ticker streams on without a restart, and obeys the next one that it can read",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 4 })
        yield* start({ ...config, SEED_USER: "demo" })
        const nc = yield* natsClient(nats, "engine")
        const jsm = yield* Effect.promise(() => nc.jetstreamManager({ checkAPI: false }))
        const bucket = yield* Effect.promise((): Promise<KV> => nc.jetstream().views.kv("actors", { bindOnly: true }))
        const newest = (stream: string, subject: string) =>
          Effect.promise(() => jsm.streams.getMessage(stream, { last_by_subj: subject }).catch(() => undefined))
        const keys = Effect.promise(async () => {
          const found: Array<string> = []
          for await (const key of await bucket.keys("ticker.*")) found.push(key)
          return found
        })
        const [key = ""] = yield* eventually("a ticker", keys, (all) => all.length > 0)
        const account = key.slice("ticker.".length)
        const status = Effect.map(newest("SYS", Subjects.Ticker.at({ account })), (message) => message?.json<Record<string, unknown>>())
        const before = yield* eventually("it streams", status, (now) => now?.["state"] === "streaming" && Number(now["ticks"]) > 0)
        const good = yield* Effect.promise(async () => (await bucket.get(key))?.json<{ v: 1; instruments: ReadonlyArray<unknown> }>())

        yield* Effect.promise(() => bucket.put(key, '{"v":1,"instruments":"all"}'))
        const letter = yield* eventually("a dead letter", newest("DLQ", Subjects.deadLetter("ticker")), (found) => found !== undefined)
        assert.strictEqual(letter?.header.get("Tarang-Subject"), `$KV.actors.${key}`)
        assert.match(letter?.header.get("Tarang-Reason") ?? "", /instruments/)
        const ticks = Number(before?.["ticks"])
        const after = yield* eventually("it streams on", status, (now) => Number(now?.["ticks"]) > ticks)
        assert.deepInclude(after, { state: "streaming", incarnation: before?.["incarnation"], subscribed: before?.["subscribed"] })

        const less = { v: 1, instruments: good?.instruments.slice(1) }
        yield* Effect.promise(() => bucket.put(key, JSON.stringify(less)))
        const obeyed = yield* eventually("the better one", status, (now) => now?.["subscribed"] === less.instruments?.length)
        assert.strictEqual(obeyed?.["incarnation"], before?.["incarnation"])
      }).pipe(Effect.scoped),
    300_000
  )
})
