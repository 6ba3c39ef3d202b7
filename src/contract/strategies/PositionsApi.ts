import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Product } from "../../domain/accounts/OrderAttributes.ts"
import { Money } from "../../domain/Money.ts"
import { Direction } from "../../domain/record/StrategyDefinition.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { analysisOrNull, Greeks, PayoffLeg, scenarioQuery } from "../chains/PayoffApi.ts"
import { grid, gridQuery } from "../chains/ScenarioApi.ts"
import { charges } from "../orders/OrdersApi.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, Instant, Name, NonNegativeMoney, Symbol, WholeNumber, WholeNumberBetween } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const MoneyOrNull = Schema.NullOr(Money)
const NumberOrNull = Schema.NullOr(Schema.Number)
const Id = Input({ id: WholeNumber })

/** Largest number of fills per request. */
const batchMax = 1000

/**
 * `executed_at` is now by default. Charges depend on `product` for shares, and on `order_id`, because brokerage is due once for an order: a fill
 * without it counts as an order of its own. A fill whose `external_id` the strategy already has is a duplicate and changes nothing.
 */
const Fill = Input({
  tradingsymbol: Name(64),
  exchange: Name(16),
  side: Direction,
  quantity: WholeNumberBetween(1, quantityMax),
  price: NonNegativeMoney,
  executed_at: Schema.optionalWith(Instant, { nullable: true }),
  external_id: Schema.optionalWith(Name(128), { nullable: true }),
  order_id: Schema.optionalWith(Name(64), { nullable: true }),
  product: Schema.optionalWith(Product, { nullable: true })
})

const held = {
  /** The leg itself, or the legs that the fills replace. */
  leg_ids: Schema.Array(Schema.Int),
  source: Schema.Literal("fills", "leg"),
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  exchange: Schema.String
}
const valued = { as_of: Schema.String, complete: Schema.Boolean, missing: Schema.Array(Schema.String) }
/** What the fills cost. The amounts contain only the charges that are known. */
const Charges = Schema.Struct({
  ...charges,
  complete: Schema.Boolean.annotations({ description: "Whether all charges are known" }),
  unknown: Schema.Array(Schema.String).annotations({ description: "Why some charges are not known; empty when all are" })
}).annotations({ identifier: "FillCharges" })
/** `gross` is `total`. `net` is null without it, or while charges are not known. */
const afterCharges = {
  gross: MoneyOrNull.annotations({ description: "Profit before charges, rupees, decimal text; null without a price" }),
  charges: Charges,
  net: MoneyOrNull.annotations({
    description: "Profit after charges, rupees, decimal text; null without `gross` or while charges are not known"
  })
}
const Both = Schema.Struct({ fifo: Money, average: Money })
const BothOrNull = Schema.Struct({ fifo: MoneyOrNull, average: MoneyOrNull })

/** One holding. Values that need a price are null without one. Averages are rounded to twelve places; totals are exact. */
const InstrumentPnl = Schema.Struct({
  ...held,
  net_quantity: Schema.Int,
  open_average: BothOrNull,
  last_price: NumberOrNull,
  as_of: Schema.NullOr(Schema.String),
  realised: Both,
  unrealised: BothOrNull,
  total: MoneyOrNull,
  ...afterCharges
}).annotations({ identifier: "InstrumentPnl" })

const LegGreeks = Schema.Struct({
  ...held,
  /** Signed; bought is positive. */
  quantity: Schema.Int,
  iv: NumberOrNull,
  /** Greeks of one unit, and of the quantity. */
  unit: Greeks,
  position: Greeks
}).annotations({ identifier: "LegGreeks" })

/** A strategy's open positions on one underlying. */
const openOn = {
  strategy_id: Schema.Int,
  symbol: Schema.NullOr(Schema.String),
  spot: NumberOrNull,
  realised: Money,
  legs: Schema.Array(PayoffLeg)
}

/**
 * What a strategy holds. An instrument with fills holds what the fills left open. A leg of an instrument without fills holds its
 * quantity at its entry price. `missing` lists the instruments without a price or with a stale one.
 */
export class PositionsApi extends HttpApiGroup.make("positions")
  .add(
    HttpApiEndpoint.post("record", "/:id/fills")
      .setPath(Id)
      .setPayload(Input({ fills: Schema.Array(Fill).pipe(Schema.minItems(1), Schema.maxItems(batchMax)) }))
      .addSuccess(Schema.Struct({ recorded: Schema.Int, duplicates: Schema.Int }), { status: 201 })
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.get("pnl", "/:id/pnl")
      .setPath(Id)
      .addSuccess(
        Schema.Struct({
          strategy_id: Schema.Int,
          realised: Both,
          unrealised: BothOrNull,
          total: MoneyOrNull,
          ...afterCharges,
          instruments: Schema.Array(InstrumentPnl),
          ...valued
        }).annotations({ identifier: "StrategyPnl" })
      )
  )
  .add(
    HttpApiEndpoint.get("greeks", "/:id/greeks")
      .setPath(Id)
      .addSuccess(
        Schema.Struct({ strategy_id: Schema.Int, net: Greeks, legs: Schema.Array(LegGreeks), ...valued }).annotations({
          identifier: "StrategyGreeks"
        })
      )
  )
  .add(
    HttpApiEndpoint.get("payoff", "/:id/payoff")
      .setPath(Id)
      .setUrlParams(Input({ ...scenarioQuery, underlying: Schema.optional(Symbol) }))
      .addSuccess(
        Schema.Struct({
          ...openOn,
          // Null where nothing is open, or something that it needs is not known yet.
          ...analysisOrNull,
          ...valued
        }).annotations({ identifier: "StrategyPayoff" })
      )
  )
  .add(
    HttpApiEndpoint.get("scenario", "/:id/scenario")
      .setPath(Id)
      .setUrlParams(Input({ ...gridQuery, underlying: Schema.optional(Symbol) }))
      .addSuccess(
        Schema.Struct({
          ...openOn,
          // Null if nothing is open, or if a value that it needs is not known yet.
          cells: Schema.NullOr(grid.cells),
          ...valued
        }).annotations({ identifier: "StrategyScenario" })
      )
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/strategies")
  .annotate(OpenApi.Description, "What a strategy traded and holds: fills, profit and loss, Greeks, payoff") {}
