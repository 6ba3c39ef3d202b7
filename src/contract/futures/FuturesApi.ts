import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Money } from "../../domain/Money.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { Direction } from "../../domain/record/StrategyDefinition.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { BuildUp } from "../chains/ChainAnalysisApi.ts"
import { ChangeFrom } from "../chains/ChainsApi.ts"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Authentication } from "../shared/Authentication.ts"
import { digits, Input, Symbol, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)
const MoneyOrNull = Schema.NullOr(Money)
const AsOf = Schema.NullOr(Schema.String)
/** A price in a query; the bound is that of the formulas. */
const Price = Money.pipe(
  Schema.filter((price) => !price.isNegative() && price.lte(1e12), { message: () => "expected a price from 0 to 1000000000000" })
)
const Quantity = digits(quantityMax, 1)

const named = { expiry: Schema.String, instrument_token: Schema.Int, tradingsymbol: Schema.NullOr(Schema.String) }
const quoted = { ...named, last_price: NumberOrNull, oi: NumberOrNull }

const Signal = Schema.Struct({
  ...quoted,
  price_change: NumberOrNull,
  oi_change: NumberOrNull,
  change_from: ChangeFrom,
  signal: BuildUp,
  basis: NumberOrNull,
  carry: NumberOrNull
}).annotations({ identifier: "FutureSignal" })

const RollingContract = Schema.Struct({ ...quoted, oi_share: NumberOrNull }).annotations({ identifier: "RollingContract" })

export const Adjustment = Schema.Literal("none", "back_difference", "back_ratio", "forward_difference")

const ContinuousBar = Schema.Struct({
  date: Schema.String,
  open: Schema.Number,
  high: Schema.Number,
  low: Schema.Number,
  close: Schema.Number,
  volume: Schema.Int,
  contract: Schema.String
}).annotations({ identifier: "ContinuousBar" })

/** `unjoined` names two contracts without a common bar: the jump between them is unknown, so there are no bars. */
const Continuous = Schema.Struct({
  adjustment: Adjustment,
  interval: Schema.String,
  contracts: Schema.Array(Schema.String),
  bars: Schema.Array(ContinuousBar),
  unjoined: Schema.NullOr(Schema.Struct({ from: Schema.String, to: Schema.String })),
  warning: Schema.NullOr(Schema.String)
}).annotations({ identifier: "ContinuousSeries" })

export class FuturesApi extends HttpApiGroup.make("futures")
  .add(
    HttpApiEndpoint.get("positionSignals", "/position-signals")
      .setUrlParams(Input({ symbol: Symbol }))
      .addSuccess(Schema.Struct({ symbol: Schema.String, spot: NumberOrNull, futures: Schema.Array(Signal), as_of: AsOf }))
  )
  .add(
    HttpApiEndpoint.get("rollover", "/rollover")
      .setUrlParams(
        Input({
          symbol: Symbol,
          adjustment: Schema.optional(Adjustment),
          interval: withDefault(HistoryInput.Interval, () => KiteHistory.day),
          from: Schema.optional(HistoryInput.From),
          to: Schema.optional(HistoryInput.To)
        })
      )
      .addSuccess(
        Schema.Struct({
          symbol: Schema.String,
          percent: NumberOrNull,
          spread: NumberOrNull,
          cost_percent: NumberOrNull,
          carry: NumberOrNull,
          contracts: Schema.Array(RollingContract),
          /** Present when an adjustment was asked for. */
          continuous: Schema.NullOr(Continuous),
          as_of: AsOf
        })
      )
  )
  .add(
    HttpApiEndpoint.get("rolloverPnl", "/rollover/pnl")
      .setUrlParams(
        Input({
          symbol: Symbol,
          direction: Direction,
          quantity: Quantity,
          entry_price: Price,
          close_price: Schema.optional(Price),
          open_price: Schema.optional(Price)
        })
      )
      .addSuccess(
        Schema.Struct({
          symbol: Schema.String,
          near: Schema.Struct(named),
          next: Schema.Struct(named),
          direction: Direction,
          quantity: Schema.Int,
          multiplier: Schema.Number,
          entry_price: Money,
          /** A value is null if a price that it needs is missing. */
          close_price: MoneyOrNull,
          open_price: MoneyOrNull,
          last_price: MoneyOrNull,
          realised: MoneyOrNull,
          unrealised: MoneyOrNull,
          roll_cost: MoneyOrNull,
          total: MoneyOrNull,
          as_of: AsOf
        })
      )
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/futures")
  .annotate(OpenApi.Description, "An underlying's futures: positions, the roll into the next month, continuous series") {}
