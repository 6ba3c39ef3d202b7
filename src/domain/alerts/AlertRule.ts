import { Schema } from "effect"
import type * as Money from "../Money.ts"
import * as Instrument from "../market/Instrument.ts"

/** Fields of an instrument that the exchange sends, of each packet of the record: the price in rupees, the others in units. */
export const PacketField = Schema.Literal("last_price", "volume", "oi")
export type PacketField = typeof PacketField.Type
/** Fields of an instrument that the platform computes, of `md.tick`: `iv` a fraction, Greeks in the units of docs/conventions.md. */
export const ComputedField = Schema.Literal("iv", "delta", "gamma", "theta", "vega")
export type ComputedField = typeof ComputedField.Type
export const InstrumentField = Schema.Literal(...PacketField.literals, ...ComputedField.literals)
/** Fields of a chain, of `opt.delta`. `straddle` is the price of the call and the put at the money, `atm_iv` their volatility. */
export const ChainField = Schema.Literal("spot", "forward", "pcr_oi", "pcr_volume", "max_pain", "call_oi", "put_oi", "straddle", "atm_iv")
/** Fields of a strategy, of `strat.m2m`. */
export const StrategyField = Schema.Literal(
  "m2m",
  "total_pnl",
  "unrealised_pnl",
  "realised_pnl",
  "net_delta",
  "net_gamma",
  "net_theta",
  "net_vega"
)
/** Fields of an account's market data, of `sys.ticker`: 1 while it streams and 0 otherwise; seconds since its newest tick; packets lost. */
export const FeedField = Schema.Literal("is_streaming", "silent_s", "dropped")

/** What an alert watches, with the names by which the platform finds it. */
export const Watch = Schema.Union(
  Schema.Struct({
    source: Schema.Literal("instrument"),
    exchange: Schema.String,
    tradingsymbol: Schema.String,
    /** The token on the day on which the alert was created. `onDay` finds a later day's. */
    instrument_token: Schema.Int,
    /** The underlying under which its ticks are published. */
    underlying: Schema.Struct({ exchange: Schema.String, name: Schema.String }),
    field: InstrumentField
  }),
  Schema.Struct({
    source: Schema.Literal("chain"),
    exchange: Schema.String,
    symbol: Schema.String,
    expiry: Schema.String,
    field: ChainField
  }),
  Schema.Struct({ source: Schema.Literal("strategy"), strategy_id: Schema.Int, field: StrategyField }),
  Schema.Struct({ source: Schema.Literal("feed"), account_id: Schema.String, field: FeedField })
)
export type Watch = typeof Watch.Type

/**
 * The watch with the names of a day: exchanges reuse tokens, so only the exchange and the symbol say which instrument is meant. Undefined if
 * the day's instruments lack it, for example after its expiry, or if there are none yet.
 */
export const onDay = (watch: Watch, day: Instrument.Master | undefined): Watch | undefined => {
  if (watch.source !== "instrument") return watch
  const instrument = day === undefined ? undefined : Instrument.bySymbol(day, watch.exchange, watch.tradingsymbol)
  const underlying = instrument === undefined ? null : Instrument.underlyingOf(instrument)
  if (instrument === undefined || underlying === null) return undefined
  return { ...watch, instrument_token: instrument.token, underlying: { exchange: underlying.exchange, name: underlying.name } }
}

/** Which messages decide an alert: packets of the record for fields that the exchange sends, or else the messages of the alert's source. */
export type Input = "packet" | Watch["source"]
export const inputOf = (watch: Watch): Input =>
  watch.source === "instrument" && Schema.is(PacketField)(watch.field) ? "packet" : watch.source

/** `above` and `below` include the threshold. The two crossing conditions first need a value on the other side. */
export const Condition = Schema.Literal("above", "below", "crosses_above", "crosses_below")
export type Condition = typeof Condition.Type

/** `waiting`: until the value is back on the other side · `armed`: the next value beyond the threshold fires · `done`: fired once, for good. */
export const State = Schema.Literal("waiting", "armed", "done")
export type State = typeof State.Type

export interface Rule {
  readonly condition: Condition
  readonly threshold: Money.Decimal
  /** How far the value has to come back behind the threshold before the alert may fire again, in the value's unit. */
  readonly hysteresis: Money.Decimal
  readonly repeat: boolean
  /** Least time between two events, seconds of market time. */
  readonly cooldownS: number
}

/** The present state of an alert. */
export interface Standing {
  readonly state: State
  /** Market time of the newest event, UNIX ms; null before the first. */
  readonly firedAtMs: number | null
}

export const initialState = (condition: Condition): State => (condition.startsWith("crosses") ? "waiting" : "armed")
