import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Figures from "../../domain/accounts/Figures.ts"
import * as Reconciliation from "../../domain/accounts/Reconciliation.ts"
import { Money } from "../../domain/Money.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, listedFields, Name, Page } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const AccountPath = Input({ id: Name(64) })
export const Source = Schema.Literal("broker", "paper")

/** Whose figures these are, and when they were read; null before the first reading. */
const of = { account_id: Schema.String, source: Source, as_of: Schema.NullOr(Schema.String) }

const Sync = Schema.Struct({
  ...of,
  state: Schema.Literal("synced", "asked"),
  differences: Schema.Array(Reconciliation.Difference)
}).annotations({
  identifier: "AccountSync"
})

const charges = Schema.NullOr(Money).annotations({
  description: "All charges of a paper account's fills, already taken from its cash, rupees, decimal text; null for a broker's account"
})

/** The fields have Kite's own names. Amounts are rupees as decimal text. */
export class PortfolioApi extends HttpApiGroup.make("portfolio")
  .add(HttpApiEndpoint.post("sync", "/accounts/:id/sync").setPath(AccountPath).addSuccess(Sync))
  .add(
    HttpApiEndpoint.get("orders", "/accounts/:id/orders")
      .setPath(AccountPath)
      .setUrlParams(Page)
      .addSuccess(
        Schema.Struct({ ...of, orders: Schema.Array(Figures.Order), ...listedFields }).annotations({ identifier: "AccountOrders" })
      )
  )
  .add(
    HttpApiEndpoint.get("trades", "/accounts/:id/trades")
      .setPath(AccountPath)
      .setUrlParams(Page)
      .addSuccess(
        Schema.Struct({ ...of, trades: Schema.Array(Figures.Trade), ...listedFields }).annotations({ identifier: "AccountTrades" })
      )
  )
  .add(
    HttpApiEndpoint.get("positions", "/accounts/:id/positions")
      .setPath(AccountPath)
      .addSuccess(Schema.Struct({ ...of, ...Figures.Positions.fields }).annotations({ identifier: "AccountPositions" }))
  )
  .add(
    HttpApiEndpoint.get("holdings", "/accounts/:id/holdings")
      .setPath(AccountPath)
      .setUrlParams(Page)
      .addSuccess(
        Schema.Struct({ ...of, holdings: Schema.Array(Figures.Holding), ...listedFields }).annotations({ identifier: "AccountHoldings" })
      )
  )
  .add(
    HttpApiEndpoint.get("funds", "/accounts/:id/funds")
      .setPath(AccountPath)
      .addSuccess(Schema.Struct({ ...of, ...Figures.Funds.fields, charges }).annotations({ identifier: "AccountFunds" }))
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "What an account has ordered, traded and holds") {}
