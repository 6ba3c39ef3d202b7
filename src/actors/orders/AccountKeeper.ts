import { Clock, Effect, Either, Option, Queue, Schedule, Schema } from "effect"
import type { AccountReads } from "../../broker/AccountReads.ts"
import { Broker } from "../../broker/Broker.ts"
import * as Figures from "../../domain/accounts/Figures.ts"
import * as Reconciliation from "../../domain/accounts/Reconciliation.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { type Place, PortfolioRepo } from "../../store/accounts/PortfolioRepo.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import type * as BookReading from "./BookReading.ts"
import * as Metrics from "./Metrics.ts"
import { reconcileEvery } from "./OrderSettings.ts"
import * as RepeatedFailure from "./RepeatedFailure.ts"

/** How often the keeper looks for what it has to do. */
const lookEvery = "1 second"
/** The pause after a failure at the broker, so that an outage causes few requests. */
const againAfterMs = 5_000
/**
 * A fill that happens between two parts of a reading looks like a difference. So a reading with differences is repeated, at most this many
 * times.
 */
const readingsMax = 3
/** The pause before a reading with differences is repeated, in which messages on their way arrive. */
const settleMs = 1_000

const decodeOrder = Schema.decodeUnknownEither(Figures.KiteOrder)

/** What the keeper of one account works with. */
export interface Desk {
  readonly account: string
  readonly book: BookReading.BookReading
  /** Runs after each saved change, so that its event is published at once. */
  readonly changed: Effect.Effect<void>
}

/** Counts what a report changed. */
export const noted = (
  source: "book" | "socket",
  { changed, rejectedAfterSuccess }: { readonly changed: number; readonly rejectedAfterSuccess: number }
) =>
  Effect.sync(() => {
    Metrics.orderChanges(source, changed)
    if (rejectedAfterSuccess > 0) Metrics.alerts("rejected_after_success", rejectedAfterSuccess)
  })

const makeReads = ({ account, book }: Desk, reads: AccountReads) =>
  Effect.gen(function* () {
    const repo = yield* PortfolioRepo
    const marketClock = yield* MarketClock
    const day = () => IndiaTime.istDate(marketClock.unsafeNow())
    const place = Effect.gen(function* () {
      const asOf = new Date(yield* Clock.currentTimeMillis)
      return { asOf, throughChange: yield* repo.newestChange(account) } satisfies Place
    })

    const orders = Effect.gen(function* () {
      const reading = yield* book.since(yield* Clock.currentTimeMillis)
      return reading.orders.flatMap(({ figures }) => (figures === null ? [] : [figures]))
    })
    /** Reads all figures of the account. Undefined if something traded between the parts of the reading. */
    const whole = Effect.gen(function* () {
      const { length } = yield* reads.trades
      const positions = yield* reads.positions
      const read = { day: day(), orders: yield* orders, positions, trades: yield* reads.trades }
      const reading: Reconciliation.Reading = { ...read, holdings: yield* reads.holdings, funds: yield* reads.funds }
      return reading.trades.length === length ? reading : undefined
    })

    /** Reads trades, positions and funds again after a change of an order. */
    const refresh = Effect.gen(function* () {
      const at = yield* place
      yield* repo.saveTrades(account, yield* reads.trades, day())
      yield* repo.adopt(account, { positions: yield* reads.positions, funds: yield* reads.funds }, at)
    })
    const catchUp = Effect.flatMap(repo.isBehind(account), (isBehind) => (isBehind ? refresh : Effect.void))

    /** Compares the broker's figures with `known`, the state before the start, or else with the present state, read after the reports. */
    const compared = (known: Reconciliation.Held | undefined) =>
      Effect.gen(function* () {
        if (known === undefined) yield* catchUp
        const at = yield* place
        const reading = yield* whole
        if (reading === undefined) return undefined
        const differences = Reconciliation.differences(known ?? (yield* repo.held(account, reading.day)), reading)
        return { at, reading, differences }
      })
    const keep = ({ at, differences, reading }: NonNullable<Effect.Effect.Success<ReturnType<typeof compared>>>, asked: number) =>
      Effect.gen(function* () {
        for (const { kind } of differences) Metrics.differences(kind)
        yield* Effect.flatMap(repo.report(account, reading.orders, "book", reading.day), (changes) => noted("book", changes))
        const wrong = new Set(differences.flatMap(({ id, kind }) => (kind === "order" ? [id] : [])))
        const right = reading.orders.filter(({ order_id }) => wrong.has(order_id))
        yield* repo.report(account, right, "reconciliation", reading.day)
        yield* repo.saveTrades(account, reading.trades, reading.day)
        yield* repo.adopt(account, reading, at)
        yield* repo.reconciled(account, reading, { at, differences, asked })
        if (differences.length > 0)
          yield* Effect.logWarning("the account's figures differed from the broker's").pipe(Effect.annotateLogs({ differences }))
      })
    /**
     * Compares the stored figures with the broker's, and keeps the broker's. With `known`, every difference arose while no keeper ran.
     * Without it, messages on their way get time to arrive. False if the account trades so much that no reading was consistent.
     */
    const reconcile = (known: Reconciliation.Held | undefined) =>
      Effect.gen(function* () {
        const asked = (yield* repo.sync(account))?.asked ?? 0
        let found = yield* compared(known)
        const isSettled = () => found !== undefined && (known !== undefined || found.differences.length === 0)
        for (let taken = 1; !isSettled() && taken < readingsMax; taken++) {
          yield* Effect.sleep(settleMs)
          found = yield* compared(known)
        }
        if (found !== undefined) yield* keep(found, asked)
        return found !== undefined
      })
    const held = Effect.suspend(() => repo.held(account, day()))
    return { refresh, reconcile, held } as const
  })

/** Processes the broker's messages about orders one at a time, while the account is live. */
const messages = ({ account, changed }: Desk) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const repo = yield* PortfolioRepo
    const marketClock = yield* MarketClock
    const queue = yield* broker.orderMessages(account)
    while (true) {
      const message = decodeOrder(yield* Queue.take(queue))
      if (Either.isLeft(message)) {
        Metrics.orderMessagesUnread(account)
        yield* Effect.logWarning("a message about an order could not be read", message.left.message)
        continue
      }
      const day = IndiaTime.istDate(marketClock.unsafeNow())
      // Without Postgres the message is lost, and the next reading of the book has its content.
      const saved = yield* Effect.option(
        Effect.tapError(repo.report(account, [message.right], "socket", day), (error) =>
          Effect.logWarning("a message about an order was not saved", error.detail)
        )
      )
      if (Option.isSome(saved)) yield* noted("socket", saved.value)
      yield* changed
    }
  }).pipe(Effect.scoped)

/**
 * Keeps the account's figures equal to the broker's. A live account is compared with the broker's figures at the start and at intervals,
 * and its figures are read again after each change of an order. An account on paper sends the broker no request, unless somebody asks for a
 * comparison. The keeper must be made before anything else of the account runs, because the first comparison uses the state at that moment.
 */
export const make = (desk: Desk) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const repo = yield* PortfolioRepo
    const accounts = yield* OrderAccounts
    const everyMs = yield* reconcileEvery
    const { held, reconcile, refresh } = yield* makeReads(desk, yield* broker.reads(desk.account))
    const isLive = Effect.map(accounts.settings(desk.account), ({ mode }) => mode === "live")
    let dueAtMs = Number.NEGATIVE_INFINITY
    // If Postgres is away, the first comparison is like the later ones.
    let known = Option.getOrUndefined(yield* Effect.option(held))

    const reconcileNow = Effect.gen(function* () {
      if (!(yield* reconcile(known))) return
      known = undefined
      dueAtMs = (yield* SteadyTime.nowMs) + everyMs
    })
    const look = Effect.gen(function* () {
      const sync = yield* repo.sync(desk.account)
      const live = yield* isLive
      if (!live) known = undefined
      if (sync !== null && sync.asked > sync.done) yield* reconcileNow
      else if (!live) return
      else if ((yield* SteadyTime.nowMs) >= dueAtMs) yield* reconcileNow
      else if (yield* repo.isBehind(desk.account)) yield* refresh
      else return
      yield* desk.changed
    }).pipe(
      RepeatedFailure.logged("the account's figures were not read, trying again"),
      Effect.catchAll(() => Effect.sleep(againAfterMs)),
      Effect.repeat(Schedule.spaced(lookEvery))
    )
    const listen = Effect.gen(function* () {
      // If Postgres is away, a live account counts as still live.
      const stillLive = Effect.orElseSucceed(isLive, () => true)
      const untilPaper = Effect.repeat(stillLive, { schedule: Schedule.spaced(lookEvery), while: (live) => live })
      if (yield* Effect.orElseSucceed(isLive, () => false)) yield* Effect.raceFirst(messages(desk), untilPaper)
    }).pipe(Effect.repeat(Schedule.spaced(lookEvery)))
    return { run: Effect.all([look, listen], { concurrency: "unbounded", discard: true }) } as const
  })
