import { Effect, Either } from "effect"
import * as Position from "../../domain/accounts/Position.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as PaperLedger from "../../domain/orders/PaperLedger.ts"
import * as PaperMargin from "../../domain/orders/PaperMargin.ts"
import type * as PaperOrder from "../../domain/orders/PaperOrder.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { PaperLedgers } from "../../store/orders/PaperLedgers.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import type { PaperMatching } from "./PaperMatching.ts"

/** How long to wait for the newest packets of an open position. */
export const bookWaitMax = "5 seconds"

/** The funds and positions of a paper account, by its saved fills and the newest prices. */
export const make = (account: string, { bookOf, books, byId }: Pick<PaperMatching, "bookOf" | "books" | "byId">) =>
  Effect.gen(function* () {
    const ledgers = yield* PaperLedgers
    const marketClock = yield* MarketClock
    const rules = yield* RuleBook
    const mark = (instrument: Instrument.Instrument) => PaperLedger.markOf(bookOf(instrument)?.packet)

    const now = Effect.suspend(() => ledgers.of(account, rules.current(), IndiaTime.istDate(marketClock.unsafeNow()), mark))
    /** Waits for the newest packets of the open positions among some lines. */
    const priced = (lines: ReadonlyArray<PaperLedger.Line>) =>
      Effect.forEach(
        lines.filter(({ position }) => Position.net(position) !== 0),
        ({ instrument }) => {
          const underlying = Instrument.underlyingOf(instrument)
          return underlying === null ? Effect.void : Effect.timeoutOption(books.reached(underlying), bookWaitMax)
        },
        { discard: true }
      )

    /** Why the account cannot pay for an order; null if it can. `before` is the working order that the order changes. */
    const shortage = (wanted: PaperOrder.PaperOrder, before?: PaperOrder.PaperOrder) =>
      Effect.gen(function* () {
        const { at, ledger } = yield* now
        yield* priced(PaperLedger.lines(ledger, at.today).filter(({ instrument }) => instrument.instrumentType === "FUT"))
        // The rates are known here, because without them an order has no fill.
        const { cash } = Either.getOrThrowWith(PaperLedger.funds(ledger, ledgers.openingCash, at), (unknown) => unknown)
        const totalOf = (orders: ReadonlyArray<PaperOrder.PaperOrder>) => PaperMargin.blocked(orders, rules.current(), at).total
        // The other orders are used in their saved state, because the ledger does not have the later fills yet.
        const others = [...byId.values()].flatMap(({ stored: { paper } }) => (paper.orderId === wanted.orderId ? [] : [paper]))
        const required = totalOf([wanted])
        return before !== undefined && required.lte(totalOf([before])) ? null : PaperMargin.shortage(required, cash.minus(totalOf(others)))
      })

    return { now, priced, shortage } as const
  })
export type PaperFunds = Effect.Effect.Success<ReturnType<typeof make>>
