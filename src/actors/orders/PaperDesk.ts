import { Clock, Effect, Either, Schedule } from "effect"
import * as Position from "../../domain/accounts/Position.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type { OrderRequest, Place } from "../../domain/orders/OrderRequest.ts"
import * as Outcome from "../../domain/orders/Outcome.ts"
import * as PaperLedger from "../../domain/orders/PaperLedger.ts"
import * as PaperOrder from "../../domain/orders/PaperOrder.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { PaperRepo, type StoredPaper } from "../../store/orders/PaperRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import type { Lease } from "../runtime/Leases.ts"
import * as Metrics from "./Metrics.ts"
import * as PaperFunds from "./PaperFunds.ts"
import * as PaperMatching from "./PaperMatching.ts"
import type { Venue } from "./Venue.ts"

/** The most working orders of one account. Further ones are refused. */
const workingMax = 1_000
const bookLookEvery = "50 millis"
const lookEvery = "1 second"
/** The order book shows the orders of this time span, and all working ones. */
const bookMs = 2 * IndiaTime.dayMs

type Reply = Effect.Effect.Success<ReturnType<Venue["send"]>>
const declined = (errorType: string, message: string): Reply => Outcome.Reply.Declined({ errorType, message })
const done = (orderId: string): Reply => Outcome.Reply.Answer({ httpStatus: 200, errorType: null, message: null, orderId })
const fenced: Reply = { _tag: "Fenced" }

/** Saves the orders that changed in memory. Postgres lags behind memory by these changes. */
const makeSaving = (account: string, lease: Lease, changed: Effect.Effect<void>, matching: PaperMatching.PaperMatching) =>
  Effect.gen(function* () {
    const repo = yield* PaperRepo
    const { add, books, byId, dirty, news, remove } = matching
    /** False while Postgres may have working orders that are not in memory. */
    let isLoaded = false
    /** Postgres gets one change of the account at a time. */
    const inTurn = yield* Effect.makeSemaphore(1)

    /** Adds the working orders that are not in memory. Those in memory may be ahead of Postgres. */
    const load = Effect.gen(function* () {
      const working = yield* repo.takeOver(account, lease.epoch)
      isLoaded = true
      for (const stored of working) {
        if (byId.has(stored.paper.orderId)) continue
        const underlying = Instrument.underlyingOf(stored.paper.instrument)
        if (underlying !== null) yield* books.follow(underlying)
        add(stored)
      }
    })

    /**
     * Saves an order with its new fills: its newest state, or the state that a request asks for. Undefined if somebody else changed the
     * order; then all orders are read again.
     */
    const save = (held: PaperMatching.Held, asked?: PaperOrder.PaperOrder) =>
      Effect.gen(function* () {
        // Packets change the order while Postgres answers, so its whole state is read here at once.
        const paper = asked ?? held.paper
        const trades = [...held.unsaved]
        const { matched } = held
        const isSaved = yield* repo.save(held.stored, { accountId: account, paper, matched, trades, epoch: lease.epoch })
        if (!isSaved) {
          yield* Effect.logWarning("a paper order was changed by somebody else, reading it again")
          remove(held)
          yield* load
          return undefined
        }
        held.unsaved.splice(0, trades.length)
        Metrics.paperFills(account, trades.length)
        const { revision, trades: before } = held.stored
        held.stored = { revision: revision + 1, trades: before + trades.length, paper, matched }
        yield* changed
        return paper
      })
    const saveDirty = Effect.gen(function* () {
      if (!isLoaded) yield* load
      for (const held of [...dirty]) {
        const saved = yield* save(held)
        if (saved === undefined || held.paper !== saved || held.unsaved.length > 0) continue
        dirty.delete(held)
        if (!PaperOrder.isWorking(saved)) remove(held)
      }
    })
    const saving = Effect.gen(function* () {
      yield* news.await
      yield* news.close
      yield* Effect.ensuring(
        inTurn.withPermits(1)(saveDirty),
        Effect.suspend(() => (dirty.size > 0 || !isLoaded ? news.open : Effect.void))
      )
    })
    /** Requires a load after a write whose outcome is unknown, because Postgres may have the order. */
    const mustLoad = Effect.suspend(() => {
      isLoaded = false
      return news.open
    })
    return { ...matching, inTurn, load, mustLoad, save, saving } as const
  })
type Orders = Effect.Effect.Success<ReturnType<typeof makeSaving>>

interface Wanted {
  readonly request: Place
  readonly tag: string
  readonly maySend: () => boolean
  readonly strategyId: number | null
}

/** Places an order once: its tag is unique in Postgres. Its first match is saved with it. */
const placing = (account: string, lease: Lease, orders: Orders, { shortage }: PaperFunds.PaperFunds, changed: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const repo = yield* PaperRepo
    const registry = yield* InstrumentRegistry
    const marketClock = yield* MarketClock
    const { add, bookOf, books, byId, groundAt, inTurn, mustLoad } = orders

    const placeAt = (instrument: Instrument.Instrument, { maySend, request, strategyId, tag }: Wanted) =>
      Effect.gen(function* () {
        const name = Instrument.symbolKey(request.exchange, request.tradingsymbol)
        const book = bookOf(instrument)
        if (book === undefined) return declined("no_book", `no order book of ${name} is streamed: subscribe to it in mode full`)
        if (byId.size >= workingMax) return declined("too_many_orders", `${byId.size} paper orders work, the most are ${workingMax}`)
        const ground = { ...groundAt(marketClock.unsafeNow()), lastPrice: book.packet.lastPrice }
        const terms = { tag, strategyId, hasDerivatives: registry.hasDerivatives(instrument), request, instrument }
        const placed = PaperOrder.place(terms, ground)
        if (Either.isLeft(placed)) return declined(placed.left.type, placed.left.message)
        const short = yield* shortage(placed.right)
        if (short !== null) return declined("MarginException", short)
        const phase = PaperOrder.phaseOf(placed.right, ground)
        const [paper, fills] = PaperOrder.match(placed.right, book.packet, phase, ground.atMs)
        if (!maySend()) return fenced
        const matched = { seq: book.seq, createdMs: book.createdMs }
        const trades = fills.map((fill) => ({ ...fill, atMs: ground.atMs }))
        const change = { accountId: account, paper, matched, trades, epoch: lease.epoch }
        const end = yield* Effect.tapErrorCause(repo.insert(change), () => mustLoad)
        if (end === "replaced") return Outcome.Reply.Lost({ reason: "another process owns the task" })
        if (end === "exists") yield* mustLoad
        else Metrics.paperFills(account, fills.length)
        if (end === "placed" && PaperOrder.isWorking(paper)) add({ revision: 0, matched, paper, trades: fills.length })
        yield* changed
        return done(paper.orderId)
      })

    return (wanted: Wanted) =>
      Effect.gen(function* () {
        const { exchange, tradingsymbol } = wanted.request
        const instrument = registry.bySymbol(exchange, tradingsymbol)
        const underlying = instrument === undefined ? null : Instrument.underlyingOf(instrument)
        if (instrument === undefined || underlying === null) return declined("instrument", `${exchange} lists no ${tradingsymbol} today`)
        const isReached = yield* Effect.timeoutOption(books.reached(underlying), PaperFunds.bookWaitMax)
        if (isReached._tag === "None") return Outcome.Reply.NotSent({ reason: `the order book of ${tradingsymbol} was not read in time` })
        // After a start of the platform the record may end before the instrument's first packet.
        const found = Effect.sync(() => bookOf(instrument) !== undefined)
        const isThere = Effect.repeat(found, { until: (it) => it, schedule: Schedule.spaced(bookLookEvery) })
        yield* Effect.timeoutOption(isThere, PaperFunds.bookWaitMax)
        return yield* inTurn.withPermits(1)(placeAt(instrument, wanted))
      })
  })

/** Changes a working order. Packets wait meanwhile; after the change the newest one is matched. */
const changing = (account: string, orders: Orders, { shortage }: PaperFunds.PaperFunds) =>
  Effect.gen(function* () {
    const repo = yield* PaperRepo
    const marketClock = yield* MarketClock
    const { byId, inTurn, matchNow, remove, save } = orders
    type Decided = ReturnType<typeof PaperOrder.cancel>

    return (orderId: string, decide: (paper: PaperOrder.PaperOrder, atMs: number) => Decided, maySend: () => boolean) =>
      Effect.gen(function* () {
        const held = byId.get(orderId)
        if (held === undefined) {
          const stored = yield* repo.byId(account, orderId)
          const why = stored === undefined ? "there is no such paper order" : `order ${orderId} is ${PaperOrder.statusOf(stored.paper)}`
          return declined("order_not_open", why)
        }
        held.isLocked = true
        const unlock = Effect.sync(() => {
          held.isLocked = false
          if (byId.get(orderId) === held) matchNow(held)
        })
        return yield* Effect.gen(function* () {
          const decided = decide(held.paper, marketClock.unsafeNow())
          if (Either.isLeft(decided)) return declined(decided.left.type, decided.left.message)
          const short = PaperOrder.isWorking(decided.right) ? yield* shortage(decided.right, held.stored.paper) : null
          if (short !== null) return declined("MarginException", short)
          if (!maySend()) return fenced
          if ((yield* save(held, decided.right)) === undefined) return Outcome.Reply.Lost({ reason: "another owner changed the order" })
          held.paper = decided.right
          if (!PaperOrder.isWorking(held.paper)) remove(held)
          // New terms may match the packet that the old ones did not.
          else held.matched = { ...held.matched, seq: 0 }
          return done(orderId)
        }).pipe(Effect.ensuring(unlock))
      }).pipe(inTurn.withPermits(1))
  })

/** The gate's questions about a paper account. */
const readings = (account: string, { bookOf }: Orders, { now, priced }: PaperFunds.PaperFunds) =>
  Effect.gen(function* () {
    const repo = yield* PaperRepo
    const rowOf = ({ paper }: StoredPaper) => {
      const row = PaperOrder.row(paper)
      const { average_price, price, trigger_price } = row
      return {
        ...row,
        figures: null,
        parent_order_id: null,
        meta: null,
        price: price.toNumber(),
        trigger_price: trigger_price.toNumber(),
        average_price: average_price.toNumber()
      }
    }
    const book: Venue["book"] = Effect.gen(function* () {
      const stored = yield* repo.since(account, (yield* Clock.currentTimeMillis) - bookMs)
      return stored.map(rowOf)
    })
    const held: Venue["held"] = Effect.map(now, ({ at, ledger }) => PaperLedger.held(ledger, at.today))
    const positions: Venue["positions"] = Effect.map(now, ({ at, ledger }) => PaperLedger.portfolio(ledger, at).net)
    const dayProfit: Venue["dayProfit"] = Effect.gen(function* () {
      const { at, ledger } = yield* now
      const open = PaperLedger.lines(ledger, at.today).filter(({ position }) => Position.net(position) !== 0)
      yield* priced(open)
      const unknown = open.find(({ instrument }) => bookOf(instrument) === undefined)
      if (unknown !== undefined)
        return yield* Effect.fail({ _tag: "PriceUnknown", tradingsymbol: unknown.instrument.tradingsymbol } as const)
      return PaperLedger.dayProfit(ledger, { ...at, prices: { ...at.prices, settlement: () => null } })
    })
    return { book, held, positions, dayProfit } as const
  })

/**
 * Takes and matches the orders of a paper account inside the platform, with the packets of the record. Postgres holds the authoritative
 * state: an order is placed when its row is saved, and a fill happens when its row is saved.
 */
export const make = (account: string, lease: Lease, changed: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const orders = yield* makeSaving(account, lease, changed, yield* PaperMatching.make(account))
    const funds = yield* PaperFunds.make(account, orders)
    const place = yield* placing(account, lease, orders, funds, changed)
    const change = yield* changing(account, orders, funds)
    const ready = yield* Effect.makeLatch()
    const carryOut = (request: OrderRequest, tag: string, maySend: () => boolean, strategyId: number | null) => {
      switch (request.kind) {
        case "place":
          return place({ request, tag, maySend, strategyId })
        case "modify":
          return change(request.order_id, (paper, atMs) => PaperOrder.modify(paper, request, atMs), maySend)
        case "cancel":
          return change(request.order_id, PaperOrder.cancel, maySend)
        default:
          return Effect.succeed(declined("mode", "a good-till-triggered order stays at the broker, and this account is on paper"))
      }
    }
    const venue: Venue = {
      ...(yield* readings(account, orders, funds)),
      send: (...wanted) => Effect.zipRight(ready.await, carryOut(...wanted)),
      triggers: Effect.succeed([]),
      renew: Effect.void
    }
    const again = <A, E, R>(what: string, self: Effect.Effect<A, E, R>) =>
      self.pipe(
        Effect.tapError((error) => Effect.logWarning(`${what}, trying again`, String(error))),
        Effect.retry(Schedule.spaced(lookEvery))
      )
    const run = Effect.gen(function* () {
      yield* again("paper orders are not read", orders.inTurn.withPermits(1)(orders.load))
      yield* ready.open
      const save = Effect.forever(again("paper orders are not saved", orders.saving))
      const lapse = Effect.repeat(orders.lapse, Schedule.spaced(lookEvery))
      return yield* Effect.all([save, lapse], { concurrency: "unbounded", discard: true })
    })
    return { venue, run } as const
  })
