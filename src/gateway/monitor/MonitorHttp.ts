import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { Monitor } from "./Monitor.ts"
import * as MonitorHealth from "./MonitorHealth.ts"
import * as MonitorHistory from "./MonitorHistory.ts"
import * as MonitorViews from "./MonitorViews.ts"

export const MonitorHttp = HttpApiBuilder.group(
  Api,
  "monitor",
  Effect.fnUntraced(function* (handlers) {
    const { chosen } = yield* Monitor
    const views = yield* MonitorViews.make
    const history = yield* MonitorHistory.make
    const health = yield* MonitorHealth.make
    return handlers
      .handle("snapshot", ({ urlParams: { symbol, expiry } }) => Effect.map(chosen(symbol, expiry), views.snapshot))
      .handle("history", ({ urlParams: { symbol, expiry, strike, interval, from, to } }) =>
        history({ symbol, expiry, strike, interval, from, to })
      )
      .handle("greeks", ({ urlParams: { symbol, expiry } }) => Effect.map(chosen(symbol, expiry), views.greeks))
      .handle("straddle", ({ urlParams: { symbol, expiry } }) => Effect.map(chosen(symbol, expiry), views.straddle))
      .handle("iv", ({ urlParams: { symbol, expiry } }) => Effect.map(chosen(symbol, expiry), views.volatility))
      .handle("oi", ({ urlParams: { symbol, expiry, count } }) => Effect.map(chosen(symbol, expiry), (it) => views.openInterest(it, count)))
      .handle("movers", ({ urlParams: { symbol, expiry, count } }) => Effect.map(chosen(symbol, expiry), (it) => views.movers(it, count)))
      .handle("health", ({ urlParams: { symbol, expiry } }) => health(symbol, expiry))
  })
)
