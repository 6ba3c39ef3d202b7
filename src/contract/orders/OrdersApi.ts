import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Basket as MarginBasket } from "../../domain/accounts/Margins.ts"
import { Money } from "../../domain/Money.ts"
import { Mode, OrderTask, Status } from "../../domain/orders/OrderMessage.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { digits, Input, listedFields, Name, pageFields, WholeNumber } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import { ChangedGtt, GttList, NewGtt, TriggerId } from "./Gtt.ts"
import { IdempotencyKey, NewBasket, NewOrder } from "./NewOrder.ts"
import { OrderTerms } from "./OrderTerms.ts"

/** Orders of one request; Kite's own basket holds as many. */
const ordersMax = 20

const money = (description: string) => Money.annotations({ description })
/** The amounts of one order, or of several together. */
export const charges = {
  brokerage: money("The broker's fee, rupees, decimal text"),
  stt: money("Securities or commodities transaction tax, rupees, decimal text"),
  exchange_charges: money("The exchange's charge without IPFT, rupees, decimal text"),
  sebi: money("The regulator's fee, rupees, decimal text"),
  stamp_duty: money("Stamp duty, rounded to the rupee as on a contract note, decimal text"),
  ipft: money("The investor protection fund's charge, rupees, decimal text"),
  gst: money("Tax on brokerage, exchange charges and the regulator's fee, rupees, decimal text"),
  total: money("All charges together, rupees, decimal text")
}
const OrderCharges = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  transaction_type: Schema.String,
  quantity: Schema.Int,
  price: Money.annotations({ description: "The price that the charges are for, rupees, decimal text" }),
  ...charges
}).annotations({ identifier: "OrderCharges" })
const Total = Schema.Struct(charges).annotations({ identifier: "TotalCharges" })

const rupees = "rupees, decimal text"
/** Kite's fields of a margin. */
const Margin = Schema.Struct({
  ...MarginBasket.fields.initial.fields,
  span: money(`SPAN margin of the clearing corporation, ${rupees}`),
  exposure: money(`Exposure margin beside SPAN, ${rupees}`),
  option_premium: money(`Premium to pay; below zero if more is received, ${rupees}`),
  additional: money(`Additional margin of the exchange, ${rupees}`),
  bo: money(`Margin of a bracket order, ${rupees}`),
  cash: money(`Cash that is blocked, ${rupees}`),
  var: money(`Margin of shares, ${rupees}`),
  total: money(`All margins together, ${rupees}`),
  leverage: Schema.Number.annotations({ description: "The order's value divided by its margin; 1: the margin is the whole value" })
}).annotations({ identifier: "Margin" })
const MarginOrNull = Schema.NullOr(Margin)
const OrderMargins = Schema.Struct({
  account_id: Schema.String,
  date: Schema.String.annotations({ description: "The trade date whose rates were used, YYYY-MM-DD" }),
  mode: Mode,
  source: Schema.Literal("broker", "rule").annotations({
    description:
      "`broker`: the account's broker answered for its own positions. `rule`: a paper account's margins by the public rule: the premium of bought options and the value of shares for delivery"
  }),
  orders: Schema.Array(
    Schema.Struct({
      ...OrderCharges.fields,
      margin: MarginOrNull.annotations({
        description: "Margin of this order alone; null if only the broker knows it and it did not answer"
      })
    }).annotations({ identifier: "OrderMargin" })
  ),
  total: Schema.Struct({
    ...charges,
    initial: MarginOrNull.annotations({ description: "Sum of the orders' own margins; null if one of them is not known" }),
    final: MarginOrNull.annotations({
      description:
        "The additional margin that the account needs once all orders are done, with the benefit of hedges; null if it is not known"
    })
  }).annotations({ identifier: "TotalMargins" }),
  unknown: Schema.Array(Schema.String).annotations({ description: "Why a margin is not known; empty when all are" })
}).annotations({ identifier: "OrderMargins" })

/** Hypothetical orders: nothing is sent. */
const Hypothetical = Input({
  account_id: Name(64),
  orders: Schema.Array(OrderTerms).pipe(
    Schema.minItems(1, { message: () => "expected at least one" }),
    Schema.maxItems(ordersMax, { message: () => `expected at most ${ordersMax}` })
  )
})

const Key = Schema.Struct({ "idempotency-key": IdempotencyKey })
/** A caller waits at most this long for the end of a task. */
const waitMsMax = 30_000
const waits = { wait_ms: Schema.optional(digits(waitMsMax, 0)) }
const Wait = Input(waits)
const TaskPath = Input({ id: WholeNumber })
const CompensationLeg = Schema.Struct({
  task_id: Schema.String,
  state: described(
    Schema.Literal("waiting", "not_placed", "unknown", "cancelling", "closing", "undone", "failed"),
    "waiting: the task or its order has not ended yet. not_placed: it has no order. unknown: nobody knows whether an order was placed, so nothing is sent. cancelling: its open order is being cancelled. closing: an order of the opposite side closes what it traded. undone: nothing of it is left. failed: a person must look"
  ),
  order_id: described(Schema.NullOr(Schema.String), "The order that is taken back; null if none was placed"),
  filled_quantity: described(Schema.NullOr(Schema.Int), "What the order traded; null while that may change"),
  message: described(Schema.NullOr(Schema.String), "The reason for the state; null if there is none"),
  tasks: described(Schema.Array(OrderTask), "The tasks that cancel or close the order")
}).annotations({ identifier: "CompensationLeg" })
const Compensation = Schema.Struct({
  status: described(
    Schema.Literal("open", "not_needed", "running", "done", "incomplete"),
    "open: the basket goes on. not_needed: all orders were placed. running: a task failed, and the orders are being taken back. done: all were taken back. incomplete: something is left that a person must look at"
  ),
  failed_at: described(Schema.NullOr(Schema.String), "When the failure of the basket was noticed, ISO 8601; null if it has not failed"),
  legs: described(Schema.Array(CompensationLeg), "Each task of the basket in its order; empty while none has failed")
}).annotations({ identifier: "Compensation" })
const Basket = Schema.Struct({
  basket_id: Schema.String,
  on_failure: Schema.Literal("stop", "compensate"),
  tasks: Schema.Array(OrderTask),
  compensation: described(Schema.NullOr(Compensation), "What is taken back; null for a basket that only stops")
}).annotations({ identifier: "OrderBasket" })
const TaskList = Schema.Struct({ tasks: Schema.Array(OrderTask), ...listedFields })

/** The task of a request. With `slice` it is that of the first part, and `slices` has all. */
const Submitted = Schema.Struct({
  ...OrderTask.fields,
  slices: Schema.optional(Schema.Array(OrderTask))
}).annotations({ identifier: "SubmittedOrder" })

export class OrdersApi extends HttpApiGroup.make("orders")
  .add(
    HttpApiEndpoint.post("charges", "/charges")
      .setPayload(Hypothetical)
      .addSuccess(
        Schema.Struct({
          account_id: Schema.String,
          date: Schema.String.annotations({ description: "The trade date whose rates were used, YYYY-MM-DD" }),
          orders: Schema.Array(OrderCharges),
          total: Total.annotations({ description: "Sums over the orders" })
        })
      )
  )
  .add(HttpApiEndpoint.post("margins", "/margins").setPayload(Hypothetical).addSuccess(OrderMargins))
  .add(
    HttpApiEndpoint.post("submit", "/")
      .setHeaders(Key)
      .setUrlParams(Wait)
      .setPayload(NewOrder)
      .addSuccess(Submitted, { status: 202 })
      .addSuccess(Submitted, { status: 200 })
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.post("basket", "/basket")
      .setHeaders(Key)
      .setPayload(NewBasket)
      .addSuccess(Basket, { status: 202 })
      .addSuccess(Basket, { status: 200 })
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.get("basketOf", "/basket/:basket_id")
      .setPath(Input({ basket_id: Name(64) }))
      .addSuccess(Basket)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.get("gtt", "/gtt")
      .setUrlParams(Input({ account_id: Name(64), ...pageFields }))
      .addSuccess(GttList)
  )
  .add(
    HttpApiEndpoint.post("placeGtt", "/gtt")
      .setHeaders(Key)
      .setUrlParams(Wait)
      .setPayload(NewGtt)
      .addSuccess(OrderTask, { status: 202 })
      .addSuccess(OrderTask, { status: 200 })
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.put("changeGtt", "/gtt")
      .setHeaders(Key)
      .setUrlParams(Wait)
      .setPayload(ChangedGtt)
      .addSuccess(OrderTask, { status: 202 })
      .addSuccess(OrderTask, { status: 200 })
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.del("removeGtt", "/gtt")
      .setHeaders(Key)
      .setUrlParams(Input({ account_id: Name(64), trigger_id: TriggerId, ...waits }))
      .addSuccess(OrderTask, { status: 202 })
      .addSuccess(OrderTask, { status: 200 })
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.get("tasks", "/tasks")
      .setUrlParams(Input({ status: Schema.optional(Status), account_id: Schema.optional(Name(64)), ...pageFields }))
      .addSuccess(TaskList)
  )
  .add(HttpApiEndpoint.get("task", "/tasks/:id").setPath(TaskPath).addSuccess(OrderTask).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.del("cancelTask", "/tasks/:id")
      .setPath(TaskPath)
      .addSuccess(OrderTask)
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.get("deadLetters", "/dlq")
      .setUrlParams(Input({ error: Schema.optional(Name(128)), account_id: Schema.optional(Name(64)), ...pageFields }))
      .addSuccess(TaskList)
  )
  .add(
    HttpApiEndpoint.post("retry", "/dlq/:id/retry")
      .setPath(TaskPath)
      .addSuccess(OrderTask, { status: 202 })
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/orders")
  .annotate(OpenApi.Description, "Orders, their charges and their margins") {}
