import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { AccountsApi } from "./accounts/AccountsApi.ts"
import { KiteApi } from "./accounts/KiteApi.ts"
import { PortfolioApi } from "./accounts/PortfolioApi.ts"
import { PostbackApi } from "./accounts/PostbackApi.ts"
import { AlertsApi } from "./alerts/AlertsApi.ts"
import { BackfillApi } from "./backfill/BackfillApi.ts"
import { CalendarApi } from "./calendar/CalendarApi.ts"
import { CorporateActionsApi } from "./calendar/CorporateActionsApi.ts"
import { ChainAnalysisApi } from "./chains/ChainAnalysisApi.ts"
import { ChainsApi } from "./chains/ChainsApi.ts"
import { DepthApi } from "./depth/DepthApi.ts"
import { ExportsApi } from "./exports/ExportsApi.ts"
import { FuturesApi } from "./futures/FuturesApi.ts"
import { ChainHistoryApi } from "./history/ChainHistoryApi.ts"
import { HistoryApi } from "./history/HistoryApi.ts"
import { IndicatorsApi } from "./indicators/IndicatorsApi.ts"
import { FoInstrumentsApi } from "./instruments/FoInstrumentsApi.ts"
import { InstrumentsApi } from "./instruments/InstrumentsApi.ts"
import { ApiKeysApi } from "./keys/ApiKeysApi.ts"
import { LabelsApi } from "./labels/LabelsApi.ts"
import { McpApi } from "./mcp/McpApi.ts"
import { MonitorApi } from "./monitor/MonitorApi.ts"
import { OrdersApi } from "./orders/OrdersApi.ts"
import { ReplayApi } from "./replay/ReplayApi.ts"
import { ServiceApi } from "./service/ServiceApi.ts"
import { SettlementsApi } from "./settlements/SettlementsApi.ts"
import * as Problem from "./shared/Problem.ts"
import { PositionsApi } from "./strategies/PositionsApi.ts"
import { StrategiesApi } from "./strategies/StrategiesApi.ts"
import { StrategyLimitsApi } from "./strategies/StrategyLimitsApi.ts"
import { SubscriptionsApi } from "./subscriptions/SubscriptionsApi.ts"
import { WindowsApi } from "./subscriptions/WindowsApi.ts"
import { UdfApi } from "./udf/UdfApi.ts"

/**
 * The library declares a 400 of its own form for undecodable input. This replaces it by the contract's 422, in answers and in
 * /openapi.json.
 */
const contract = <A extends HttpApi.HttpApi.Any>(api: A): A => Object.assign(api, { errorSchema: Problem.invalid })

export class Api extends contract(HttpApi.make("gateway"))
  .add(ServiceApi)
  .add(SubscriptionsApi)
  .add(WindowsApi)
  .add(StrategiesApi)
  .add(PositionsApi)
  .add(StrategyLimitsApi)
  .add(ChainsApi)
  .add(InstrumentsApi)
  .add(HistoryApi)
  .add(UdfApi)
  .add(ChainAnalysisApi)
  .add(ChainHistoryApi)
  .add(ExportsApi)
  .add(ReplayApi)
  .add(CalendarApi)
  .add(CorporateActionsApi)
  .add(SettlementsApi)
  .add(OrdersApi)
  .add(AccountsApi)
  .add(KiteApi)
  .add(PortfolioApi)
  .add(PostbackApi)
  .add(DepthApi)
  .add(FuturesApi)
  .add(IndicatorsApi)
  .add(MonitorApi)
  .add(LabelsApi)
  .add(ApiKeysApi)
  .add(BackfillApi)
  .add(AlertsApi)
  .add(FoInstrumentsApi)
  .add(McpApi)
  .annotate(OpenApi.Title, "Tarang")
  .annotate(OpenApi.Version, "1") {}
