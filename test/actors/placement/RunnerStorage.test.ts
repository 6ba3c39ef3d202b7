import { Runner, RunnerAddress, ShardId } from "@effect/cluster"
import { assert, describe, it } from "@effect/vitest"
import { type Cause, ConfigProvider, Deferred, Effect, Exit, Fiber, Option } from "effect"
import { connect, type KV } from "nats"
import * as MachineClocks from "../../../src/actors/placement/MachineClocks.ts"
import * as RunnerStorage from "../../../src/actors/placement/RunnerStorage.ts"
import * as LeaseBucket from "../../../src/streams/LeaseBucket.ts"
import { until } from "../../streams/Nats.ts"
import { type NatsServer, natsServer } from "../../TestBackends.ts"

/** A write may take 0.6 of a refresh interval, and an unconfirmed lease is given up 2.2 intervals before its end. */
interface Life {
  readonly ttlMs: number
  readonly refreshMs: number
}
/** A frozen machine must not end a lease. */
const patient: Life = { ttlMs: 30_000, refreshMs: 6_000 }
const givenUpAfterMs = 16_800
const shard = (number: number) => ShardId.make("default", number)
const runner = (port: number) => Runner.make({ address: RunnerAddress.make("127.0.0.1", port), groups: ["default"], weight: 1 })
const names = (shards: ReadonlyArray<ShardId.ShardId>) => shards.map(String)

const client = (server: NatsServer) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ ...server.as("engine"), maxReconnectAttempts: -1, reconnectTimeWait: 50 })),
    (nc) => Effect.promise(() => nc.close())
  )
const settings = (more: Readonly<Record<string, string>> = {}) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries({ PLACEMENT_TTL: `${patient.ttlMs} millis`, ...more }))))

/** The storage of a process at an address, with its own connection. */
const begin = (server: NatsServer, port: number, { ttlMs, refreshMs } = patient, clocks = MachineClocks.real) =>
  Effect.gen(function* () {
    const nc = yield* client(server)
    const { storage, leases } = yield* RunnerStorage.make(nc, { shards: 100, refreshMs }, clocks).pipe(
      settings({ PLACEMENT_TTL: `${ttlMs} millis` })
    )
    return { nc, storage, leases, address: runner(port).address, runner: runner(port) }
  })
const bucketOf = (server: NatsServer) =>
  Effect.flatMap(client(server), (nc) => Effect.promise((): Promise<KV> => nc.jetstream().views.kv(LeaseBucket.bucket, { bindOnly: true })))

/** A machine whose clocks a test sets. */
const machine = () => {
  const ahead = { wallMs: 0, bootMs: 0 }
  const { real } = MachineClocks
  const clocks: MachineClocks.Clocks = {
    ...real,
    wallMs: () => real.wallMs() + ahead.wallMs,
    bootMs: () => real.bootMs() + ahead.bootMs
  }
  return { ahead, clocks }
}
/** A machine whose time passes only when a test says so. */
const stopped = () => {
  let passedMs = 0
  const from = (startMs: number) => () => startMs + passedMs
  const clocks: MachineClocks.Clocks = { wallMs: from(Date.now()), steadyMs: from(0), bootMs: from(0) }
  return {
    pass: (ms: number) => {
      passedMs += ms
    },
    clocks
  }
}
const minuteMs = 60_000

const failure = <A, E>(exit: Exit.Exit<A, E>): string => (Exit.isFailure(exit) ? String(exit.cause as Cause.Cause<E>) : "succeeded")

describe("Leases on shards", () => {
  it.scopedLive("a shard has one holder at a time, and each next holder a larger epoch", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const a = yield* begin(server, 1)
      const b = yield* begin(server, 2)
      const both = yield* Effect.all(
        [a.storage.acquire(a.address, [shard(1), shard(2)]), b.storage.acquire(b.address, [shard(1), shard(2)])],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(both.flatMap(names).sort(), ["default:1", "default:2"])
      yield* a.storage.releaseAll(a.address)
      yield* b.storage.releaseAll(b.address)

      assert.deepStrictEqual(names(yield* a.storage.acquire(a.address, [shard(1)])), ["default:1"])
      const first = a.leases.of("default:1")
      assert.isTrue(first?.isHeld())
      const hasty = yield* begin(server, 3, { ...patient, refreshMs: 2_000 })
      assert.deepStrictEqual(yield* hasty.storage.acquire(hasty.address, [shard(1)]), [], "it looks again for a bounded time")
      // Another process takes the shard as soon as it is free, though it asked before that.
      const waiting = yield* Effect.fork(b.storage.acquire(b.address, [shard(1)]))
      assert.deepStrictEqual(names(yield* a.storage.refresh(a.address, [shard(1)])), ["default:1"])
      assert.strictEqual(a.leases.of("default:1")?.epoch, first?.epoch, "a refresh keeps the epoch")

      assert.isUndefined(b.leases.of("default:1"))
      yield* a.storage.release(a.address, shard(1))
      assert.isFalse(first?.isHeld())
      assert.deepStrictEqual(names(yield* Fiber.join(waiting)), ["default:1"])
      const second = b.leases.of("default:1")
      assert.isAbove(second?.epoch ?? 0, first?.epoch ?? 0)

      // The first process takes the shard again; its old lease stays invalid.
      yield* b.storage.releaseAll(b.address)
      yield* a.storage.acquire(a.address, [shard(1)])
      assert.isAbove(a.leases.of("default:1")?.epoch ?? 0, second?.epoch ?? 0)
      assert.isFalse(first?.isHeld())
    })
  )

  it.scopedLive(
    "a process restarted at an address takes over its earlier leases at once, and the earlier process learns that it lost them",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        const before = yield* begin(server, 1)
        yield* before.storage.acquire(before.address, [shard(1)])
        const lease = before.leases.of("default:1")
        const after = yield* begin(server, 1)
        assert.deepStrictEqual(names(yield* after.storage.acquire(after.address, [shard(1)])), ["default:1"])
        assert.isAbove(after.leases.of("default:1")?.epoch ?? 0, lease?.epoch ?? 0)
        assert.deepStrictEqual(yield* before.storage.refresh(before.address, [shard(1)]), [])
        assert.isFalse(lease?.isHeld())
      })
  )

  it.scopedLive("a renewal that landed without an answer counts; another process's write ends the lease", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const a = yield* begin(server, 1)
      const kv = yield* bucketOf(server)
      yield* a.storage.acquire(a.address, [shard(1), shard(2)])
      const epoch = a.leases.of("default:1")?.epoch
      yield* Effect.promise(async () => {
        const own = await kv.get("shard.default.1")
        await kv.put("shard.default.1", own?.value ?? "")
        const held = JSON.parse((await kv.get("shard.default.2"))?.string() ?? "")
        await kv.put("shard.default.2", JSON.stringify({ ...held, id: "another" }))
      })
      assert.deepStrictEqual(names(yield* a.storage.refresh(a.address, [shard(1), shard(2)])), ["default:1"])
      assert.strictEqual(a.leases.of("default:1")?.epoch, epoch)
      assert.isUndefined(a.leases.of("default:2"))
      yield* Effect.promise(async () => {
        const own = await kv.get("shard.default.1")
        await kv.put("shard.default.1", own?.value ?? "")
      })
      yield* a.storage.release(a.address, shard(1))
      const left = yield* Effect.promise(() => kv.get("shard.default.1"))
      assert.strictEqual(left?.operation, "DEL", "released although its revision had moved")
    })
  )

  it.scopedLive(
    "BE-RES-03 a process whose wall clock is set ten minutes back or an hour ahead keeps its leases, and takes none of another",
    () =>
      Effect.gen(function* () {
        const server = yield* natsServer
        const { ahead, clocks } = machine()
        const a = yield* begin(server, 1, { ...patient, refreshMs: 2_000 }, clocks)
        const b = yield* begin(server, 2)
        yield* a.storage.acquire(a.address, [shard(1)])
        yield* b.storage.acquire(b.address, [shard(2)])
        const [lease, other] = [a.leases.of("default:1"), b.leases.of("default:2")]
        for (const wallMs of [-10 * minuteMs, 60 * minuteMs, 0]) {
          ahead.wallMs = wallMs
          assert.isTrue(lease?.isHeld(), `at once, ${wallMs} ms ahead`)
          yield* Effect.sync(server.freeze)
          assert.deepStrictEqual(names(yield* a.storage.refresh(a.address, [shard(1)])), ["default:1"], "while NATS does not answer")
          yield* Effect.sync(server.thaw)
          assert.deepStrictEqual(names(yield* a.storage.refresh(a.address, [shard(1)])), ["default:1"])
          assert.isTrue(lease?.isHeld(), `after a renewal, ${wallMs} ms ahead`)
          assert.deepStrictEqual(yield* a.storage.acquire(a.address, [shard(2)]), [])
          assert.deepStrictEqual(names(yield* b.storage.refresh(b.address, [shard(2)])), ["default:2"])
        }
        assert.isTrue(other?.isHeld())
        assert.strictEqual(a.leases.of("default:1")?.epoch, lease?.epoch)
        assert.strictEqual(b.leases.of("default:2")?.epoch, other?.epoch)
      })
  )

  it.scopedLive("BE-RES-03 a machine that was suspended for longer than a lease holds none when it goes on, until NATS confirms it", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const { ahead, clocks } = machine()
      const a = yield* begin(server, 1, patient, clocks)
      yield* a.storage.acquire(a.address, [shard(1)])
      const lease = a.leases.of("default:1")
      assert.isTrue(lease?.isHeld())
      ahead.wallMs = ahead.bootMs = patient.ttlMs + 1_000
      assert.isFalse(lease?.isHeld())
      // Nobody else has taken it: the server still knows this process as its holder.
      assert.deepStrictEqual(names(yield* a.storage.refresh(a.address, [shard(1)])), ["default:1"])
      assert.isTrue(lease?.isHeld())
    })
  )

  it.scopedLive("while NATS is away a lease stays valid only as long as no other process can take it", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const { clocks, pass } = stopped()
      const a = yield* begin(server, 1, patient, clocks)
      const b = yield* begin(server, 2)
      yield* a.storage.acquire(a.address, [shard(1)])
      const lease = a.leases.of("default:1")
      yield* a.storage.refresh(a.address, [shard(1)])
      yield* Effect.sync(server.freeze)
      pass(givenUpAfterMs - 1)
      assert.deepStrictEqual(names(yield* a.storage.refresh(a.address, [shard(1)])), ["default:1"])
      pass(1)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(a.storage.refresh(a.address, [shard(1)]))), "it is given up")
      pass(patient.ttlMs - givenUpAfterMs - 1)
      assert.isTrue(lease?.isHeld(), "it is given up while it still counts")
      pass(1)
      assert.isFalse(lease?.isHeld(), "it no longer counts")
      yield* Effect.sync(server.thaw)
      yield* until("another has it", () =>
        b.storage.acquire(b.address, [shard(1)]).pipe(
          Effect.map((got) => got.length === 1),
          Effect.orElseSucceed(() => false)
        )
      )
      assert.isAbove(b.leases.of("default:1")?.epoch ?? 0, lease?.epoch ?? 0)
      assert.deepStrictEqual(yield* a.storage.refresh(a.address, [shard(1)]), [])
    })
  )
})

describe("Runners", () => {
  it.scopedLive("are listed while they are alive, keep the health that another process set, and do not come back after they left", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const a = yield* begin(server, 1)
      const b = yield* begin(server, 2)
      const machines = [yield* a.storage.register(a.runner, true), yield* b.storage.register(b.runner, true)]
      assert.strictEqual(new Set(machines).size, 2)
      const seen = Effect.zipRight(
        a.storage.refresh(a.address, []),
        Effect.map(a.storage.getRunners, (all) => all.map(([{ address }, healthy]) => `${address.port} ${healthy}`).sort())
      )
      assert.deepStrictEqual(yield* seen, ["1 true", "2 true"])
      yield* a.storage.setRunnerHealth(b.address, false)
      yield* b.storage.refresh(b.address, [])
      yield* b.storage.refresh(b.address, [])
      assert.deepStrictEqual(yield* seen, ["1 true", "2 false"])
      yield* b.storage.unregister(b.address)
      yield* b.storage.refresh(b.address, [])
      yield* b.storage.setRunnerHealth(b.address, true)
      assert.deepStrictEqual(yield* seen, ["1 true"])
      // A process must not remove the later registration at its address.
      const again = yield* begin(server, 2)
      yield* b.storage.register(b.runner, true)
      yield* again.storage.register(again.runner, true)
      yield* b.storage.unregister(b.address)
      assert.deepStrictEqual(yield* seen, ["1 true", "2 true"])
      yield* until("one that is silent is forgotten", () => Effect.map(seen, (all) => all.join() === "1 true"))
    })
  )

  it.scopedLive("refuse a bucket with another time to live, and a cluster with another number of shards", () =>
    Effect.gen(function* () {
      const server = yield* natsServer
      const a = yield* begin(server, 1)
      yield* a.storage.register(a.runner, true)
      const nc = yield* client(server)
      const timing = { shards: 100, refreshMs: patient.refreshMs }
      const longer = yield* Effect.exit(RunnerStorage.make(nc, timing).pipe(settings({ PLACEMENT_TTL: "9 seconds" })))
      assert.match(failure(longer), /time to live \(ms\) 30000, this process needs 9000: set PLACEMENT_TTL/)
      const fewer = yield* Effect.exit(RunnerStorage.make(nc, { ...timing, shards: 50 }).pipe(settings()))
      assert.match(failure(fewer), /127\.0\.0\.1:1 with 100 shards.*this process has 50 shards/)
      const short = yield* Effect.exit(RunnerStorage.make(nc, timing).pipe(settings({ PLACEMENT_TTL: "1 second" })))
      assert.match(failure(short), /PLACEMENT_TTL.*must be 4 seconds or more/)
      const { storage } = yield* Effect.promise(async () => (await (await nc.jetstreamManager()).streams.info("KV_cluster")).config)
      assert.strictEqual(storage, "file")
    })
  )

  it.scopedLive("end when the connection that holds their leases closes", () =>
    Effect.gen(function* () {
      const nc = yield* client(yield* natsServer)
      const ended = yield* Deferred.make<void>()
      yield* LeaseBucket.endWith(nc, Deferred.succeed(ended, undefined))
      assert.isTrue(Option.isNone(yield* Deferred.poll(ended)))
      yield* Effect.promise(() => nc.close())
      yield* Deferred.await(ended)
    })
  )
})
