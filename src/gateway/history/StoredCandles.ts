import { Effect } from "effect"
import type * as CorporateActions from "../../domain/market/CorporateActions.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import * as StoredGaps from "../../store/backfill/StoredGaps.ts"
import { CorporateActionRepo } from "../../store/calendar/CorporateActionRepo.ts"
import { BarRepo } from "../../store/history/BarRepo.ts"
import * as StoredBars from "../../store/history/StoredBars.ts"
import * as Asks from "../../streams/Asks.ts"
import { Engine } from "../shared/Engine.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** The candles that Postgres has. The engine fetches those that it lacks. */
export const make = Effect.gen(function* () {
  const repo = yield* BarRepo
  const actions = yield* CorporateActionRepo
  const gaps = yield* StoredGaps.make
  const engine = yield* Engine
  const rules = yield* RuleBook
  const { placeOf } = yield* Lifetimes

  const rangeOf = (instrument: Instrument.Instrument, { minutes }: KiteHistory.Interval, span: KiteHistory.Span, nowMs: number) =>
    StoredBars.rangeOf(rules.current(), placeOf(instrument), instrument, minutes, span, nowMs)

  const lastOpenedDay = (instrument: Instrument.Instrument, nowMs: number) =>
    InstrumentHours.lastOpenedDay(rules.current(), placeOf(instrument), nowMs)

  /** Asks the engine to fetch the missing candles of the span into Postgres. */
  const fill = (instrument: Instrument.Instrument, interval: KiteHistory.Interval, span: KiteHistory.Span, nowMs: number) =>
    Effect.gen(function* () {
      yield* Effect.forEach(
        yield* orProblem(gaps(rules.current(), placeOf(instrument), instrument, interval, span, nowMs)),
        ({ fromMs, toMs }) =>
          engine.ask(Asks.fetchHistory, {
            exchange: instrument.exchange,
            instrument_token: instrument.token,
            tradingsymbol: instrument.tradingsymbol,
            minutes: interval.minutes,
            from_ms: fromMs,
            to_ms: toMs
          }),
        { discard: true }
      )
    })

  /** The corporate actions of a share. The broker's bars from before one that came into force are dropped, so that `fill` fetches them again. */
  const actionsOf = (instrument: Instrument.Instrument, nowMs: number) =>
    Effect.gen(function* () {
      const { exchange, tradingsymbol, instrumentType } = instrument
      if (instrumentType !== "EQ") return []
      const found = yield* orProblem(actions.ofShare(exchange, tradingsymbol))
      if (found.length > 0) yield* orProblem(actions.dropBrokerBars({ exchange, symbol: tradingsymbol }, lastOpenedDay(instrument, nowMs)))
      return found
    })

  /** `isAdjusted`: in the newest shares; otherwise at the prices that were traded. */
  const read = (
    instrument: Instrument.Instrument,
    interval: KiteHistory.Interval,
    span: KiteHistory.Span,
    nowMs: number,
    done: ReadonlyArray<CorporateActions.Action>,
    isAdjusted: boolean
  ) =>
    Effect.map(orProblem(repo.range(rangeOf(instrument, interval, span, nowMs))), (rows) =>
      StoredBars.candlesOf(rows, instrument, done, isAdjusted, lastOpenedDay(instrument, nowMs))
    )

  return { actionsOf, fill, read } as const
})
