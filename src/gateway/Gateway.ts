import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { Config, Effect, Layer } from "effect"
import { Api } from "../contract/Api.ts"
import { AccountsHttp } from "./accounts/AccountsHttp.ts"
import { KiteHttp } from "./accounts/KiteHttp.ts"
import { PortfolioHttp } from "./accounts/PortfolioHttp.ts"
import { PostbackHttp } from "./accounts/PostbackHttp.ts"
import { AlertFeed } from "./alerts/AlertFeed.ts"
import { AlertsHttp } from "./alerts/AlertsHttp.ts"
import * as AlertsSocket from "./alerts/AlertsSocket.ts"
import { BackfillHttp } from "./backfill/BackfillHttp.ts"
import { Bridge } from "./bridge/Bridge.ts"
import { CalendarEntries } from "./calendar/CalendarEntries.ts"
import { CalendarHttp } from "./calendar/CalendarHttp.ts"
import { CorporateActionsHttp } from "./calendar/CorporateActionsHttp.ts"
import { ChainAnalysisHttp } from "./chains/ChainAnalysisHttp.ts"
import { ChainFeed } from "./chains/ChainFeed.ts"
import * as ChainSocket from "./chains/ChainSocket.ts"
import { Chains } from "./chains/Chains.ts"
import { ChainsHttp } from "./chains/ChainsHttp.ts"
import { Valuation } from "./chains/Valuation.ts"
import { DepthHttp } from "./depth/DepthHttp.ts"
import { ExportsHttp } from "./exports/ExportsHttp.ts"
import { FuturesHttp } from "./futures/FuturesHttp.ts"
import { ChainHistory } from "./history/ChainHistory.ts"
import { ChainHistoryHttp } from "./history/ChainHistoryHttp.ts"
import { History } from "./history/History.ts"
import { HistoryHttp } from "./history/HistoryHttp.ts"
import { IndicatorCache } from "./indicators/IndicatorCache.ts"
import { IndicatorFeed } from "./indicators/IndicatorFeed.ts"
import { IndicatorSeries } from "./indicators/IndicatorSeries.ts"
import { IndicatorSets } from "./indicators/IndicatorSets.ts"
import { IndicatorsHttp } from "./indicators/IndicatorsHttp.ts"
import * as IndicatorsSocket from "./indicators/IndicatorsSocket.ts"
import { FoInstrumentsHttp } from "./instruments/FoInstrumentsHttp.ts"
import { InstrumentsHttp } from "./instruments/InstrumentsHttp.ts"
import { Symbols } from "./instruments/Symbols.ts"
import { ApiKeysHttp } from "./keys/ApiKeysHttp.ts"
import { LabelFeed } from "./labels/LabelFeed.ts"
import { LabelsHttp } from "./labels/LabelsHttp.ts"
import * as LabelsSocket from "./labels/LabelsSocket.ts"
import { McpHttp } from "./mcp/McpHttp.ts"
import { Monitor } from "./monitor/Monitor.ts"
import { MonitorFeed } from "./monitor/MonitorFeed.ts"
import { MonitorHttp } from "./monitor/MonitorHttp.ts"
import * as MonitorSocket from "./monitor/MonitorSocket.ts"
import * as NatsUsers from "./nats/NatsUsers.ts"
import { OrderFeed } from "./orders/OrderFeed.ts"
import { OrdersHttp } from "./orders/OrdersHttp.ts"
import * as OrdersSocket from "./orders/OrdersSocket.ts"
import { Playbacks } from "./replay/Playbacks.ts"
import { ReplayHttp } from "./replay/ReplayHttp.ts"
import * as ReplaySocket from "./replay/ReplaySocket.ts"
import * as AsyncApi from "./serve/AsyncApi.ts"
import { DocsRoute } from "./serve/Docs.ts"
import * as ErrorForm from "./serve/ErrorForm.ts"
import { described } from "./serve/OpenApiDocument.ts"
import * as Static from "./serve/Static.ts"
import { Health } from "./service/Health.ts"
import { ServiceHttp } from "./service/ServiceHttp.ts"
import { SettlementsHttp } from "./settlements/SettlementsHttp.ts"
import { AuthenticationLive, Tokens } from "./shared/Auth.ts"
import { CandleChanges } from "./shared/CandleChanges.ts"
import { Changes } from "./shared/Changes.ts"
import { Engine } from "./shared/Engine.ts"
import { Lifetimes } from "./shared/Lifetimes.ts"
import { RateLimits } from "./shared/RateLimits.ts"
import { Hub } from "./sockets/Hub.ts"
import * as WebSocket from "./sockets/WebSocket.ts"
import { MarkFeed } from "./strategies/MarkFeed.ts"
import { PositionsHttp } from "./strategies/PositionsHttp.ts"
import { StrategiesHttp } from "./strategies/StrategiesHttp.ts"
import * as StrategiesSocket from "./strategies/StrategiesSocket.ts"
import { StrategyBook } from "./strategies/StrategyBook.ts"
import { StrategyChanges } from "./strategies/StrategyChanges.ts"
import { StrategyLimitsHttp } from "./strategies/StrategyLimitsHttp.ts"
import { SubscriptionsHttp } from "./subscriptions/SubscriptionsHttp.ts"
import { WindowsHttp } from "./subscriptions/WindowsHttp.ts"
import { TickFeed } from "./ticks/TickFeed.ts"
import { TickReplay } from "./ticks/TickReplay.ts"
import * as TicksSocket from "./ticks/TicksSocket.ts"
import { TokenNames } from "./ticks/TokenNames.ts"
import { UdfAccessLive } from "./udf/UdfAccess.ts"
import { UdfHttp } from "./udf/UdfHttp.ts"
import { Views } from "./views/Views.ts"

const bodyBytesMax = 256 * 1024

const ApiRoutes = HttpLayerRouter.addHttpApi(described, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([
    ServiceHttp,
    SubscriptionsHttp,
    WindowsHttp,
    StrategiesHttp,
    PositionsHttp,
    ChainsHttp,
    ChainAnalysisHttp,
    ChainHistoryHttp,
    ExportsHttp
  ]),
  Layer.provide([InstrumentsHttp, HistoryHttp, UdfHttp, CalendarHttp, CorporateActionsHttp, SettlementsHttp, OrdersHttp, AccountsHttp]),
  Layer.provide([DepthHttp, FuturesHttp, IndicatorsHttp, MonitorHttp, LabelsHttp, ApiKeysHttp, PortfolioHttp, PostbackHttp, ReplayHttp]),
  Layer.provide([KiteHttp, AlertsHttp, BackfillHttp, StrategyLimitsHttp, FoInstrumentsHttp, McpHttp]),
  Layer.provide(UdfAccessLive),
  Layer.provide(AuthenticationLive)
)

const WebPage = Layer.unwrapEffect(Effect.map(Config.string("WEB_ROOT").pipe(Config.withDefault("web/dist")), Static.layer))

const Routes = Layer.mergeAll(
  ErrorForm.layer(Api, ["/openapi.json", "/asyncapi.json", "/docs"], bodyBytesMax),
  ApiRoutes,
  AsyncApi.layer,
  DocsRoute,
  WebPage
)

const Sockets = WebSocket.layer(
  Effect.all([
    TicksSocket.make,
    ChainSocket.make,
    StrategiesSocket.make,
    IndicatorsSocket.shared,
    IndicatorsSocket.session,
    OrdersSocket.make,
    MonitorSocket.make,
    LabelsSocket.make,
    AlertsSocket.make,
    ReplaySocket.make
  ])
)

/**
 * The whole gateway: REST, docs, page and WebSockets on one HttpServer. It requires HttpServer and Upgrades (Server.ts), ApiKeys,
 * JetStream, MarketClock, the store's repositories, InstrumentRegistry and Redis, and the broker's Accounts. It gives its Health, so that a
 * test can ask for a report without HTTP.
 */
export const GatewayLive = Layer.mergeAll(HttpLayerRouter.serve(Routes, { disableLogger: true }), Sockets, NatsUsers.layer).pipe(
  Layer.provideMerge(Health.Default),
  Layer.provide([Bridge.Default, TickReplay.Default]),
  Layer.provide(TokenNames.Default),
  Layer.provide([TickFeed.Default, ChainFeed.Default, MarkFeed.Default, IndicatorFeed.Default, OrderFeed.Default, StrategyChanges.Default]),
  Layer.provide([MonitorFeed.Default, LabelFeed.Default, AlertFeed.Default, Playbacks.Default]),
  Layer.provide(Monitor.Default),
  Layer.provide(IndicatorSets.Default),
  Layer.provide(IndicatorCache.Default),
  Layer.provide(IndicatorSeries.Default),
  Layer.provide(StrategyBook.Default),
  Layer.provide(CalendarEntries.Default),
  Layer.provide(ChainHistory.Default),
  Layer.provide([Chains.Default, Changes.Default, Valuation.Default]),
  Layer.provide([History.Default, Symbols.Default]),
  Layer.provide(Lifetimes.Default),
  Layer.provide(Engine.Default),
  Layer.provide([Hub.Default, Views.Default, Tokens.Default, CandleChanges.Default, RateLimits.Default])
)
