import { PgClient } from "@effect/sql-pg"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { AccountRepo } from "../../src/store/accounts/AccountRepo.ts"
import { BookingRepo } from "../../src/store/accounts/BookingRepo.ts"
import { LoginRepo } from "../../src/store/accounts/LoginRepo.ts"
import { PortfolioRepo } from "../../src/store/accounts/PortfolioRepo.ts"
import { AlertRepo } from "../../src/store/alerts/AlertRepo.ts"
import { BarRepo } from "../../src/store/BarRepo.ts"
import { BackfillRepo } from "../../src/store/backfill/BackfillRepo.ts"
import { CalendarRepo } from "../../src/store/CalendarRepo.ts"
import { CandleRepo } from "../../src/store/CandleRepo.ts"
import { CorporateActionRepo } from "../../src/store/CorporateActionRepo.ts"
import { ChainMinuteRepo } from "../../src/store/chains/ChainMinuteRepo.ts"
import { FillRepo } from "../../src/store/FillRepo.ts"
import { IndicatorSubscriptionRepo } from "../../src/store/IndicatorSubscriptionRepo.ts"
import { InstrumentRegistry } from "../../src/store/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../src/store/InstrumentRepo.ts"
import { ApiKeyRepo } from "../../src/store/keys/ApiKeyRepo.ts"
import { LabelRepo } from "../../src/store/labels/LabelRepo.ts"
import { Migrated } from "../../src/store/Migrations.ts"
import { AccountStopRepo } from "../../src/store/orders/AccountStopRepo.ts"
import { CompensationRepo } from "../../src/store/orders/CompensationRepo.ts"
import { OrderAccounts } from "../../src/store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../src/store/orders/OrderRepo.ts"
import { Outbox } from "../../src/store/orders/Outbox.ts"
import { PaperLedgers } from "../../src/store/orders/PaperLedgers.ts"
import { PaperRepo } from "../../src/store/orders/PaperRepo.ts"
import { SquareOffRepo } from "../../src/store/orders/SquareOffRepo.ts"
import { StrategyLimitRepo } from "../../src/store/orders/StrategyLimitRepo.ts"
import { PostgresLive } from "../../src/store/Postgres.ts"
import { SettlementRepo } from "../../src/store/SettlementRepo.ts"
import { StrategyRepo } from "../../src/store/StrategyRepo.ts"
import { SubscriptionRepo } from "../../src/store/SubscriptionRepo.ts"
import { WindowRepo } from "../../src/store/WindowRepo.ts"
import { migratedDatabase } from "../TestBackends.ts"

export const config = (values: Record<string, string>) => Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

/** The product's own pool for the database at `url`. */
export const pool = (url: string, settings: Record<string, string> = {}) =>
  PostgresLive.pipe(Layer.provide(config({ DATABASE_URL: url, ...settings })))

const repositories = Layer.mergeAll(
  InstrumentRegistry.Default.pipe(Layer.provideMerge(InstrumentRepo.Default)),
  SubscriptionRepo.Default,
  StrategyRepo.Default,
  CandleRepo.Default,
  AlertRepo.Default,
  BarRepo.Default,
  BackfillRepo.Default,
  ChainMinuteRepo.Default,
  FillRepo.Default,
  WindowRepo.Default,
  SettlementRepo.Default,
  CalendarRepo.Default,
  CorporateActionRepo.Default,
  OrderRepo.Default,
  CompensationRepo.Default,
  OrderAccounts.Default,
  AccountStopRepo.Default,
  SquareOffRepo.Default.pipe(Layer.provide(OrderRepo.Default)),
  StrategyLimitRepo.Default,
  PortfolioRepo.Default,
  BookingRepo.Default,
  Outbox.Default,
  PaperRepo.Default,
  IndicatorSubscriptionRepo.Default,
  LabelRepo.Default,
  AccountRepo.Default,
  LoginRepo.Default,
  ApiKeyRepo.Default
)

/** Pool, migrations and repositories, composed as in main.ts: one start of the program with the database at `url`. */
export const started = (url: string, settings: Record<string, string> = {}) =>
  PaperLedgers.Default.pipe(Layer.provideMerge(repositories), Layer.provideMerge(Migrated), Layer.provideMerge(pool(url, settings)))

/** The same with a new database, whose tables are empty. */
export const fresh = (settings: Record<string, string> = {}) =>
  Layer.unwrapScoped(Effect.map(migratedDatabase, (url) => started(url, settings)))

/** A second connection to a database, beside the product's pool. */
export const observer = (url: string) => PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })
