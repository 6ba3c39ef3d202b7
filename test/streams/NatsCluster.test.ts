import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { join } from "node:path"
import { Runner, RunnerAddress, ShardId } from "@effect/cluster"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Logger, Schedule } from "effect"
import { connect, type NatsConnection } from "nats"
import { inject } from "vitest"
import { type NatsPasswords, type NatsRole, newCallout, startNats } from "../../scripts/lib/backends.mjs"
import * as RunnerStorage from "../../src/actors/placement/RunnerStorage.ts"
import * as Copies from "../../src/streams/Copies.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as LeaseBucket from "../../src/streams/LeaseBucket.ts"
import * as OrderedRead from "../../src/streams/OrderedRead.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { freePort } from "../FreePort.ts"
import { waitMsMax } from "../Patience.ts"
import type { NatsServer } from "../TestBackends.ts"
import { admissionByName, answerLogins, connectOwner } from "./Admissions.ts"
import { bytes, collect, messages, range, Server, text, until } from "./Nats.ts"

const nodes = 3
/** The servers take up to nine seconds to elect a leader, and far longer on a busy machine. Until then nobody answers, or somebody refuses. */
const patient = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.retry(effect, { schedule: Schedule.spaced("200 millis"), times: waitMsMax / 200 })
const secret = () => randomBytes(12).toString("base64url")

/** Three servers with nats.conf, each with a route to the others, as in docker-compose.yml. */
const cluster = Effect.gen(function* () {
  const { natsProgram, folder } = inject("backends")
  const passwords: NatsPasswords = { engine: secret(), gateway: secret(), reader: secret(), operator: secret() }
  const callout = newCallout()
  const ports = yield* Effect.all(Array.from({ length: nodes }, () => freePort))
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(",")
  const node = (port: number) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const home = await mkdtemp(join(folder, "nats-node-"))
        const flags = ["--cluster_name", "tarang", "--cluster", `nats://127.0.0.1:${port}`, "--routes", routes]
        return { home, ...(await startNats(natsProgram, home, { passwords, callout, flags })) }
      }),
      ({ home, child }) =>
        Effect.promise(async () => {
          await child.stop()
          await rm(home, { recursive: true, force: true })
        })
    )
  const started = yield* Effect.forEach(ports, node, { concurrency: nodes })
  const servers = started.map(({ port }) => `nats://127.0.0.1:${port}`)
  const kill = (server: string) =>
    Effect.promise(async () => {
      const child = started[servers.indexOf(server)]?.child
      if (child?.pid === undefined) throw new Error(`no node at ${server}`)
      process.kill(child.pid, "SIGKILL")
      await child.ended
    })
  const client = (role: NatsRole, wanted = servers) =>
    Effect.acquireRelease(
      Effect.promise(() =>
        connect({ servers: [...wanted], user: role, pass: passwords[role], maxReconnectAttempts: -1, reconnectTimeWait: 50 })
      ),
      (nc) => Effect.promise(() => nc.close())
    )
  const config = ConfigProvider.fromMap(
    new Map([
      ["NATS_URL", servers.join(",")],
      ["NATS_ENGINE_PASSWORD", passwords.engine],
      ["NATS_GATEWAY_PASSWORD", passwords.gateway],
      ["NATS_REPLICAS", String(nodes)],
      // The leases of this test are not refreshed while messages go through a cluster that has just lost a server.
      ["PLACEMENT_TTL", "1 hour"]
    ])
  )
  /** The address of the server with that name. */
  const serverNamed = (name: string) =>
    Effect.promise(async () => {
      for (const server of servers) {
        const nc = await connect({ servers: server, user: "reader", pass: passwords.reader })
        const found = nc.info?.server_name
        await nc.close()
        if (found === name) return server
      }
      throw new Error(`no server is named ${name}`)
    })
  return { servers, serverNamed, kill, client, config, callout } as const
})

const shard = ShardId.make("default", 1)
/** The storage of leases of one process. */
const leasing = (nc: NatsConnection, port: number) =>
  Effect.map(patient(RunnerStorage.make(nc, { shards: 10, refreshMs: 6_000 })), ({ storage, leases }) => {
    const runner = Runner.make({ address: RunnerAddress.make("127.0.0.1", port), groups: ["default"], weight: 1 })
    return {
      acquire: Effect.map(patient(storage.acquire(runner.address, [shard])), (held) => held.length),
      refresh: Effect.map(patient(storage.refresh(runner.address, [shard])), (held) => held.length),
      release: patient(storage.releaseAll(runner.address)),
      epoch: () => leases.of("default:1")?.epoch ?? 0
    } as const
  })

/** Waits for an answer about the user's copy. No server answers while they elect its leader. */
const answered = (nc: NatsConnection) =>
  until("the user's copy answers", () =>
    Effect.promise(() =>
      nc.request("$JS.API.STREAM.INFO.OPT_LAST", "", { timeout: 5_000 }).then(
        (answer) => !answer.string().includes('"error"'),
        () => false
      )
    )
  )

/** What one user tries on the subject of another's value: itself, as a reply, and as the delivery of a consumer. */
const attack = (nc: NatsConnection, victim: string) =>
  Effect.gen(function* () {
    yield* answered(nc)
    const push = { name: "forged", deliver_subject: victim, ack_policy: "none", deliver_policy: "all" }
    nc.publish(victim, "forged")
    for (const prefix of ["$JS.API", "tarang.JS.API"]) {
      for (const verb of ["STREAM.NAMES", "STREAM.INFO.STRAT", "DIRECT.GET.OPT_LAST.und.state.NSE.NIFTY", "STREAM.DELETE.STRAT"])
        nc.publish(`${prefix}.${verb}`, "", { reply: victim })
      for (const stream of ["STRAT", "OPT_LAST"])
        nc.publish(`${prefix}.CONSUMER.CREATE.${stream}.forged`, JSON.stringify({ stream_name: stream, config: push }), { reply: victim })
    }
    yield* Effect.promise(() => nc.flush())
    // The servers answer a connection's requests in order.
    yield* answered(nc)
  })

/** The replicas of each stream that work; none while no server answers. */
const replicated = (nc: NatsConnection, apiPrefix: string) =>
  Effect.tryPromise(async () => {
    const found = new Map<string, number>()
    for await (const { config, cluster: group } of (await nc.jetstreamManager({ apiPrefix, checkAPI: false })).streams.list())
      found.set(
        config.name,
        (group?.replicas?.filter(({ offline }) => offline !== true).length ?? 0) + (config.num_replicas === nodes ? 1 : 0)
      )
    return found
  }).pipe(Effect.orElseSucceed(() => new Map<string, number>()))

/** Provides the server at that address, whose logins of owners somebody answers. */
const at = (url: string, callout: NatsServer["callout"]) => Effect.provideService(Server, { url, callout } as NatsServer)

describe("a cluster of three NATS servers", () => {
  it.live(
    "BE-SEC-02 BE-SEC-03 an owner connects to any server, hears its own subjects there, and leaves it when its rights end",
    () =>
      Effect.gen(function* () {
        const { servers, client, callout } = yield* cluster
        const [first = "", second = "", third = ""] = servers
        const ended = new Set<string>()
        let look = (): void => {}
        const soon = Effect.async<void>((resume) => {
          look = () => resume(Effect.void)
        })
        // One process answers at the first server, whichever server asks.
        yield* answerLogins(admissionByName(ended), { soon }).pipe(at(first, callout))
        const owners = [yield* connectOwner("u1").pipe(at(second, callout)), yield* connectOwner("u2").pipe(at(third, callout))]
        const heard: Array<string> = []
        const events: Array<string> = []
        for (const [nth, nc] of owners.entries()) {
          const subject = `strat.*.u${nth + 1}.>`
          nc.subscribe(subject, { callback: (_, message) => void heard.push(`u${nth + 1} ${message.subject}`) })
          void (async () => {
            for await (const { type } of nc.status()) events.push(`u${nth + 1} ${type}`)
          })()
          yield* Effect.promise(() => nc.flush())
        }
        const engine = yield* client("engine", [first])
        // The servers tell each other of subscriptions in their own time.
        yield* until("both hear their own subjects through the routes", () => {
          for (const owner of ["u1", "u2", "u3"]) engine.publish(`strat.m2m.${owner}.1`, "x")
          return heard.includes("u1 strat.m2m.u1.1") && heard.includes("u2 strat.m2m.u2.1")
        })
        assert.deepStrictEqual([...new Set(heard)].toSorted(), ["u1 strat.m2m.u1.1", "u2 strat.m2m.u2.1"])
        ended.add("u2")
        look()
        yield* until("the third server ends the connection", () => events.includes("u2 disconnect"))
        yield* Effect.promise(() => owners[0]?.flush() ?? Promise.resolve())
        assert.isFalse(events.includes("u1 disconnect"))
      }).pipe(Effect.scoped),
    600_000
  )

  it.live(
    "BE-ISO-02 streams, copies, leases and permissions hold with three replicas, also after the leader's server is killed",
    () =>
      Effect.gen(function* () {
        const { servers, serverNamed, kill, client, config } = yield* cluster
        const connected = (role: "engine" | "gateway") =>
          Effect.map(Layer.build(JetStream.layer(role)), Context.get(JetStream)).pipe(Effect.withConfigProvider(config))
        const engine = yield* connected("engine")
        const withEngine = Effect.provideService(JetStream, engine)
        yield* Streams.ensure.pipe(withEngine, Effect.withConfigProvider(config), patient)
        yield* Layer.build(Copies.layer).pipe(
          withEngine,
          Effect.withConfigProvider(config),
          Effect.provide(Logger.remove(Logger.defaultLogger))
        )
        const names = Streams.specs({ bytesMax: 1_000_000, hoursMax: 1, replicas: nodes }).map(({ name }) => name)
        const whole = (apiPrefix: string, wanted: ReadonlyArray<string>) =>
          until(`three replicas of ${wanted.length} streams under ${apiPrefix}`, () =>
            Effect.map(replicated(engine.nc, apiPrefix), (found) => wanted.every((name) => found.get(name) === nodes))
          )
        yield* whole("$JS.API", names)
        yield* whole("reader.JS.API", ["OPT_LAST", "MD_TICK", "MD_BARS"])

        const holder = yield* Effect.withConfigProvider(leasing(yield* client("engine"), 1), config)
        const rival = yield* Effect.withConfigProvider(leasing(yield* client("engine"), 2), config)
        assert.strictEqual(yield* holder.acquire, 1)
        yield* whole("$JS.API", [...names, `KV_${LeaseBucket.bucket}`])
        const firstEpoch = holder.epoch()

        const subject = Subjects.Mark.at({ owner: "u1", strategy: "1" })
        const victim = Subjects.Mark.at({ owner: "demo", strategy: "777" })
        // The id prevents a second copy.
        const put = (number: number) => patient(engine.publish(subject, bytes(String(number)), { msgId: `cluster:${number}` }))
        const gateway = yield* connected("gateway")
        const read = yield* OrderedRead.make({ stream: "STRAT", filters: [subject], start: { _tag: "After", seq: 0 } }).pipe(
          patient,
          Effect.provideService(JetStream, gateway)
        )
        const items = yield* collect(read.takeAll)
        yield* Effect.forEach(range(1, 50), put, { discard: true })
        yield* patient(engine.publish("und.state.NSE.NIFTY", bytes("state"), { msgId: "state" }))

        const heard: Array<string> = []
        engine.nc.subscribe(victim, { callback: (_, { data }) => void heard.push(new TextDecoder().decode(data)) })
        yield* Effect.promise(() => engine.nc.flush())
        for (const role of ["reader", "operator"] as const) {
          // Through every server: a request then crosses a route before it crosses to the other account.
          for (const server of servers) yield* attack(yield* client(role, [server]), victim)
        }

        const { leader = "" } = yield* patient(Effect.tryPromise(async () => (await engine.jsm.streams.info("STRAT")).cluster ?? {}))
        yield* kill(yield* serverNamed(leader))
        yield* Effect.forEach(range(51, 100), put, { discard: true })
        yield* until("the reader has every message", () => messages(items).length >= 100)
        assert.deepStrictEqual(
          items.map((item) => (item._tag === "Message" ? text(item) : "gap")),
          range(1, 100).map(String)
        )

        assert.strictEqual(yield* holder.refresh, 1, "the lease outlives the leader")
        assert.strictEqual(yield* rival.acquire, 0, "and nobody else gets it")
        yield* holder.release
        assert.strictEqual(yield* rival.acquire, 1)
        assert.isAbove(rival.epoch(), firstEpoch)

        for (const role of ["reader", "operator"] as const) yield* attack(yield* client(role), victim)
        yield* Effect.promise(() => engine.nc.flush())
        assert.deepStrictEqual(heard, [], "nothing that an external user made a server publish")
        const copy = Effect.tryPromise(async () => {
          const jsm = await engine.nc.jetstreamManager({ apiPrefix: "reader.JS.API", checkAPI: false })
          return (await jsm.streams.getMessage("OPT_LAST", { last_by_subj: "und.state.NSE.NIFTY" })).string()
        }).pipe(Effect.orElseSucceed(() => ""))
        yield* until("the reader's copy has the newest state", () => Effect.map(copy, (found) => found === "state"))
      }).pipe(Effect.scoped),
    600_000
  )
})
