/** What the gateway sends, as its own schemas have it: types only, nothing of them is in the bundle. */
import type { Schema } from "effect"
import type { OptionRow as Option, StrikeRow as Strike } from "../../src/gateway/FoApi.ts"
import type { Health as HealthSchema } from "../../src/gateway/HealthReport.ts"
import type { FoEnabled as FoEnabledSchema, Instrument as InstrumentSchema } from "../../src/gateway/InstrumentsApi.ts"
import type { analysisOrNull } from "../../src/gateway/PayoffApi.ts"
import type { Leg as LegSchema, Strategy as StrategySchema } from "../../src/gateway/StrategiesApi.ts"
import type { Subscription as SubscriptionSchema } from "../../src/gateway/SubscriptionsApi.ts"

export type OptionRow = typeof Option.Encoded
export type StrikeRow = typeof Strike.Encoded
export type Quality = OptionRow["quality"]
export type Health = typeof HealthSchema.Encoded
export type FoEnabled = typeof FoEnabledSchema.Encoded
export type Instrument = typeof InstrumentSchema.Encoded
export type Subscription = typeof SubscriptionSchema.Encoded
export type Strategy = typeof StrategySchema.Encoded
export type StrategySummary = Omit<Strategy, "instruments" | "latest">
export type Leg = typeof LegSchema.Encoded
export type Mark = NonNullable<Strategy["latest"]>

/** /fo/stream: `chain` has every strike, `delta` those that changed, whole. */
export interface ChainUpdate {
  readonly type: "update"
  readonly symbol: string
  readonly expiry: string
  readonly kind: "chain" | "delta"
  readonly seq: number
  readonly as_of: string | null
  readonly spot: number | null
  readonly forward: number | null
  readonly atm_strike: number | null
  readonly max_pain: number | null
  readonly pcr: number | null
  readonly totals: { readonly call_oi: number; readonly put_oi: number; readonly pcr_volume: number | null }
  readonly strikes: ReadonlyArray<StrikeRow>
}

/** /ws/ticks. */
export interface Tick {
  readonly instrument_token: number
  readonly tradingsymbol: string | null
  readonly last_price: number
  readonly delta: number | null
  readonly timestamp: string
}

export interface Candle {
  readonly timestamp: string
  readonly open: string
  readonly high: string
  readonly low: string
  readonly close: string
}

/** GET /strategies/{id}/payoff and POST /fo/payoff; null where a leg has no price yet. */
export type PayoffAnswer = Schema.Struct.Encoded<typeof analysisOrNull> & {
  readonly legs?: ReadonlyArray<{ readonly strike: number | null }>
}
type Shown = "scenario" | "break_evens" | "max_profit" | "max_loss" | "curve"
export type Payoff = { readonly [K in Shown]: NonNullable<PayoffAnswer[K]> } & Pick<PayoffAnswer, "probability_of_profit" | "legs">
