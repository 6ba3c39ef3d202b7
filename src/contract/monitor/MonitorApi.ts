import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { BuildUp } from "../chains/ChainAnalysisApi.ts"
import { ChangeFrom, OiCoverage } from "../chains/ChainsApi.ts"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { volatilityAndGreeks } from "../shared/Greeks.ts"
import { digits, Expiry, Input, numberText, Symbol, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)
const TextOrNull = Schema.NullOr(Schema.String)
const defaultSymbol = "NIFTY"
/** The underlying, and one of its expiries; by default the nearest one that is streamed. */
const chosen = { symbol: withDefault(Symbol, () => defaultSymbol), expiry: Schema.optional(Expiry) }

/** Strangles shown beside the straddle. */
export const strangles = 5
const countMax = 50
const Count = withDefault(digits(countMax, 1), () => 5)

/** What every answer begins with. */
const named = { symbol: Schema.String, expiry: Schema.String, spot: NumberOrNull, as_of: TextOrNull }

export const MonitorPair = Schema.Struct({
  steps: Schema.Int,
  call_strike: Schema.Number,
  put_strike: Schema.Number,
  call_price: NumberOrNull,
  put_price: NumberOrNull,
  price: described(NumberOrNull, "Both last prices together, rupees"),
  lower_break_even: NumberOrNull,
  upper_break_even: NumberOrNull,
  move_percent: NumberOrNull,
  ...volatilityAndGreeks
}).annotations({ identifier: "MonitorPair" })

const MonitorFuture = Schema.Struct({
  expiry: Schema.String,
  instrument_token: Schema.Int,
  tradingsymbol: TextOrNull,
  last_price: NumberOrNull,
  oi: NumberOrNull,
  basis: NumberOrNull
}).annotations({ identifier: "MonitorFuture" })

const OptionGreeks = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: TextOrNull,
  last_price: NumberOrNull,
  ...volatilityAndGreeks
}).annotations({ identifier: "MonitorOptionGreeks" })
const Weighted = Schema.Struct({
  delta: Schema.Number,
  gamma: Schema.Number,
  theta: Schema.Number,
  vega: Schema.Number,
  counted: described(Schema.Int, "Options with open interest and Greeks, which are in the sums")
}).annotations({ identifier: "MonitorWeightedGreeks" })

const Contract = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: TextOrNull,
  strike: Schema.Number,
  type: Schema.Literal("CE", "PE"),
  last_price: NumberOrNull,
  price_change: NumberOrNull,
  change_percent: NumberOrNull,
  oi: NumberOrNull,
  oi_change: NumberOrNull,
  volume: NumberOrNull,
  build_up: BuildUp
}).annotations({ identifier: "MonitorContract" })
const Contracts = Schema.Array(Contract)
const Changes = Schema.Struct({ rising: Contracts, falling: Contracts })

/** What the stream sends, and a part of the snapshot. */
export const monitorHead = {
  ...named,
  spot_change: NumberOrNull,
  spot_change_percent: NumberOrNull,
  forward: NumberOrNull,
  atm_strike: NumberOrNull,
  atm_iv: NumberOrNull,
  straddle: Schema.NullOr(MonitorPair)
}

const greeksBody = Schema.Struct({
  ...named,
  atm_strike: NumberOrNull,
  call: described(Schema.NullOr(OptionGreeks), "The call at the money"),
  put: described(Schema.NullOr(OptionGreeks), "The put at the money"),
  straddle: Schema.NullOr(MonitorPair),
  open_interest: Schema.Struct({
    call: described(Weighted, "Sums over the open interest of all calls"),
    put: described(Weighted, "Sums over the open interest of all puts")
  })
})
const ivBody = Schema.Struct({
  ...named,
  forward: NumberOrNull,
  atm_strike: NumberOrNull,
  atm_iv: NumberOrNull,
  expected_move: NumberOrNull,
  skew: Schema.Struct({ call_iv: NumberOrNull, put_iv: NumberOrNull, risk_reversal: NumberOrNull, butterfly: NumberOrNull }),
  term: Schema.Array(
    Schema.Struct({
      expiry: Schema.String,
      years: NumberOrNull,
      forward: NumberOrNull,
      atm_strike: NumberOrNull,
      atm_iv: NumberOrNull,
      expected_move: NumberOrNull
    })
  )
})
const oiBody = Schema.Struct({
  ...named,
  max_pain: NumberOrNull,
  pcr_oi: NumberOrNull,
  pcr_volume: NumberOrNull,
  call_oi: Schema.Number,
  put_oi: Schema.Number,
  call_oi_change: Schema.Number,
  put_oi_change: Schema.Number,
  oi_coverage: OiCoverage,
  oi_change_from: ChangeFrom,
  calls: described(Contracts, "Calls with the most open interest first"),
  puts: described(Contracts, "Puts with the most open interest first")
})
const moversBody = Schema.Struct({
  ...named,
  oi_change_from: ChangeFrom,
  price: described(Changes, "Contracts by the change of their price in percent"),
  oi: described(Changes, "Contracts by the change of their open interest"),
  volume: described(Contracts, "Contracts with the most units traded today first")
})
const historyBody = Schema.Struct({
  symbol: Schema.String,
  expiry: Schema.String,
  interval: Schema.String,
  instrument_token: Schema.Int,
  future: TextOrNull,
  strike: NumberOrNull,
  call: described(TextOrNull, "Tradingsymbol of the call"),
  put: described(TextOrNull, "Tradingsymbol of the put"),
  points: Schema.Array(
    Schema.Struct({
      date: Schema.String,
      open: Schema.Number,
      high: Schema.Number,
      low: Schema.Number,
      close: Schema.Number,
      future_close: NumberOrNull,
      basis: NumberOrNull,
      call_close: NumberOrNull,
      put_close: NumberOrNull,
      straddle: described(NumberOrNull, "Close of the call plus close of the put, rupees")
    })
  ).annotations({ description: "One for each bar of the underlying, ascending" }),
  warning: described(TextOrNull, "What the broker could not deliver; null when nothing is missing")
})
const healthBody = Schema.Struct({
  symbol: Schema.String,
  expiry: Schema.String,
  status: described(Schema.Literal("live", "stale", "no_data"), "Whether the newest values are fresh by market time"),
  reasons: Schema.Array(Schema.String),
  market_time: Schema.String,
  spot_time: TextOrNull,
  spot_age_ms: NumberOrNull,
  state_age_ms: NumberOrNull,
  chain_age_ms: NumberOrNull,
  stale_after_ms: Schema.Number,
  rows: Schema.Record({ key: Schema.String, value: Schema.Int })
})

/** The monitor's view of one underlying. */
export class MonitorApi extends HttpApiGroup.make("monitor")
  .add(
    HttpApiEndpoint.get("snapshot", "/snapshot")
      .setUrlParams(Input(chosen))
      .addSuccess(
        Schema.Struct({
          ...monitorHead,
          spot_time: TextOrNull,
          futures: Schema.Array(MonitorFuture),
          max_pain: NumberOrNull,
          pcr_oi: NumberOrNull,
          pcr_volume: NumberOrNull,
          call_oi: Schema.Number,
          put_oi: Schema.Number
        })
      )
  )
  .add(
    HttpApiEndpoint.get("history", "/history")
      .setUrlParams(
        Input({
          ...chosen,
          strike: Schema.optional(numberText(0.0001, 1_000_000_000)),
          interval: Schema.optional(HistoryInput.Interval),
          from: Schema.optional(HistoryInput.From),
          to: Schema.optional(HistoryInput.To)
        })
      )
      .addSuccess(historyBody)
  )
  .add(HttpApiEndpoint.get("greeks", "/greeks").setUrlParams(Input(chosen)).addSuccess(greeksBody))
  .add(
    HttpApiEndpoint.get("straddle", "/straddle")
      .setUrlParams(Input(chosen))
      .addSuccess(Schema.Struct({ ...named, atm_strike: NumberOrNull, pairs: Schema.Array(MonitorPair) }))
  )
  .add(HttpApiEndpoint.get("iv", "/iv").setUrlParams(Input(chosen)).addSuccess(ivBody))
  .add(
    HttpApiEndpoint.get("oi", "/oi")
      .setUrlParams(Input({ ...chosen, count: Count }))
      .addSuccess(oiBody)
  )
  .add(
    HttpApiEndpoint.get("movers", "/movers")
      .setUrlParams(Input({ ...chosen, count: Count }))
      .addSuccess(moversBody)
  )
  .add(HttpApiEndpoint.get("health", "/health").setUrlParams(Input(chosen)).addSuccess(healthBody))
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/nifty-monitor")
  .annotate(OpenApi.Description, "One underlying at a glance: price, Greeks, straddle, volatility, open interest") {}
