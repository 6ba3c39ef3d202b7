import { Clock, Effect } from "effect"
import { isOpen } from "../../broker/orders/Orders.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import type { Mode } from "../../domain/orders/OrderMessage.ts"
import * as OrderRequest from "../../domain/orders/OrderRequest.ts"
import * as TaskGate from "../../domain/orders/TaskGate.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import { sessionRules } from "../../streams/SessionRules.ts"
import type { Venue } from "./Venue.ts"

/** The broker counts a day from midnight in India. */
const dayStartMs = (nowMs: number): number => nowMs - IndiaTime.istTimeOfDayMs(nowMs)

/** Checks a task by all rules right before it is sent, because a stop or a limit may be newer than its acceptance. */
export const make = (orders: Venue, mode: Mode) =>
  Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const accounts = yield* OrderAccounts
    const repo = yield* OrderRepo
    const marketClock = yield* MarketClock
    const rules = yield* RuleBook
    const inSession = yield* sessionRules

    const instrumentOf = ({ request }: OrderRepo.StoredTask) => {
      const named = OrderRequest.instrumentOf(request)
      return named === null ? undefined : registry.bySymbol(named.exchange, named.tradingsymbol)
    }
    const hasDerivatives = (instrument: Instrument.Instrument | undefined) =>
      instrument !== undefined && registry.ofUnderlying(instrument.exchange, instrument.tradingsymbol).some(({ expiry }) => expiry !== null)

    /** The turn at the broker waits for the limits of a second and a minute. Only the day's limit refuses. */
    const sentBefore = (accountId: string) =>
      Effect.gen(function* () {
        const nowMs = yield* Clock.currentTimeMillis
        const { day } = yield* repo.sent(accountId, mode, nowMs, dayStartMs(nowMs))
        return { second: 0, minute: 0, day }
      })

    /** The book is read before the positions: an order that fills in between counts twice, and none is missed. */
    const exposureOf = ({ exchange, tradingsymbol }: Instrument.Instrument) =>
      Effect.gen(function* () {
        const book = (yield* orders.book).filter((it) => it.exchange === exchange && it.tradingsymbol === tradingsymbol && isOpen(it))
        const pending = (side: string) => book.reduce((sum, it) => sum + (it.transaction_type === side ? it.pending_quantity : 0), 0)
        return { net: yield* orders.position(exchange, tradingsymbol), openBuy: pending("BUY"), openSell: pending("SELL") }
      })

    return (stored: OrderRepo.StoredTask) =>
      Effect.gen(function* () {
        const { accountId, basketId, referencePrice, request, taskId, termsHash } = stored
        const { limits } = yield* accounts.settings(accountId)
        const instrument = instrumentOf(stored)
        const sameMs =
          limits.duplicateWindowMs === null ? null : yield* repo.sameTermsAtMs(accountId, mode, termsHash, { taskId, basketId })
        const facts: TaskGate.Facts = {
          rules: rules.current(),
          atMs: marketClock.unsafeNow(),
          neverCloses: inSession(rules.current()).rules === undefined,
          instrument,
          hasDerivatives: hasDerivatives(instrument),
          lastPrice: referencePrice,
          limits,
          // A figure that the broker does not give counts as unknown, and the gate refuses then.
          dayProfit: limits.maxDailyLoss === null ? null : yield* Effect.orElseSucceed(orders.dayProfit, () => null),
          exposure:
            limits.maxPositionLots === null || instrument === undefined
              ? null
              : yield* Effect.orElseSucceed(exposureOf(instrument), () => null),
          // Ages are by the clock of the database's rows, and the gate's time is the market's.
          sameTermsAtMs: sameMs === null ? null : marketClock.unsafeNow() - (stored.createdAt.getTime() - sameMs),
          sent: yield* sentBefore(accountId),
          modifications: request.kind === "modify" ? yield* repo.modifications(accountId, request.order_id) : 0,
          isTwin: request.kind === "gtt_place" && (yield* repo.hasTwin(accountId, termsHash, taskId)),
          closes: stored.undoes !== null,
          // Read last, so that a stop is missed by one question's time at most.
          stopped: (yield* accounts.stopOf(accountId))?.reason ?? null
        }
        return TaskGate.refusals(request, facts)
      })
  })
