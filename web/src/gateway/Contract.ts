/** Types of the gateway's messages, as the client decodes them. */
import type { Schema } from "effect"
import type { Client } from "../../../src/client/Client.ts"
import type { Account as AccountSchema } from "../../../src/contract/accounts/LinkedAccount.ts"
import type { Holiday as HolidaySchema, Status } from "../../../src/contract/calendar/CalendarApi.ts"
import type { OptionRow as Option, StrikeRow as Strike } from "../../../src/contract/chains/ChainsApi.ts"
import type { analysisOrNull, PayoffLeg as PayoffLegSchema } from "../../../src/contract/chains/PayoffApi.ts"
import type { FoEnabled as FoEnabledSchema, Instrument as InstrumentSchema } from "../../../src/contract/instruments/InstrumentsApi.ts"
import type { Health as HealthSchema } from "../../../src/contract/service/HealthReport.ts"
import type * as SocketMessages from "../../../src/contract/sockets/SocketMessages.ts"
import type { Leg as LegSchema, Strategy as StrategySchema } from "../../../src/contract/strategies/StrategiesApi.ts"
import type { Subscription as SubscriptionSchema } from "../../../src/contract/subscriptions/SubscriptionsApi.ts"

type Rest = Client["rest"]
export type OptionRow = typeof Option.Type
export type StrikeRow = typeof Strike.Type
export type Quality = OptionRow["quality"]
export type CalendarStatus = typeof Status.Type
export type Holiday = typeof HolidaySchema.Type
export type Health = typeof HealthSchema.Type
export type Instrument = typeof InstrumentSchema.Type
export type FoEnabled = typeof FoEnabledSchema.Type
export type Subscription = typeof SubscriptionSchema.Type
export type Strategy = typeof StrategySchema.Type
export type StrategySummary = Omit<Strategy, "instruments" | "latest">
export type Leg = typeof LegSchema.Type
export type Mark = NonNullable<Strategy["latest"]>
export type ChainUpdate = SocketMessages.ChainUpdate
export type Tick = SocketMessages.Tick["data"]
export type Candle = Awaited<ReturnType<Rest["strategies"]["m2m"]>>["candles"][number]

export type Account = typeof AccountSchema.Type
export type AccountOrder = Awaited<ReturnType<Rest["portfolio"]["orders"]>>["orders"][number]
export type Positions = Awaited<ReturnType<Rest["portfolio"]["positions"]>>
export type Position = Positions["net"][number]
export type Holding = Awaited<ReturnType<Rest["portfolio"]["holdings"]>>["holdings"][number]
export type Funds = Awaited<ReturnType<Rest["portfolio"]["funds"]>>
export type OrderTask = Awaited<ReturnType<Rest["orders"]["task"]>>
export type Charges = Awaited<ReturnType<Rest["orders"]["charges"]>>
export type Margins = Awaited<ReturnType<Rest["orders"]["margins"]>>
/** A request for one order task: to place, modify or cancel an order. */
export type OrderRequest = Parameters<Rest["orders"]["submit"]>[0]
export type StopState = Awaited<ReturnType<Rest["accounts"]["stop"]>>
export type AccountLimits = Awaited<ReturnType<Rest["accounts"]["limits"]>>
export type NewAccountLimits = Parameters<Rest["accounts"]["setLimits"]>[0]["payload"]

export type Alert = Awaited<ReturnType<Rest["alerts"]["get"]>>
export type NewAlert = Parameters<Rest["alerts"]["create"]>[0]["payload"]
export type AlertEvent = SocketMessages.AlertUpdate["data"]

export type StrategyLimits = Awaited<ReturnType<Rest["strategyLimits"]["limits"]>>
export type NewStrategyLimits = Parameters<Rest["strategyLimits"]["setLimits"]>[0]["payload"]
export type StrategyPnl = Awaited<ReturnType<Rest["positions"]["pnl"]>>
export type StrategyGreeks = Awaited<ReturnType<Rest["positions"]["greeks"]>>

type Analysis = Schema.Struct.Type<typeof analysisOrNull>
/** GET /strategies/{id}/payoff and POST /fo/payoff; null while a leg has no price. */
export type PayoffAnswer = Analysis & { readonly legs: ReadonlyArray<typeof PayoffLegSchema.Type> }
/** The answer without nulls, when everything is known. */
export type Payoff = { readonly [K in keyof Analysis]: K extends "probability_of_profit" ? Analysis[K] : NonNullable<Analysis[K]> } & Pick<
  PayoffAnswer,
  "legs"
>
