import { Effect, Layer } from "effect"
import { Redis } from "../store/Redis.ts"
import * as Subject from "../streams/Subject.ts"
import * as SessionActor from "./accounts/SessionActor.ts"
import * as AlertActor from "./alerts/AlertActor.ts"
import * as AlertRelay from "./alerts/AlertRelay.ts"
import * as AlertWebhooks from "./alerts/AlertWebhooks.ts"
import * as BackfillActor from "./backfill/BackfillActor.ts"
import * as Director from "./director/Director.ts"
import { seed } from "./director/Seed.ts"
import * as BarWriter from "./edge/BarWriter.ts"
import * as CandleWriter from "./edge/CandleWriter.ts"
import * as ChainRetention from "./edge/ChainRetention.ts"
import * as ChainWriter from "./edge/ChainWriter.ts"
import * as LifeWriter from "./edge/LifeWriter.ts"
import * as RedisRelay from "./edge/RedisRelay.ts"
import * as HistoryActor from "./history/HistoryActor.ts"
import * as IndicatorActor from "./indicators/IndicatorActor.ts"
import * as InstrumentLoader from "./instruments/InstrumentLoader.ts"
import * as InstrumentRefresh from "./instruments/InstrumentRefresh.ts"
import * as LabelRelay from "./labels/LabelRelay.ts"
import * as BarActor from "./market/BarActor.ts"
import * as GreeksActor from "./market/GreeksActor.ts"
import * as TickerActor from "./market/TickerActor.ts"
import * as ExecutorActor from "./orders/ExecutorActor.ts"
import * as StrategyStops from "./orders/stops/StrategyStops.ts"
import * as ActorGroups from "./placement/ActorGroups.ts"
import { HealthReport } from "./placement/HealthReport.ts"
import * as Placement from "./placement/Placement.ts"
import { RecordActor } from "./runtime/RecordActor.ts"
import * as SettlementPrices from "./settlements/SettlementPrices.ts"
import * as M2mActor from "./strategies/M2mActor.ts"
import * as SubscriptionActor from "./subscriptions/SubscriptionActor.ts"

const Kinds = Layer.effect(
  Placement.ActorKinds,
  Effect.gen(function* () {
    const ticker = yield* TickerActor.make
    const greeks = yield* GreeksActor.make
    const execute = yield* ExecutorActor.make
    const valueStrategies = yield* M2mActor.make
    const stopStrategies = yield* StrategyStops.make
    const bars = yield* BarActor.make
    const indicators = yield* IndicatorActor.make
    const direct = yield* Director.make
    const writeCandles = yield* CandleWriter.make
    const writeBars = yield* BarWriter.make
    const writeChains = yield* ChainWriter.make
    const shortenChains = yield* ChainRetention.make
    const writeLives = yield* LifeWriter.make
    const relayLabels = yield* LabelRelay.make
    const fetchHistory = yield* HistoryActor.make
    const decideAlerts = yield* AlertActor.make
    const relayAlerts = yield* AlertRelay.make
    const sendWebhooks = yield* AlertWebhooks.make
    const backfill = yield* BackfillActor.make
    const refreshInstruments = yield* InstrumentRefresh.make
    const lookAfterSubscriptions = yield* SubscriptionActor.make
    const confirmSettlements = yield* SettlementPrices.make
    const relayToRedis = yield* RedisRelay.make
    const keepSessions = yield* SessionActor.make
    const { state: redisState } = yield* Redis
    const kinds: Placement.Kinds = {
      [TickerActor.kind]: ([account = ""]) => ticker(account),
      [ExecutorActor.kind]: ([account = ""]) => execute(account),
      [GreeksActor.kind]: ([exchange = "", underlying = ""]) => greeks(exchange, underlying),
      [M2mActor.kind]: (underlyings) => valueStrategies(underlyings),
      [StrategyStops.kind]: () => stopStrategies,
      [BarActor.kind]: ([exchange = "", underlying = ""]) => bars(exchange, underlying),
      [IndicatorActor.kind]: ([exchange = "", symbol = "", timeframe = ""]) => indicators(exchange, symbol, timeframe),
      [Director.kind]: () => direct,
      [CandleWriter.kind]: () => writeCandles,
      [BarWriter.kind]: () => writeBars,
      [ChainWriter.kind]: () => writeChains,
      [ChainRetention.kind]: () => shortenChains,
      [LifeWriter.kind]: () => writeLives,
      [LabelRelay.kind]: () => relayLabels,
      [HistoryActor.kind]: () => fetchHistory,
      [AlertActor.kind]: () => decideAlerts,
      [AlertRelay.kind]: () => relayAlerts,
      [AlertWebhooks.kind]: () => sendWebhooks,
      [BackfillActor.kind]: () => backfill,
      [InstrumentRefresh.kind]: () => refreshInstruments,
      [SubscriptionActor.kind]: () => lookAfterSubscriptions,
      [SettlementPrices.kind]: () => confirmSettlements,
      [RedisRelay.kind]: () => relayToRedis,
      [SessionActor.kind]: () => keepSessions
    }
    const once = [
      Director.kind,
      CandleWriter.kind,
      BarWriter.kind,
      ChainWriter.kind,
      ChainRetention.kind,
      LifeWriter.kind,
      LabelRelay.kind,
      HistoryActor.kind,
      BackfillActor.kind,
      AlertActor.kind,
      AlertRelay.kind,
      AlertWebhooks.kind,
      StrategyStops.kind,
      InstrumentRefresh.kind,
      SubscriptionActor.kind,
      SettlementPrices.kind,
      SessionActor.kind,
      ...(redisState() === "not configured" ? [] : [RedisRelay.kind])
    ]
    return { kinds, always: once.map((kind) => Subject.kvKey(kind, "1")) }
  })
)

/**
 * Loads the instruments and seeds an empty database before the director starts. A cluster is not seeded, because its processes start
 * together and none of them knows whether it is the first. A process that runs only orders waits until another process has stored the
 * instruments: without them it would refuse the orders that it finds.
 */
const Ready = Layer.effectDiscard(
  Effect.gen(function* () {
    if (!(yield* ActorGroups.here).includes("market")) return yield* InstrumentLoader.stored
    yield* InstrumentLoader.load
    if ((yield* Placement.mode) === "single") yield* seed
  })
)

const Groups = Layer.succeed(ActorGroups.ActorGroups, { ofKind: (kind) => (kind === ExecutorActor.kind ? "orders" : "market") })

/** The actors that run in this process. Some kinds, such as the director, exist once in the whole cluster. */
export const layer = Placement.layer.pipe(
  Layer.provide(Kinds),
  Layer.provide(HealthReport.Default),
  Layer.provide(RecordActor.Default),
  Layer.provide(Placement.cluster),
  Layer.provide(Groups),
  Layer.provide(Ready)
)
