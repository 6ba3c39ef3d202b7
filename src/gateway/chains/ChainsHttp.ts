import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { Chains } from "./Chains.ts"

const symbolMissing = () => new Problem.NotFound({ detail: "Symbol not found" })
const expiryMissing = () => new Problem.NotFound({ detail: "Expiry not found" })

export const ChainsHttp = HttpApiBuilder.group(
  Api,
  "fo",
  Effect.fnUntraced(function* (handlers) {
    const chains = yield* Chains
    const found = (symbol: string, expiry: string) =>
      Effect.suspend(() => {
        if (!chains.isKnown(symbol)) return Effect.fail(symbolMissing())
        const head = chains.head(symbol, expiry)
        return head === undefined ? Effect.fail(expiryMissing()) : Effect.succeed(head)
      })
    return handlers
      .handle("expiries", ({ urlParams: { symbol } }) =>
        Effect.suspend(() =>
          chains.isKnown(symbol) ? Effect.succeed({ symbol, expiries: chains.expiries(symbol) }) : Effect.fail(symbolMissing())
        )
      )
      .handle("strikes", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(found(symbol, expiry), ({ spot, spot_change, forward, atm_strike, atm_iv, oi_change_from, as_of }) => ({
          symbol,
          expiry,
          spot,
          spot_change,
          forward,
          atm_strike,
          atm_iv,
          oi_change_from,
          as_of,
          strikes: chains.strikes(symbol, expiry)
        }))
      )
      .handle("maxPain", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(found(symbol, expiry), ({ max_pain, as_of }) => ({
          symbol,
          expiry,
          max_pain,
          strikes: chains.strikePrices(symbol, expiry),
          as_of
        }))
      )
      .handle("pcr", ({ urlParams: { symbol, expiry } }) =>
        Effect.map(found(symbol, expiry), ({ pcr_oi, pcr_volume, call_oi, put_oi, as_of }) => ({
          symbol,
          expiry,
          pcr_oi,
          pcr_volume,
          call_oi,
          put_oi,
          as_of
        }))
      )
  })
)
