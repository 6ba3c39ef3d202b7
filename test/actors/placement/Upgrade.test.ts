import { HttpServer } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Context, Effect, Exit } from "effect"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import { platformProgram } from "../../BuiltProgram.ts"
import { freePort } from "../../FreePort.ts"
import { accountIds, ask, begin, eventually, natsClient, readAll, socket, world } from "../../platform/PlatformWorld.ts"
import { earlierProgram, Runner } from "./Runner.ts"
import { all, areUnbroken, comparedMin, optionsOf } from "./Unbroken.ts"

const strategies = 4
const user = "demo"

describe("A rolling upgrade", () => {
  it.scopedLive(
    "BE-REC-05 from an earlier version with other layouts under load: both share the actors, the states are rebuilt, and no packet, delta or mark is lost or doubled",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 10 })
        const runners: Array<Runner> = []
        yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(runners.map((one) => one.end("SIGKILL")))))
        const launch = (file: string) =>
          Effect.map(freePort, (port) => {
            const placed = { PLACEMENT: "cluster", PLACEMENT_TTL: "15 seconds", RUNNER_HOST: "127.0.0.1", RUNNER_PORT: String(port) }
            const runner = new Runner(file, { ...config, ...placed, ROLES: "actors" })
            runners.push(runner)
            return runner
          })
        const earlier = yield* launch(yield* earlierProgram)
        const file = yield* platformProgram
        yield* eventually(
          "the earlier version runs",
          Effect.sync(() => earlier.keys),
          (keys) => keys.includes("director.1")
        )
        const gateway = yield* begin(config, ["gateway"])
        yield* Effect.addFinalizer(() => gateway.stop)
        if (Exit.isFailure(gateway.exit)) return yield* Effect.failCause(gateway.exit.cause as Cause.Cause<never>)
        const { address } = Context.get(gateway.exit.value, HttpServer.HttpServer)
        const here = { url: `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`, logs: gateway.logs, stop: gateway.stop }

        const { instruments } = simulator.market
        const spot = instruments.filter((one) => one.segment === "INDICES" && one.name === "NIFTY 50")
        const options = optionsOf(instruments, "NIFTY")
        for (const { token } of [...spot, ...options]) {
          const answer = yield* ask(here, "/subscriptions", { method: "POST", body: { instrument_token: token, requested_mode: "FULL" } })
          assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
        }
        const ids: Array<number> = []
        for (let at = 0; at < strategies; at++) {
          const leg = { tradingsymbol: options[at]?.tradingsymbol, exchange: "NFO", direction: "SELL", quantity: 75, entry_price: "100" }
          const { body, status } = yield* ask(here, "/strategies", { method: "POST", body: { name: `number ${at}`, instruments: [leg] } })
          assert.strictEqual(status, 201, JSON.stringify(body))
          ids.push(body.strategy_id)
        }
        const client = yield* socket(here, "/strategies/stream", user)
        client.send({ action: "subscribe", strategy_ids: ids })
        const marks = (id: number) => client.received.filter(({ type, strategy_id }) => type === "m2m" && strategy_id === id).length
        /** Waits until every strategy has this many more values on the user's one connection. */
        const goesOn = (what: string, more = 1) =>
          Effect.gen(function* () {
            const before = new Map(ids.map((id) => [id, marks(id)]))
            yield* eventually(
              what,
              Effect.sync(() => Math.min(...ids.map((id) => marks(id) - (before.get(id) ?? 0)))),
              (fewest) => fewest >= more
            )
          })
        yield* goesOn("values come")

        const nc = yield* natsClient(nats, "engine")
        const kv = yield* Effect.promise(() => nc.jetstream().views.kv("snapshots", { bindOnly: true }))
        const layoutOf = (key: string) =>
          Effect.promise(async () => {
            const text = (await kv.get(key))?.string() ?? "{}"
            return String(JSON.parse(text).layout)
          })
        const kept = ["bars.NSE.NIFTY", "greeks.NSE.NIFTY", "strategies.NSE.NIFTY"]
        const layouts = Effect.forEach(kept, layoutOf)
        const areEarlier = (found: ReadonlyArray<string>) => found.every((layout) => layout.endsWith("-earlier"))
        yield* eventually("the earlier version has saved its states", layouts, areEarlier)
        const keyframes = Effect.promise(async () => {
          const jsm = await nc.jetstreamManager()
          const { state } = await jsm.streams.info("MD_FRAMES", { subjects_filter: "md.key.NSE.NIFTY.>" })
          return Object.keys(state.subjects ?? {}).length
        })
        yield* eventually("a keyframe", keyframes, (count) => count > 0)
        yield* goesOn("values before the upgrade", comparedMin)

        const later = yield* launch(file)
        yield* eventually(
          "both versions run actors",
          Effect.sync(() => [earlier.keys.length, later.keys.length]),
          (counts) => counts.every((count) => count > 0)
        )
        yield* goesOn("values while both run", comparedMin)
        const moved = earlier.keys
        assert.strictEqual(yield* Effect.promise(() => earlier.end("SIGTERM")), 0)
        yield* eventually(
          "the later version runs all",
          Effect.sync(() => later.keys),
          (keys) => [...moved, ...kept, ...accountIds.map((id) => `ticker.${id}`)].every((key) => keys.includes(key))
        )
        yield* goesOn("values after the upgrade", comparedMin)
        yield* eventually("the later version has saved its states", layouts, (found) =>
          found.every((layout) => !layout.endsWith("-earlier"))
        )
        assert.strictEqual(client.closed(), undefined)
        assert.strictEqual(yield* Effect.promise(() => later.end("SIGTERM")), 0)

        const record = yield* all(nc, "MD_FRAMES", ">")
        const numbers = new Map<string, Set<number>>()
        for (const { headers, subject } of record.filter((one) => one.subject.startsWith("md.frame."))) {
          const header = FrameHeader.parse(headers?.get(FrameHeader.name) ?? "")
          const lane = `${subject} ${header?.account} ${header?.incarnation}`
          numbers.set(lane, (numbers.get(lane) ?? new Set()).add(header?.number ?? -1))
        }
        assert.isAtLeast(numbers.size, 2)
        for (const [lane, found] of numbers) assert.strictEqual(Math.max(...found) + 1, found.size, `holes in ${lane}`)
        yield* areUnbroken(nc, record, { expiry: options[0]?.expiry ?? "", ids, user })
        const refused = yield* readAll<unknown>(nc, "DLQ", "dlq.>")
        assert.deepStrictEqual(refused, [])
      }),
    900_000
  )
})
