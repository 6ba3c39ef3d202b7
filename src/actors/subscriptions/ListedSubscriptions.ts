/** What the list of instruments and their expiry do to subscriptions: they end by themselves, and go on when their contract is listed again. */
import { Effect, Either } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as Life from "../../domain/market/Life.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"

/** An expired contract stays subscribed this long, because it settles after its end and the record must describe it until then. */
const settlesWithinMs = 10 * 60_000

export const expired = "expired"
export const delisted = "no longer listed"

/** `isAlive` says whether a contract still trades. */
export const make = (isAlive: (instrument: Instrument.Instrument) => boolean) =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const registry = yield* InstrumentRegistry
    const subscriptions = yield* SubscriptionRepo
    const clock = yield* MarketClock
    const rules = yield* RuleBook

    const hasSettled = (instrument: Instrument.Instrument) =>
      Life.instrumentShownUntilMs(rules.current(), instrument) + settlesWithinMs <= clock.unsafeNow()
    /** The contract of a row; undefined if it is no longer listed, also if its token names another contract now. */
    const listed = ({ instrumentToken, tradingsymbol }: SubscriptionRepo.Row) => {
      const found = registry.byToken(instrumentToken)
      return found?.tradingsymbol === tradingsymbol ? found : undefined
    }
    /** Why an active subscription ends by itself, or undefined. */
    const endOf = (row: SubscriptionRepo.Row) => {
      const instrument = listed(row)
      if (instrument === undefined) return delisted
      return hasSettled(instrument) ? expired : undefined
    }

    const endPast = (active: ReadonlyArray<SubscriptionRepo.Row>) =>
      Effect.gen(function* () {
        // A contract that this process does not know may be in a list that another process has stored since.
        if (active.some((row) => listed(row) === undefined)) yield* registry.follow(IndiaTime.istDate(clock.unsafeNow()))
        let ended = 0
        for (const reason of [expired, delisted]) {
          const past = active.filter((row) => endOf(row) === reason)
          if (past.length === 0) continue
          const count = yield* subscriptions.end(past, reason)
          ended += count
          yield* Effect.logInfo("subscriptions ended by themselves").pipe(Effect.annotateLogs({ reason, count }))
        }
        return ended
      })

    /** The list for which `restore` has run. */
    let restoredFor: Instrument.Master | undefined
    /** Restores the subscriptions of persons that ended because a list lacked their contract, when a new list has it again. */
    const restore = Effect.gen(function* () {
      const master = registry.current()
      if (master === restoredFor) return 0
      const isBack = (row: SubscriptionRepo.Row) => {
        const instrument = listed(row)
        return row.origin === "person" && instrument !== undefined && isAlive(instrument)
      }
      const back = (yield* subscriptions.endedFor(delisted)).filter(isBack)
      const saves = back.map(({ accountId: _, ...row }) => row)
      const saved = yield* subscriptions.keepAll(saves, accounts.streaming())
      const count = saved.filter(Either.isRight).length
      if (saved.length > 0) {
        yield* Effect.logInfo("instruments are listed again, and their subscriptions go on").pipe(
          Effect.annotateLogs({ count, refused: saved.length - count })
        )
      }
      restoredFor = master
      return count
    })

    return {
      /** Ends what has settled or is no longer listed among the active rows. Answers how many ended. */
      endPast,
      restore
    } as const
  })
