/**
 * Good-till-triggered orders as a broker lists them, under Kite's own names (kite.trade/docs/connect/v3/gtt). When the last price reaches a
 * trigger value, the broker places the order beside it.
 */
import { Schema } from "effect"
import * as Money from "../Money.ts"
import { KiteAmount, KiteMoment } from "./Figures.ts"

type Amount = Schema.Schema<Money.Decimal, string> | Schema.Schema<Money.Decimal, number>
type Time = Schema.Schema<string, string>

const triggerOf = <A extends Amount>(amount: A, time: Time) =>
  Schema.Struct({
    id: Schema.Int,
    type: Schema.String,
    status: Schema.String,
    created_at: time,
    updated_at: time,
    expires_at: time,
    condition: Schema.Struct({
      exchange: Schema.String,
      tradingsymbol: Schema.String,
      trigger_values: Schema.Array(amount),
      last_price: amount
    }).annotations({ description: "When the orders are placed" }),
    orders: Schema.Array(
      Schema.Struct({
        exchange: Schema.String,
        tradingsymbol: Schema.String,
        transaction_type: Schema.Literal("BUY", "SELL"),
        product: Schema.String,
        order_type: Schema.String,
        quantity: Schema.Int,
        price: amount,
        /** What came of the order; null until its trigger is reached. */
        result: Schema.NullOr(
          Schema.Struct({
            timestamp: time,
            triggered_at: amount,
            order_result: Schema.Struct({ status: Schema.String, order_id: Schema.String, rejection_reason: Schema.String })
          })
        ).annotations({ description: "What came of the order; null until its trigger is reached" })
      })
    )
  })

/** A row of GET /gtt/triggers. */
export const KiteTrigger = triggerOf(KiteAmount, KiteMoment)
/** The same with money as decimal text and times in ISO 8601 UTC. */
export const Trigger = triggerOf(Money.Money, Schema.String)
export type Trigger = typeof Trigger.Type
