import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { Chains } from "./Chains.ts"

export const ChainsHttp = HttpApiBuilder.group(
  Api,
  "fo",
  Effect.fnUntraced(function* (handlers) {
    const chains = yield* Chains
    return handlers
      .handle("expiries", ({ urlParams: { symbol } }) =>
        Effect.map(chains.known(symbol), () => ({ symbol, expiries: chains.expiries(symbol) }))
      )
      .handle("strikes", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(chains.head(symbol, expiry), ({ spot, spot_change, forward, atm_strike, atm_iv, oi_change_from, as_of, valued_at }) => ({
          symbol,
          expiry,
          spot,
          spot_change,
          forward,
          atm_strike,
          atm_iv,
          oi_change_from,
          as_of,
          valued_at,
          strikes: chains.strikes(symbol, expiry)
        }))
      )
      .handle("maxPain", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(chains.head(symbol, expiry), ({ max_pain, oi_coverage, as_of }) => ({
          symbol,
          expiry,
          max_pain,
          strikes: chains.strikePrices(symbol, expiry),
          oi_coverage,
          as_of
        }))
      )
      .handle("pcr", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(chains.head(symbol, expiry), ({ pcr_oi, pcr_volume, call_oi, put_oi, oi_coverage, as_of }) => ({
          symbol,
          expiry,
          pcr_oi,
          pcr_volume,
          call_oi,
          put_oi,
          oi_coverage,
          as_of
        }))
      )
  })
)
