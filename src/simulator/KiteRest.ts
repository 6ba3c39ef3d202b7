/** Kite's REST interface as one function of a request. Paths, envelopes, statuses and errors follow kite.trade/docs/connect/v3. */
import * as IndiaTime from "../domain/IndiaTime.ts"
import * as DumpRoutes from "./DumpRoutes.ts"
import * as HistoryRoutes from "./HistoryRoutes.ts"
import type { Market } from "./Market.ts"
import * as MutualFundRoutes from "./MutualFundRoutes.ts"
import type { GttDesk } from "./orders/GttDesk.ts"
import * as GttRoutes from "./orders/GttRoutes.ts"
import * as OrderRoutes from "./orders/OrderRoutes.ts"
import type { Ledger } from "./portfolio/Ledger.ts"
import * as PortfolioRoutes from "./portfolio/PortfolioRoutes.ts"
import * as QuoteRoutes from "./QuoteRoutes.ts"
import * as Route from "./Route.ts"
import * as SessionRoutes from "./SessionRoutes.ts"
import type * as Sessions from "./Sessions.ts"

export interface Options {
  readonly sessions: Sessions.Sessions
  readonly market: Market
  readonly nowMs: () => number
  /** Whether Kite's request rates are enforced. */
  readonly rateLimits: boolean
  /** Without it, this broker takes no orders and has no accounts. */
  readonly trading?: Trading
}

export interface Trading {
  readonly orders: OrderRoutes.Orders
  readonly gtts: GttDesk
  readonly ledger: Ledger
}

type RouteOf = (path: string) => Route.Route | undefined

const tradingRoutes = (market: Market, guard: Route.Guard, { gtts, ledger, orders }: Trading): RouteOf => {
  const portfolio = new Map(Object.entries(PortfolioRoutes.make(market, guard, ledger, orders.desk)))
  const orderOf = OrderRoutes.make(guard, orders)
  const gttOf = GttRoutes.make(guard, gtts, OrderRoutes.makeFaulty(orders))
  const fundOf = MutualFundRoutes.make(guard)
  return (path) => portfolio.get(path) ?? orderOf(path) ?? gttOf(path) ?? fundOf(path)
}

/** GET /market, which Kite does not have: the market's kind, time and state. */
const marketRoute = (market: Market): Route.Route => ({
  methods: ["GET"],
  answer: () => {
    const { timeMs, speed, state } = market.status()
    const recorded =
      market.recorded === undefined
        ? {}
        : {
            instruments: Array.from(market.columns.token.subarray(0, market.columns.count)),
            previous_oi: market.recorded.previousOi(),
            recording: market.recorded.facts
          }
    return Route.json(200, {
      time: IndiaTime.isoTime(timeMs),
      speed,
      state,
      mode: market.mode,
      underlying: market.underlying,
      ...recorded
    })
  }
})

/** GET /market/truth?day=, which Kite does not have: the true results of one simulated day. */
const truthRoute = (market: Market): Route.Route => ({
  methods: ["GET"],
  answer: (_request, query) => {
    const day = query.get("day") ?? ""
    const truth = market.truth?.(day)
    return truth === undefined ? Route.refuse(404, "DataException", `the market has not played the day "${day}"`) : Route.json(200, truth)
  }
})

const historicalPath = /^\/instruments\/historical\/([^/]+)\/([^/]+)$/
const exchangePath = /^\/instruments\/([^/]+)$/

/** Answers one request. It never throws, whatever a client sends. */
export const make = (options: Options): ((request: Route.Request) => Route.Response) => {
  const { market, sessions, trading } = options
  const guard = Route.makeGuard(options)
  const dumpOf = DumpRoutes.make(market)
  const historyOf = HistoryRoutes.make(market, guard)
  const tradingRouteOf: RouteOf = trading === undefined ? () => undefined : tradingRoutes(market, guard, trading)
  const routes = new Map<string, Route.Route>(
    Object.entries({
      ...SessionRoutes.make(sessions, guard),
      ...QuoteRoutes.make(market, guard),
      "/instruments": dumpOf(""),
      "/market": marketRoute(market),
      "/market/truth": truthRoute(market)
    })
  )
  const routeOf = (path: string): Route.Route | undefined => {
    const [, token, interval] = historicalPath.exec(path) ?? []
    if (token !== undefined && interval !== undefined) return historyOf(token, interval)
    const exchange = exchangePath.exec(path)?.[1]
    if (exchange !== undefined) return dumpOf(exchange)
    return routes.get(path) ?? tradingRouteOf(path)
  }
  return (request) => {
    const [path = "", search = ""] = request.url.split("?", 2)
    const route = routeOf(path)
    if (route === undefined) return Route.refuse(404, "GeneralException", `Route not found: ${path}`)
    if (route.methods.includes(request.method)) return route.answer(request, new URLSearchParams(search))
    const refused = Route.refuse(405, "GeneralException", `Method not allowed: ${request.method}`)
    return { ...refused, headers: { ...refused.headers, allow: route.methods.join(", ") } }
  }
}
