import { Effect } from "effect"
import type * as SurfaceApi from "../../contract/chains/SurfaceApi.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import * as Essvi from "../../domain/options/surface/Essvi.ts"
import type * as Quotes from "../../domain/options/surface/Quotes.ts"
import * as Surface from "../../domain/options/surface/Surface.ts"
import { nextTurn } from "../../loop/Turn.ts"
import type { Chain } from "../views/ChainView.ts"
import type { Pricing } from "./ChainAnalysisView.ts"

const volPlaces = Rounding.places.iv
const forwardPlaces = 4
/** Significant digits of parameters, years and check results. */
const digits = 12

const exact = (value: number): number => Number(value.toPrecision(digits))
const exactOrNull = (value: number | null): number | null => (value === null ? null : exact(value))
const vol = (value: number): number => Rounding.round(value, volPlaces) ?? 0

const quotesOf = (chain: Chain): ReadonlyArray<Quotes.Quote> =>
  Array.from(chain.rows.values(), ({ ask, bid, last_price, quality, side, strike }) => ({
    strike,
    kind: side,
    bid,
    ask,
    lastPrice: last_price,
    isOld: quality === "stale"
  }))

/** Years count from when the chain's rows were valued. A chain without a forward has no smile. */
const quotedOf = (chain: Chain, { lifetimes, rate }: Pricing): ReadonlyArray<Surface.Quoted> => {
  const { expiry, underlying } = chain
  const { forward, valued_at } = chain.head
  if (forward === null) return []
  return [{ expiry, forward, rate, years: lifetimes.yearsLeft(underlying, expiry, Date.parse(valued_at)), quotes: quotesOf(chain) }]
}

const shown = ({ chosen, expiry, fit, forward, years }: Surface.FittedExpiry): SurfaceApi.Surface["expiries"][number] => {
  const fittedAt = (k: number): number | null => (fit === undefined ? null : vol(Essvi.volatility(fit.slice, years, k)))
  return {
    expiry,
    years: exact(years),
    forward: Rounding.round(forward, forwardPlaces) ?? forward,
    atm_iv: fittedAt(0),
    parameters: fit === undefined ? null : { theta: exact(fit.slice.theta), rho: exact(fit.slice.rho), psi: exact(fit.slice.psi) },
    rms_error: fit === undefined ? null : vol(fit.rmsError),
    max_error: fit === undefined ? null : vol(fit.maxError),
    left_out: chosen.leftOut,
    strikes: Array.from(chosen.strikes, (strike, at) => {
      const k = chosen.smile.logMoneyness[at] as number
      return {
        strike,
        log_moneyness: exact(k),
        type: chosen.kinds[at] as "CE" | "PE",
        iv: vol(chosen.smile.vol[at] as number),
        fitted_iv: fittedAt(k)
      }
    })
  }
}

/** The fitted surface of chains of one underlying. Other work gets a turn after each expiry. */
export const fit = (chains: ReadonlyArray<Chain>, pricing: Pricing) =>
  Effect.gen(function* () {
    const steps = Surface.fitting(chains.flatMap((chain) => quotedOf(chain, pricing)))
    let step = steps.next()
    while (step.done !== true) {
      yield* nextTurn
      step = steps.next()
    }
    const { evidence, expiries } = step.value
    return {
      convention: Surface.convention,
      expiries: expiries.map(shown),
      arbitrage: {
        points: evidence.points,
        least_density: exactOrNull(evidence.leastDensity),
        least_growth: exactOrNull(evidence.leastGrowth),
        violations: evidence.violations.map(({ earlier, expiry, kind, logMoneyness, size }) => ({
          kind,
          expiry,
          earlier_expiry: earlier,
          log_moneyness: exact(logMoneyness),
          size: exact(size)
        }))
      }
    }
  })
