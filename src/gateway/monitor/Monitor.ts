import { Effect } from "effect"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as Chain from "../../domain/monitor/Chain.ts"
import * as Straddle from "../../domain/monitor/Straddle.ts"
import { Chains, type Head } from "../chains/Chains.ts"
import { notFound } from "../shared/Lookup.ts"

/** One chain with its values. */
export interface Chosen {
  readonly symbol: string
  readonly expiry: string
  readonly head: Head
  readonly strikes: ReadonlyArray<Chain.Strike>
}

/** The chain that a view of an underlying shows. */
export class Monitor extends Effect.Service<Monitor>()("gateway/monitor/Monitor", {
  effect: Effect.gen(function* () {
    const chains = yield* Chains

    /** The nearest expiry with a published chain; without one, the nearest listed expiry. */
    const nearest = (symbol: string): string | undefined => {
      const expiries = chains.expiries(symbol)
      return expiries.find((expiry) => chains.strikePrices(symbol, expiry).length > 0) ?? expiries[0]
    }
    const headOf = ({ symbol, expiry, head, strikes }: Chosen) => {
      const { spot, spot_change, forward, atm_strike, atm_iv, as_of } = head
      const [straddle] = Straddle.pairs(strikes, atm_strike, spot, 0)
      return {
        symbol,
        expiry,
        spot,
        spot_change,
        spot_change_percent: Chain.percent(spot_change, Chain.difference(spot, spot_change, Chain.pricePlaces)),
        forward,
        atm_strike,
        atm_iv,
        straddle: straddle ?? null,
        as_of
      }
    }
    return {
      nearest,
      headOf,
      /** The chain of the expiry, by default of the nearest one; 404 for an unknown symbol, or one without a live expiry. */
      chosen: (symbol: string, asked: string | undefined): Effect.Effect<Chosen, Problem.NotFound> =>
        Effect.gen(function* () {
          yield* chains.known(symbol)
          const expiry = asked ?? nearest(symbol)
          if (expiry === undefined) return yield* notFound("Expiry")
          return { symbol, expiry, head: yield* chains.head(symbol, expiry), strikes: chains.strikes(symbol, expiry) }
        })
    } as const
  })
}) {}
