import { HttpServer } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Context, Effect, Exit } from "effect"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import { platformProgram } from "../../BuiltProgram.ts"
import { freePort } from "../../FreePort.ts"
import { accountIds, ask, begin, eventually, natsClient, socket, world } from "../../platform/PlatformWorld.ts"
import { Runner } from "./Runner.ts"
import { all, areUnbroken, comparedMin, optionsOf } from "./Unbroken.ts"

const strategies = 16
const user = "demo"
describe("Placement in several processes", () => {
  it.scopedLive(
    "BE-OPS-05 three processes share the actors; the actors of a killed and of a frozen process move, none runs twice, and nothing is lost",
    () =>
      Effect.gen(function* () {
        const { config, nats, simulator } = yield* world({ mode: "synthetic", rate: 2, strikesEachSide: 10 })
        const file = yield* platformProgram
        const runners: Array<Runner> = []
        yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(runners.map((one) => one.end("SIGKILL")))))
        const launch = Effect.map(freePort, (port) => {
          const placed = { PLACEMENT: "cluster", PLACEMENT_TTL: "15 seconds", RUNNER_HOST: "127.0.0.1", RUNNER_PORT: String(port) }
          const runner = new Runner(file, { ...config, ...placed, ROLES: "actors" })
          runners.push(runner)
          return runner
        })
        const running = () => runners.flatMap(({ keys }) => keys).sort()

        yield* launch
        const runAll = (what: string, wanted: ReadonlyArray<string>) =>
          eventually(what, Effect.sync(running), (keys) => new Set(keys).size === keys.length && wanted.every((key) => keys.includes(key)))
        yield* runAll("the first runs what always exists", [
          "bar-writer.1",
          "candle-writer.1",
          "life-writer.1",
          "director.1",
          "history.1",
          "instrument-refresh.1"
        ])
        yield* launch
        yield* launch

        // This process runs the gateway. Its user's connection stays open through everything below.
        const gateway = yield* begin(config, ["gateway"])
        yield* Effect.addFinalizer(() => gateway.stop)
        if (Exit.isFailure(gateway.exit)) return yield* Effect.failCause(gateway.exit.cause as Cause.Cause<never>)
        const { address } = Context.get(gateway.exit.value, HttpServer.HttpServer)
        const here = { url: `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`, logs: gateway.logs, stop: gateway.stop }

        const { instruments } = simulator.market
        const spots = instruments.filter((one) => one.segment === "INDICES" && (one.name === "NIFTY 50" || one.name === "NIFTY BANK"))
        assert.strictEqual(
          spots.length,
          2,
          instruments
            .filter((one) => one.segment === "INDICES")
            .map(({ name, tradingsymbol }) => `${name} ${tradingsymbol}`)
            .join()
        )
        for (const { token } of [...spots, ...optionsOf(instruments, "NIFTY"), ...optionsOf(instruments, "BANKNIFTY")]) {
          const answer = yield* ask(here, "/subscriptions", { method: "POST", body: { instrument_token: token, requested_mode: "FULL" } })
          assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
        }
        const ids: Array<number> = []
        for (let at = 0; at < strategies; at++) {
          const created = yield* ask(here, "/strategies", { method: "POST", body: { name: `number ${at}` } })
          ids.push(created.body.strategy_id)
          const option = optionsOf(instruments, "NIFTY")[at % 8]
          const leg = { tradingsymbol: option?.tradingsymbol, exchange: "NFO", direction: "SELL", quantity: 75, entry_price: "100" }
          const added = yield* ask(here, `/strategies/${ids[at]}/instruments`, { method: "POST", body: leg })
          assert.strictEqual(added.status, 201, JSON.stringify(added.body))
        }
        const expected = [
          "bar-writer.1",
          "bars.NSE.BANKNIFTY",
          "bars.NSE.NIFTY",
          "candle-writer.1",
          "life-writer.1",
          "director.1",
          "greeks.NSE.BANKNIFTY",
          "greeks.NSE.NIFTY",
          "history.1",
          "instrument-refresh.1",
          "strategies.NSE.NIFTY",
          ...accountIds.flatMap((id) => [`ticker.${id}`, `executor.${id}`])
        ]
        const allRun = (what: string) => runAll(what, expected)
        yield* allRun("all run")
        yield* eventually(
          "the actors are spread over the processes",
          Effect.sync(() => runners.map(({ keys }) => keys.length)),
          (counts) => counts.every((count) => count > 0)
        )

        const client = yield* socket(here, "/strategies/stream", user)
        client.send({ action: "subscribe", strategy_ids: ids })
        const seen = () => client.received.filter(({ type }) => type === "m2m")
        const holder = (key: string) => runners.find(({ keys }) => keys.includes(key))
        /** An actor may be moving from one process to another, because shards are rebalanced some time after a process joins. */
        const holderOf = (key: string) =>
          Effect.map(
            eventually(
              `a process runs ${key}`,
              Effect.sync(() => holder(key)),
              (one) => one !== undefined
            ),
            (one) => one as Runner
          )
        /** Waits until every strategy has a new value on the user's one connection. */
        const goesOn = (what: string) =>
          Effect.gen(function* () {
            const before = seen().length
            yield* eventually(
              what,
              Effect.sync(() => {
                const moved = new Set(
                  seen()
                    .slice(before)
                    .map(({ strategy_id }) => strategy_id)
                )
                return ids.filter((id) => !moved.has(id)).map((id) => ({ id, process: holder("strategies.NSE.NIFTY")?.child.pid }))
              }),
              (missing) => missing.length === 0
            )
          })
        yield* goesOn("values come")

        const killed = yield* holderOf("ticker.sim1")
        yield* Effect.promise(() => killed.end("SIGKILL"))
        yield* allRun("the killed one's actors run elsewhere")
        yield* goesOn("values go on after the kill")
        const frozen = yield* holderOf("ticker.sim2")
        const frozenAtMs = frozen.freeze()
        yield* allRun("the frozen one's actors run elsewhere")
        yield* goesOn("values go on after the freeze")
        frozen.thaw()
        yield* eventually(
          "the resumed process runs actors again",
          Effect.sync(() => frozen.keys.length),
          (count) => count > 0
        )
        yield* allRun("each runs once again")
        yield* goesOn("values go on after the thaw")
        const stopped = yield* holderOf("ticker.sim1")
        assert.strictEqual(yield* Effect.promise(() => stopped.end("SIGTERM")), 0)
        yield* allRun("the stopped one's actors run elsewhere")
        yield* goesOn("values go on after the stop")
        assert.strictEqual(client.closed(), undefined)
        yield* eventually(
          "every strategy has enough values to compare",
          Effect.sync(() => Math.min(...ids.map((id) => seen().filter(({ strategy_id }) => strategy_id === id).length))),
          (fewest) => fewest > comparedMin + 2
        )
        for (const one of runners)
          if (one.child.exitCode === null && one.child.signalCode === null) yield* Effect.promise(() => one.end("SIGTERM"))

        // Each actor ran in one process at a time, in each process under a larger epoch.
        for (const key of new Set(runners.flatMap(({ stays }) => stays.map(({ key }) => key)))) {
          const stays = runners
            .flatMap((process) => process.stays.filter((stay) => stay.key === key).map((stay) => ({ ...stay, process })))
            .sort((a, b) => a.fromMs - b.fromMs)
          for (const [at, stay] of stays.slice(1).entries()) {
            const before = stays[at] as (typeof stays)[number]
            assert.isAtLeast(stay.fromMs, before.untilMs, `${key} ran twice`)
            // An actor that ended and began again in one process keeps that process's lease.
            if (stay.process === before.process) assert.isAtLeast(stay.epoch, before.epoch, key)
            else assert.isAbove(stay.epoch, before.epoch, key)
          }
        }
        assert.isAbove(runners.flatMap(({ stays }) => stays.filter(({ key }) => key === "ticker.sim1")).length, 2)

        const nc = yield* natsClient(nats, "engine")
        const record = yield* all(nc, "MD_FRAMES", ">")
        for (const account of accountIds) {
          // A replaced process may still say which packets it did not publish (md.break).
          const headers = record
            .filter(({ subject }) => subject.startsWith("md.frame."))
            .map(({ headers }) => FrameHeader.parse(headers?.get(FrameHeader.name) ?? ""))
            .filter((header) => header !== undefined && header.account === account)
          assert.isAbove(headers.length, 10)
          let newest = 0
          for (const header of headers) {
            // The frames that a replaced process still sent are older than its end: it received nothing after that.
            if (header !== undefined && header.epoch < newest) assert.isAtMost(header.baseReceivedMs, frozenAtMs, account)
            newest = Math.max(newest, header?.epoch ?? 0)
          }
        }

        const expiry = optionsOf(instruments, "NIFTY")[0]?.expiry ?? ""
        yield* areUnbroken(nc, record, { expiry, ids, user })
      }),
    900_000
  )
})
