import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { Views } from "../views/Views.ts"
import * as ChainAnalysisView from "./ChainAnalysisView.ts"
import { Chains } from "./Chains.ts"
import * as PayoffRequest from "./PayoffRequest.ts"
import * as SurfaceView from "./SurfaceView.ts"
import { Valuation } from "./Valuation.ts"

export const ChainAnalysisHttp = HttpApiBuilder.group(
  Api,
  "foAnalysis",
  Effect.fnUntraced(function* (handlers) {
    const chains = yield* Chains
    const valuation = yield* Valuation
    const views = yield* Views
    const { payoff, scenario } = yield* PayoffRequest.make
    const pricing = { rate: valuation.settings.rate, lifetimes: yield* Lifetimes }

    /** The published chains of all expiries that have not passed. */
    const published = (symbol: string) => chains.expiries(symbol).flatMap((each) => views.chains.find(symbol, each) ?? [])
    /** The chain of a listed expiry; undefined until it is published. */
    const found = (symbol: string, expiry: string) => Effect.map(chains.head(symbol, expiry), () => views.chains.find(symbol, expiry))
    const asOf = (symbol: string, chain: { readonly head: { readonly as_of: string } } | undefined): string | null =>
      chain === undefined || chain.head.as_of === "" ? (views.chains.state(symbol)?.as_of ?? null) : chain.head.as_of

    return handlers
      .handle("gex", ({ urlParams: { symbol, expiry } }) =>
        Effect.gen(function* () {
          if (expiry === undefined) yield* chains.known(symbol)
          const wanted = expiry === undefined ? published(symbol) : [yield* found(symbol, expiry)].flatMap((chain) => chain ?? [])
          return { symbol, ...ChainAnalysisView.gex(wanted, wanted[0]?.head.spot ?? valuation.spot(symbol), pricing) }
        })
      )
      .handle("strikeDistribution", ({ urlParams: { symbol, expiry, metric } }) =>
        Effect.map(found(symbol, expiry), (chain) => ({
          symbol,
          expiry,
          ...ChainAnalysisView.distribution(chain, metric, pricing),
          as_of: asOf(symbol, chain)
        }))
      )
      .handle("oiAnalysis", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(found(symbol, expiry), (chain) => ({
          symbol,
          expiry,
          ...ChainAnalysisView.oiAnalysis(chain),
          as_of: asOf(symbol, chain)
        }))
      )
      .handle("ivSurface", ({ urlParams: { symbol } }) =>
        Effect.gen(function* () {
          yield* chains.known(symbol)
          const wanted = published(symbol)
          const surface = yield* SurfaceView.fit(wanted, pricing)
          return { symbol, spot: valuation.spot(symbol), ...surface, as_of: asOf(symbol, wanted[0]) }
        })
      )
      .handle("payoff", ({ payload }) => payoff(payload))
      .handle("scenario", ({ payload }) => scenario(payload))
  })
)
