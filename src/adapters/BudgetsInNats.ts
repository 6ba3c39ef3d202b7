import { Clock, Effect, Either, Layer } from "effect"
import * as Budgets from "../broker/Budgets.ts"
import { NoSlot } from "../broker/KiteError.ts"
import * as Metrics from "../broker/Metrics.ts"
import * as RateLimit from "../domain/accounts/RateLimit.ts"
import * as IndiaTime from "../domain/IndiaTime.ts"
import * as BrokerLimits from "../domain/rules/BrokerLimits.ts"
import * as SteadyTime from "../loop/SteadyTime.ts"
import { RuleBook } from "../settings/RuleBook.ts"
import * as RequestSlots from "../streams/budget/RequestSlots.ts"
import { JetStream } from "../streams/JetStream.ts"
import { MarketClock } from "../streams/MarketClock.ts"
import * as LiveMessages from "../streams/reads/LiveMessages.ts"
import * as Subjects from "../streams/Subjects.ts"

/**
 * For each family of requests: the group and the limit that it counts towards, how many of the group's slots it leaves to others, and how
 * long a request waits for a slot at most.
 */
const families = {
  quote: { group: "quote", limit: "quote_requests_per_second", kept: 0, waitMsMax: 30_000 },
  historical: { group: "historical", limit: "historical_requests_per_second", kept: 0, waitMsMax: 60_000 },
  // The backfill leaves one request of history a second to people who wait for an answer.
  backfill: { group: "historical", limit: "historical_requests_per_second", kept: 1, waitMsMax: 60_000 },
  // Reading an account's state comes first: `other` leaves it two slots of each second.
  state: { group: "other", limit: "other_requests_per_second", kept: 0, waitMsMax: 5_000 },
  other: { group: "other", limit: "other_requests_per_second", kept: 2, waitMsMax: 30_000 }
} as const

/**
 * Which accounts the broker limits with 429. The process that is refused publishes it, and every process remembers it. A process that
 * starts later does not know it, and an account's ticker reports what its own process knows.
 */
const limits = Effect.gen(function* () {
  const jetStream = yield* JetStream
  const clock = yield* Effect.clock
  const untilMs = new Map<string, number>()
  const leftMs = (account: string): number => Math.max(0, (untilMs.get(account) ?? 0) - SteadyTime.unsafeNowMs(clock))
  const note = (account: string, forMs: number): void => {
    if (forMs > leftMs(account)) untilMs.set(account, SteadyTime.unsafeNowMs(clock) + forMs)
  }
  yield* LiveMessages.listenTo(jetStream.nc, Subjects.Limited, ({ account_id, for_ms }) =>
    note(account_id, Math.min(for_ms, RateLimit.restsForMsMax))
  )
  return {
    limitedForMs: leftMs,
    limited: (account: string, forMs: number, op: string) =>
      Effect.gen(function* () {
        const isNews = leftMs(account) === 0
        note(account, forMs)
        Metrics.limited(account)
        if (isNews)
          yield* Effect.logWarning(
            `the broker refuses too many requests of account ${account}: other accounts do its work for a while`
          ).pipe(Effect.annotateLogs({ account, op, for_ms: forMs }))
        const as_of = new Date(yield* Clock.currentTimeMillis).toISOString()
        const body = Subjects.Limited.encode({ v: 1, as_of, account_id: account, for_ms: Math.ceil(forMs), op })
        // While NATS is away, only this process knows of the limit.
        yield* Effect.ignoreLogged(jetStream.notify(Subjects.Limited.at({ account }), body))
      })
  } as const
})

/**
 * The request budgets of all accounts, with the rulebook's limits of the day. All processes share them over NATS. While NATS is away, each
 * process keeps its own pace.
 */
export const layer = Layer.scoped(
  Budgets.Budgets,
  Effect.gen(function* () {
    const slots = yield* RequestSlots.make
    const { limited, limitedForMs } = yield* limits
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
    return { of, limited, limitedForMs }
  })
)
