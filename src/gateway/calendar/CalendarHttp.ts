import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, type Either } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Calendars from "../../domain/rules/Calendars.ts"
import * as Day from "../../domain/rules/Day.ts"
import type { UnknownRule } from "../../domain/rules/UnknownRule.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Chains } from "../chains/Chains.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { pageOf } from "../shared/Paging.ts"
import { CalendarEntries } from "./CalendarEntries.ts"
import * as CalendarView from "./CalendarView.ts"

/** Largest number of days in one answer. */
const daysMax = 3_660

/** A question that the rulebook cannot answer is a 404, which names the missing rule. */
const orUnknown = <A>(answer: Either.Either<A, UnknownRule>) =>
  Effect.mapError(answer, (unknown) => new Problem.NotFound({ detail: unknown.message }))

export const CalendarHttp = HttpApiBuilder.group(
  Api,
  "calendar",
  Effect.fnUntraced(function* (handlers) {
    const clock = yield* MarketClock
    const rules = yield* RuleBook
    const chains = yield* Chains
    const lifetimes = yield* Lifetimes
    const entries = yield* CalendarEntries

    const today = () => IndiaTime.istDate(clock.unsafeNow())
    const placeOf = ({ exchange, symbol = "" }: { readonly exchange: string; readonly symbol?: string | undefined }) =>
      Effect.mapError(CalendarView.placeOf(rules.current(), exchange.toUpperCase(), symbol), () =>
        Problem.invalidField("exchange", "expected one of NSE, BSE, NFO, BFO, CDS, BCD, MCX, NCO")
      )

    return handlers
      .handle("status", ({ urlParams }) =>
        Effect.map(placeOf(urlParams), (place) => CalendarView.status(rules.current(), place, clock.unsafeNow()))
      )
      .handle("hours", ({ urlParams }) =>
        Effect.gen(function* () {
          const place = yield* placeOf(urlParams)
          return yield* orUnknown(CalendarView.hours(rules.current(), place, urlParams.date ?? today()))
        })
      )
      .handle("tradingDays", ({ urlParams: { from, to, ...named } }) =>
        Effect.gen(function* () {
          const place = yield* placeOf(named)
          if (from > to) return yield* Problem.reversedSpan()
          if (Day.ofIso(to) - Day.ofIso(from) > daysMax) return yield* Problem.invalidField("from", `at most ${daysMax} days at once`)
          return {
            exchange: place.exchange,
            from,
            to,
            trading_days: yield* orUnknown(CalendarView.tradingDays(rules.current(), place, from, to))
          }
        })
      )
      .handle("nextTradingDay", ({ urlParams: { date, ...named } }) =>
        Effect.gen(function* () {
          const place = yield* placeOf(named)
          const after = date ?? today()
          const next = yield* orUnknown(Calendars.nextTradingDay(rules.current().calendars, place.calendar, Day.ofIso(after)))
          return { exchange: place.exchange, after, next_trading_day: Day.iso(next) }
        })
      )
      .handle("holidays", ({ urlParams: { from = "", to = "9999", limit, offset, ...named } }) =>
        Effect.gen(function* () {
          const place = yield* placeOf(named)
          if (from > to) return yield* Problem.reversedSpan()
          const all = CalendarView.holidays(rules.current(), place, rules.entryOf).filter(({ date }) => date >= from && date <= to)
          return { holidays: pageOf(all, { limit, offset }), total: all.length, limit, offset }
        })
      )
      .handle("addEntry", ({ payload }) => entries.add(payload))
      .handle("changeEntry", ({ path, payload }) => entries.change(path.id, payload))
      .handle("removeEntry", ({ path }) => entries.remove(path.id))
      .handle("importEntries", ({ payload }) => entries.importAll(payload.entries))
      .handle("changes", ({ urlParams }) => entries.changes(urlParams))
      .handle("expiries", ({ urlParams: { symbol } }) =>
        Effect.gen(function* () {
          yield* chains.known(symbol)
          const listed = chains.expiries(symbol)
          return { symbol, expiries: CalendarView.expiries(rules.current(), lifetimes, symbol, listed) }
        })
      )
  })
)
