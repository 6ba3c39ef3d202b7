import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger, Option } from "effect"
import * as ListedSubscriptions from "../../../src/actors/subscriptions/ListedSubscriptions.ts"
import * as SubscriptionActor from "../../../src/actors/subscriptions/SubscriptionActor.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../../src/store/instruments/InstrumentRepo.ts"
import { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import { SubscriptionRepo } from "../../../src/store/subscriptions/SubscriptionRepo.ts"
import { WindowRepo } from "../../../src/store/subscriptions/WindowRepo.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { waitMsMax } from "../../Patience.ts"
import { started } from "../../store/Stores.ts"
import { migratedDatabase, natsServer } from "../../TestBackends.ts"
import * as BrokerStub from "../market/BrokerStub.ts"

const expiries = ["2026-08-25", "2026-09-01", "2026-09-08"]
const strikes = Array.from({ length: 11 }, (_, at) => 24_000 + at * 100)
const instrument = (token: number, tradingsymbol: string, more: Partial<Instrument.Instrument> = {}) =>
  anInstrument(token, { tradingsymbol, lotSize: 65, ...more })
const spotToken = 256265
const futureToken = 0x10002
const optionToken = (expiry: number, strike: number, type: "CE" | "PE") =>
  ((expiry + 2) * 10_000 + strike / 100 + (type === "CE" ? 0 : 5_000)) * 256 + 2
const chain = expiries.flatMap((expiry, at) =>
  strikes.flatMap((strike) =>
    (["CE", "PE"] as const).map((type) =>
      instrument(optionToken(at, strike, type), `NIFTY ${expiry} ${strike} ${type}`, { expiry, strike: strike * 100, instrumentType: type })
    )
  )
)
const master = Instrument.makeMaster("2026-08-24", [
  instrument(spotToken, "NIFTY 50", { name: "NIFTY 50", segment: "INDICES", exchange: "NSE", tickSize: 0, lotSize: 0 }),
  instrument(futureToken, "NIFTY26SEPFUT", { expiry: "2026-09-29", instrumentType: "FUT", segment: "NFO-FUT" }),
  ...chain
])

const within = <A, E, R>(program: (setMarket: (ist: string) => void) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const nats = yield* natsServer
    const databaseUrl = yield* migratedDatabase
    let nowMs = Date.parse("2026-08-24T10:00:00+05:30")
    const config = { NATS_URL: nats.url, NATS_ENGINE_PASSWORD: nats.passwords.engine, DATABASE_URL: databaseUrl }
    const quoted = { instrument_token: spotToken as never, last_price: 24_490 }
    const rest = { ltp: (keys: ReadonlyArray<string>) => Effect.succeed(Object.fromEntries(keys.map((key) => [key, quoted]))) }
    const live = BrokerStub.layer(rest, () => nowMs).pipe(
      Layer.provideMerge(Streams.layer),
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provideMerge(started(databaseUrl, config)),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(config)))))
    )
    const run = Effect.gen(function* () {
      const registry = yield* InstrumentRegistry
      registry.set(master)
      yield* Effect.forkScoped(yield* SubscriptionActor.make)
      return yield* program((ist) => {
        nowMs = Date.parse(`${ist}+05:30`)
      })
    })
    return yield* run.pipe(Effect.scoped, Effect.provide(live))
  })

/** `named` is the underlying that the body names, on NIFTY's subject. */
const publishSpot = (spot: number, named = "NIFTY") =>
  Effect.flatMap(JetStream, ({ publish }) => {
    const names = { exchange: "NSE", underlying: "NIFTY" }
    const state = {
      v: 1,
      as_of: "2026-08-24T04:30:00.000Z",
      seq: 1,
      exchange: "NSE",
      underlying: named,
      instrument_token: spotToken,
      spot,
      spot_change: 0,
      futures: [],
      expiries: []
    }
    return publish(Subjects.UnderlyingState.at(names), Subjects.UnderlyingState.encode(state as never))
  })

const active = Effect.flatMap(SubscriptionRepo, ({ active }) =>
  Effect.map(active, (rows) => rows.map(({ instrumentToken }) => instrumentToken))
)
const options = (at: number, from: number, to: number) =>
  strikes
    .filter((strike) => strike >= from && strike <= to)
    .flatMap((strike) => [optionToken(at, strike, "CE"), optionToken(at, strike, "PE")])
const eventually = (holds: () => boolean) => Effect.repeat(Effect.sleep("20 millis"), { until: holds })
const sorted = (tokens: Iterable<number>) => [...tokens].sort((a, b) => a - b)
/** Waits until exactly these instruments are subscribed. */
const subscribed = (what: string, tokens: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const wanted = sorted(tokens)
    for (const endMs = performance.now() + waitMsMax; performance.now() < endMs; ) {
      if (JSON.stringify(sorted(yield* active)) === JSON.stringify(wanted)) return
      yield* Effect.sleep("100 millis")
    }
    assert.deepStrictEqual(sorted(yield* active), wanted, what)
  })

const common = [spotToken, futureToken]
const niftyWindow = { exchange: "NSE", underlying: "NIFTY", expiries: 2, strikes: 2, requestedMode: "FULL", createdBy: "u1" } as const

describe("SubscriptionActor", () => {
  it.scopedLive(
    "BE-DAY-06 BE-ISO-02 a window follows the money, rolls at the expiry, and ends the subscriptions that only it asked for",
    () =>
      within((setMarket) =>
        Effect.gen(function* () {
          const subscriptions = yield* SubscriptionRepo
          const windows = yield* WindowRepo
          const { windowId } = Option.getOrThrow(yield* windows.create(niftyWindow))
          // The only published state is of another underlying and is refused, so the spot comes from the broker: 24,490.
          yield* publishSpot(24_890, "BANKNIFTY")
          yield* subscribed("the broker's price", [...common, ...options(0, 24_300, 24_700), ...options(1, 24_300, 24_700)])

          const letter = Option.getOrThrow(yield* (yield* JetStream).last("DLQ", "dlq.subscriptions"))
          assert.strictEqual(letter.header("Tarang-Reason"), "its body belongs to another subject than und.state.NSE.NIFTY")

          yield* publishSpot(24_690)
          yield* subscribed("new strikes come, the nearer old ones stay", [
            ...common,
            ...options(0, 24_300, 24_900),
            ...options(1, 24_300, 24_900)
          ])
          yield* publishSpot(24_890)
          yield* subscribed("strikes far from the money go", [...common, ...options(0, 24_500, 25_000), ...options(1, 24_500, 25_000)])

          setMarket("2026-08-25T15:39:59")
          yield* publishSpot(24_890)
          yield* Effect.sleep("2500 millis")
          yield* subscribed("alive until 15:40", [...common, ...options(0, 24_500, 25_000), ...options(1, 24_500, 25_000)])
          setMarket("2026-08-25T15:40:00")
          yield* subscribed("the next expiry follows, and what settles stays", [
            ...common,
            ...options(0, 24_500, 25_000),
            ...options(1, 24_500, 25_000),
            ...options(2, 24_700, 25_000)
          ])
          setMarket("2026-08-25T15:50:00")
          yield* subscribed("what has settled ends", [...common, ...options(1, 24_500, 25_000), ...options(2, 24_700, 25_000)])
          const gone = Option.getOrThrow(yield* subscriptions.byToken(optionToken(0, 24_900, "CE")))
          assert.deepStrictEqual([gone.status, gone.endedReason], ["inactive", "expired"])

          // A person's own subscription stays when the window is deleted.
          const mine = { instrumentToken: optionToken(1, 24_800, "CE"), tradingsymbol: "NIFTY 2026-09-01 24800 CE", segment: "NFO-OPT" }
          yield* subscriptions.save({ ...mine, requestedMode: "FULL", createdBy: "u2" }, ["a1"])
          yield* windows.remove(windowId)
          yield* subscribed("only a person's are left", [mine.instrumentToken])
        })
      ),
    300_000
  )

  it.scopedLive(
    "BE-DAY-06 an expired contract's subscription ends with a reason and frees its place, though a leg holds it; a reused token ends it too",
    () =>
      within((setMarket) =>
        Effect.gen(function* () {
          const subscriptions = yield* SubscriptionRepo
          const strategies = yield* StrategyRepo
          const registry = yield* InstrumentRegistry
          const [first, second] = [optionToken(0, 24_500, "CE"), optionToken(1, 24_500, "CE")]
          const symbolOf = (token: number) => registry.byToken(token)?.tradingsymbol ?? ""
          const {
            strategy: { strategyId }
          } = yield* strategies.create("u1", { name: "short call" })
          for (const token of [first, second]) {
            yield* strategies.addLeg(
              "u1",
              strategyId,
              {
                instrumentToken: token,
                tradingsymbol: symbolOf(token),
                exchange: "NFO",
                direction: "SELL",
                quantity: 65,
                entryPrice: new Money.Decimal(120)
              },
              { segment: "NFO-OPT", accounts: ["a1"] }
            )
          }
          yield* subscribed("both legs", [first, second])
          setMarket("2026-08-25T15:50:00")
          yield* subscribed("the living leg", [second])
          // The exchange gives the second contract's token to another one.
          registry.set(
            Instrument.makeMaster(
              "2026-08-26",
              [...master.byToken.values()].map((one) => (one.token === second ? { ...one, tradingsymbol: "NIFTY NEW" } : one))
            )
          )
          yield* subscribed("nothing", [])
          const ended = yield* Effect.forEach([first, second], (token) =>
            Effect.map(subscriptions.byToken(token), (row) => Option.getOrThrow(row).endedReason)
          )
          assert.deepStrictEqual(ended, [ListedSubscriptions.expired, ListedSubscriptions.delisted])
        })
      ),
    300_000
  )

  it.scopedLive(
    "BE-DAY-05 a subscription goes on when its contract is listed again, and one of a newer list than this process knows never ends",
    () =>
      within(() =>
        Effect.gen(function* () {
          const subscriptions = yield* SubscriptionRepo
          const registry = yield* InstrumentRegistry
          const [mine, fresh] = [optionToken(0, 24_500, "CE"), optionToken(1, 24_500, "CE")]
          const save = (instrumentToken: number, tradingsymbol: string) =>
            subscriptions.save({ instrumentToken, tradingsymbol, segment: "NFO-OPT", requestedMode: "QUOTE", createdBy: "u1" }, ["a1"])
          const all = [...master.byToken.values()]
          yield* save(mine, registry.byToken(mine)?.tradingsymbol ?? "")
          yield* subscribed("listed", [mine])
          registry.set(
            Instrument.makeMaster(
              "2026-08-24",
              all.filter(({ token }) => token !== mine)
            )
          )
          yield* subscribed("the list lacks it", [])
          registry.set(master)
          yield* subscribed("listed again", [mine])
          assert.deepInclude(Option.getOrThrow(yield* subscriptions.byToken(mine)), {
            requestedMode: "QUOTE",
            createdBy: "u1",
            endedReason: null
          })

          // Another process stores a list in which a token has a new contract, and a user subscribes to that.
          const newer = all.map((one) => (one.token === fresh ? { ...one, tradingsymbol: "NIFTY NEW" } : one))
          yield* (yield* InstrumentRepo).replace("2026-08-24", newer)
          yield* save(fresh, "NIFTY NEW")
          yield* eventually(() => registry.byToken(fresh)?.tradingsymbol === "NIFTY NEW")
          yield* subscribed("the new contract", [mine, fresh])
          assert.isNull(Option.getOrThrow(yield* subscriptions.byToken(fresh)).endedReason)
        })
      ),
    300_000
  )

  it.scopedLive(
    "a service subscribes and unsubscribes over ctl.ask.subscriptions by the rules that hold for users, and the director hears of it",
    () =>
      within(() =>
        Effect.gen(function* () {
          const subscriptions = yield* SubscriptionRepo
          const { nc } = yield* JetStream
          const pokes: Array<string> = []
          nc.subscribe(Subjects.Changed.at({ what: "subscriptions" }), { callback: (_, { data }) => void pokes.push(data.toString()) })
          const [mine, theirs, leg] = [optionToken(0, 24_500, "CE"), optionToken(0, 24_500, "PE"), optionToken(0, 24_600, "CE")]
          const symbolOf = (token: number) => master.byToken.get(token)?.tradingsymbol ?? ""
          const ofUser = (token: number) => ({
            instrumentToken: token,
            tradingsymbol: symbolOf(token),
            segment: "NFO-OPT",
            createdBy: "u1"
          })
          yield* subscriptions.save({ ...ofUser(theirs), requestedMode: "QUOTE" }, ["a1"])
          const ask = (question: Partial<Asks.SubscriptionsQuestion>) =>
            Asks.ask(Asks.changeSubscriptions, { service: "risk", subscribe: [], unsubscribe: [], ...question }, "r1")
          const full = (token: number) => ({ instrument_token: token, requested_mode: "FULL" }) as const

          assert.deepStrictEqual(
            yield* ask({
              subscribe: [
                full(mine),
                full(theirs),
                { ...full(leg), account_id: "nobody" },
                full(9),
                { ...full(Number.MAX_SAFE_INTEGER), requested_mode: "LTP" }
              ]
            }),
            {
              created: 1,
              updated: 1,
              ended: 0,
              refused: [
                { instrument_token: leg, message: "account_id: no such account" },
                { instrument_token: 9, message: "Instrument not found" },
                { instrument_token: Number.MAX_SAFE_INTEGER, message: "Instrument not found" }
              ]
            }
          )
          yield* subscribed("both", [mine, theirs])
          const row = (token: number) => Effect.map(subscriptions.byToken(token), Option.getOrThrow)
          assert.deepInclude(yield* row(mine), { requestedMode: "FULL", createdBy: "service:risk", accountId: "a1" })
          assert.deepInclude(yield* row(theirs), { requestedMode: "FULL", createdBy: "u1" }, "anyone may deepen a mode")
          assert.isNotEmpty(pokes)

          // A service cannot end a subscription that another one requested.
          assert.deepStrictEqual((yield* ask({ subscribe: [{ instrument_token: theirs, requested_mode: "LTP" }] })).refused, [
            { instrument_token: theirs, message: "Forbidden" }
          ])
          assert.deepStrictEqual((yield* ask({ service: "other", unsubscribe: [mine] })).refused, [
            { instrument_token: mine, message: "Forbidden" }
          ])
          const strategies = yield* StrategyRepo
          const { strategy } = yield* strategies.create("u1", { name: "call" })
          const ofLeg = { tradingsymbol: symbolOf(mine), exchange: "NFO", direction: "SELL", quantity: 65 } as const
          const entryPrice = new Money.Decimal(120)
          const place = { segment: "NFO-OPT", accounts: ["a1"] }
          const added = yield* strategies.addLeg("u1", strategy.strategyId, { instrumentToken: mine, ...ofLeg, entryPrice }, place)
          assert.deepStrictEqual((yield* ask({ unsubscribe: [mine, theirs, 9] })).refused, [
            { instrument_token: mine, message: "Subscription is needed by a strategy" },
            { instrument_token: theirs, message: "Forbidden" },
            { instrument_token: 9, message: "Subscription not found" }
          ])
          yield* strategies.removeLeg("u1", strategy.strategyId, Option.getOrThrow(added).legId)
          assert.deepStrictEqual(yield* ask({ unsubscribe: [mine] }), { created: 0, updated: 0, ended: 1, refused: [] })
          yield* subscribed("the user's alone", [theirs])

          const unchecked = { ...Asks.changeSubscriptions, encodeQuestion: (question: unknown) => question }
          const unreadable = yield* Effect.flip(Asks.ask(unchecked, { service: "a b", subscribe: [], unsubscribe: [] }, "r2"))
          assert.match(unreadable.message, /the question cannot be read/)
        })
      ),
    300_000
  )
})
