import { Clock, Effect, Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import * as BrokerLimits from "../../domain/rules/BrokerLimits.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import type { StoreUnavailable } from "../../store/StoreError.ts"
import { RuleBook } from "../../streams/RuleBook.ts"

const lookEveryMs = 50

/** Counts of attempts, and the mark that was taken before they were read. */
export interface Counted {
  readonly second: number
  readonly minute: number
  readonly mark: number
}

export interface SendBudget {
  /** Changes whenever an attempt may have been saved. */
  readonly mark: () => number
  /**
   * Runs what saves an attempt when one more is allowed, or the deadline has passed. Waiting tasks pass one after the other. With `counted`,
   * Postgres is not asked again unless an attempt may have been saved since.
   */
  readonly inTurn: <A, E>(
    deadlineAtMs: number,
    counted: Counted | null,
    self: Effect.Effect<A, E>
  ) => Effect.Effect<A, E | StoreUnavailable>
}

/**
 * The broker's limits of requests a second and a minute, counted in the attempts that Postgres keeps. An account has one executor in the
 * whole cluster, so this count is the account's. The limit of a day refuses at the gate.
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
        // Without a new attempt the counts of a moving second and minute only fall, so older ones are safe.
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
