import { Clock, ConfigProvider, Effect, Layer, TestClock } from "effect"
import * as BookReading from "../../../src/actors/orders/BookReading.ts"
import * as SendBudget from "../../../src/actors/orders/SendBudget.ts"
import * as SendGate from "../../../src/actors/orders/SendGate.ts"
import type { Step } from "../../../src/actors/orders/Steps.ts"
import * as TaskRun from "../../../src/actors/orders/TaskRun.ts"
import type { Venue } from "../../../src/actors/orders/Venue.ts"
import type { Order } from "../../../src/broker/orders/Orders.ts"
import type { Trigger } from "../../../src/domain/accounts/Triggers.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as Breaker from "../../../src/domain/orders/Breaker.ts"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import type { OrderRequest } from "../../../src/domain/orders/OrderRequest.ts"
import * as Outcome from "../../../src/domain/orders/Outcome.ts"
import { RuleBook } from "../../../src/settings/RuleBook.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { OrderRepo } from "../../../src/store/orders/OrderRepo.ts"
import { Outbox } from "../../../src/store/orders/Outbox.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { MarketClock } from "../../../src/streams/MarketClock.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { config, fresh } from "../../store/Stores.ts"
import { heldLease } from "../HeldLease.ts"

const noStreams = Layer.succeed(JetStream, {} as JetStream)
/** An empty database, and the services of an executor beside it. Market time is the test's clock. */
export const services = () =>
  Layer.mergeAll(
    fresh(),
    noStreams,
    RuleBook.Default,
    MarketClock.Default.pipe(Layer.provide([noStreams, config({ MARKET_CLOCK: "machine" })]))
  )
/** A market that never closes. */
const synthetic = ConfigProvider.fromMap(new Map([["MARKET_MODE", "synthetic"]]))

export const accepted = Outcome.Reply.Answer({ httpStatus: 200, errorType: null, message: null, orderId: "o1" })
export const tooMany = Outcome.Reply.Answer({ httpStatus: 429, errorType: "NetworkException", message: "Too many requests", orderId: null })

/** A broker without positions. It records each request and answers it with the effect that `answers` has for its place. */
const stub = () => {
  const sent: Array<OrderRequest> = []
  const answers: Array<Effect.Effect<Outcome.Reply>> = []
  const shown = { orders: [] as ReadonlyArray<Order>, triggers: [] as ReadonlyArray<Trigger> }
  const venue: Venue = {
    send: (request, _tag, maySend) =>
      Effect.suspend((): ReturnType<Venue["send"]> => {
        if (!maySend()) return Effect.succeed({ _tag: "Fenced" })
        sent.push(request)
        return answers[sent.length - 1] ?? Effect.succeed(accepted)
      }),
    book: Effect.sync(() => shown.orders),
    triggers: Effect.sync(() => shown.triggers),
    dayProfit: Effect.succeed(new Money.Decimal(0)),
    held: Effect.succeed([]),
    positions: Effect.succeed([]),
    renew: Effect.void
  }
  return { sent, answers, shown, venue }
}

/** The executor's part of account a1 that runs tasks, with a stub of the broker. */
export const world = Effect.gen(function* () {
  const nowMs = Date.now()
  yield* TestClock.setTime(nowMs)
  const registry = yield* InstrumentRegistry
  registry.set(Instrument.makeMaster("2026-08-18", [anInstrument(0x10002, { expiry: "2099-12-31", instrumentType: "CE" })]))
  const repo = yield* OrderRepo
  const { answers, sent, shown, venue } = stub()
  const waiting = new Map<number, Effect.Latch>()
  /** A task that waits to be sent again opens its latch. */
  const step = (name: Step, taskId: number) =>
    Effect.gen(function* () {
      if (name !== "saved") return
      const stored = yield* Effect.orDie(repo.byId(taskId))
      if (stored?.task.dueAtMs != null && stored.task.dueAtMs > (yield* Clock.currentTimeMillis))
        yield* waiting.get(taskId)?.open ?? Effect.void
    })
  const desk: TaskRun.Desk = {
    policy: OrderDecider.defaults,
    breakerLimits: Breaker.defaults,
    account: "a1",
    mode: "live",
    lease: heldLease,
    orders: venue,
    book: yield* BookReading.make(venue),
    triggers: yield* BookReading.makeTriggers(venue),
    atBroker: (ms) => ms,
    repo,
    outbox: yield* Outbox,
    gate: yield* Effect.withConfigProvider(SendGate.make(venue, "live"), synthetic),
    atGate: yield* Effect.makeSemaphore(1),
    budget: yield* SendBudget.make("a1", "live"),
    changed: Effect.void,
    changing: Effect.void,
    step,
    breaker: Breaker.closed
  }
  /** Runs a task until it has ended, or waits to be sent again. Then its process dies. */
  const run = (taskId: number) =>
    Effect.gen(function* () {
      const latch = yield* Effect.makeLatch(false)
      waiting.set(taskId, latch)
      yield* Effect.raceFirst(TaskRun.run({ live: desk, paper: desk }, taskId), latch.await)
      const { task } = (yield* repo.byId(taskId))!
      return { status: task.status, error: task.error?.type ?? null, attempts: task.attempts.length }
    })
  return { answers, sent, shown, repo, run, nowMs } as const
})
