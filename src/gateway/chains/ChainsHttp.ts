import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import type { LabelledStrike, StrikeRow } from "../../contract/chains/ChainsApi.ts"
import type { OptionKind } from "../../domain/options/BlackScholes.ts"
import * as Moneyness from "../../domain/options/Moneyness.ts"
import { Chains } from "./Chains.ts"

/** Adds each option's place from the money. Messages of the stream lack it: a move of the money would change every row. */
const labelled = (rows: ReadonlyArray<StrikeRow>, atmStrike: number | null): ReadonlyArray<LabelledStrike> => {
  const atm = rows.findIndex(({ strike }) => strike === atmStrike)
  const place = (kind: OptionKind, at: number) => (atm < 0 ? null : Moneyness.label(kind, at, atm))
  return rows.map(({ strike, call, put }, at) => ({
    strike,
    call: call === null ? null : { ...call, moneyness: place("CE", at) },
    put: put === null ? null : { ...put, moneyness: place("PE", at) }
  }))
}

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
          strikes: labelled(chains.strikes(symbol, expiry), atm_strike)
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
