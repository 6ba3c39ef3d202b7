import { Cause, Config, Effect, Either, FiberMap, Schedule } from "effect"
import type { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Breaker from "../../domain/orders/Breaker.ts"
import * as Exposure from "../../domain/orders/Exposure.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import type { RuleBook } from "../../settings/RuleBook.ts"
import type { BookingRepo } from "../../store/accounts/BookingRepo.ts"
import type { PortfolioRepo } from "../../store/accounts/PortfolioRepo.ts"
import type { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import type { AccountStopRepo } from "../../store/orders/AccountStopRepo.ts"
import type { CompensationRepo } from "../../store/orders/CompensationRepo.ts"
import type { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import { Outbox } from "../../store/orders/Outbox.ts"
import type { PaperLedgers } from "../../store/orders/PaperLedgers.ts"
import type { PaperRepo } from "../../store/orders/PaperRepo.ts"
import type { SquareOffRepo } from "../../store/orders/SquareOffRepo.ts"
import type { StrategyLimitRepo } from "../../store/orders/StrategyLimitRepo.ts"
import type { FillRepo } from "../../store/strategies/FillRepo.ts"
import * as DurableRead from "../../streams/DurableRead.ts"
import type { FrameFeed } from "../../streams/FrameFeed.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import { Leases, stillHeld } from "../runtime/Leases.ts"
import * as AccountKeeper from "./AccountKeeper.ts"
import * as AccountQuestions from "./AccountQuestions.ts"
import * as BookReading from "./BookReading.ts"
import * as BookWatch from "./BookWatch.ts"
import * as Compensations from "./Compensations.ts"
import * as ExecutorReport from "./ExecutorReport.ts"
import * as FillBooking from "./FillBooking.ts"
import * as Metrics from "./Metrics.ts"
import { orderSettings } from "./OrderSettings.ts"
import * as OutboxRelay from "./OutboxRelay.ts"
import * as PaperDesk from "./PaperDesk.ts"
import * as SendBudget from "./SendBudget.ts"
import * as SendGate from "./SendGate.ts"
import { Steps } from "./Steps.ts"
import * as AccountStops from "./stops/AccountStops.ts"
import * as DayProfits from "./stops/DayProfits.ts"
import * as SquareOffs from "./stops/SquareOffs.ts"
import * as StopSweep from "./stops/StopSweep.ts"
import * as TaskRun from "./TaskRun.ts"
import type { Venue } from "./Venue.ts"

export const kind = "executor"
export const key = (account: string) => Subject.kvKey(kind, account)

/** `off`: no order task runs, and /health says so. Tasks wait in Postgres until their deadline. */
const isOn = Config.literal(
  "on",
  "off"
)("ORDER_EXECUTOR").pipe(
  Config.withDefault("on" as const),
  Config.map((wanted) => wanted === "on")
)

/** Tasks whose command was lost are found within this time. */
const lookEvery = "1 second"
/** How often the executor checks the consumer of commands. If it is missing, tasks still run, up to a second later. */
const consumerEvery = "5 seconds"
/** The most tasks of an account that run at once. Further ones wait in Postgres. */
const runningMax = 200

type Services =
  | Accounts
  | AccountStopRepo
  | BookingRepo
  | CompensationRepo
  | Broker
  | FillRepo
  | FrameFeed
  | InstrumentRegistry
  | JetStream
  | MarketClock
  | OrderAccounts
  | OrderRepo
  | Outbox
  | PaperLedgers
  | PaperRepo
  | PortfolioRepo
  | RuleBook
  | SquareOffRepo
  | StrategyLimitRepo

/** Runs tasks of an account. No task runs twice at the same time. */
const running = (desks: TaskRun.Desks) =>
  Effect.gen(function* () {
    const { account, repo } = desks.live
    const fibers = yield* FiberMap.make<number>()
    const begin = (taskId: number): Effect.Effect<void> =>
      Effect.gen(function* () {
        if ((yield* FiberMap.size(fibers)) >= runningMax) return
        const beginNext = Effect.flatMap(repo.nextOfBasket(taskId), (next) => (next === undefined ? Effect.void : begin(next)))
        const run = TaskRun.run(desks, taskId).pipe(
          Effect.flatMap((basketId) => (basketId === null ? Effect.void : beginNext)),
          Effect.catchAllCause((cause) =>
            Effect.logWarning("order task stopped, running it again", cause).pipe(Effect.annotateLogs({ task: taskId }))
          )
        )
        yield* FiberMap.run(fibers, taskId, run, { onlyIfMissing: true })
      })
    const beginAll = Effect.gen(function* () {
      const unfinished = yield* repo.unfinished(account)
      Metrics.waiting.set(account, unfinished.length)
      for (const { taskId } of unfinished) yield* begin(taskId)
    })
    return { begin, beginAll } as const
  })

/** Why the account's orders wait, for /health; null if they do not wait. */
const waitOf = ({ breaker }: TaskRun.Desk): string | null =>
  breaker.state === "open"
    ? `the broker failed too often in a row (429, 5xx or no answer): no order is sent until ${IndiaTime.isoTime(breaker.untilMs)}`
    : null

/** Takes commands. A command is acknowledged once its task runs, because the row and not the command says what to do. */
const commands = (account: string, begin: (taskId: number) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const refuse = DeadLetters.send(jetStream)
    const { look, next } = yield* DurableRead.make({
      name: `${kind}-${account}`,
      stream: Subjects.OrderCommand.stream,
      filter: Subjects.OrderCommand.at({ account }),
      batchMax: 1
    })
    const take = Effect.gen(function* () {
      for (const message of yield* next) {
        const read = Subjects.OrderCommand.read(message.subject, message.data)
        if (Either.isLeft(read)) yield* refuse(kind, message, read.left)
        else yield* begin(Number(read.right.task_id))
        message.ack()
      }
    })
    return Effect.raceFirst(Effect.forever(take), Effect.repeat(look, Schedule.spaced(consumerEvery)))
  })

/**
 * Executes one account's order tasks. Postgres holds the authoritative state: the actor starts and recovers by reading its unfinished
 * tasks, and a task is saved before anything is sent (docs/orders.md).
 */
export const make = Effect.gen(function* () {
  const broker = yield* Broker
  const leases = yield* Leases
  const repo = yield* OrderRepo
  const outbox = yield* Outbox
  const settings = yield* orderSettings
  const isEnabled = yield* isOn
  const step = yield* Steps
  const context = yield* Effect.context<Services>()

  const execute = (account: string, report: Effect.Effect.Success<ReturnType<typeof ExecutorReport.make>>) =>
    Effect.gen(function* () {
      const lease = yield* leases.of(key(account))
      const marketClock = yield* MarketClock
      const clock = yield* Effect.clock
      const relay = yield* OutboxRelay.make(account)
      const paper = yield* PaperDesk.make(account, lease, relay.poke)
      const deskOf = (mode: Mode, orders: Venue) =>
        Effect.gen(function* () {
          const common = {
            account,
            mode,
            lease,
            orders,
            repo,
            outbox,
            changed: relay.poke,
            changing: relay.pokeSoon,
            step,
            breaker: Breaker.closed
          }
          return {
            ...settings,
            ...(mode === "paper" ? { policy: OrderDecider.onPaper } : {}),
            ...common,
            book: yield* BookReading.make(orders),
            triggers: yield* BookReading.makeTriggers(orders),
            atBroker: (ms: number) => ms + marketClock.unsafeNow() - clock.unsafeCurrentTimeMillis(),
            gate: yield* SendGate.make(orders, mode),
            atGate: yield* Effect.makeSemaphore(1),
            budget: yield* SendBudget.make(account, mode)
          } satisfies TaskRun.Desk
        })
      const orders = yield* broker.orders(account)
      const held = Effect.map(orders.positions, Exposure.ofPositions)
      const desks: TaskRun.Desks = {
        live: yield* deskOf("live", { ...orders, held, dayProfit: yield* DayProfits.live(account, orders.positions) }),
        paper: yield* deskOf("paper", paper.venue)
      }
      yield* TaskRun.reportBreaker(desks.live)
      const keeper = yield* AccountKeeper.make(desks.live)
      const booking = yield* FillBooking.make(desks.live)
      const { begin, beginAll } = yield* running(desks)
      const stillOurs = stillHeld(lease, key(account))
      const beginAgain = Effect.zipRight(
        beginAll,
        Effect.suspend(() => report("ready", waitOf(desks.live)))
      ).pipe(
        Effect.catchTag("StoreUnavailable", ({ detail }) =>
          Effect.zipRight(Effect.logWarning("order tasks not read", detail), report("failed", detail))
        )
      )
      const look = Effect.zipRight(stillOurs, beginAgain).pipe(Effect.repeat(Schedule.spaced(lookEvery)))
      const take = yield* commands(account, begin)
      const watches = Object.values(desks).map(BookWatch.run)
      const answers = yield* AccountQuestions.make(account)
      const sweeps = [StopSweep.run(desks, begin), Compensations.run(desks, begin), SquareOffs.run(desks, begin), AccountStops.run(desks)]
      const work = Effect.all([look, take, relay.run, paper.run, ...watches, ...sweeps, keeper.run, booking, answers], {
        concurrency: "unbounded",
        discard: true
      })
      return yield* Effect.raceFirst(work, yield* broker.untilChanged(account))
    }).pipe(
      Effect.scoped,
      Effect.tapErrorCause((cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.void
          : report("failed", Cause.prettyErrors(cause)[0]?.message ?? "it failed without a reason")
      )
    )

  return (account: string) =>
    Effect.gen(function* () {
      const report = yield* ExecutorReport.make(account)
      if (isEnabled) return yield* execute(account, report)
      return yield* Effect.repeat(report("disabled", "ORDER_EXECUTOR is off"), Schedule.spaced(lookEvery))
    }).pipe(Effect.provide(context), Effect.annotateLogs({ account }))
})
