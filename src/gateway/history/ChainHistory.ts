import { Effect } from "effect"
import { daysMax } from "../../contract/history/ChainHistoryApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import * as PremiumDecay from "../../domain/options/PremiumDecay.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { ChainMinuteRepo, type Of, type Which } from "../../store/chains/ChainMinuteRepo.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Chains } from "../chains/Chains.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as ChainHistoryView from "./ChainHistoryView.ts"

/** A series of one chain, as a request names it. */
export interface Wanted {
  readonly symbol: string
  readonly expiry: string
  readonly interval: KiteHistory.Interval
  readonly from?: number | undefined
  readonly to?: number | undefined
}
export interface Page {
  readonly limit: number
  readonly offset: number
}

/** A decay curve starts at its first point, so all of it is read. */
export const decayPointsMax = 5_000

/** Chains over time, from the minutes in Postgres. A page is so many minutes or intervals; the database's own time limit holds for each read. */
export class ChainHistory extends Effect.Service<ChainHistory>()("gateway/chains/ChainHistory", {
  effect: Effect.gen(function* () {
    const repo = yield* ChainMinuteRepo
    const registry = yield* InstrumentRegistry
    const chains = yield* Chains
    const lifetimes = yield* Lifetimes
    const clock = yield* MarketClock
    const rules = yield* RuleBook

    /** What to read for a request; a 404 for an unknown symbol, a 422 for a span that is empty or too long. */
    const queryOf = ({ symbol, expiry, interval, from, to }: Wanted, page: Page) =>
      Effect.gen(function* () {
        yield* chains.known(symbol)
        const toMs = to ?? clock.unsafeNow()
        const fromMs = from ?? IndiaTime.startOfDayMs(toMs)
        if (fromMs > toMs) return yield* Problem.reversedSpan()
        if (toMs - fromMs > daysMax * IndiaTime.dayMs) return yield* Problem.invalidField("from", `at most ${daysMax} days at once`)
        const exchange = lifetimes.exchangeOf(symbol)
        const option = registry.ofUnderlying(exchange, symbol).find((one) => one.expiry !== null)
        const place = option === undefined ? undefined : lifetimes.placeOf(option)
        return {
          exchange,
          underlying: symbol,
          expiry,
          from: new Date(fromMs),
          to: new Date(toMs),
          minutes: interval.minutes,
          gridOpenMs: InstrumentHours.gridOpenMs(rules.current(), place, toMs),
          limit: page.limit,
          offset: page.offset
        } satisfies Of
      })
    /** The number of points of the span. An expiry that is not listed and of which nothing is stored is a 404. */
    const totalOf = (of: Of) =>
      Effect.filterOrFail(
        orProblem(repo.count(of)),
        (total) => total > 0 || chains.isListed(of.underlying, of.expiry),
        () => notFound("Expiry")
      )
    const strikesOf = (of: Of, which: Which) => orProblem(repo.strikes(of, which))

    /** Options of a page of minutes, with the number of minutes in the span. */
    const strikes = (wanted: Wanted, page: Page, which: Which) =>
      Effect.gen(function* () {
        const of = yield* queryOf(wanted, page)
        const total = yield* totalOf(of)
        return { total, rows: yield* strikesOf(of, which) }
      })
    /** The strikes of a straddle (0 steps) or strangle in the first minute of a span; undefined when the ladder is too short. */
    const pairOf = (of: Of, steps: number) =>
      Effect.gen(function* () {
        const first = { ...of, limit: 1, offset: 0 }
        const [chain] = yield* orProblem(repo.chains(first))
        const ladder = [...new Set((yield* strikesOf(first, { _tag: "All" })).map(({ strike }) => strike))]
        const pair = PremiumDecay.pair(ladder.indexOf(chain?.atmStrike ?? Number.NaN), ladder.length, steps)
        return pair === undefined ? undefined : { call: ladder[pair.callRow] ?? Number.NaN, put: ladder[pair.putRow] ?? Number.NaN }
      })
    /** The decay of a straddle or strangle over a span, whole. */
    const decay = (wanted: Wanted, steps: number) =>
      Effect.gen(function* () {
        const of = yield* queryOf(wanted, { limit: decayPointsMax, offset: 0 })
        const total = yield* totalOf(of)
        if (total > decayPointsMax)
          return yield* Problem.invalidField("from", `${total} points, and a decay has at most ${decayPointsMax}: choose a longer interval`)
        const pair = total === 0 ? undefined : yield* pairOf(of, steps)
        if (pair === undefined) return { pair: undefined, points: [] }
        const rows = yield* strikesOf(of, { _tag: "Prices", strikes: [...new Set([pair.call, pair.put])] })
        return { pair, points: ChainHistoryView.decay(rows, pair) }
      })

    /** Where a whole span begins to be read, and how to go on behind a minute. */
    const whole = (wanted: Wanted, limit: number) =>
      Effect.gen(function* () {
        const of = yield* queryOf(wanted, { limit, offset: 0 })
        yield* totalOf(of)
        return of
      })
    return {
      strikes,
      decay,
      whole,
      /** Options of the next minutes of a span. */
      strikesOf,
      /** Totals of the next minutes of a span. */
      totalsOf: (of: Of) => orProblem(repo.chains(of))
    } as const
  })
}) {}
