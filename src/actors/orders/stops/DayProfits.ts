import { Effect } from "effect"
import * as IndiaTime from "../../../domain/IndiaTime.ts"
import * as Money from "../../../domain/Money.ts"
import * as DayProfit from "../../../domain/orders/DayProfit.ts"
import { RuleBook } from "../../../settings/RuleBook.ts"
import { PortfolioRepo } from "../../../store/accounts/PortfolioRepo.ts"
import { MarketClock } from "../../../streams/MarketClock.ts"
import type { Venue } from "../Venue.ts"

/** The most trades of one day whose charges are counted. An account has at most 5,000 orders a day. */
const tradesMax = 100_000

/**
 * The day's profit of a live account: the broker's marks of all positions at its own newest prices, less the charges of the day's trades in
 * the account's state.
 */
export const live = (account: string, positions: Venue["positions"]) =>
  Effect.gen(function* () {
    const repo = yield* PortfolioRepo
    const marketClock = yield* MarketClock
    const rules = yield* RuleBook
    let known = { day: "", total: -1, charges: Money.zero, rules: rules.current() }

    /** The trades are read again only when there are more of them. */
    const charges = Effect.gen(function* () {
      const day = IndiaTime.istDate(marketClock.unsafeNow())
      const now = rules.current()
      const { total } = yield* repo.trades({ accountId: account, day, limit: 0, offset: 0 })
      if (known.day === day && known.total === total && known.rules === now) return known.charges
      const { rows } = yield* repo.trades({ accountId: account, day, limit: tradesMax, offset: 0 })
      known = { day, total: rows.length, charges: DayProfit.chargesOf(now, rows), rules: now }
      return known.charges
    })
    const dayProfit: Venue["dayProfit"] = Effect.zipWith(positions, charges, DayProfit.net)
    return dayProfit
  })
