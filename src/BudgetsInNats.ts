import { Effect, Either, Layer } from "effect"
import * as Budgets from "./broker/Budgets.ts"
import { NoSlot } from "./broker/KiteError.ts"
import * as Metrics from "./broker/Metrics.ts"
import * as IndiaTime from "./domain/IndiaTime.ts"
import * as BrokerLimits from "./domain/rules/BrokerLimits.ts"
import * as RequestSlots from "./streams/budget/RequestSlots.ts"
import { MarketClock } from "./streams/MarketClock.ts"
import { RuleBook } from "./streams/RuleBook.ts"

/** What a family is counted with, how many slots of it are kept for others, and how long its requests wait at most. */
const families = {
  quote: { group: "quote", limit: "quote_requests_per_second", kept: 0, waitMsMax: 30_000 },
  historical: { group: "historical", limit: "historical_requests_per_second", kept: 0, waitMsMax: 60_000 },
  // One request of history a second stays free for those who wait for an answer.
  backfill: { group: "historical", limit: "historical_requests_per_second", kept: 1, waitMsMax: 60_000 },
  // An account's state goes before everything else: two slots of each second are for it alone.
  state: { group: "other", limit: "other_requests_per_second", kept: 0, waitMsMax: 5_000 },
  other: { group: "other", limit: "other_requests_per_second", kept: 2, waitMsMax: 30_000 }
} as const

/** The budgets of all accounts, by the rulebook's limits of the day, shared by all processes over NATS. While NATS is away each process keeps its own pace. */
export const layer = Layer.effect(
  Budgets.Budgets,
  Effect.gen(function* () {
    const slots = yield* RequestSlots.make
    const clock = yield* MarketClock
    const rules = yield* RuleBook
    const countOf = (what: (typeof families)[Budgets.Family]["limit"]) =>
      Either.match(BrokerLimits.limit(rules.current().documents.broker, what, IndiaTime.istDate(clock.unsafeNow())), {
        onLeft: () => undefined,
        onRight: ({ value }) => value
      })
    const of =
      (account: string): Budgets.Within =>
      (family, op) =>
      (self) =>
        Effect.gen(function* () {
          const { group, kept, limit, waitMsMax } = families[family]
          const count = countOf(limit)
          if (count === undefined) return yield* self
          const taken = yield* slots.take({ of: [account, group], count, kept: Math.min(kept, count - 1), waitMsMax })
          if (taken._tag === "Full") {
            Metrics.budgetFull(family)
            return yield* new NoSlot({ account, op, afterMs: waitMsMax })
          }
          if (taken._tag === "Away") {
            Metrics.budgetAway(family)
            return yield* self
          }
          Metrics.budgetWaitedMs(family, taken.waitedMs)
          return yield* slots.holding(taken.key, self)
        })
    return { of }
  })
)
