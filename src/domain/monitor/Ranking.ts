import * as OpenInterest from "../options/OpenInterest.ts"
import * as Rounding from "../options/Rounding.ts"
import * as Chain from "./Chain.ts"

/** One contract of a chain with its changes since the base of `oi_change_from`. */
export interface Contract {
  readonly instrument_token: number
  readonly tradingsymbol: string | null
  readonly strike: number
  readonly type: "CE" | "PE"
  readonly last_price: number | null
  readonly price_change: number | null
  readonly change_percent: number | null
  readonly oi: number | null
  readonly oi_change: number | null
  readonly volume: number | null
  readonly build_up: OpenInterest.BuildUp
}

const contractOf = (strike: number, type: Contract["type"], option: Chain.Option): Contract => ({
  instrument_token: option.instrument_token,
  tradingsymbol: option.tradingsymbol,
  strike,
  type,
  last_price: option.last_price,
  price_change: option.price_change,
  change_percent: Chain.percent(option.price_change, Chain.difference(option.last_price, option.price_change, Chain.pricePlaces)),
  oi: option.oi,
  oi_change: option.oi_change,
  volume: option.volume,
  build_up: OpenInterest.buildUp(option.price_change ?? Number.NaN, option.oi_change ?? Number.NaN)
})

/** Every option of a chain, ascending by strike, the call before the put. */
export const contracts = (strikes: ReadonlyArray<Chain.Strike>): ReadonlyArray<Contract> =>
  strikes.flatMap(({ strike, call, put }) => [
    ...(call === null ? [] : [contractOf(strike, "CE", call)]),
    ...(put === null ? [] : [contractOf(strike, "PE", put)])
  ])

type Measure = "change_percent" | "oi_change" | "oi" | "volume"

/** The `count` contracts with the largest positive (or, with `sign` -1, the largest negative) values. Equal ones stay in chain order. */
export const largest = (of: ReadonlyArray<Contract>, measure: Measure, sign: 1 | -1, count: number): ReadonlyArray<Contract> =>
  of
    .flatMap((contract) => {
      const value = contract[measure]
      return value === null || value * sign <= 0 ? [] : [{ contract, size: value * sign }]
    })
    .toSorted((a, b) => b.size - a.size)
    .slice(0, count)
    .map(({ contract }) => contract)

const greeks = ["delta", "gamma", "theta", "vega"] as const
export type Weighted = Record<(typeof greeks)[number], number> & { readonly counted: number }

/**
 * Σ open interest x Greek over one side, which is the exposure of all its holders together. An option without open interest or Greeks is
 * not counted.
 */
export const weighted = (strikes: ReadonlyArray<Chain.Strike>, side: "call" | "put"): Weighted => {
  const total = { delta: 0, gamma: 0, theta: 0, vega: 0, counted: 0 }
  for (const { [side]: option } of strikes) {
    if (option === null || option.oi === null || greeks.some((name) => option[name] === null)) continue
    for (const name of greeks) total[name] += option.oi * (option[name] ?? 0)
    total.counted++
  }
  // Open interest is a whole number, so the sum has no more digits than the published Greek.
  for (const name of greeks) total[name] = Rounding.round(total[name], Rounding.places[name]) ?? 0
  return total
}
