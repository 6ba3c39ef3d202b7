import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, type Scope } from "effect"
import { inject } from "vitest"
import * as Broker from "../../bench/chaos/orders/Broker.ts"
import * as Cases from "../../bench/chaos/orders/Cases.ts"
import * as Relay from "../../bench/chaos/orders/Relay.ts"
import * as Run from "../../bench/chaos/orders/Run.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import { builtProgram } from "../BuiltProgram.ts"
import { account } from "../simulator/SimulatorWorld.ts"

/** The executor. */
const program = builtProgram("chaos-executor", "bench/chaos/orders/main.ts")

/** Only parked orders wait for the horizon, so no result depends on the machine's speed. */
const policy = {
  sendDelayMaxMs: 300,
  answerMsMax: 700,
  horizonMs: 2_000,
  readEveryMs: 250,
  refusalsMax: 3,
  resendsMax: 3,
  keepsTags: false
}

const accounts = Array.from({ length: 6 }, (_, at) => account(`chaos${at}`))
const market = { mode: "synthetic", rate: 0, strikesEachSide: 1 } as const
const simulated = Effect.map(
  Simulator.make({ accounts, market, adminPort: 0 }),
  ({ adminUrl, url }): Broker.Broker => ({ root: url, accounts, control: Broker.byAdmin(adminUrl ?? "") })
)
/** The same broker without its admin port: a relay before it makes the faults. */
const relayed = Effect.gen(function* () {
  const { url } = yield* Simulator.make({ accounts, market })
  const opened = Effect.promise(() => Relay.open(url, accounts))
  const { broker } = yield* Effect.acquireRelease(opened, ({ close }) => Effect.sync(close))
  return broker
})

const ground = (name: string, opened: Effect.Effect<Broker.Broker, unknown, Scope.Scope> = simulated) =>
  Effect.gen(function* () {
    const broker = yield* opened
    return { broker, program: yield* program, folder: join(inject("backends").folder, name), policy }
  }).pipe(Logger.withMinimumLogLevel(LogLevel.Warning), Effect.orDie)

const listed = (verdicts: ReadonlyArray<Run.Verdict>) =>
  verdicts.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]))

describe("npm run chaos -- orders, its short version: a process killed with kill -9 at each step, and each fault of the broker", () => {
  it.scopedLive("the protocol places each order once, and believes what the broker's own list says", () =>
    Effect.gen(function* () {
      const at = yield* ground("chaos-protocol")
      const verdicts = yield* Effect.promise(() => Run.cases(at, "protocol", Cases.short))
      assert.deepStrictEqual(listed(verdicts), [])
      assert.lengthOf(verdicts, Cases.short.length)
      assert.isAbove(verdicts.filter(({ orders, status }) => status === "COMPLETED" && orders === 1).length, 15)
      assert.isAbove(verdicts.filter(({ status }) => status === "UNKNOWN").length, 0)
    })
  )

  it.scopedLive("the same harness finds the second orders of a naive executor, also after a kill alone", () =>
    Effect.gen(function* () {
      const at = yield* ground("chaos-naive")
      const kinds = Cases.short.filter(({ kills }) => kills.length === 0 || kills[0] === "answer received")
      const problems = listed(yield* Effect.promise(() => Run.cases(at, "naive", kinds)))
      // A slow machine can add a time-out, and with it one more order.
      assert.match(problems.join("\n"), /^kill after: answer received · park: [23] orders$/m)
      assert.match(problems.join("\n"), /^accepted, reply dropped · park: [23] orders$/m)
    })
  )

  it.scopedLive("a broker without an admin port is tested behind a relay that makes the same faults", () =>
    Effect.gen(function* () {
      const at = yield* ground("chaos-relay", relayed)
      const faults = Cases.short.filter(({ kills }) => kills.length === 0)
      const verdicts = yield* Effect.promise(() => Run.cases(at, "protocol", faults))
      assert.deepStrictEqual(listed(verdicts), [])
      const applied = yield* Effect.promise(at.broker.control.applied)
      const kinds = new Set(faults.flatMap(({ wrongs }) => wrongs.map(({ fault }) => fault.kind)))
      assert.sameMembers(Object.keys(applied), [...kinds])
      const dropped = Cases.short.filter(({ kills, wrongs: [wrong] }) => kills.length === 0 && wrong?.name === "accepted, reply dropped")
      const problems = listed(yield* Effect.promise(() => Run.cases(at, "naive", dropped)))
      assert.match(problems.join("\n"), /^accepted, reply dropped · park: [23] orders$/m)
    })
  )

  it.scopedLive("orders at random, killed again and again: none twice by the protocol, and some by the naive executor", () =>
    Effect.gen(function* () {
      const at = yield* ground("chaos-random")
      const plan = { seed: 3, count: 60, accounts: 2 }
      const protocol = yield* Effect.promise(() => Run.random(at, { ...plan, mode: "protocol" }))
      assert.deepStrictEqual(listed(protocol.verdicts), [])
      assert.deepStrictEqual([protocol.verdicts.length, protocol.accounts], [60, 2])
      const naive = yield* Effect.promise(() => Run.random(at, { ...plan, mode: "naive" }))
      assert.isAbove(naive.verdicts.filter(({ orders }) => orders > 1).length, 0)
    })
  )
})
