import { Layer } from "effect"
import { instrumentsPerAccount } from "./broker/BrokerSettings.ts"
import { AccountRepo } from "./store/accounts/AccountRepo.ts"
import { BookingRepo } from "./store/accounts/BookingRepo.ts"
import { LoginRepo } from "./store/accounts/LoginRepo.ts"
import { PortfolioRepo } from "./store/accounts/PortfolioRepo.ts"
import { AlertRepo } from "./store/alerts/AlertRepo.ts"
import { BackfillRepo } from "./store/backfill/BackfillRepo.ts"
import { CalendarRepo } from "./store/calendar/CalendarRepo.ts"
import { CorporateActionRepo } from "./store/calendar/CorporateActionRepo.ts"
import { ChainMinuteRepo } from "./store/chains/ChainMinuteRepo.ts"
import { BarRepo } from "./store/history/BarRepo.ts"
import { IndicatorSubscriptionRepo } from "./store/indicators/IndicatorSubscriptionRepo.ts"
import { InstrumentRegistry } from "./store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "./store/instruments/InstrumentRepo.ts"
import { ApiKeyRepo } from "./store/keys/ApiKeyRepo.ts"
import { LabelRepo } from "./store/labels/LabelRepo.ts"
import { AccountStopRepo } from "./store/orders/AccountStopRepo.ts"
import { CompensationRepo } from "./store/orders/CompensationRepo.ts"
import { OrderAccounts } from "./store/orders/OrderAccounts.ts"
import { OrderRepo } from "./store/orders/OrderRepo.ts"
import { Outbox } from "./store/orders/Outbox.ts"
import { PaperLedgers } from "./store/orders/PaperLedgers.ts"
import { PaperRepo } from "./store/orders/PaperRepo.ts"
import { SquareOffRepo } from "./store/orders/SquareOffRepo.ts"
import { StrategyLimitRepo } from "./store/orders/StrategyLimitRepo.ts"
import { SettlementRepo } from "./store/settlements/SettlementRepo.ts"
import { CandleRepo } from "./store/strategies/CandleRepo.ts"
import { FillRepo } from "./store/strategies/FillRepo.ts"
import { StrategyRepo } from "./store/strategies/StrategyRepo.ts"
import { AccountCapacity } from "./store/subscriptions/AccountCapacity.ts"
import { SubscriptionRepo } from "./store/subscriptions/SubscriptionRepo.ts"
import { WindowRepo } from "./store/subscriptions/WindowRepo.ts"

/** Every repository. They need Postgres with its schema. */
export const layer = PaperLedgers.Default.pipe(
  Layer.provideMerge(
    Layer.mergeAll(
      InstrumentRegistry.Default,
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
  ),
  Layer.provideMerge(InstrumentRepo.Default),
  Layer.provide(Layer.effect(AccountCapacity, instrumentsPerAccount))
)
