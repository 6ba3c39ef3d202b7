import { Effect, Schedule } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { type Booking, BookingRepo, type Unbooked } from "../../store/accounts/BookingRepo.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { FillRepo, type Instrument } from "../../store/strategies/FillRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "./Metrics.ts"
import * as RepeatedFailure from "./RepeatedFailure.ts"
import type * as TaskRun from "./TaskRun.ts"

const lookEvery = "1 second"
const who = "booking"

const problems = {
  no_strategy: "its strategy was deleted",
  strategy_full: "its strategy has as many fills as it may have"
} as const

/**
 * Books the trades of orders that name a strategy. The ids of the order and the trade make a booking unique in the strategy. So if a crash
 * between the booking and its mark repeats the booking, nothing changes.
 */
export const make = ({ account, changed, outbox }: Pick<TaskRun.Desk, "account" | "changed" | "outbox">) =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const bookings = yield* BookingRepo
    const fills = yield* FillRepo
    const registry = yield* InstrumentRegistry
    const jetStream = yield* JetStream

    /** The day's instrument of a trade. It is subscribed while the strategy holds it. */
    const streamed = ({ fill: { exchange, tradingsymbol } }: Unbooked): ReadonlyArray<Instrument> => {
      const instrument = registry.bySymbol(exchange, tradingsymbol)
      if (instrument === undefined) return []
      return [{ instrumentToken: instrument.token, tradingsymbol, segment: instrument.segment }]
    }
    const record = (owner: string, strategyId: number, trade: Unbooked, instruments: ReadonlyArray<Instrument>) =>
      Effect.map(
        fills.record(owner, strategyId, [trade.fill], instruments, accounts.ids()),
        (recorded): Booking => (recorded._tag === "None" ? "no_strategy" : "booked")
      )
    const book = (trade: Unbooked) =>
      Effect.gen(function* () {
        const { owner, strategyId } = trade
        if (owner === null || strategyId === null) return "none" as const
        return yield* record(owner, strategyId, trade, streamed(trade)).pipe(
          // A fill is booked even if no account has room to stream its instrument.
          Effect.catchTag("AccountFull", () =>
            Effect.zipRight(
              Effect.logWarning("the instrument of a fill is not subscribed: every account streams as many as it can"),
              record(owner, strategyId, trade, [])
            )
          ),
          Effect.catchTag("TooManyFills", () => Effect.succeed("strategy_full" as const))
        )
      })
    const tell = (trade: Unbooked, booking: "no_strategy" | "strategy_full") =>
      Effect.suspend(() => {
        Metrics.alerts("fill_not_booked")
        const { orderId, strategyId, tradeId } = trade
        const message = `trade ${tradeId} of order ${orderId} was not booked into strategy ${strategyId}: ${problems[booking]}`
        const detail = { kind: "fill_not_booked", order_id: orderId, trade_id: tradeId }
        return outbox.announce({ accountId: account, taskId: null, kind: "alert", body: { message, detail } }, who)
      })
    const notify = jetStream
      .notify(Subjects.Changed.at({ what: "strategies" }), Subjects.Changed.encode({ v: 1, request_id: "-" }))
      .pipe(Effect.catchAll((error) => Effect.logWarning("fills not announced, the director finds them by itself", error.message)))

    const look = Effect.gen(function* () {
      const trades = yield* bookings.unbooked(account)
      let booked = 0
      for (const trade of trades) {
        const booking = yield* book(trade)
        if (booking === "no_strategy" || booking === "strategy_full") yield* tell(trade, booking)
        yield* bookings.mark(account, trade, booking)
        if (booking === "booked") booked++
      }
      Metrics.bookings(account, booked)
      if (booked > 0) yield* Effect.zipRight(notify, changed)
    })
    return look.pipe(RepeatedFailure.logged("fills not booked yet, trying again"), Effect.ignore, Effect.repeat(Schedule.spaced(lookEvery)))
  })
