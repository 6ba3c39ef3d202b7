import { Clock, Effect, Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import * as BrokerLimits from "../../domain/rules/BrokerLimits.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import type { StoreUnavailable } from "../../store/StoreError.ts"

const lookEveryMs = 50

/** Counts of attempts, and the value of `mark` before they were read. */
export interface Counted {
  readonly second: number
  readonly minute: number
  readonly mark: number
}

export interface SendBudget {
  /** Changes whenever an attempt may have been saved. */
  readonly mark: () => number
  /**
   * Runs an effect that saves an attempt, as soon as one more is allowed or the deadline has passed. Waiting tasks pass one at a time. With
   * `counted`, Postgres is asked again only if an attempt may have been saved since.
   */
  readonly inTurn: <A, E>(
    deadlineAtMs: number,
    counted: Counted | null,
    self: Effect.Effect<A, E>
  ) => Effect.Effect<A, E | StoreUnavailable>
}

/**
 * Keeps the broker's limits of requests a second and a minute, by counting the attempts in Postgres. An account has one executor in the
 * whole cluster, so this count is the account's. The gate checks the limit of a day.
 */
export const make = (account: string, mode: Mode) =>
  Effect.gen(function* () {
    const repo = yield* OrderRepo
    const rules = yield* RuleBook
    const oneAtATime = yield* Effect.makeSemaphore(1)
    let mark = 0
    const max = (what: "orders_per_second" | "orders_per_minute", nowMs: number) =>
      Either.match(BrokerLimits.limit(rules.current().documents.broker, what, IndiaTime.istDate(nowMs)), {
        onLeft: () => Number.POSITIVE_INFINITY,
        onRight: ({ value }) => value
      })
    const wait = (deadlineAtMs: number, counted: Counted | null) =>
      Effect.gen(function* () {
        // Without a new attempt the counts of a moving second and minute only fall, so older counts are safe to use.
        let known = counted !== null && counted.mark === mark ? counted : null
        while (true) {
          const nowMs = yield* Clock.currentTimeMillis
          const { minute, second } = known ?? (yield* repo.sent(account, mode, nowMs, nowMs - IndiaTime.minuteMs))
          known = null
          const isFree = second < max("orders_per_second", nowMs) && minute < max("orders_per_minute", nowMs)
          if (isFree || nowMs >= deadlineAtMs) return
          yield* Effect.sleep(lookEveryMs)
        }
      })
    const changed = Effect.sync(() => {
      mark++
    })
    return {
      mark: () => mark,
      inTurn: (deadlineAtMs, counted, self) =>
        oneAtATime.withPermits(1)(Effect.zipRight(wait(deadlineAtMs, counted), Effect.zipRight(changed, Effect.ensuring(self, changed))))
    } satisfies SendBudget
  })
