import { Effect, type Scope } from "effect"
import { RuleBook } from "../../settings/RuleBook.ts"
import type { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { supervise } from "../../streams/Supervisor.ts"
import { AlertFeed } from "../alerts/AlertFeed.ts"
import type { ChainFeed } from "../chains/ChainFeed.ts"
import type { IndicatorFeed } from "../indicators/IndicatorFeed.ts"
import { LabelFeed } from "../labels/LabelFeed.ts"
import type { MonitorFeed } from "../monitor/MonitorFeed.ts"
import type { OrderFeed } from "../orders/OrderFeed.ts"
import type { Hub } from "../sockets/Hub.ts"
import type { MarkFeed } from "../strategies/MarkFeed.ts"
import type { TickFeed } from "../ticks/TickFeed.ts"
import { Views } from "../views/Views.ts"
import * as BreakBridge from "./BreakBridge.ts"
import * as ChainBridge from "./ChainBridge.ts"
import * as EventBridge from "./EventBridge.ts"
import * as FrameBridge from "./FrameBridge.ts"
import * as IndicatorBridge from "./IndicatorBridge.ts"
import * as OrderBridge from "./OrderBridge.ts"
import * as StoreFaultBridge from "./StoreFaultBridge.ts"
import * as StrategyBridge from "./StrategyBridge.ts"
import * as StrategyEndBridge from "./StrategyEndBridge.ts"
import * as TickerBridge from "./TickerBridge.ts"

type Services =
  | JetStream
  | AlertFeed
  | LabelFeed
  | MarketClock
  | MonitorFeed
  | OrderFeed
  | RuleBook
  | Hub
  | Views
  | ChainFeed
  | MarkFeed
  | IndicatorFeed
  | TickFeed

const dropExpiredEvery = "1 minute"

/** Carries NATS subjects to the views and the WebSocket clients: one supervised reader for each stream. */
export class Bridge extends Effect.Service<Bridge>()("gateway/bridge/Bridge", {
  scoped: Effect.gen(function* () {
    const services = yield* Effect.context<Services>()
    const clock = yield* MarketClock
    const rules = yield* RuleBook
    const views = yield* Views
    /** The streams whose stored messages have not all been applied yet. */
    const behind = new Set<string>()

    const start = <E>(name: string, run: (caughtUp: () => void) => Effect.Effect<unknown, E, Services | Scope.Scope>) => {
      behind.add(name)
      const begin = Effect.sync(() => void behind.add(name))
      const reading = Effect.zipRight(begin, Effect.scoped(run(() => void behind.delete(name))))
      return supervise("bridge", name, reading).pipe(Effect.provide(services), Effect.forkScoped)
    }
    yield* start("chains", ChainBridge.make)
    yield* start("strategies", StrategyBridge.make)
    yield* start("ends of strategies", StrategyEndBridge.make)
    yield* start("indicators", IndicatorBridge.make)
    yield* start("orders", OrderBridge.make)
    const labels = yield* LabelFeed
    const alerts = yield* AlertFeed
    yield* start("labels", (caughtUp) => EventBridge.make(Subjects.LabelEvent, labels, caughtUp))
    yield* start("alerts", (caughtUp) => EventBridge.make(Subjects.AlertEvent, alerts, caughtUp))
    yield* start("tickers", TickerBridge.make)
    yield* start("faults of the store", StoreFaultBridge.make)
    yield* start("breaks", BreakBridge.make)
    yield* start("frames", yield* FrameBridge.make)
    yield* Effect.sync(() => views.chains.dropExpired(rules.current(), clock.unsafeNow())).pipe(
      Effect.delay(dropExpiredEvery),
      Effect.forever,
      Effect.forkScoped
    )

    return {
      /** Every reader has applied what its stream held when it began. */
      isReady: (): boolean => behind.size === 0,
      behind: (): ReadonlyArray<string> => [...behind]
    } as const
  })
}) {}
