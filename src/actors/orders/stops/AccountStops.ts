import { Effect, Schedule } from "effect"
import * as StrategyLimits from "../../../domain/orders/StrategyLimits.ts"
import * as Hours from "../../../domain/rules/Hours.ts"
import { RuleBook } from "../../../settings/RuleBook.ts"
import { sessionRules } from "../../../settings/SessionRules.ts"
import { AccountStopRepo } from "../../../store/orders/AccountStopRepo.ts"
import { MarketClock } from "../../../streams/MarketClock.ts"
import * as Metrics from "../Metrics.ts"
import * as RepeatedFailure from "../RepeatedFailure.ts"
import * as TaskRun from "../TaskRun.ts"

/**
 * How often the loss of an account with such a limit is compared with it. For a live account each comparison sends the broker one request.
 */
const lookEvery = "2 seconds"
/** The pause after a look at which the profit was not known. */
const unknownEvery = "10 seconds"

/**
 * Stops the account when today's loss has reached a limit that asks for a stop. If several processes try, the store lets only one of them
 * do it. An executor that lost its account does nothing, because its figures may be old.
 */
export const run = (desks: TaskRun.Desks) =>
  Effect.gen(function* () {
    const repo = yield* AccountStopRepo
    const marketClock = yield* MarketClock
    const rules = yield* RuleBook
    const inSession = yield* Effect.orDie(sessionRules)
    const { account, changed, lease } = desks.live

    const look = Effect.gen(function* () {
      // While all exchanges are closed no price moves, so the broker is not asked. The synthetic market never closes.
      const { rules: hours } = inSession(rules.current())
      if (hours !== undefined && !Hours.isAnyOpen(hours, marketClock.unsafeNow())) return
      const watched = yield* repo.watched(account)
      if (watched === undefined) return
      const { maxDailyLoss, mode } = watched
      const profit = yield* desks[mode].orders.dayProfit
      if (!StrategyLimits.isReached(maxDailyLoss, profit) || !lease.isHeld()) return
      const stopped = yield* repo.stop(account, mode, profit, TaskRun.who)
      if (stopped === undefined) return
      const { action, reason } = stopped
      Metrics.accountStops(action)
      yield* changed
      yield* Effect.logWarning("an account is stopped").pipe(Effect.annotateLogs({ audit: "orders", account, action, reason }))
    })
    const unknown = Effect.suspend(() => {
      Metrics.dayProfitsUnknown(account)
      return Effect.sleep(unknownEvery)
    })
    return yield* look.pipe(
      RepeatedFailure.logged("an account's loss cannot be compared with its limit, trying again"),
      Effect.catchAll(() => unknown),
      Effect.repeat(Schedule.spaced(lookEvery))
    )
  })
