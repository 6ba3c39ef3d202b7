import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { KV } from "nats"
import type { Part } from "../../../src/actors/market/TickerSession.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { eventually, natsClient, start, world } from "../PlatformWorld.ts"

describe("A ticker's definition", () => {
  it.live(
    "BE-SVC-10 that cannot be read is a dead letter: the ticker streams on without a restart, and obeys the next one that it can read",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 4 })
        yield* start({ ...config, SEED_USER: "demo" })
        const nc = yield* natsClient(nats, "engine")
        const jsm = yield* Effect.promise(() => nc.jetstreamManager({ checkAPI: false }))
        const bucket = yield* Effect.promise((): Promise<KV> => nc.jetstream().views.kv("instruments", { bindOnly: true }))
        const newest = (stream: string, subject: string) =>
          Effect.promise(() => jsm.streams.getMessage(stream, { last_by_subj: subject }).catch(() => undefined))
        const keys = Effect.promise(async () => {
          const found: Array<string> = []
          for await (const key of await bucket.keys("*.1")) found.push(key)
          return found
        })
        const [key = ""] = yield* eventually("instruments of an account", keys, (all) => all.length > 0)
        const account = key.slice(0, key.indexOf("."))
        const status = Effect.map(newest("SYS", Subjects.Ticker.at({ account })), (message) => message?.json<Record<string, unknown>>())
        const before = yield* eventually("it streams", status, (now) => now?.["state"] === "streaming" && Number(now["ticks"]) > 0)
        const good = yield* Effect.promise(async () => (await bucket.get(key))?.json<Part>())

        yield* Effect.promise(() => bucket.put(key, '{"v":1,"groups":"all"}'))
        const letter = yield* eventually("a dead letter", newest("DLQ", Subjects.deadLetter("ticker")), (found) => found !== undefined)
        assert.strictEqual(letter?.header.get("Tarang-Subject"), `$KV.instruments.${key}`)
        assert.match(letter?.header.get("Tarang-Reason") ?? "", /groups/)
        const ticks = Number(before?.["ticks"])
        const after = yield* eventually("it streams on", status, (now) => Number(now?.["ticks"]) > ticks)
        assert.deepInclude(after, { state: "streaming", incarnation: before?.["incarnation"], subscribed: before?.["subscribed"] })

        const [group, ...others] = good?.groups ?? []
        const less: Part = { v: 1, groups: group === undefined ? [] : [{ ...group, tokens: group.tokens.slice(1) }, ...others] }
        const count = less.groups.reduce((sum, { tokens }) => sum + tokens.length, 0)
        yield* Effect.promise(() => bucket.put(key, JSON.stringify(less)))
        const obeyed = yield* eventually("the better one", status, (now) => now?.["subscribed"] === count)
        assert.strictEqual(obeyed?.["incarnation"], before?.["incarnation"])
      }).pipe(Effect.scoped),
    300_000
  )
})
