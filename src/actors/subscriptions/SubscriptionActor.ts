import { Effect, Either, Option } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as Life from "../../domain/market/Life.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { WindowRepo } from "../../store/subscriptions/WindowRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as ListedSubscriptions from "./ListedSubscriptions.ts"
import * as SubscriptionRequests from "./SubscriptionRequests.ts"
import * as WindowReach from "./WindowReach.ts"

export const kind = "subscriptions"

/** Subscriptions and windows are checked this often, for expired contracts, moves of the money and new windows. */
const lookEvery = "2 seconds"

/** The subscription that a window asks for. */
const savedFor =
  ({ requestedMode, createdBy }: WindowRepo.Row) =>
  ({ token, tradingsymbol, segment }: Instrument.Instrument) => ({
    instrumentToken: token,
    tradingsymbol,
    segment,
    requestedMode,
    createdBy,
    origin: "window" as const
  })

/**
 * Ends the subscriptions of expired contracts, keeps every window's instruments subscribed as the money moves and expiries pass, and answers
 * the services that ask for subscriptions.
 */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const registry = yield* InstrumentRegistry
  const subscriptions = yield* SubscriptionRepo
  const windows = yield* WindowRepo
  const js = yield* JetStream
  const clock = yield* MarketClock
  const rules = yield* RuleBook

  const isAlive = (instrument: Instrument.Instrument) => Life.instrumentShownUntilMs(rules.current(), instrument) > clock.unsafeNow()
  const reach = yield* WindowReach.make(kind, isAlive)
  const { endPast, restore } = yield* ListedSubscriptions.make(isAlive)

  const subscribe = (window: WindowRepo.Row, missing: ReadonlyArray<Instrument.Instrument>) =>
    Effect.gen(function* () {
      if (missing.length === 0) return 0
      const saved = yield* subscriptions.keepAll(missing.map(savedFor(window)), accounts.streaming())
      const refused = saved.filter(Either.isLeft).length
      if (refused > 0) {
        yield* Effect.logWarning("no account has room for all instruments of a window").pipe(
          Effect.annotateLogs({ window: window.windowId, underlying: window.underlying, refused })
        )
      }
      return saved.length - refused
    })

  /** Ends subscriptions that only windows asked for and that no window needs now. A strategy's leg keeps its instrument subscribed. */
  const release = (rows: ReadonlyArray<SubscriptionRepo.Row>) =>
    Effect.reduce(rows, 0, (count, row) =>
      subscriptions.deactivate(row.instrumentToken, row).pipe(
        Effect.map((ended) => count + (Option.isSome(ended) ? 1 : 0)),
        Effect.catchTag("SubscriptionNeeded", () => Effect.succeed(count))
      )
    )

  const followWindows = (active: ReadonlyArray<SubscriptionRepo.Row>) =>
    Effect.gen(function* () {
      const present = new Set(active.map(({ instrumentToken }) => instrumentToken))
      const kept = new Set<number>()
      let changed = 0
      let areAllKnown = true
      for (const window of yield* windows.all) {
        // A window without a price does not delay the others.
        const found = Option.flatten(Option.getRight(yield* Effect.either(reach(window))))
        if (Option.isNone(found)) {
          areAllKnown = false
          continue
        }
        for (const { token } of found.value.kept) kept.add(token)
        const missing = found.value.wanted.filter(({ token }) => !present.has(token))
        for (const { token } of missing) present.add(token)
        changed += yield* subscribe(window, missing)
      }
      // While the reach of any window is unknown, no subscription of a window may be ended.
      if (!areAllKnown) return changed
      // An expired contract ends by itself, after its settlement.
      const isSurplus = (row: SubscriptionRepo.Row) => {
        const instrument = registry.byToken(row.instrumentToken)
        return row.origin === "window" && !kept.has(row.instrumentToken) && instrument !== undefined && isAlive(instrument)
      }
      return changed + (yield* release(active.filter(isSurplus)))
    })

  const requests = yield* SubscriptionRequests.make

  const look = Effect.gen(function* () {
    if (registry.current() === undefined) return
    const ended = yield* endPast(yield* subscriptions.active)
    const changed = (yield* restore) + (yield* followWindows(yield* subscriptions.active))
    if (ended + changed === 0) return
    Metrics.subscriptionsChanged("ended", ended)
    Metrics.subscriptionsChanged("followed", changed)
    yield* js.notify(Subjects.Changed.at({ what: "subscriptions" }), Subjects.Changed.encode({ v: 1, request_id: "-" }))
  }).pipe(Effect.withSpan("SubscriptionActor.look"))

  return look.pipe(
    Effect.catchAll((error) => Effect.logWarning("cannot update subscriptions and windows, trying again", String(error))),
    Effect.zipRight(Effect.sleep(lookEvery)),
    Effect.forever,
    Effect.raceFirst(requests)
  )
})
