import { Effect } from "effect"
import { strangles } from "../../contract/monitor/MonitorApi.ts"
import type * as Chain from "../../domain/monitor/Chain.ts"
import * as Ranking from "../../domain/monitor/Ranking.ts"
import * as Skew from "../../domain/monitor/Skew.ts"
import * as Straddle from "../../domain/monitor/Straddle.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import * as FutureQuotes from "../futures/FutureQuotes.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { Views } from "../views/Views.ts"
import { type Chosen, Monitor } from "./Monitor.ts"

const yearsPlaces = 6

const optionGreeks = (option: Chain.Option | null | undefined) => {
  if (option === null || option === undefined) return null
  const { instrument_token, tradingsymbol, last_price, iv, delta, gamma, theta, vega, rho } = option
  return { instrument_token, tradingsymbol, last_price, iv, delta, gamma, theta, vega, rho }
}
const changeOf = (contracts: ReadonlyArray<Ranking.Contract>): number => contracts.reduce((sum, one) => sum + (one.oi_change ?? 0), 0)
/** What every answer begins with. */
const named = ({ symbol, expiry, head: { spot, as_of } }: Chosen) => ({ symbol, expiry, spot, as_of })

const straddle = (chosen: Chosen) => {
  const { atm_strike, spot } = chosen.head
  return { ...named(chosen), atm_strike, pairs: Straddle.pairs(chosen.strikes, atm_strike, spot, strangles) }
}
const openInterest = (chosen: Chosen, count: number) => {
  const contracts = Ranking.contracts(chosen.strikes)
  const calls = contracts.filter(({ type }) => type === "CE")
  const puts = contracts.filter(({ type }) => type === "PE")
  const { max_pain, pcr_oi, pcr_volume, call_oi, put_oi, oi_coverage, oi_change_from } = chosen.head
  return {
    ...named(chosen),
    ...{ max_pain, pcr_oi, pcr_volume, call_oi, put_oi, oi_coverage, oi_change_from },
    call_oi_change: changeOf(calls),
    put_oi_change: changeOf(puts),
    calls: Ranking.largest(calls, "oi", 1, count),
    puts: Ranking.largest(puts, "oi", 1, count)
  }
}
const movers = (chosen: Chosen, count: number) => {
  const contracts = Ranking.contracts(chosen.strikes)
  const both = (measure: "change_percent" | "oi_change") => ({
    rising: Ranking.largest(contracts, measure, 1, count),
    falling: Ranking.largest(contracts, measure, -1, count)
  })
  return {
    ...named(chosen),
    oi_change_from: chosen.head.oi_change_from,
    price: both("change_percent"),
    oi: both("oi_change"),
    volume: Ranking.largest(contracts, "volume", 1, count)
  }
}

/** The answers of /nifty-monitor that show the newest published values. */
export const make = Effect.gen(function* () {
  const monitor = yield* Monitor
  const { chains } = yield* Views
  const lifetimes = yield* Lifetimes
  const futures = yield* FutureQuotes.make

  const snapshot = (chosen: Chosen) => {
    const { max_pain, pcr_oi, pcr_volume, call_oi, put_oi } = chosen.head
    return {
      ...monitor.headOf(chosen),
      spot_time: chains.state(chosen.symbol)?.spot_time ?? null,
      futures: futures.alive(chosen.symbol).map((one) => ({
        ...futures.named(one),
        last_price: one.last_price,
        oi: one.oi,
        basis: one.basis
      })),
      ...{ max_pain, pcr_oi, pcr_volume, call_oi, put_oi }
    }
  }
  const greeks = (chosen: Chosen) => {
    const { strikes } = chosen
    const { atm_strike, straddle: pair } = monitor.headOf(chosen)
    const atm = strikes.find(({ strike }) => strike === atm_strike)
    return {
      ...named(chosen),
      atm_strike,
      call: optionGreeks(atm?.call),
      put: optionGreeks(atm?.put),
      straddle: pair,
      open_interest: { call: Ranking.weighted(strikes, "call"), put: Ranking.weighted(strikes, "put") }
    }
  }
  /** Volatility at the money of every live expiry, by market time of the published state. */
  const termOf = (symbol: string, nowMs: number) =>
    (chains.state(symbol)?.expiries ?? [])
      .filter(({ expiry }) => lifetimes.isAlive(symbol, expiry))
      .toSorted((a, b) => (a.expiry < b.expiry ? -1 : 1))
      .map((one) => {
        const years = lifetimes.yearsLeft(symbol, one.expiry, nowMs)
        return {
          ...one,
          years: Rounding.round(years, yearsPlaces),
          expected_move: Skew.expectedMove(one.forward, one.atm_iv, years)
        }
      })
  const volatility = (chosen: Chosen) => {
    const { symbol, expiry, strikes } = chosen
    const { forward, atm_strike, atm_iv } = chosen.head
    const nowMs = futures.asOfMs(symbol)
    return {
      ...named(chosen),
      ...{ forward, atm_strike, atm_iv },
      expected_move: Skew.expectedMove(forward, atm_iv, lifetimes.yearsLeft(symbol, expiry, nowMs)),
      skew: Skew.skew(strikes, atm_iv),
      term: termOf(symbol, nowMs)
    }
  }
  return { snapshot, greeks, straddle, volatility, openInterest, movers } as const
})
