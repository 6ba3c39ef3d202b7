import * as Moneyness from "../options/Moneyness.ts"
import * as PremiumDecay from "../options/PremiumDecay.ts"
import * as Rounding from "../options/Rounding.ts"
import * as Chain from "./Chain.ts"

/** One long call and one long put: a straddle if `steps` is 0, or else a strangle, `steps` strikes out of the money on both sides. */
export interface Pair {
  readonly steps: number
  readonly call_strike: number
  readonly put_strike: number
  readonly call_price: number | null
  readonly put_price: number | null
  /** Both prices together, in rupees. */
  readonly price: number | null
  /** The underlying's prices at expiry between which the pair pays less than its price. */
  readonly lower_break_even: number | null
  readonly upper_break_even: number | null
  /** The price as a part of the spot, in percent. */
  readonly move_percent: number | null
  /** Mean of both volatilities. */
  readonly iv: number | null
  readonly delta: number | null
  readonly gamma: number | null
  readonly theta: number | null
  readonly vega: number | null
  readonly rho: number | null
}

const half = (value: number | null): number | null => (value === null ? null : Rounding.round(value / 2, Rounding.places.iv))

const pairOf = (steps: number, call: Chain.Strike, put: Chain.Strike, spot: number | null): Pair => {
  const [bought, other] = [call.call, put.put]
  const price = Chain.sum(bought?.last_price, other?.last_price, Chain.pricePlaces)
  const net = (name: "delta" | "gamma" | "theta" | "vega" | "rho") => Chain.sum(bought?.[name], other?.[name], Rounding.places[name])
  return {
    steps,
    call_strike: call.strike,
    put_strike: put.strike,
    call_price: bought?.last_price ?? null,
    put_price: other?.last_price ?? null,
    price,
    lower_break_even: Chain.difference(put.strike, price, Chain.pricePlaces),
    upper_break_even: Chain.sum(call.strike, price, Chain.pricePlaces),
    move_percent: Chain.percent(price, spot),
    iv: half(Chain.sum(bought?.iv, other?.iv, Rounding.places.iv + 1)),
    delta: net("delta"),
    gamma: net("gamma"),
    theta: net("theta"),
    vega: net("vega"),
    rho: net("rho")
  }
}

/** The straddle at `atmStrike` and the strangles up to `stepsMax` strikes around it; fewer where the chain ends before. */
export const pairs = (
  strikes: ReadonlyArray<Chain.Strike>,
  atmStrike: number | null,
  spot: number | null,
  stepsMax: number
): ReadonlyArray<Pair> => {
  const atm =
    atmStrike === null
      ? -1
      : Moneyness.atmRow(
          Float64Array.from(strikes, ({ strike }) => strike),
          strikes.length,
          atmStrike
        )
  return Array.from({ length: stepsMax + 1 }, (_, steps) => {
    const rows = PremiumDecay.pair(atm, strikes.length, steps)
    const [call, put] = [strikes[rows?.callRow ?? -1], strikes[rows?.putRow ?? -1]]
    return call === undefined || put === undefined ? [] : [pairOf(steps, call, put, spot)]
  }).flat()
}
