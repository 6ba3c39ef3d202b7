import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { pageOf } from "../shared/Paging.ts"
import { listed } from "../shared/SlicedAnswer.ts"
import { ChainHistory, type Page, type Wanted } from "./ChainHistory.ts"
import * as ChainHistoryView from "./ChainHistoryView.ts"
import * as VolatilityRank from "./VolatilityRank.ts"

const named = ({ symbol, expiry, interval }: Wanted) => ({ symbol, expiry, interval: interval.name })
const listedOf = ({ limit, offset }: Page, total: number) => ({ total, limit, offset })
const same = <A>(item: A): A => item

export const ChainHistoryHttp = HttpApiBuilder.group(
  Api,
  "foHistory",
  Effect.fnUntraced(function* (handlers) {
    const history = yield* ChainHistory
    const rank = yield* VolatilityRank.make
    return handlers
      .handle("strikesHistory", ({ urlParams }) =>
        Effect.flatMap(history.strikes(urlParams, urlParams, { _tag: "Prices", strikes: urlParams.strikes }), ({ rows, total }) =>
          listed("points", ChainHistoryView.strikePoints(rows), same, { ...named(urlParams), ...listedOf(urlParams, total) })
        )
      )
      .handle("moneynessSeries", ({ urlParams }) =>
        Effect.gen(function* () {
          const { metric, bucket } = urlParams
          const { rows, total } = yield* history.strikes(urlParams, urlParams, {
            _tag: "NearMoney",
            steps: ChainHistoryView.stepsOf(bucket)
          })
          const write = (minute: Parameters<typeof ChainHistoryView.moneynessPoint>[0]) =>
            ChainHistoryView.moneynessPoint(minute, metric, bucket)
          return yield* listed("points", ChainHistoryView.minutesOf(rows), write, {
            ...named(urlParams),
            metric,
            ...listedOf(urlParams, total)
          })
        })
      )
      .handle("premiumDecay", ({ urlParams }) =>
        Effect.gen(function* () {
          const { steps } = urlParams
          const { pair, points } = yield* history.decay(urlParams, steps)
          return yield* listed("points", pageOf(points, urlParams), same, {
            ...named(urlParams),
            kind: steps === 0 ? "straddle" : "strangle",
            call_strike: pair?.call ?? null,
            put_strike: pair?.put ?? null,
            ...listedOf(urlParams, points.length)
          })
        })
      )
      .handle("strikeDistributionHistory", ({ urlParams }) =>
        Effect.gen(function* () {
          const { metric } = urlParams
          const { rows, total } = yield* history.strikes(urlParams, urlParams, { _tag: "All" })
          const write = (minute: Parameters<typeof ChainHistoryView.distributionPoint>[0]) =>
            ChainHistoryView.distributionPoint(minute, metric)
          return yield* listed("points", ChainHistoryView.minutesOf(rows), write, {
            ...named(urlParams),
            metric,
            ...listedOf(urlParams, total)
          })
        })
      )
      .handle("ivRank", ({ urlParams }) => rank(urlParams))
  })
)
