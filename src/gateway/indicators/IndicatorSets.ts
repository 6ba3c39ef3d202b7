import { Effect, Mailbox } from "effect"
import type * as Catalogue from "../../domain/indicators/Catalogue.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { IndicatorSubscriptionRepo, sessionSeconds, type Wish } from "../../store/indicators/IndicatorSubscriptionRepo.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Changes } from "../shared/Changes.ts"
import * as Metrics from "../shared/Metrics.ts"
import { IndicatorCache } from "./IndicatorCache.ts"

/** Whose set it is. A connection's set ends with the connection. */
export interface Holder {
  readonly name: string
  readonly isSession: boolean
}
export interface Request {
  readonly instrument: Instrument.Instrument
  readonly interval: KiteHistory.Interval
  readonly indicators: ReadonlyArray<Catalogue.Ready>
}

/** A connection's rows are renewed three times before they would expire. */
const renewEvery = `${sessionSeconds / 3} seconds` as const
/** The bars before now are fetched from the broker first, so that the values begin complete. A subscription waits this long for them. */
const historyMax = "10 seconds"

const wishesOf = ({ instrument, interval, indicators }: Request): ReadonlyArray<Wish> =>
  [...new Set(indicators.map(({ id }) => id))].map((indicator) => ({
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    minutes: interval.minutes,
    indicator
  }))

/** The subjects on which the values come. */
export const subjectsOf = ({ instrument, interval, indicators }: Request): ReadonlyArray<string> =>
  indicators.map(({ id }) =>
    Subjects.Indicator.at({
      exchange: instrument.exchange,
      symbol: instrument.tradingsymbol,
      timeframe: interval.short,
      indicator: id
    })
  )

/** The sets of indicators that users and connections want. The director turns them into actors. */
export class IndicatorSets extends Effect.Service<IndicatorSets>()("gateway/indicators/IndicatorSets", {
  scoped: Effect.gen(function* () {
    const repo = yield* IndicatorSubscriptionRepo
    const cache = yield* IndicatorCache
    const changes = yield* Changes
    /** The sets of this process's open connections. A closed connection waits in `closed`, whose size the open connections bound. */
    const open = new Set<string>()
    const closed = yield* Mailbox.make<string>()

    const showOpen = () => Metrics.indicatorSessions.unsafeUpdate(open.size, [])
    const release = Effect.gen(function* () {
      const [names] = yield* closed.takeAll
      yield* repo.release([...names])
      yield* changes.poke("subscriptions")
    }).pipe(Effect.catchAll((error) => Effect.logWarning("sets of closed connections not released, they expire", error)))
    const renew = Effect.suspend(() => repo.renew([...open])).pipe(
      Effect.catchAll((error) => Effect.logWarning("sets of connections not renewed, they may expire", error)),
      Effect.delay(renewEvery)
    )
    yield* Effect.forkScoped(Effect.forever(release))
    yield* Effect.forkScoped(Effect.forever(renew))

    return {
      /** Adds to a set, all or nothing. Returns how many it has now. */
      add: ({ name, isSession }: Holder, request: Request) =>
        Effect.gen(function* () {
          yield* cache.at({ ...request, offset: 0 }).pipe(
            Effect.timeout(historyMax),
            Effect.catchAll((error) => Effect.logWarning("indicators begin without the bars before now", error))
          )
          if (isSession) {
            open.add(name)
            showOpen()
          }
          const total = yield* repo.add(name, isSession, wishesOf(request))
          yield* changes.poke("subscriptions")
          return total
        }),
      /** Removes from a set. Returns how many it has now. */
      remove: ({ name }: Holder, request: Request) =>
        Effect.gen(function* () {
          yield* repo.remove(name, wishesOf(request))
          yield* changes.poke("subscriptions")
          return yield* repo.count(name)
        }),
      /** Ends the set of a closed connection, at once or when it expires. */
      close: (name: string): void => {
        if (!open.delete(name)) return
        showOpen()
        closed.unsafeOffer(name)
      }
    } as const
  })
}) {}
