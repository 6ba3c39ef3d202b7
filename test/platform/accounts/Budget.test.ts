import { assert, describe, it } from "@effect/vitest"
import { Clock, ConfigProvider, Context, Effect, Fiber, Layer, Redacted, type Scope } from "effect"
import * as BudgetsInNats from "../../../src/adapters/BudgetsInNats.ts"
import { Login } from "../../../src/broker/Account.ts"
import { Budgets, type Within } from "../../../src/broker/Budgets.ts"
import * as KiteClient from "../../../src/broker/KiteClient.ts"
import * as KiteRest from "../../../src/broker/KiteRest.ts"
import * as Orders from "../../../src/broker/orders/Orders.ts"
import * as KiteHistory from "../../../src/domain/market/KiteHistory.ts"
import { RuleBook } from "../../../src/settings/RuleBook.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { MarketClock } from "../../../src/streams/MarketClock.ts"
import { account, sessionOf } from "../../broker/KiteServer.ts"
import { first, login } from "../../simulator/SimulatorWorld.ts"
import { settings } from "../../streams/Nats.ts"
import { type NatsServer, natsServer } from "../../TestBackends.ts"

const alone: Within = () => (self) => self
const minute = KiteHistory.byMinutes(1)

/** The budgets as a process of the platform has them, with a connection of its own. */
const budgetsOf = (nats: NatsServer): Effect.Effect<Context.Context<Budgets | JetStream>, unknown, Scope.Scope> =>
  Layer.build(
    Layer.fresh(
      BudgetsInNats.layer.pipe(
        Layer.provide([MarketClock.Default, RuleBook.Default]),
        Layer.provideMerge(JetStream.layer("engine")),
        Layer.provide(
          Layer.setConfigProvider(
            ConfigProvider.orElse(settings(nats, { MARKET_CLOCK: "machine" }), () => ConfigProvider.fromMap(new Map()))
          )
        )
      )
    )
  )
const budgetOf = (nats: NatsServer): Effect.Effect<Within, unknown, Scope.Scope> =>
  Effect.map(budgetsOf(nats), (context) => Context.get(context, Budgets).of(first.accountId))

const brokerThatLimits = Effect.gen(function* () {
  const simulator = yield* Simulator.make({
    accounts: [first],
    market: { mode: "synthetic", rate: 0, strikesEachSide: 1 },
    rateLimits: true
  })
  const { accessToken } = yield* login(simulator.url)
  const token = simulator.market.instruments[0]?.token ?? 0
  /** The account in one process. All processes have the same session. */
  const inProcess = (within: Within) =>
    Effect.gen(function* () {
      const of = account({
        root: simulator.url,
        accountId: first.accountId,
        login: Login.AccessToken({ accessToken: Redacted.make(accessToken), signedInMs: null })
      })
      const own = { ...of, apiKey: Redacted.make(first.apiKey), apiSecret: Redacted.make(first.apiSecret) }
      const client = yield* KiteClient.make(own, { ...KiteClient.defaults, within })
      const session = yield* sessionOf(client)
      return { rest: KiteRest.make(session), orders: Orders.make(session, yield* KiteClient.make(own, { ...KiteClient.defaults, within })) }
    })
  return { inProcess, token }
})

const span = { fromMs: Date.parse("2026-08-03T04:00:00Z"), toMs: Date.parse("2026-08-03T05:00:00Z") }
/** Asks of history, of quotes and of the profile at once, as a busy process does. Answers the tags of the failures. */
const burst = ({ rest }: { readonly rest: KiteRest.KiteRest }, token: number, count: number) =>
  Effect.gen(function* () {
    if (minute === undefined) return yield* Effect.dieMessage("no minute")
    const all = (many: number, ask: Effect.Effect<unknown, { readonly _tag: string }>) =>
      Effect.forEach(
        Array.from({ length: many }),
        () =>
          Effect.match(ask, {
            onFailure: ({ _tag }) => [_tag],
            onSuccess: () => []
          }),
        { concurrency: "unbounded" }
      )
    const found = yield* Effect.all(
      [all(count * 3, rest.history(token, minute, span)), all(count, rest.ltp(["NSE:NIFTY 50"])), all(count * 8, rest.profile)],
      { concurrency: "unbounded" }
    )
    return found.flat(2)
  })

describe("one budget of an account in the whole cluster", () => {
  it.live(
    "two processes that ask at full speed see no 429, and without the shared budget they do",
    () =>
      Effect.gen(function* () {
        const nats = yield* natsServer
        const both = (budgets: readonly [Within, Within]) =>
          Effect.flatMap(brokerThatLimits, ({ inProcess, token }) =>
            Effect.flatMap(
              Effect.forEach(budgets, (within) => inProcess(within)),
              (processes) =>
                Effect.map(
                  Effect.forEach(processes, (one) => burst(one, token, 3), { concurrency: 2 }),
                  (failures) => failures.flat()
                )
            )
          )
        assert.include(yield* both([alone, alone]), "RateLimited")
        assert.deepStrictEqual(yield* both([yield* budgetOf(nats), yield* budgetOf(nats)]), [])
      }).pipe(Effect.scoped),
    120_000
  )

  it.live(
    "orders wait for nothing, an account's state goes before everything else, and history waits for its own limit only",
    () =>
      Effect.gen(function* () {
        const nats = yield* natsServer
        const { inProcess, token } = yield* brokerThatLimits
        const busy = yield* inProcess(yield* budgetOf(nats))
        const other = yield* inProcess(yield* budgetOf(nats))
        const work = yield* Effect.fork(burst(busy, token, 60))
        // Both wait for the same budget, and the state is read while the rest still waits.
        for (let read = 0; read < 5; read++) yield* other.orders.book
        const cancelled = yield* other.orders.send({ kind: "cancel", variety: "regular", order_id: "1" }, "", () => true)
        assert.strictEqual(cancelled._tag, "Answer")
        assert.isNull(work.unsafePoll(), "the busy process is not done yet")
        yield* Fiber.interrupt(work)
      }).pipe(Effect.scoped),
    120_000
  )

  it.live("TC-MATL-040 every process counts an account as limited until exactly its recovery time has passed", () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      let nowMs = 1_000
      const clock = Object.assign(Clock.make(), { unsafeCurrentTimeNanos: () => BigInt(nowMs) * 1_000_000n })
      const processes = yield* Effect.withClock(Effect.all([budgetsOf(nats), budgetsOf(nats)]), clock)
      const limitedForMs = () => processes.map((one) => Context.get(one, Budgets).limitedForMs("a1"))
      // A connection has its subscriptions in place, or what was published before, after an answer from the server.
      const flushed = Effect.forEach(processes, (one) => Effect.promise(() => Context.get(one, JetStream).nc.flush()))
      yield* flushed
      yield* Context.get(processes[0], Budgets).limited("a1", 20_000, "ltp")
      yield* flushed
      nowMs += 19_999
      assert.deepStrictEqual(limitedForMs(), [1, 1])
      nowMs += 1
      assert.deepStrictEqual(limitedForMs(), [0, 0])
    }).pipe(Effect.scoped)
  )

  it.live("while NATS is away requests go on at the process' own pace", () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      const { inProcess } = yield* brokerThatLimits
      const one = yield* inProcess(yield* budgetOf(nats))
      yield* one.rest.profile
      yield* Effect.promise(() => nats.stop())
      assert.strictEqual((yield* one.rest.profile).broker, "ZERODHA")
    }).pipe(Effect.scoped)
  )
})
