import { Clock, Effect, Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import * as BrokerLimits from "../../domain/rules/BrokerLimits.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import { RuleBook } from "../../streams/RuleBook.ts"

const lookEveryMs = 50

/**
 * The broker's limits of requests a second and a minute, counted in the attempts that Postgres keeps. An account has one executor in the
 * whole cluster, so this count is the account's. The limit of a day refuses at the gate.
 */
export const make = (account: string, mode: Mode) =>
  Effect.gen(function* () {
    const repo = yield* OrderRepo
    const rules = yield* RuleBook
    const oneAtATime = yield* Effect.makeSemaphore(1)
    const max = (what: "orders_per_second" | "orders_per_minute", nowMs: number) =>
      Either.match(BrokerLimits.limit(rules.current().documents.broker, what, IndiaTime.istDate(nowMs)), {
        onLeft: () => Number.POSITIVE_INFINITY,
        onRight: ({ value }) => value
      })
    const wait = (deadlineAtMs: number) =>
      Effect.gen(function* () {
        while (true) {
          const nowMs = yield* Clock.currentTimeMillis
          const { minute, second } = yield* repo.sent(account, mode, nowMs, nowMs - IndiaTime.minuteMs)
          const isFree = second < max("orders_per_second", nowMs) && minute < max("orders_per_minute", nowMs)
          if (isFree || nowMs >= deadlineAtMs) return
          yield* Effect.sleep(lookEveryMs)
        }
      })
    /** Runs what saves an attempt when one more is allowed, or the deadline has passed. Waiting tasks pass one after the other. */
    return <A, E>(deadlineAtMs: number, self: Effect.Effect<A, E>) => oneAtATime.withPermits(1)(Effect.zipRight(wait(deadlineAtMs), self))
  })
