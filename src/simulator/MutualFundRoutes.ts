/** Mutual funds, as kite.trade/docs/connect/v3/mutual-funds describes them: every account has the same few, and nobody can trade them. */
import * as Route from "./Route.ts"

const fund = { tradingsymbol: "INF000S01012", fund: "Simulated Liquid Fund - Direct Plan" }
const price = 1_081.25
const priceDate = "2026-11-20"
const orderId = "5f0c1c5e-2b0f-4d0e-9d0a-6f6a4f0a0001"
const sipId = "100000000000001"

const header =
  "tradingsymbol,amc,name,purchase_allowed,redemption_allowed,minimum_purchase_amount,purchase_amount_multiplier,minimum_additional_purchase_amount,minimum_redemption_quantity,redemption_quantity_multiplier,dividend_type,scheme_type,plan,settlement_type,last_price,last_price_date"
const instruments = [
  header,
  `${fund.tradingsymbol},SimulatedMutualFund_MF,${fund.fund},0,0,1000.0,1.0,1000.0,0.001,0.001,growth,liquid,direct,T1,${price},${priceDate}`,
  `INF000S01020,SimulatedMutualFund_MF,Simulated Index Fund - Direct Plan,0,0,500.0,1.0,500.0,0.001,0.001,growth,equity,direct,T3,42.5,${priceDate}`
].join("\n")

const holding = {
  folio: "1000000001",
  average_price: 1_050.5,
  last_price: price,
  last_price_date: priceDate,
  pledged_quantity: 0,
  ...fund,
  pnl: 0,
  quantity: 9.519
}

const orderOf = (userId: string) => ({
  status: "COMPLETE",
  purchase_type: "FRESH",
  folio: holding.folio,
  order_timestamp: "2026-06-01 10:00:00",
  average_price: holding.average_price,
  exchange_order_id: "254000001",
  last_price: price,
  ...fund,
  settlement_id: "2600001",
  transaction_type: "BUY",
  order_id: orderId,
  amount: 10_000,
  tag: null,
  placed_by: userId,
  exchange_timestamp: "2026-06-01",
  variety: "regular",
  last_price_date: priceDate,
  status_message: null,
  quantity: holding.quantity
})

const sip = {
  status: "PAUSED",
  sip_reg_num: null,
  pending_instalments: -1,
  created: "2026-06-01 10:00:00",
  step_up: {},
  dividend_type: "growth",
  instalment_amount: 1_000,
  tag: null,
  instalments: -1,
  next_instalment: "2026-12-01",
  transaction_type: "BUY",
  trigger_price: 0,
  ...fund,
  frequency: "monthly",
  last_instalment: "2026-06-01 10:00:00",
  instalment_day: 1,
  sip_type: "sip",
  fund_source: "pool",
  completed_instalments: 0,
  sip_id: sipId
}

const itemPath = /^\/mf\/(orders|sips)\/([^/]+)$/
const readOnly = Route.refuse(400, "InputException", "The simulator's mutual funds can only be read.")
const notFound = Route.refuse(404, "DataException", "Not found.")

/** The routes by path; undefined for any path that does not concern mutual funds. */
export const make = (guard: Route.Guard): ((path: string) => Route.Route | undefined) => {
  const read = (methods: ReadonlyArray<string>, answer: (userId: string) => Route.Response): Route.Route => ({
    methods,
    answer: guard("other", ({ account }, _query, { method }) => (method === "GET" ? answer(account.userId) : readOnly))
  })
  const routes: Route.Routes = {
    "/mf/instruments": read(["GET"], () => ({ status: 200, headers: { "content-type": "text/csv" }, body: instruments })),
    "/mf/holdings": read(["GET"], () => Route.success([holding])),
    "/mf/orders": read(["GET", "POST"], (userId) => Route.success([orderOf(userId)])),
    "/mf/sips": read(["GET", "POST"], () => Route.success([sip]))
  }
  return (path) => {
    const [, kind, id] = itemPath.exec(path) ?? []
    if (kind === undefined) return Object.hasOwn(routes, path) ? routes[path] : undefined
    if (kind === "orders") return read(["GET", "DELETE"], (userId) => (id === orderId ? Route.success(orderOf(userId)) : notFound))
    return read(["GET", "PUT", "DELETE"], () => (id === sipId ? Route.success(sip) : notFound))
  }
}
