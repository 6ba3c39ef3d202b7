import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as IvRank from "../../domain/options/IvRank.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import { ChainMinuteRepo } from "../../store/chains/ChainMinuteRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Chains } from "../chains/Chains.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { Views } from "../views/Views.ts"
import { premiumOf } from "./ChainHistoryView.ts"

const daysPerYear = 365
const ratioPlaces = 4
const moneyPlaces = 2

/** Why there is no rank; null when there is one. */
const reasonOf = (now: number, { count, rank }: IvRank.Rank) => {
  if (!Number.isFinite(now)) return "no_volatility" as const
  if (count < IvRank.daysMin) return "too_few_days" as const
  return rank === null ? ("no_range" as const) : null
}

/** The volatility at the money now, its term structure, and its place among the closes of past days. */
export const make = Effect.gen(function* () {
  const repo = yield* ChainMinuteRepo
  const chains = yield* Chains
  const lifetimes = yield* Lifetimes
  const clock = yield* MarketClock
  const views = yield* Views

  const termOf = (symbol: string, expiry: string, atMs: number) => {
    const chain = views.chains.find(symbol, expiry)
    const { forward, atm_strike } = chain?.head ?? { forward: null, atm_strike: null }
    const vol = views.chains.state(symbol)?.expiries.find((one) => one.expiry === expiry)?.atm_iv ?? null
    const years = lifetimes.yearsLeft(symbol, expiry, atMs)
    const rows = [...(chain?.rows.values() ?? [])].filter(({ strike }) => strike === atm_strike)
    const [call, put] = (["CE", "PE"] as const).map((side) => rows.find((row) => row.side === side))
    const move = forward === null || vol === null ? null : IvRank.expectedMove(forward, { years, vol })
    const straddle =
      call === undefined || put === undefined
        ? Number.NaN
        : premiumOf(call.last_price, put.last_price, Instrument.priceScale(call.instrument_token))
    return {
      expiry,
      years: Rounding.round(years, 6) ?? 0,
      forward,
      atm_strike,
      atm_iv: vol,
      expected_move: Rounding.round(move, moneyPlaces),
      expected_move_percent: move === null || forward === null ? null : Rounding.round((move / forward) * 100, ratioPlaces),
      straddle: Number.isNaN(straddle) ? null : straddle
    }
  }

  /** The volatility of the tenor at each past day's last minute. */
  const past = (symbol: string, years: number, days: number, nowMs: number) => {
    const todayMs = IndiaTime.startOfDayMs(nowMs)
    const from = new Date(todayMs - days * IndiaTime.dayMs)
    return Effect.map(orProblem(repo.closes(lifetimes.exchangeOf(symbol), symbol, from, new Date(todayMs))), (rows) => {
      const byDay = new Map<number, Array<IvRank.Term>>()
      for (const { at, expiry, atmIv } of rows) {
        const terms = byDay.get(at.getTime()) ?? []
        if (atmIv !== null) terms.push({ years: lifetimes.yearsLeft(symbol, expiry, at.getTime()), vol: atmIv })
        byDay.set(at.getTime(), terms)
      }
      return Array.from(byDay.values(), (terms) => IvRank.atTenor(terms, years))
    })
  }

  return ({ symbol, tenor_days, days }: { readonly symbol: string; readonly tenor_days: number; readonly days: number }) =>
    Effect.gen(function* () {
      yield* chains.known(symbol)
      const state = views.chains.state(symbol)
      const asOfMs = state === undefined ? clock.unsafeNow() : Date.parse(state.as_of)
      const years = tenor_days / daysPerYear
      const terms = chains.expiries(symbol).map((expiry) => termOf(symbol, expiry, asOfMs))
      const priced = terms.flatMap(({ years, atm_iv }) => (atm_iv === null ? [] : [{ years, vol: atm_iv }]))
      const now = IvRank.atTenor(priced, years)
      const rank = IvRank.rankOf(now, yield* past(symbol, years, days, asOfMs))
      return {
        symbol,
        spot: state?.spot ?? null,
        tenor_days,
        iv: Rounding.round(now, Rounding.places.iv),
        rank: Rounding.round(rank.rank, ratioPlaces),
        percentile: Rounding.round(rank.percentile, ratioPlaces),
        low: Rounding.round(rank.low, Rounding.places.iv),
        high: Rounding.round(rank.high, Rounding.places.iv),
        days,
        days_counted: rank.count,
        reason: reasonOf(now, rank),
        term_structure: terms,
        as_of: state?.as_of ?? null
      }
    })
})
